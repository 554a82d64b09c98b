//! The page, put together.

use minijinja::context;

use super::data::{Data, Shown, Window};
use super::run::Run;
use super::{charts, figures, summary, tables};
use crate::html;

const CSS: &str = include_str!("assets/report.css");
/// In the order in which one needs the other.
const SCRIPTS: [&str; 5] = [
    include_str!("assets/report.js"),
    include_str!("assets/messages.js"),
    include_str!("assets/picture.js"),
    include_str!("assets/diagram.js"),
    include_str!("assets/charts.js"),
];

/// The whole file.
pub(super) fn render(run: &Run, window: Window) -> String {
    let shown = Shown::of(run, window);
    let verdict = match &run.results {
        Some(results) if results.rumormill.passed => "passed",
        Some(results) if results.rumormill.crash.is_some() => "crashed or stopped",
        Some(_) => "not passed",
        None => "no result",
    };
    let charts = [
        charts::missing(run),
        charts::distribution(run),
        charts::infection(run),
        charts::traffic(run),
        charts::operations(run),
        charts::cluster(run),
    ];
    let values = context! {
        title => format!("{verdict}: {}", run.name),
        css => CSS,
        headline => summary::headline(run),
        tiles => summary::tiles(run),
        latency => charts::latency(run),
        to_look_at => summary::to_look_at(run),
        charts => charts.concat(),
        space_time => charts::space_time(run, &shown),
        nodes => tables::nodes(run),
        figures => figures::figures(run),
        origin => summary::origin(run),
        name => run.name,
        files => run.files,
        logs => run.logs,
        data => html::json(&Data::of(run, &shown)),
        scripts => SCRIPTS,
    };
    html::render("report.html", values)
}
