//! The verdict in one sentence: the gravest of what decided it.

use crate::checker::Validity;
use crate::figures::figure;
use crate::format::edn::Edn;
use crate::format::number::counted;
use crate::format::number::number;
use crate::results::{Results, ignored_words};

/// The verdict in a word.
#[must_use]
pub fn verdict_word(results: &Results) -> &'static str {
    match (&results.rumormill.crash, results.verdict()) {
        (Some(crash), _) if crash.interrupted => "STOPPED",
        (Some(_), _) => "CRASHED",
        (None, Validity::Valid) => "PASSED",
        (None, Validity::Invalid) => "FAILED",
        (None, Validity::Unknown) => "UNKNOWN",
    }
}

/// The sentence of the verdict.
#[must_use]
pub fn closing_line(results: &Results) -> String {
    if let Some(crash) = &results.rumormill.crash {
        return crash.sentence();
    }
    let broken = results.rumormill.limits.iter().filter(|limit| !limit.passed).count() as u64;
    match results.maelstrom.valid {
        Validity::Invalid => why_invalid(results),
        _ if broken > 0 => {
            let untrusted = results.rumormill.limits.iter().filter(|limit| !limit.passed);
            let untrusted =
                untrusted.filter(|limit| limit.found.contains("not trustworthy")).count();
            let caveat = match results.spoiling_delay_ms() {
                Some(ms) if untrusted as u64 == broken => {
                    let delay = number(ms);
                    format!(
                        ", which is not trustworthy: the lab's scheduling delay was up to {delay} ms"
                    )
                }
                _ => String::new(),
            };
            format!("{} not kept{caveat}", counted(broken, "limit"))
        }
        Validity::Unknown => why_unknown(results),
        Validity::Valid => "All is well".to_owned(),
    }
}

fn why_invalid(results: &Results) -> String {
    let maelstrom = &results.maelstrom;
    let missing = results.rumormill.missing.missing_count;
    if missing > 0 {
        return format!("{} missing on some node", counted(missing, "acknowledged value"));
    }
    if let Some(counter) = &results.rumormill.counter
        && counter.wrong_count > 0
    {
        let wrong = counted(counter.wrong_count, "node");
        return format!("{wrong} came to a wrong sum, off by up to {}", counter.worst_off_by);
    }
    if let Some(ids) = const { figure("duplicated-ids") }.read(results).filter(|ids| *ids > 0.0) {
        return format!("{} given out more than once", counted(ids as u64, "id"));
    }
    if let Some(errors) =
        const { figure("echo-errors") }.read(results).filter(|errors| *errors > 0.0)
    {
        return format!("{errors} of the echoes are wrong or missing");
    }
    if let Some(set) = maelstrom.workload.set().filter(|set| set.lost_count > 0) {
        return format!("{} lost", counted(set.lost_count, "value"));
    }
    let never_ok = maelstrom.stats.by_f.iter().find(|(_, counts)| counts.ok_count == 0);
    if let Some((f, counts)) = never_ok {
        return format!("Not one of {} succeeded", counted(counts.count, f));
    }
    format!("Only {} of the operations succeeded", maelstrom.availability.ok_fraction)
}

fn why_unknown(results: &Results) -> String {
    let lab = &results.rumormill;
    let refused = lab.refused_reads.len() as u64;
    let unread = lab.counter.as_ref().map_or(&lab.missing.unread, |counter| &counter.unread);
    let silent = (unread.len() as u64).saturating_sub(refused);
    match (silent, refused) {
        (0, 0) => {}
        (_, 0) => return format!("{} did not answer a final read", counted(silent, "node")),
        (0, _) => return format!("{} refused a final read", counted(refused, "node")),
        _ => {
            let silent = counted(silent, "node");
            return format!("{silent} did not answer a final read, and {refused} refused it");
        }
    }
    if results.maelstrom.workload.valid() == Validity::Valid
        && let Some(ignored) = ignored_words(&lab.node_errors)
    {
        return format!("Passed here; {ignored}");
    }
    if results.maelstrom.workload.valid() == Validity::Valid
        && let Some(checker) = results.maelstrom.others.keys().next()
    {
        let hint = if checker == "perf" { " (is gnuplot installed?)" } else { "" };
        return format!("Maelstrom's own `{checker}` checker could not judge{hint}");
    }
    if let Some(error) = results.maelstrom.workload.figure("error").and_then(Edn::as_str) {
        return format!("Maelstrom's checker gives up: {error}");
    }
    "No value was seen to stay, so there is nothing to judge".to_owned()
}

#[cfg(test)]
mod tests {
    use crate::checker::stats::Counts;

    use super::*;
    use crate::verdict::sample;

    #[test]
    fn it_says_what_decided() {
        let mut results = sample::results();
        assert_eq!(closing_line(&results), "1 limit not kept");
        results.rumormill.limits.clear();
        assert_eq!(closing_line(&results), "All is well");

        results.maelstrom.valid = Validity::Unknown;
        assert!(closing_line(&results).starts_with("No value was seen"));
        results.rumormill.missing.unread = vec!["n1".to_owned(), "n2".to_owned()];
        assert_eq!(closing_line(&results), "2 nodes did not answer a final read");

        results.rumormill.missing.unread.clear();
        results.maelstrom.others.insert("perf".to_owned(), Validity::Unknown);
        assert!(closing_line(&results).ends_with("could not judge (is gnuplot installed?)"));

        results.maelstrom.valid = Validity::Invalid;
        assert_eq!(closing_line(&results), "Only 1 of the operations succeeded");
        let none_ok = Counts { count: 7, ..Counts::default() };
        results.maelstrom.stats.by_f.insert("read".to_owned(), none_ok);
        assert_eq!(closing_line(&results), "Not one of 7 reads succeeded");
        results.maelstrom.workload.set_mut().unwrap().lost_count = 3;
        assert_eq!(closing_line(&results), "3 values lost");
        results.rumormill.missing.missing_count = 1;
        assert_eq!(closing_line(&results), "1 acknowledged value missing on some node");
    }
}
