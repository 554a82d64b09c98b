//! The marks of `lab grade`: a table, JSON, or JUnit XML.

use std::collections::BTreeMap;

use anyhow::Result;
use rumormill_judge::checker::Validity;
use rumormill_judge::figures::Figure;
use rumormill_judge::verdict::{closing_line, verdict_word};
use serde::Serialize;

use crate::compare::Run;
use crate::draw::svg::escape;

/// The figures of a mark.
const FIGURES: [&str; 3] = ["msgs-per-op", "median", "max"];

/// The outcome of one test.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Mark {
    /// The worst is the greatest.
    #[serde(skip)]
    pub(super) verdict: Validity,
    /// `PASSED`, `FAILED`, `CRASHED`, `UNKNOWN`.
    word: &'static str,
    /// The reason, in a sentence.
    why: String,
    figures: BTreeMap<&'static str, f64>,
    /// The same, with units.
    #[serde(skip)]
    shown: [String; FIGURES.len()],
    store: String,
    again: String,
}

impl Mark {
    pub(super) fn of(run: &Run) -> Self {
        let results = &run.results;
        let named = FIGURES.map(|name| (name, Figure::named(name)));
        let read =
            |(name, figure): (_, Option<&'static Figure>)| Some((name, run.figure(figure?)?));
        let show = |(_, figure): (_, Option<&'static Figure>)| figure?.show(results);
        let has_crashed = results.rumormill.crash.is_some();
        let verdict = if has_crashed { Validity::Invalid } else { results.verdict() };
        Self {
            verdict,
            word: verdict_word(results),
            why: closing_line(results),
            figures: named.into_iter().filter_map(read).filter(|(_, v)| v.is_finite()).collect(),
            shown: named.map(|figure| show(figure).unwrap_or_else(|| "–".to_owned())),
            store: run.name.clone(),
            again: results.rumormill.run.command.clone(),
        }
    }
}

/// All marks of one node.
#[derive(Clone, Debug, Default, Serialize)]
struct Grades {
    node: String,
    tests: Vec<(&'static str, Mark)>,
}

impl Grades {
    fn passed(&self) -> usize {
        self.tests.iter().filter(|(_, mark)| mark.verdict == Validity::Valid).count()
    }
}

/// All marks, by node.
#[derive(Clone, Debug, Default)]
pub(super) struct Sheet(Vec<Grades>);

impl Sheet {
    /// Adds the mark of `node` in `test`; marks of a node follow each other.
    pub(super) fn add(&mut self, node: &str, test: &'static str, mark: Mark) {
        if self.0.last().is_none_or(|grades| grades.node != node) {
            self.0.push(Grades { node: node.to_owned(), tests: Vec::new() });
        }
        if let Some(grades) = self.0.last_mut() {
            grades.tests.push((test, mark));
        }
    }

    /// The best node first.
    pub(super) fn sort(&mut self) {
        self.0.sort_by_key(|grades| std::cmp::Reverse(grades.passed()));
    }

    /// The worst verdict.
    pub(super) fn verdict(&self) -> Validity {
        let marks = self.0.iter().flat_map(|grades| &grades.tests);
        marks.map(|(_, mark)| mark.verdict).max().unwrap_or_default()
    }

    /// The marks for people.
    pub(super) fn table(&self) -> String {
        let mut text = String::new();
        for grades in &self.0 {
            let (passed, all) = (grades.passed(), grades.tests.len());
            text += &format!("{}  {passed} of {all} passed\n\n", grades.node);
            let [messages, median, max] = ["messages/op", "median", "max"];
            text += &format!("  test   verdict  {messages:>12}{median:>10}{max:>10}\n");
            for (test, mark) in &grades.tests {
                let [messages, median, max] = &mark.shown;
                let figures = format!("{messages:>12}{median:>10}{max:>10}");
                text += &format!("  {test:<6} {:<8} {figures}", mark.word);
                if mark.verdict != Validity::Valid {
                    text += &format!("  {}\n{:18}again: {}", mark.why, "", mark.again);
                }
                text.push('\n');
            }
            text.push('\n');
        }
        text
    }

    /// The marks for programs.
    pub(super) fn json(&self) -> Result<String> {
        let nodes: Vec<_> = self.0.iter().map(|grades| {
            let tests: BTreeMap<_, _> = grades.tests.iter().map(|(test, mark)| (*test, mark)).collect();
            serde_json::json!({ "node": grades.node, "passed": grades.passed(), "tests": tests })
        }).collect();
        Ok(serde_json::to_string_pretty(&nodes)? + "\n")
    }

    /// The marks as JUnit XML: a suite for each node, a case for each test.
    pub(super) fn junit(&self) -> String {
        let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n".to_owned();
        for Grades { node, tests } in &self.0 {
            let count = |rank| tests.iter().filter(|(_, mark)| mark.verdict == rank).count();
            let (failed, unknown) = (count(Validity::Invalid), count(Validity::Unknown));
            let (node, all) = (escape(node), tests.len());
            text += &format!(
                "  <testsuite name=\"{node}\" tests=\"{all}\" failures=\"{failed}\" errors=\"{unknown}\">\n"
            );
            for (test, mark) in tests {
                let why = escape(&mark.why);
                let problem = match mark.verdict {
                    Validity::Valid => String::new(),
                    Validity::Invalid => format!("<failure message=\"{why}\"/>"),
                    Validity::Unknown => format!("<error message=\"{why}\"/>"),
                };
                text += &format!(
                    "    <testcase classname=\"{node}\" name=\"{test}\">{problem}</testcase>\n"
                );
            }
            text += "  </testsuite>\n";
        }
        text + "</testsuites>\n"
    }
}

#[cfg(test)]
mod tests {
    use rumormill_judge::results::Results;

    use super::*;

    fn mark(valid: Validity) -> Mark {
        let mut results = Results::default();
        results.maelstrom.valid = valid;
        Mark::of(&Run { name: "store/x".to_owned(), results, is_maelstroms: false })
    }

    fn sheet() -> Sheet {
        let mut sheet = Sheet::default();
        sheet.add("bad<1>", "3a", mark(Validity::Invalid));
        sheet.add("bad<1>", "3b", mark(Validity::Unknown));
        sheet.add("good", "3a", mark(Validity::Valid));
        sheet.add("good", "3b", mark(Validity::Valid));
        sheet.sort();
        sheet
    }

    #[test]
    fn the_best_node_is_first_and_the_worst_verdict_is_that_of_all() {
        let sheet = sheet();
        assert_eq!(sheet.verdict().exit_code(), 1);
        let table = sheet.table();
        let (good, bad) = (table.find("good  2 of 2"), table.find("bad<1>  0 of 2"));
        assert!(good.is_some() && good < bad, "{table}");
        assert!(table.contains("FAILED") && table.contains("UNKNOWN"), "{table}");
        assert_eq!(Sheet::default().verdict().exit_code(), 0);
    }

    #[test]
    fn junit_is_xml_with_failures_and_errors() {
        let xml = sheet().junit();
        let document = roxmltree::Document::parse(&xml).expect("XML");
        let count = |tag| document.descendants().filter(|node| node.has_tag_name(tag)).count();
        assert_eq!((count("testcase"), count("failure"), count("error")), (4, 1, 1));
        let json: serde_json::Value =
            serde_json::from_str(&sheet().json().expect("JSON")).expect("JSON");
        assert_eq!(json[0]["passed"], 2);
        assert_eq!(json[1]["tests"]["3a"]["word"], "FAILED");
    }
}
