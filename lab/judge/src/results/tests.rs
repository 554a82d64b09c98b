use super::*;
use crate::format::edn::Edn;
use crate::history::{OpValue, ReadSet};
use crate::outcome::OutputErrors;
use crate::verdict::{judge, sample};

fn of(settings: &Settings, outcome: &Outcome) -> Results {
    judge(settings, outcome, &sample::notices(), RunInfo::default()).unwrap()
}

#[test]
fn figures_come_together() {
    let results = of(&sample::settings(), &sample::outcome());
    let Results { maelstrom, rumormill: lab } = &results;
    assert_eq!(maelstrom.valid, Validity::Valid);
    assert_eq!(maelstrom.net.servers.msgs_per_op, Some(81.0 / 7.0));
    assert_eq!(maelstrom.workload.set().unwrap().stale, [1]);
    assert_eq!((lab.operation_count, lab.broadcast_count), (7, 2));
    assert_eq!(lab.traffic.msgs_per_broadcast, Some(40.5));
    assert_eq!(lab.traffic.links[0].src, "n0");
    assert_eq!(lab.traffic.dropped["partition"], 2);
    assert_eq!(lab.traffic.faulted, BTreeMap::from([("lost".to_owned(), 3)]));
    assert_eq!(lab.reads.duplicate_count, 1);
    let spread = lab.convergence.best().unwrap();
    assert_eq!(spread.since_ack.unwrap().max, Some(28.0));
    assert_eq!(lab.missing.valid, Validity::Valid);
    assert_eq!(lab.notices, ["2 ms: n1 wrote a line that is not a message: `debug`"]);
}

#[test]
fn a_failed_limit_fails_the_run_but_not_its_validity() {
    let results = of(&sample::settings(), &sample::outcome());
    let passed: Vec<bool> = results.rumormill.limits.iter().map(|limit| limit.passed).collect();
    assert_eq!(passed, [true, false], "the median is 18 ms");
    assert_eq!(results.maelstrom.valid, Validity::Valid);
    assert!(!results.rumormill.passed);
    assert_eq!(results.exit_code(), 1);
    let settings = Settings { limits: Vec::new(), ..sample::settings() };
    assert_eq!(of(&settings, &sample::outcome()).exit_code(), 0);
}

#[test]
fn a_value_missing_on_one_node_fails_the_run_and_maelstroms_verdict_stands_beside() {
    let settings = Settings { limits: Vec::new(), ..sample::settings() };
    let mut outcome = sample::outcome();
    outcome.nodes[0].final_read = Some(OpValue::Set(ReadSet {
        ints: [0].into_iter().collect(),
        len: 1,
        ..ReadSet::default()
    }));
    let results = of(&settings, &outcome);
    assert_eq!(results.rumormill.maelstrom_valid, Validity::Valid);
    assert_eq!(results.maelstrom.valid, Validity::Invalid);
    assert_eq!(results.exit_code(), 1);
    outcome.nodes[0].final_read = None;
    assert_eq!(of(&settings, &outcome).exit_code(), 2);
}

#[test]
fn every_checker_can_fail_the_run() {
    let settings = Settings { limits: Vec::new(), ..sample::settings() };
    let mut outcome = sample::outcome();
    outcome.history.clear();
    assert_eq!(of(&settings, &outcome).exit_code(), 2, "nothing is stable");
    let mut outcome = sample::outcome();
    outcome.history.push(outcome.history[2].clone());
    assert_eq!(of(&settings, &outcome).exit_code(), 0, "an operation may stay open");
    let total = Settings { availability: Some(crate::settings::Availability::Total), ..settings };
    assert_eq!(of(&total, &outcome).exit_code(), 1);
}

#[test]
fn what_was_open_at_a_dying_node_fails_maelstroms_verdict_only() {
    let total = Some(crate::settings::Availability::Total);
    let settings = Settings { limits: Vec::new(), availability: total, ..sample::settings() };
    let mut outcome = sample::outcome();
    outcome.history.push(outcome.history[2].clone());
    outcome.indeterminate = 1;
    let results = of(&settings, &outcome);
    assert_eq!((results.exit_code(), results.rumormill.indeterminate_count), (0, 1));
    assert_eq!(results.rumormill.maelstrom_valid, Validity::Invalid);
    assert_eq!(results.maelstrom.availability.valid, Validity::Invalid);
    assert_eq!(results.maelstrom.availability.ok_fraction, 0.875);
    outcome.history.push(outcome.history[2].clone());
    assert_eq!(of(&settings, &outcome).exit_code(), 1, "one of two could be answered");
}

#[test]
fn a_limit_that_is_none_is_refused() {
    let settings = Settings { limits: vec!["speed<3".to_owned()], ..sample::settings() };
    assert!(judge(&settings, &sample::outcome(), &[], RunInfo::default()).is_err());
}

#[test]
fn json_survives() {
    let results = sample::results();
    let json = results.to_json().unwrap();
    assert!(json.contains("\"msgs-per-op\": 11.608248"), "{json}");
    assert_eq!(serde_json::from_str::<Results>(&json).unwrap(), results);
}

/// Keys of the first version, by their keys of today.
const OLD_KEYS: [(&str, &str); 8] = [
    ("indeterminate-count", "abandoned-count"),
    ("lost-with-holders-count", "perished-count"),
    ("components", "parts"),
    ("false-suspicions", "wrong-silences"),
    ("scheduling-delay", "lateness"),
    ("node-errors", "troubles"),
    ("ack-share", "evidence-share"),
    ("quiescent-msgs", "rest-msgs"),
];

