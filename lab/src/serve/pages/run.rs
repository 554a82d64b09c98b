//! The page of a run, and of a directory.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::super::runs::{Summary, Verdict};
use super::{bytes, escape, file_link, join, page, verdict};
use crate::compare::{self, Run};
use crate::screen::{self, Style};

/// Files of a run with their purpose, in the order in which they are shown.
const FILES: [(&str, &str); 6] = [
    ("report.html", "the whole run in pictures"),
    ("results.json", "all figures"),
    ("results.edn", "Maelstrom's figures, as it writes them"),
    ("history.edn", "all operations of clients"),
    ("messages.jsonl", "all messages, for <code>lab explain</code>"),
    ("node-logs", "what the nodes wrote to stderr; their records, for <code>lab replay</code>"),
];

/// Entries of a directory that are listed.
const MAX_ENTRIES: usize = 2_000;

/// The page of the run in `dir`, which is at `summary.path` below the store. `before` is a run to
/// compare it with.
pub(in super::super) fn run(dir: &Path, summary: &Summary, before: Option<&Summary>) -> String {
    let name = if summary.path.is_empty() { "Run" } else { summary.name() };
    let mut out = format!(
        "<p><a href=\"/\">All runs</a></p>\n<h1>{} {}</h1>\n<p>{} {}</p>\n",
        verdict(summary.verdict),
        escape(name),
        escape(&summary.program),
        escape(&summary.shape),
    );
    if dir.join("report.html").is_file() {
        let link = file_link(&join(&summary.path, "report.html"));
        let _ = writeln!(out, "<p><a class=\"open\" href=\"{link}\">Open the report</a></p>");
    }
    if let Some(before) = before {
        let link = super::compare::link(&[&before.path, &summary.path]);
        let before = escape(before.name());
        let _ =
            writeln!(out, "<p><a href=\"{link}\">Compare with the run before, {before}</a></p>");
    }
    if let Ok(run) = Run::load(dir) {
        out += &figures(&run, summary.verdict);
    }
    out += "<section class=\"card\"><h2>Files</h2>\n";
    out += &files(dir, &summary.path);
    out += "</section>\n";
    page(&format!("{} {name}", summary.verdict.word()), &out)
}

fn figures(run: &Run, verdict: Verdict) -> String {
    let mut out = String::new();
    if run.is_maelstroms {
        let rows = compare::rows(std::slice::from_ref(run));
        out += "<section class=\"card\"><h2>Maelstrom's figures</h2>\n<table><tbody>\n";
        let word = escape(verdict.word());
        let _ = writeln!(out, "<tr><th scope=\"row\">verdict</th><td>{word}</td></tr>");
        for row in rows {
            let value = row.cells.first().map(|cell| escape(&cell.value)).unwrap_or_default();
            let figure = escape(row.figure);
            let _ = writeln!(
                out,
                "<tr><th scope=\"row\">{figure}</th><td class=\"number\">{value}</td></tr>"
            );
        }
        return out + "</tbody></table></section>\n";
    }
    let text = escape(&screen::render(&run.results, Style::PLAIN));
    out += "<section class=\"card\"><h2>Results</h2>\n<div class=\"scroll\" tabindex=\"0\" \
            role=\"region\" aria-label=\"Results\"><pre class=\"screen\">";
    out + &text + "</pre></div></section>\n"
}

/// The run's files: those that are known first, with a word to each.
fn files(dir: &Path, path: &str) -> String {
    let mut out = "<table><tbody>\n".to_owned();
    let entries = entries(dir);
    let is_known = |name: &str| FILES.iter().any(|(known, _)| *known == name);
    for (name, what) in FILES {
        if let Some(entry) = entries.iter().find(|entry| entry.name == name) {
            out += &entry.row(path, what);
        }
    }
    for entry in entries.iter().filter(|entry| !is_known(&entry.name)) {
        out += &entry.row(path, "");
    }
    out + "</tbody></table>\n"
}

/// The page of a directory in a run.
pub(in super::super) fn directory(dir: &Path, path: &str) -> String {
    let entries = entries(dir);
    let name = escape(path);
    let mut out = format!("<p><a href=\"/\">All runs</a></p>\n<h1>{name}/</h1>\n");
    if let Some((above, _)) = path.rsplit_once('/') {
        let _ = writeln!(out, "<p><a href=\"{}\">one up</a></p>", file_link(above));
    }
    out += "<section class=\"card\"><table><tbody>\n";
    for entry in &entries {
        out += &entry.row(path, "");
    }
    out += "</tbody></table></section>\n";
    page(path, &out)
}

struct Entry {
    name: String,
    /// None for a directory.
    length: Option<u64>,
}

impl Entry {
    /// `what` is HTML.
    fn row(&self, path: &str, what: &str) -> String {
        let link = file_link(&join(path, &self.name));
        let (name, slash) = (escape(&self.name), if self.length.is_some() { "" } else { "/" });
        let length = self.length.map(bytes).unwrap_or_default();
        format!(
            "<tr><th scope=\"row\"><a href=\"{link}\">{name}{slash}</a></th>\
             <td class=\"number\">{length}</td><td class=\"faint\">{what}</td></tr>\n"
        )
    }
}

/// Entries of a directory, `n2` before `n10`. Hidden files are unfinished ones.
fn entries(dir: &Path) -> Vec<Entry> {
    let Ok(read) = fs::read_dir(dir) else { return Vec::new() };
    let entry = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        let meta = fs::metadata(entry.path()).ok()?;
        (!name.starts_with('.'))
            .then(|| Entry { name, length: (!meta.is_dir()).then_some(meta.len()) })
    };
    let mut entries: Vec<Entry> =
        read.filter_map(Result::ok).filter_map(entry).take(MAX_ENTRIES).collect();
    entries.sort_by(|a, b| (a.name.len(), &a.name).cmp(&(b.name.len(), &b.name)));
    entries
}
