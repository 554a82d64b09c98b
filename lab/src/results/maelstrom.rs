//! Results of a run under Maelstrom: its own figures, and what its history tells beyond them.

use roaring::RoaringTreemap;

use super::{ErrorReplies, LabResults, MaelstromResults, Results, RunInfo, Traffic, traffic};
use crate::checker::{Validity, availability, invocation_count, latency, missing, reads};
use crate::history::{Op, ReadSet};
use crate::workload::Workload;

impl Results {
    /// What Maelstrom reported, and the honest figures as far as the history has them: the others
    /// are left out.
    ///
    /// `final_reads` has the nodes whose final reads are known to be theirs; without any, nothing
    /// is said of missing values. `bad_line_count` is how often Maelstrom ignored a node's output
    /// from then on, if its log tells.
    pub fn of_maelstrom<'h>(
        mut reported: MaelstromResults,
        workload: &Workload,
        history: &[Op],
        final_reads: impl IntoIterator<Item = (&'h str, Option<&'h ReadSet>)>,
        run: RunInfo,
        notices: Vec<String>,
        bad_line_count: Option<u64>,
    ) -> Self {
        let missing = missing::check(history, final_reads, &RoaringTreemap::new());
        let broadcasts = traffic::broadcast_count(history);
        let rumormill = LabResults {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            run,
            workload: workload.name.to_owned(),
            node_count: missing.nodes.len() as u64,
            maelstrom_valid: reported.valid,
            operation_count: invocation_count(history) as u64,
            broadcast_count: broadcasts,
            ok_fraction: availability::ok_fraction(history),
            reads: reads::check(history),
            client_latency: latency::check(history),
            traffic: Traffic::of_counts(reported.net.servers.counts.msg_count, broadcasts),
            notice_count: notices.len() as u64,
            notices,
            bad_line_count,
            error_replies: ErrorReplies::of(history),
            missing,
            ..LabResults::default()
        };
        reported.valid = Validity::compose([reported.valid, rumormill.missing.valid]);
        let mut results = Self { maelstrom: reported, rumormill };
        results.set_limits(Vec::new());
        results
    }
}
