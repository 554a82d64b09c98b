use std::collections::BTreeSet;

use roaring::RoaringTreemap;

use super::*;
use crate::results::Results;
use crate::verdict::sample;
use crate::workload::Workload;

/// The results of a run that has every figure.
fn complete() -> Results {
    let mut results = sample::results();
    let set = results.maelstrom.workload.set_mut().unwrap();
    set.lost_latencies = set.stable_latencies;
    let times = results.rumormill.convergence.best().unwrap().since_ack;
    let lab = &mut results.rumormill;
    lab.components = Some(crate::checker::components::Components {
        since_ack: times,
        since_heal: times,
        ..Default::default()
    });
    lab.false_suspicions = Some(Default::default());
    lab.recovery.as_mut().unwrap().quiescent_msgs = Some(0.5);
    results
}

/// The results of a run of another workload.
fn of_workload(name: &str) -> Results {
    let workload: &Workload = name.parse().unwrap();
    let mut results = sample::results();
    results.maelstrom.workload = (workload.check)(&[]);
    results.rumormill.workload = name.to_owned();
    let (_, counter) = crate::results::held(workload, &[], [("n0", None)], &RoaringTreemap::new());
    results.rumormill.counter = counter;
    results
}

#[test]
fn figure_stands_in_results_json_where_its_path_says() {
    let others = ["echo", "unique-ids", "pn-counter"].map(of_workload);
    let runs: Vec<Results> = [complete()].into_iter().chain(others).collect();
    for figure in FIGURES {
        let results = runs.iter().find(|results| figure.read(results).is_some());
        let results = results.unwrap_or_else(|| panic!("{}", figure.name));
        let json: serde_json::Value = serde_json::from_str(&results.to_json().unwrap()).unwrap();
        let found = json.pointer(figure.path);
        let found = found.unwrap_or_else(|| panic!("{}: {}", figure.name, figure.path));
        let value = figure.read(results);
        if found.is_number() && found.is_f64() == value.is_some_and(|value| value.fract() != 0.0) {
            assert_eq!(
                found.as_f64().map(|v| v as f32),
                value.map(|v| v as f32),
                "{}",
                figure.name
            );
        }
    }
}

#[test]
fn every_name_and_alias_is_one_figures_only() {
    let mut known = BTreeSet::new();
    for figure in FIGURES {
        for name in [&figure.name].into_iter().chain(figure.aliases) {
            assert!(known.insert(*name), "{name} is taken");
            assert_eq!(Figure::named(name), Some(figure));
        }
        assert!(figure.point.is_empty() || POINTS.contains(&figure.point), "{}", figure.name);
    }
    assert_eq!(Figure::named("speed"), None);
}

#[test]
fn names_of_the_first_version_are_still_known() {
    let scalars = "msgs-per-op msgs-per-op-all msgs-per-broadcast bytes-per-op bytes-per-broadcast \
                   server-bytes evidence-share lost stale never-read missing unread-nodes \
                   availability ok-fraction duplicates duplicate-entries phantoms unconverged \
                   rest-msgs wrong-silence lateness-p99 lateness-max";
    for name in scalars.split_whitespace() {
        assert!(Figure::named(name).is_some(), "{name}");
    }
    let prefixes = "convergence- part- heal- client-latency- broadcast-latency- read-latency-";
    for prefix in prefixes.split_whitespace().chain([""]) {
        for point in ["median", "p50", "p95", "p99", "max"] {
            assert!(Figure::named(&format!("{prefix}{point}")).is_some(), "{prefix}{point}");
        }
    }
}

#[test]
fn head_has_label_point_and_unit() {
    assert_eq!(const { figure("max") }.head(), "stable latency, max, ms");
    assert_eq!(const { figure("lost") }.head(), "lost values");
    assert_eq!(const { figure("redundancy") }.head(), "redundancy, %");
}

#[test]
fn select_keeps_the_order_asked_for() {
    let names = select(["lost", "median"]).map(|figure| figure.name);
    assert_eq!(names, ["lost", "median"]);
}
