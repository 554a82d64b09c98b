//! The rows of workloads that are no sets.

use std::cmp::Reverse;

use rumormill_judge::checker::counter::Counter;
use rumormill_judge::figures::figure;
use rumormill_judge::format::edn::Edn;
use rumormill_judge::format::number::counted;

use super::style::Tone;
use super::{SHOWN, Screen, beyond_shown, join, list};

impl Screen<'_> {
    /// The figures of a workload that is no set.
    pub(super) fn workload_figures(&mut self) {
        let workload = &self.results.maelstrom.workload;
        if let Some(sums) = workload.figure("acceptable").and_then(Edn::items) {
            let reads = workload.figure("final-reads").and_then(Edn::items).unwrap_or_default();
            let wrong = workload.figure("errors").and_then(Edn::items).unwrap_or_default();
            let sums = sums.iter().take(SHOWN).map(|sum| format!(" {sum}"));
            let text = format!(
                " {}, {} wrong; acceptable:{}",
                counted(reads.len() as u64, "final read"),
                self.count_bad(wrong.len() as u64),
                join(sums)
            );
            self.row("sums", &text);
        }
        let count = |key| workload.figure(key).and_then(Edn::as_u64);
        if let (Some(asked), Some(got)) = (count("attempted-count"), count("acknowledged-count")) {
            let range = workload.figure("range").map_or_else(String::new, Edn::to_string);
            self.row("ids", &format!(" {got} given out of {asked} asked for, {range}"));
        }
        for figure in [const { figure("duplicated-ids") }, const { figure("echo-errors") }] {
            let Some(value) = figure.read(self.results) else { continue };
            let text = format!(" {}", self.count_bad(value as u64));
            self.row(figure.label, &text);
        }
        if let Some(duplicated) = workload.figure("duplicated").and_then(Edn::entries) {
            for (id, times) in duplicated.iter().take(SHOWN) {
                self.row_in(Tone::Warn, "", &format!(" {id} came {times} times"));
            }
        }
        if let Some(error) = workload.figure("error").and_then(Edn::as_str) {
            self.row_in(Tone::Warn, "checker", &format!(" {error}"));
        }
    }

    /// The nodes' sums at the end.
    pub(super) fn sums(&mut self, counter: &Counter) {
        let label = const { figure("wrong-nodes") }.label;
        if counter.nodes.is_empty() {
            return self.unavailable(label);
        }
        if counter.lost_with_holders_count > 0 {
            let additions = counted(counter.lost_with_holders_count, "acknowledged addition");
            self.row(const { figure("lost-with-holders") }.label, &format!(" {additions}"));
        }
        let wrong = self.count_bad(counter.wrong_count);
        let nodes = counted(counter.nodes.len() as u64, "node");
        let sums = &counter.acceptable;
        self.row(label, &format!(" {wrong} of {nodes}; right is {sums}"));
        let mut off: Vec<_> = counter.nodes.iter().filter(|node| node.off_by != 0).collect();
        off.sort_by_key(|node| Reverse(node.off_by.unsigned_abs()));
        for node in off.iter().take(SHOWN) {
            let sum = node.sum.unwrap_or_default();
            let lacks = match node.lacks_count {
                Some(count) if count > 0 => {
                    format!("; it lacks {}", list(&node.lacks, ", ", count))
                }
                _ => String::new(),
            };
            let text = format!(" {} has {sum}: off by {:+}{lacks}", node.node, node.off_by);
            self.row("", &text);
        }
        if let Some(rest) = beyond_shown(off.len(), "node") {
            self.row("", &format!(" {rest}"));
        }
        self.unread(&counter.unread);
    }
}
