//! A run's outcome and results, for tests of what is made of them.

use std::collections::BTreeMap;

use rumormill_sim::MS;
use rumormill_sim::network::{DropCause, FaultCounts};

use super::judge;
use crate::checker::script::history;
use crate::delivery::convergence::{Convergence, ValueSpread};
use crate::delivery::entries::EntryCounts;
use crate::outcome::counts::{ClassCount, Counts, FlowCount};
use crate::outcome::{
    NodeReport, Notice, NoticeKind, Outcome, Phase, RecoveryReport, SchedulingDelay, State,
};
use crate::results::{Results, RunInfo};
use crate::settings::Settings;

/// Three nodes, two broadcasts, five reads; value 1 was late on `n2`.
const SCRIPT: &str = "i0 add0@0, ok0 add0@2, i1 read@3, ok1 read[0]@4, i1 add1@10, ok1 add1@12, \
                      i2 read@30.5, ok2 read[0]@32, i0 read!@9000, i1 read!@9000.1, \
                      i2 read!@9000.2, ok0 read[0 1]!@9001, ok1 read[0 1]!@9001, \
                      ok2 read[0 1 1]!@9003";

/// The settings of the run.
#[must_use]
pub fn settings() -> Settings {
    let limits = vec!["msgs-per-op<12".to_owned(), "median<10ms".to_owned()];
    Settings { seed: 42, limits, ..Settings::with_nodes(3) }
}

/// How it ended.
#[must_use]
pub fn outcome() -> Outcome {
    let history = history(SCRIPT);
    let final_read = |position: usize| Some(history[position].action.value().clone());
    let node = |position| NodeReport { final_read: final_read(position), ..Default::default() };
    let flow = |send, bytes| FlowCount { send, recv: send, bytes };
    let link = |src: &str, dest: &str, send| ((src.into(), dest.into()), flow(send, send * 50));
    Outcome {
        state: State::Finished,
        counts: Counts {
            all: ClassCount { send: 107, recv: 105, msg: 107 },
            clients: ClassCount { send: 26, recv: 26, msg: 26 },
            servers: ClassCount { send: 81, recv: 79, msg: 81 },
            server_bytes: 4_050,
            valueless: 0,
            types: BTreeMap::from([
                ("rumormill".to_owned(), flow(81, 4_050)),
                ("read".to_owned(), flow(5, 150)),
            ]),
            links: BTreeMap::from([link("n0", "n1", 50), link("n1", "n2", 31)]),
            dropped: BTreeMap::from([(DropCause::Partition, 2)]),
        },
        faults: FaultCounts { lost: 3, ..FaultCounts::default() },
        phases: vec![(Phase::Init, 0), (Phase::Main, 5 * MS), (Phase::Recovery, 100 * MS)],
        zero: 5 * MS,
        end: 9_100 * MS,
        nodes: vec![node(11), node(12), node(13)],
        probed: None,
        gossiped: Some(Convergence {
            nodes: 3,
            values: vec![
                ValueSpread { invoked: 0, acked: Some(2 * MS), holders: 3, last_held: 7 * MS },
                ValueSpread {
                    invoked: 10 * MS,
                    acked: Some(12 * MS),
                    holders: 3,
                    last_held: 40 * MS,
                },
            ],
        }),
        exact: false,
        entries: Some(EntryCounts { sent: 200, repeated: 6 }),
        trace: None,
        suspicions: None,
        components: None,
        lost_with_holders: Default::default(),
        indeterminate: 0,
        recovery: Some(RecoveryReport { waited: 10_000 * MS, quiet: false, quiescent: None }),
        repeated: BTreeMap::new(),
        scheduling_delay: SchedulingDelay::default(),
        fingerprint: 0xabc,
        history,
    }
}

/// Events that a person should have seen.
#[must_use]
pub fn notices() -> Vec<Notice> {
    vec![Notice {
        time: 7 * MS,
        node: Some(1),
        kind: NoticeKind::BadLine,
        text: "n1 wrote a line that is not a message: `debug`".to_owned(),
    }]
}

/// The results of that run, its message ratio replaced by one that has many digits.
#[must_use]
pub fn results() -> Results {
    let run = RunInfo {
        program: "test".to_owned(),
        command: "lab test --bin node --node-count 3 --seed 42".to_owned(),
        node: "node".to_owned(),
        shape: "3 nodes, rate 5, 60 s".to_owned(),
        faults: String::new(),
        started: "2025-11-21T09:06:00+02:00".to_owned(),
        store: Some("store/broadcast/20251121T090600.042+0200".to_owned()),
    };
    let mut results = judge(&settings(), &outcome(), &notices(), run).expect("limits that parse");
    results.maelstrom.net.servers.msgs_per_op = Some(11.608_248);
    results
}
