//! Counts of what really happened, over one run or many: a hunt whose faults never struck shows nothing.

use rumormill::protocols::rumormill::stats::Stats;
use rumormill_sim::DiskCounts;
use rumormill_sim::network::FaultCounts;

use super::case::Case;

/// Declares the counters with their names, so that adding up and listing cannot forget one.
macro_rules! counts {
    ($($(#[doc = $doc:literal])+ $field:ident: $words:literal,)+) => {
        /// Counters of a run, or of many.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub struct Counts {
            $($(#[doc = $doc])+ pub $field: u64,)+
        }

        impl Counts {
            /// Adds another run's.
            pub fn add(&mut self, other: &Self) {
                $(self.$field += other.$field;)+
            }

            /// Each with its name.
            #[must_use]
            pub fn list(&self) -> Vec<(&'static str, u64)> {
                vec![$(($words, self.$field),)+]
            }
        }
    };
}

counts! {
    /// Simulated events.
    events: "events",
    /// The requests of clients.
    operations: "operations",
    /// Messages between nodes.
    messages: "messages between nodes",
    /// Messages lost at random.
    lost: "messages lost",
    /// Messages that arrived twice.
    duplicated: "messages duplicated",
    /// Messages held up.
    reordered: "messages reordered",
    /// Messages from or to slow nodes.
    slowed: "messages of slow nodes",
    /// Messages that ran into a cut link.
    cut: "messages cut off",
    /// Messages that ran into the partition before the heal.
    partition_drops: "messages between components",
    /// Partitions before the heal.
    partitioned: "partitions until each component agreed",
    /// Changes of the latency.
    latency_changes: "changes of the latency",
    /// Pauses of nodes.
    pauses: "pauses",
    /// Jumps of clocks.
    jumps: "clock jumps",
    /// Nodes that died.
    crashes: "crashes",
    /// Nodes that came back.
    restarts: "restarts",
    /// Messages to nodes that were down.
    to_dead: "messages to dead nodes",
    /// Disks that were full for some time.
    full_disks: "full disks",
    /// See [`DiskCounts::failed_commits`].
    failed_commits: "commits that found no space",
    /// Requests that were refused meanwhile.
    refusals: "requests refused for want of space",
    /// See [`DiskCounts::commits`].
    commits: "commits to journals",
    /// See [`DiskCounts::torn_commits`].
    torn_commits: "crashes in the midst of a commit",
    /// See [`DiskCounts::cut_tails`].
    cut_tails: "writes cut off at a start",
    /// See [`DiskCounts::power_losses`].
    power_losses: "losses of what was not synced",
    /// See [`DiskCounts::killed_starts`].
    killed_starts: "starts that were killed",
    /// See [`Stats::suspicions`].
    suspicions: "suspicions",
    /// See [`Stats::probes`].
    probes: "probes of suspected peers",
    /// See [`Stats::retries`].
    retries: "retries",
    /// See [`Stats::repairs`].
    repairs: "entries repaired",
    /// See [`Stats::restarts_seen`].
    restarts_seen: "restarts noticed",
    /// See [`Stats::duplicates_received`].
    duplicates: "entries received twice",
}

/// Adds counts that have the same names elsewhere.
macro_rules! add {
    ($counts:ident, $others:ident: $($name:ident),+) => {
        $($counts.$name += $others.$name;)+
    };
}

impl Counts {
    /// Adds what a node has counted in one life.
    pub(super) const fn add_stats(&mut self, stats: &Stats) {
        add!(self, stats: suspicions, probes, retries, repairs, restarts_seen);
        self.duplicates += stats.duplicates_received;
    }

    /// Adds what a disk has counted.
    pub(super) const fn add_disk(&mut self, disk: &DiskCounts) {
        add!(self, disk: commits, failed_commits, torn_commits, cut_tails);
        add!(self, disk: power_losses, killed_starts);
    }

    /// Adds what the network has counted.
    pub(super) const fn add_faults(&mut self, faults: &FaultCounts) {
        add!(self, faults: lost, duplicated, reordered, slowed, cut);
        self.latency_changes += faults.latency_changed;
    }

    /// The events that a case is to exercise, and whether these counters show that they happened.
    #[must_use]
    pub fn exercised(&self, case: &Case) -> Vec<(&'static str, bool)> {
        let faults = &case.faults;
        let crashes = !faults.crash.is_empty();
        let restarts = faults.crash.iter().any(|crash| crash.down_ms.is_some());
        let fault = |is_on: bool, name, count: u64| is_on.then_some((name, count > 0));
        [
            fault(faults.loss > 0.0, "loss", self.lost),
            fault(faults.duplicate > 0.0, "duplication", self.duplicated),
            fault(faults.reorder > 0.0, "reordering", self.reordered),
            fault(!faults.slow.is_empty(), "slow nodes", self.slowed),
            fault(!faults.latency.is_empty(), "changes of latency", self.latency_changes),
            fault(!faults.cut.is_empty(), "cut links", self.cut),
            fault(!case.partitioned.is_empty(), "partitions", self.partition_drops),
            fault(!faults.pause.is_empty(), "pauses", self.pauses),
            fault(!faults.clock_jump.is_empty(), "clock jumps", self.jumps),
            fault(crashes, "crashes", self.crashes),
            fault(restarts, "restarts", self.restarts),
            fault(restarts, "restarts noticed by peers", self.restarts_seen),
            fault(faults.durable, "commits to journals", self.commits),
            fault(!faults.disk_full.is_empty(), "full disks", self.failed_commits),
            fault(!faults.disk_full.is_empty(), "refusals", self.refusals),
            fault(faults.durable && crashes, "crashes while writing", self.torn_commits),
            fault(faults.durable && crashes, "writes cut off", self.cut_tails),
            fault(faults.durable && crashes, "losses of power", self.power_losses),
            fault(faults.durable && restarts, "killed starts", self.killed_starts),
            fault(faults.loss > 0.0, "retries", self.retries),
            fault(faults.loss > 0.0, "repairs", self.repairs),
            fault(!faults.cut.is_empty(), "suspected peers", self.suspicions),
            fault(!faults.cut.is_empty(), "probes", self.probes),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
