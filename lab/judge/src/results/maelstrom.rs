//! Results of a run under Maelstrom: its own figures, and what its history tells beyond them.

use roaring::RoaringTreemap;

use super::{
    ErrorReplies, LabResults, MaelstromResults, Results, RunInfo, Traffic, held, reads_of, traffic,
};
use crate::checker::{Validity, availability, invocation_count, latency};
use crate::history::{Op, OpValue};
use crate::workload::Workload;

impl Results {
    /// Maelstrom's report, and the honest figures as far as the history has them: the others
    /// are left out.
    ///
    /// `final_reads` has the nodes whose final reads are known to be theirs; without any, nothing
    /// is said of missing values. `bad_line_count` is how often Maelstrom ignored a node's output
    /// from then on, if its log tells.
    pub fn of_maelstrom<'h>(
        mut reported: MaelstromResults,
        workload: &Workload,
        history: &[Op],
        final_reads: impl IntoIterator<Item = (&'h str, Option<&'h OpValue>)>,
        run: RunInfo,
        notices: Vec<String>,
        bad_line_count: Option<u64>,
    ) -> Self {
        let (missing, counter) = held(workload, history, final_reads, &RoaringTreemap::new());
        let nodes = counter.as_ref().map_or(missing.nodes.len(), |counter| counter.nodes.len());
        let broadcasts = traffic::broadcast_count(history);
        let rumormill = LabResults {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            run,
            workload: workload.name.to_owned(),
            node_count: nodes as u64,
            maelstrom_valid: reported.valid,
            operation_count: invocation_count(history) as u64,
            broadcast_count: broadcasts,
            ok_fraction: availability::ok_fraction(history),
            reads: reads_of(workload, history),
            client_latency: latency::check(history),
            traffic: Traffic::of_counts(reported.net.servers.counts.msg, broadcasts),
            notice_count: notices.len() as u64,
            notices,
            bad_line_count,
            error_replies: ErrorReplies::of(history),
            missing,
            counter,
            ..LabResults::default()
        };
        reported.valid = Validity::compose([reported.valid, rumormill.held_validity()]);
        let mut results = Self { maelstrom: reported, rumormill };
        results.set_limits(Vec::new());
        results
    }
}