#[test]
fn json_with_the_keys_of_the_first_version_is_read_as_the_same_results() {
    let mut results = sample::results();
    let lab = &mut results.rumormill;
    lab.indeterminate_count = 3;
    lab.missing.lost_with_holders_count = 2;
    lab.components = Some(Components { value_count: 7, ..Components::default() });
    lab.false_suspicions = Some(FalseSuspicions { count: 1, ..FalseSuspicions::default() });
    lab.scheduling_delay = Some(DelayFigures { max_ms: 4.5, ..DelayFigures::default() });
    lab.node_errors = vec![NodeErrors {
        counts: OutputErrors { bad_lines: 9, ..OutputErrors::default() },
        ..NodeErrors::default()
    }];
    lab.traffic.ack_share = Some(0.25);
    lab.recovery.as_mut().unwrap().quiescent_msgs = Some(1.5);
    let mut json = results.to_json().unwrap();
    for (new, old) in OLD_KEYS {
        let (new, old) = (format!("\"{new}\":"), format!("\"{old}\":"));
        assert!(json.contains(&new), "{new}");
        json = json.replace(&new, &old);
    }
    assert_eq!(serde_json::from_str::<Results>(&json).unwrap(), results);
}

#[test]
fn edn_survives_and_has_maelstroms_paths() {
    let results = sample::results();
    let text = results.to_edn().unwrap();
    assert_eq!(MaelstromResults::from_edn(&text).unwrap(), results.maelstrom);
    let edn = Edn::parse(&text).unwrap();
    let number = |path: &[&str]| edn.at(path).and_then(Edn::as_f64);
    assert_eq!(number(&["net", "servers", "msgs-per-op"]), Some(11.608_248));
    assert_eq!(number(&["stats", "by-f", "read", "ok-count"]), Some(5.0));
    assert_eq!(edn.at(&["valid?"]), Some(&Edn::Bool(true)));
    assert_eq!(edn.at(&["rumormill", "maelstrom-valid?"]), Some(&Edn::Bool(true)));
    assert_eq!(number(&["rumormill", "seed"]), Some(42.0));
    assert!(text.contains(":stable-latencies {0 0, 0.5 18, 0.95 18, 0.99 18, 1 18}"), "{text}");
    assert!(text.ends_with(":valid? true}\n"), "{text}");
}

/// Maelstrom's file, shortened: tags, keys in hash order, single precision, an exception.
const REAL: &str = r#"
{:perf {:latency-graph {:valid? true}, :rate-graph {:valid? true}, :valid? true},
 :timeline {:valid? true},
 :exceptions {:valid? true},
 :stats {:valid? true, :count 1940, :ok-count 1939, :fail-count 0, :info-count 1,
         :by-f {:broadcast {:valid? true, :count 970, :ok-count 969, :fail-count 0, :info-count 1},
                :read {:valid? true, :count 970, :ok-count 970, :fail-count 0, :info-count 0}}},
 :availability {:valid? true, :ok-fraction 0.99948454},
 :net {:all {:send-count 26482, :recv-count 26482, :msg-count 26482, :msgs-per-op 13.650516},
       :clients {:send-count 3962, :recv-count 3962, :msg-count 3962},
       :servers {:send-count 22520, :recv-count 22520, :msg-count 22520, :msgs-per-op 11.608248},
       :valid? true},
 :workload {:worst-stale [{:element 7, :outcome :stable, :stable-latency 505, :lost-latency nil,
                           :known #jepsen.history.Op{:index 33, :time 12, :type :ok, :process 3,
                                                     :f :read, :value [0 1 7]},
                           :last-absent #jepsen.history.Op{:index 40, :time 600000000,
                             :type :invoke, :process 4, :f :read, :value nil}}],
            :duplicated-count 0, :valid? true, :lost-count 0, :lost (), :stable-count 970,
            :stale-count 1, :stale (7), :never-read-count 0,
            :stable-latencies {1 505, 0 0, 0.99 497, 0.5 358, 0.95 485},
            :attempt-count 970, :never-read (), :duplicated {}},
 :valid? true}
"#;

#[test]
fn maelstroms_own_results_are_read() {
    let results = MaelstromResults::from_edn(REAL).unwrap();
    assert_eq!(results.net.servers.msgs_per_op, Some(11.608_248));
    assert_eq!(results.net.clients.msg, 3_962);
    let set = results.workload.set().unwrap();
    let latencies = set.stable_latencies.unwrap();
    assert_eq!(latencies.points().map(|(_, ms)| ms), [0, 358, 485, 497, 505]);
    assert_eq!(set.lost_latencies, None);
    let stale = &set.worst_stale[0];
    assert_eq!((stale.element, stale.stable_latency), (7, 505));
    assert_eq!(stale.known.as_ref().unwrap().value, None);
    assert_eq!(stale.last_absent.as_ref().unwrap().time, 600_000_000);
    assert_eq!(results.stats.by_f["broadcast"].info_count, 1);
    assert_eq!(results.availability.ok_fraction, 0.999_484_54);
}

#[test]
fn results_without_stable_values_or_of_other_workloads_are_read() {
    let text = "{:workload {:valid? :unknown, :attempt-count 3, :never-read (0 1 2)}, \
                 :valid? :unknown}";
    let results = MaelstromResults::from_edn(text).unwrap();
    assert_eq!((results.valid, results.workload.valid()), (Validity::Unknown, Validity::Unknown));
    let set = results.workload.set().unwrap();
    assert_eq!(set.stable_latencies, None);
    assert_eq!(set.never_read, [0, 1, 2]);
    assert_eq!(results.net.servers.msgs_per_op, None);
    let error = MaelstromResults::from_edn("{:a 1}").unwrap_err().to_string();
    assert!(error.contains(":valid?"), "{error}");
    assert!(MaelstromResults::from_edn("not edn {").is_err());
}
