//! `/play`: a rumour in a cluster, moment by moment, in the browser.
//!
//! A [`Scene`] is read from a page's address and played by the simulator that `lab spread` uses. Its
//! figures are those that [`Scene::command`] prints.

mod json;
mod page;
mod scene;

pub(crate) use json::play;
pub(crate) use page::{ASSETS, CSS, live, single_file};
pub(crate) use scene::Scene;

#[cfg(test)]
mod tests;
