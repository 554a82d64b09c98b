//! Pictures as SVG: shapes, axes, charts of lines, and places of nodes.

pub(crate) mod axis;
pub(crate) mod chart;
pub(crate) mod layout;
pub(crate) mod svg;
