//! Runs side by side.

use std::fmt::Write as _;

use super::super::runs::Verdict;
use super::super::url::encode;
use super::{escape, page, run_link, verdict};
use crate::compare::{Run, rows};

/// The address of the comparison of the runs at these paths.
pub(super) fn link(paths: &[&str]) -> String {
    let query: Vec<String> = paths.iter().map(|path| format!("run={}", encode(path))).collect();
    format!("/compare?{}", query.join("&amp;"))
}

/// The figures of runs, given with their paths below the store; the others' differences from the
/// first, which is the oldest.
pub(in super::super) fn compare(runs: &[(String, Run)]) -> String {
    let mut out =
        "<p><a href=\"/\">All runs</a></p>\n<h1>Comparison</h1>\n<ol type=\"A\">\n".to_owned();
    for (path, run) in runs {
        let _ = writeln!(
            out,
            "<li><a href=\"{}\">{}</a> {}</li>",
            run_link(path),
            escape(path),
            escape(&run.title())
        );
    }
    out += "</ol>\n<section class=\"card\"><div class=\"scroll\" tabindex=\"0\" role=\"region\" \
            aria-label=\"Figures\">\n<table class=\"compare\">\n<thead><tr><th scope=\"col\">\
            Figure</th>";
    for letter in ('A'..).take(runs.len()) {
        let _ = write!(out, "<th scope=\"col\" class=\"number\">{letter}</th>");
        if letter != 'A' {
            let _ =
                write!(out, "<th scope=\"col\" class=\"number\" colspan=\"2\">{letter} - A</th>");
        }
    }
    out += "</tr></thead>\n<tbody>\n<tr><th scope=\"row\">verdict</th>";
    for (i, (_, run)) in runs.iter().enumerate() {
        let _ = write!(out, "<td class=\"number\">{}</td>", verdict(Verdict::of(run)));
        out += if i > 0 { "<td colspan=\"2\"></td>" } else { "" };
    }
    out += "</tr>\n";
    let runs: Vec<Run> = runs.iter().map(|(_, run)| run.clone()).collect();
    for row in rows(&runs) {
        let _ = write!(out, "<tr><th scope=\"row\">{}</th>", escape(row.figure));
        for (i, cell) in row.cells.iter().enumerate() {
            let _ = write!(out, "<td class=\"number\">{}</td>", escape(&cell.value));
            if i > 0 {
                let (difference, share) = (escape(&cell.difference), escape(&cell.share));
                let _ = write!(
                    out,
                    "<td class=\"number\">{difference}</td><td class=\"number faint\">{share}</td>"
                );
            }
        }
        out += "</tr>\n";
    }
    out += "</tbody></table></div></section>\n";
    page("Comparison", &out)
}
