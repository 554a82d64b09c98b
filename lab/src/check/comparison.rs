//! Figures as reported against figures as recomputed.

use rumormill_judge::format::edn::Edn;
use rumormill_judge::results::MaelstromResults;
use serde::Serialize;

/// Longer values are cut in what people are shown.
const SHOWN_CHARS: usize = 60;

/// One figure that does not follow from the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its path in the results.
    pub figure: String,
    /// As reported.
    pub reported: String,
    /// As recomputed.
    pub recomputed: String,
}

/// The outcome of holding figures against each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// How many were compared.
    pub compared: usize,
    /// Those that differ.
    pub differences: Vec<Difference>,
}

impl Comparison {
    /// Holds Maelstrom's figures against recomputed ones: all of `net`, `stats`, `availability`
    /// and `workload`, and the verdict. Exceptions have names of Java's in Maelstrom, and are not
    /// compared.
    pub(super) fn of(reported: &MaelstromResults, recomputed: &MaelstromResults) -> Self {
        let mut comparison = Self::default();
        let (reported, recomputed) = (reported.to_edn(), recomputed.to_edn());
        for part in ["net", "stats", "availability", "workload", "valid?"] {
            comparison.walk(part, reported.at(&[part]), recomputed.at(&[part]));
        }
        comparison
    }

    /// Holds one more figure.
    pub(super) fn hold<T: Serialize>(&mut self, figure: &str, reported: &T, recomputed: &T) {
        let edn = |value: &T| serde_json::to_value(value).ok().map(Edn::from);
        self.walk(figure, edn(reported).as_ref(), edn(recomputed).as_ref());
    }

    /// Descends into maps, of which either may lack a key.
    fn walk(&mut self, path: &str, reported: Option<&Edn>, recomputed: Option<&Edn>) {
        let entries = |edn: Option<&Edn>| match edn {
            Some(Edn::Map(entries)) if !entries.is_empty() => entries.clone(),
            _ => Vec::new(),
        };
        let (left, right) = (entries(reported), entries(recomputed));
        if left.is_empty() && right.is_empty() {
            return self.compare(path, reported, recomputed);
        }
        let find = |entries: &[(Edn, Edn)], key: &Edn| {
            entries.iter().find(|(other, _)| other == key).map(|(_, value)| value.clone())
        };
        for (key, value) in &left {
            self.walk(&format!("{path} {key}"), Some(value), find(&right, key).as_ref());
        }
        for (key, value) in right.iter().filter(|(key, _)| find(&left, key).is_none()) {
            self.walk(&format!("{path} {key}"), None, Some(value));
        }
    }

    fn compare(&mut self, path: &str, reported: Option<&Edn>, recomputed: Option<&Edn>) {
        self.compared += 1;
        if reported != recomputed {
            self.differences.push(Difference {
                figure: path.to_owned(),
                reported: show(reported),
                recomputed: show(recomputed),
            });
        }
    }
}

fn show(value: Option<&Edn>) -> String {
    let text = value.map_or_else(|| "nothing".to_owned(), Edn::to_string);
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use rumormill_judge::checker::quantile::Quantiles;
    use rumormill_judge::verdict::sample;

    use super::*;

    #[test]
    fn every_figure_that_differs_is_named() {
        let reported = sample::results().maelstrom;
        let same = Comparison::of(&reported, &reported);
        assert!(same.compared > 40 && same.differences.is_empty(), "{same:?}");

        let mut recomputed = reported.clone();
        let set = recomputed.workload.set_mut().unwrap();
        set.stable_count += 1;
        set.lost = (0..100).collect();
        set.lost_latencies = Quantiles::of(vec![7]);
        set.stable_latencies = None;
        recomputed.net.servers.msgs_per_op = Some(11.608_249);
        recomputed.stats.by_f.remove("read");
        let differences = Comparison::of(&reported, &recomputed).differences;
        let of = |figure: &str| {
            let found = differences.iter().find(|difference| difference.figure == figure);
            found.map(|found| (found.reported.as_str(), found.recomputed.as_str()))
        };
        assert_eq!(of("net :servers :msgs-per-op"), Some(("11.608248", "11.608249")));
        assert_eq!(of("workload :stable-count"), Some(("2", "3")));
        assert_eq!(of("workload :lost-latencies 0.5"), Some(("nothing", "7")));
        assert_eq!(of("workload :stable-latencies 1"), Some(("18", "nothing")));
        assert_eq!(of("stats :by-f :read :ok-count"), Some(("5", "nothing")));
        assert!(of("workload :lost").unwrap().1.ends_with('…'));
        assert_eq!(differences.len(), 3 + 5 + 5 + 5);
    }
}
