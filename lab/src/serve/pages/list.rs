//! The list of runs.

use std::fmt::Write as _;

use rumormill_judge::figures::Figure;

use super::super::runs::{Filter, SHOWN, Summary, Verdict};
use super::super::url::encode;
use super::{escape, page, run_link, verdict};

/// Runs on one page.
const PER_PAGE: usize = 100;

/// Programs that make runs.
const PROGRAMS: [&str; 3] = ["test", "sim", "maelstrom"];

/// The runs that the filter admits, from the `from`th on.
pub(in super::super) fn list(root: &str, runs: &[Summary], filter: &Filter, from: usize) -> String {
    let wanted: Vec<&Summary> = runs.iter().filter(|run| filter.admits(run)).collect();
    let shown = wanted.get(from..).unwrap_or_default();
    let shown = &shown[..shown.len().min(PER_PAGE)];
    let mut out = format!(
        "<h1>Runs</h1>\n<p class=\"faint\">in {}</p>\n\
         <p><a href=\"/play\">A rumour in a cluster, to play with</a></p>\n",
        escape(root)
    );
    out += &form(filter);
    let count = match (wanted.len(), runs.len()) {
        (_, 0) => "There are no runs here. <code>lab test</code> makes one.".to_owned(),
        (0, all) => format!("None of {all} runs is like that. <a href=\"/\">Show all</a>"),
        (wanted, all) if wanted == all => format!("{all} runs, the newest first"),
        (wanted, all) => format!("{wanted} of {all} runs. <a href=\"/\">Show all</a>"),
    };
    let _ = writeln!(out, "<p role=\"status\">{count}</p>");
    if !shown.is_empty() {
        out += &table(shown);
    }
    out += &turn_over(filter, from, wanted.len());
    page("Runs", &out)
}

fn form(filter: &Filter) -> String {
    let options = |choices: &[&str], chosen: &str| {
        let mut out = "<option value=\"\">any</option>".to_owned();
        for choice in choices {
            let selected = if *choice == chosen { " selected" } else { "" };
            let _ = write!(out, "<option{selected}>{choice}</option>");
        }
        out
    };
    let verdicts = options(&Verdict::ALL.map(Verdict::word), &filter.verdict);
    let programs = options(&PROGRAMS, &filter.program);
    let text = escape(&filter.text);
    format!(
        "<form class=\"filter\" action=\"/\" role=\"search\">\n\
         <label>Verdict <select name=\"verdict\">{verdicts}</select></label>\n\
         <label>Program <select name=\"program\">{programs}</select></label>\n\
         <label>Text <input name=\"text\" type=\"search\" value=\"{text}\" \
         placeholder=\"25 nodes latency 100\"></label>\n\
         <button>Filter</button>\n</form>\n"
    )
}

fn table(runs: &[&Summary]) -> String {
    let mut out = "<form action=\"/compare\">\n<div class=\"scroll\" tabindex=\"0\" \
                   role=\"region\" aria-label=\"Runs\">\n<table class=\"runs\">\n<thead><tr>\
                   <td></td><th scope=\"col\">Run</th><th scope=\"col\">Verdict</th>\
                   <th scope=\"col\">What</th><th scope=\"col\" class=\"number\">Seed</th>"
        .to_owned();
    for figure in SHOWN {
        let _ = write!(out, "<th scope=\"col\" class=\"number\">{}</th>", figure.name);
    }
    out += "</tr></thead>\n<tbody>\n";
    for run in runs {
        out += &row(run);
    }
    out + "</tbody>\n</table>\n</div>\n<p><button>Compare those marked</button></p>\n</form>\n"
}

fn row(run: &Summary) -> String {
    let path = escape(&run.path);
    let name = if run.path.is_empty() { "this run" } else { &*path };
    let seed = run.seed.map(|seed| seed.to_string()).unwrap_or_default();
    // Without results there is nothing to compare.
    let check = if run.verdict == Verdict::None {
        String::new()
    } else {
        format!(
            "<input type=\"checkbox\" name=\"run\" value=\"{path}\" aria-label=\"Compare {name}\">"
        )
    };
    let mut out = format!(
        "<tr><td>{check}</td><th scope=\"row\"><a href=\"{}\">{name}</a></th><td>{}</td>\
         <td class=\"what\"><span class=\"program\">{}</span> {}</td>\
         <td class=\"number\" data-name=\"seed\">{seed}</td>",
        run_link(&run.path),
        verdict(run.verdict),
        escape(&run.program),
        escape(&run.shape),
    );
    for (Figure { name, .. }, value) in SHOWN.iter().zip(&run.figures) {
        let value = escape(value.as_deref().unwrap_or_default());
        let _ = write!(out, "<td class=\"number\" data-name=\"{name}\">{value}</td>");
    }
    out + "</tr>\n"
}

/// Links to the pages before and after.
fn turn_over(filter: &Filter, from: usize, count: usize) -> String {
    let link = |from: usize, word: &str| {
        format!(
            "<a href=\"/?verdict={}&amp;program={}&amp;text={}&amp;from={from}\">{word}</a> ",
            encode(&filter.verdict),
            encode(&filter.program),
            encode(&filter.text)
        )
    };
    let newer = (from > 0).then(|| link(from.saturating_sub(PER_PAGE), "newer runs"));
    let older =
        (from.saturating_add(PER_PAGE) < count).then(|| link(from + PER_PAGE, "older runs"));
    if newer.is_none() && older.is_none() {
        return String::new();
    }
    format!("<p>{}{}</p>\n", newer.unwrap_or_default(), older.unwrap_or_default())
}
