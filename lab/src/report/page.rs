//! The page, put together.

use super::data::{Data, Shown, Window};
use super::run::Run;
use super::{BASE_CSS, charts, figures, html, summary, tables};

const CSS: &str = include_str!("assets/report.css");
/// In the order in which one needs the other.
const SCRIPTS: [&str; 5] = [
    include_str!("assets/report.js"),
    include_str!("assets/messages.js"),
    include_str!("assets/picture.js"),
    include_str!("assets/diagram.js"),
    include_str!("assets/charts.js"),
];

/// Nothing may be fetched, from anywhere, whatever a node called itself.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

const PARTS: [(&str, &str); 10] = [
    ("result", "Result"),
    ("latency", "Latency"),
    ("distribution", "Distribution"),
    ("infection", "Spread"),
    ("traffic", "Traffic"),
    ("operations", "Operations"),
    ("space-time", "Space-time"),
    ("nodes", "Nodes"),
    ("figures", "All figures"),
    ("origin", "Run it again"),
];

/// The whole file.
pub(super) fn render(run: &Run, window: Window) -> String {
    let shown = Shown::of(run, window);
    let title = match &run.results {
        Some(results) if results.rumormill.passed => "passed",
        Some(results) if results.rumormill.crash.is_some() => "crashed or stopped",
        Some(_) => "not passed",
        None => "no result",
    };
    let title = html::text(&format!("{title}: {}", run.name));
    let links: Vec<String> =
        PARTS.iter().map(|(id, name)| format!("<a href=\"#{id}\">{name}</a>")).collect();
    let links = links.join(" ");
    let result = result(run);
    let charts = [
        charts::missing(run),
        charts::distribution(run),
        charts::infection(run),
        charts::traffic(run),
        charts::operations(run),
        charts::cluster(run),
    ]
    .concat();
    let space_time = charts::space_time(run, &shown);
    let space_time = html::section("space-time", "Space-time diagram", &space_time);
    let nodes = html::section("nodes", "Nodes", &tables::nodes(run));
    let figures = html::section("figures", "All figures", &figures::figures(run));
    let origin = html::section("origin", "Run it again", &summary::origin(run));
    let data = html::json(&Data::of(run, &shown));
    let scripts = SCRIPTS.map(|script| format!("<script>\n{script}</script>\n")).concat();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\" />\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\" />\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\" />\n\
         <title>{title}</title>\n<style>\n{BASE_CSS}{CSS}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#result\">To the result</a>\n<div class=\"page\">\n\
         <header class=\"bar\"><nav aria-label=\"Parts of the report\">{links}</nav>\
         <button type=\"button\" id=\"theme\" hidden=\"\">Light or dark</button></header>\n\
         <main>\n{result}<div class=\"charts\" id=\"charts\">\n{charts}</div>\n{space_time}{nodes}{figures}{origin}</main>\n\
         </div>\n<script type=\"application/json\" id=\"data\">{data}</script>\n\
         {scripts}</body>\n</html>\n"
    )
}

/// The first screen: what ran, the verdict and why, the figures that matter, and one picture.
fn result(run: &Run) -> String {
    format!(
        "<section class=\"card\" id=\"result\" aria-label=\"Result\">{}<div class=\"first\">\
         {}{}{}</div></section>\n",
        summary::headline(run),
        summary::figures(run),
        charts::latency(run),
        summary::to_look_at(run),
    )
}
