//! The charts, each as an SVG that needs no script.

mod cluster;
mod distribution;
mod infection;
mod latency;
mod limits;
mod missing;
mod operations;
mod space_time;
mod traffic;

use std::fmt::Write as _;

use crate::html;
pub(super) use cluster::cluster;
pub(super) use distribution::distribution;
pub(super) use infection::{infection, longest, typical_ages};
pub(super) use latency::latency;
pub(super) use missing::missing;
pub(super) use operations::operations;
pub(super) use space_time::space_time;
pub(super) use traffic::traffic;

/// Dots drawn of one kind; of more, every second, third, … is.
const MAX_DOTS: usize = 20_000;

/// Mark of a kind of things, beside its colour.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mark {
    Dot,
    Cross,
    Triangle,
    Line(&'static str),
    Band,
}

/// A figure with its headline and caption (HTML); what else belongs to it follows.
fn figure(id: &str, title: &str, chart: &str, caption: &str, more: &str) -> String {
    format!(
        "<figure class=\"card\" id=\"{id}\"><h2>{}</h2>\n<div class=\"chart\">{chart}</div>\
         <figcaption>{caption}</figcaption>\n{more}</figure>\n",
        html::text(title)
    )
}

/// A figure of something that this run does not have.
fn absent(id: &str, title: &str, why: &str) -> String {
    figure(id, title, "", &format!("<p class=\"absent\">{}</p>", html::text(why)), "")
}

fn legend(entries: &[(Mark, &str, &str)]) -> String {
    let mut out = "<ul class=\"legend\">".to_owned();
    for (mark, colour, text) in entries {
        let shape = match mark {
            Mark::Dot => format!("<circle cx=\"12\" cy=\"6\" r=\"3\" fill=\"{colour}\"/>"),
            Mark::Cross => {
                format!("<path d=\"M9 3l6 6m0-6l-6 6\" stroke=\"{colour}\" stroke-width=\"1.6\"/>")
            }
            Mark::Triangle => {
                format!("<path d=\"M12 1.5l5 9h-10z\" fill=\"{colour}\"/>")
            }
            Mark::Line(dashes) => format!(
                "<path d=\"M0 6h24\" stroke=\"{colour}\" stroke-width=\"2\" \
                 stroke-dasharray=\"{dashes}\"/>"
            ),
            Mark::Band => format!("<rect y=\"1\" width=\"24\" height=\"10\" fill=\"{colour}\"/>"),
        };
        let _ = write!(
            out,
            "<li><svg viewBox=\"0 0 24 12\" width=\"24\" height=\"12\" aria-hidden=\"true\">{shape}\
             </svg> {}</li>",
            html::text(text)
        );
    }
    out + "</ul>"
}

/// Every so many of the points, and what is said of it.
fn thinned<T: Copy>(points: &[T]) -> (Vec<T>, String) {
    let step = points.len().div_ceil(MAX_DOTS).max(1);
    let said = if step == 1 {
        String::new()
    } else {
        format!(" One point in {step} is drawn, of {}.", points.len())
    };
    (points.iter().step_by(step).copied().collect(), said)
}

/// Crosses at these points, as an SVG path.
fn crosses(points: &[(f64, f64)], half: f64) -> String {
    let one = |(x, y): &(f64, f64)| {
        let (left, top, size) = (x - half, y - half, 2.0 * half);
        format!("M{left:.1} {top:.1}l{size} {size}m0-{size}l-{size} {size}")
    };
    points.iter().map(one).collect()
}

/// Triangles at these points, as an SVG path.
fn triangles(points: &[(f64, f64)], half: f64) -> String {
    let one = |(x, y): &(f64, f64)| {
        let (top, height, width) = (y - half, 1.8 * half, 2.0 * half);
        format!("M{x:.1} {top:.1}l{half} {height:.1}h-{width}z")
    };
    points.iter().map(one).collect()
}
