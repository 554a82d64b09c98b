//! The pages, as HTML that needs no script.

use std::fs;
use std::path::Path;

use minijinja::context;
use serde::Serialize;

use super::runs::{Filter, SHOWN, Summary, VERDICTS, verdict};
use crate::compare::{self, Run};
use crate::html::render;
use crate::screen::{self, Style};

/// Runs on one page.
const PER_PAGE: usize = 100;

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

/// A page that says why there is no other.
pub(super) fn problem(title: &str, text: &str) -> String {
    render("serve/problem.html", context! { title, text })
}

/// The runs that the filter admits, from the `from`th on.
pub(super) fn list(root: &str, all: &[Summary], filter: &Filter, from: usize) -> String {
    let wanted: Vec<&Summary> = all.iter().filter(|run| filter.admits(run)).collect();
    let next = from.saturating_add(PER_PAGE);
    let values = context! {
        title => "Runs",
        root,
        filter,
        verdicts => VERDICTS,
        figures => SHOWN.map(|figure| figure.name),
        all => all.len(),
        wanted => wanted.len(),
        runs => wanted.iter().skip(from).take(PER_PAGE).collect::<Vec<_>>(),
        newer => (from > 0).then(|| from.saturating_sub(PER_PAGE)),
        older => (next < wanted.len()).then_some(next),
    };
    render("serve/list.html", values)
}

/// The figures of runs, given with their paths below the store; the others' differences from the
/// first, which is the oldest.
pub(super) fn compare(chosen: &[(String, Run)]) -> String {
    let head = |(letter, (path, run)): (char, &(String, Run))| {
        context! { letter, path, title => run.title(), verdict => verdict(run) }
    };
    let heads: Vec<_> = ('A'..).zip(chosen).map(head).collect();
    let runs: Vec<Run> = chosen.iter().map(|(_, run)| run.clone()).collect();
    let rows = compare::rows(&runs);
    render("serve/compare.html", context! { title => "Comparison", runs => heads, rows })
}

/// The page of the run in `dir`, which is at `run.path` below the store. `before` is a run to
/// compare it with.
pub(super) fn run(dir: &Path, run: &Summary, before: Option<&Summary>) -> String {
    let name = if run.path.is_empty() { "Run" } else { run.name() };
    let (screen, rows) = match Run::load(dir) {
        Ok(run) if run.is_maelstroms => (None, compare::rows(&[run])),
        Ok(run) => (Some(screen::render(&run.results, Style::PLAIN)), Vec::new()),
        Err(_) => (None, Vec::new()),
    };
    let values = context! {
        title => format!("{} {name}", run.verdict),
        name,
        run,
        has_report => dir.join("report.html").is_file(),
        before => before.map(|run| context! { path => run.path, name => run.name() }),
        rows,
        screen,
        entries => entries(dir),
    };
    render("serve/run.html", values)
}

/// The page of a directory in a run.
pub(super) fn directory(dir: &Path, path: &str) -> String {
    let above = path.rsplit_once('/').map(|(above, _)| above);
    render("serve/directory.html", context! { title => path, above, entries => entries(dir) })
}

#[derive(Serialize)]
struct Entry {
    name: String,
    /// None for a directory.
    length: Option<String>,
    /// HTML.
    what: &'static str,
}

/// Entries of a directory: files of a run first, then `n2` before `n10`. Hidden files are unfinished
/// ones.
fn entries(dir: &Path) -> Vec<Entry> {
    let Ok(read) = fs::read_dir(dir) else { return Vec::new() };
    let known = |name: &str| FILES.iter().position(|(known, _)| *known == name);
    let entry = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        let meta = fs::metadata(entry.path()).ok()?;
        let what = known(&name).map_or("", |place| FILES[place].1);
        let length = (!meta.is_dir()).then(|| bytes(meta.len()));
        (!name.starts_with('.')).then_some(Entry { name, length, what })
    };
    let mut entries: Vec<Entry> =
        read.filter_map(Result::ok).filter_map(entry).take(MAX_ENTRIES).collect();
    let rank = |name: &str| (known(name).unwrap_or(FILES.len()), name.len());
    entries.sort_by(|a, b| (rank(&a.name), &a.name).cmp(&(rank(&b.name), &b.name)));
    entries
}

/// A length for people.
fn bytes(length: u64) -> String {
    match length {
        0..10_000 => format!("{length} B"),
        10_000..10_000_000 => format!("{} kB", length.div_ceil(1_000)),
        _ => format!("{} MB", length.div_ceil(1_000_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_stays_text() {
        let page = problem("<script>", "\"' & <b>");
        assert!(!page.contains("<script") && !page.contains("<b>"), "{page}");
        assert!(page.contains("&quot;&#39; &amp; &lt;b&gt;"), "{page}");
    }
}
