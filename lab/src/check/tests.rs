use rumormill_judge::checker::script::history as script;
use rumormill_judge::figures::figure;
use rumormill_judge::outcome::Outcome;
use rumormill_judge::results::RunInfo;
use rumormill_judge::verdict::{judge, sample};
use rumormill_judge::workload;

use super::*;
use crate::store::Store;

/// Two nodes: value 2 never reached n0, but the read invoked last is n1's, so that Maelstrom's
/// checker is content. Written by hand in Maelstrom's form.
const HISTORY: &str = "\
{:index 0, :time 1000000, :type :invoke, :process 0, :f :broadcast, :value 0}
{:index 1, :time 3000000, :type :ok, :process 0, :f :broadcast, :value 0}
{:index 2, :time 5000000, :type :invoke, :process 1, :f :broadcast, :value 1}
{:index 3, :time 6000000, :type :ok, :process 1, :f :broadcast, :value 1}
{:index 4, :time 9500000, :type :invoke, :process 0, :f :read, :value nil}
{:index 5, :time 9900000, :type :ok, :process 0, :f :read, :value [0]}
#jepsen.history.Op{:index 6, :time 10000000, :type :invoke, :process 1, :f :broadcast, :value 2}
#jepsen.history.Op{:index 7, :time 11000000, :type :ok, :process 1, :f :broadcast, :value 2}
{:index 8, :time 10011000000, :type :invoke, :process 0, :f :read, :value nil, :final? true}
{:index 9, :time 10011100000, :type :invoke, :process 1, :f :read, :value nil, :final? true}
{:index 10, :time 10012000000, :type :ok, :process 1, :f :read, :value [2 1 0], :final? true}
{:index 11, :time 10012100000, :type :ok, :process 0, :f :read, :value [1 0 1], :final? true}
";

/// Maelstrom's form of it: lists, tagged operations, quantiles in any order.
const RESULTS: &str = "\
{:perf {:latency-graph {:valid? true}, :rate-graph {:valid? true}, :valid? true},
 :timeline {:valid? true},
 :exceptions {:valid? true},
 :stats {:valid? true, :count 6, :ok-count 6, :fail-count 0, :info-count 0,
         :by-f {:broadcast {:valid? true, :count 3, :ok-count 3, :fail-count 0, :info-count 0},
                :read {:valid? true, :count 3, :ok-count 3, :fail-count 0, :info-count 0}}},
 :availability {:valid? true, :ok-fraction 1.0},
 :net {:all {:send-count 29, :recv-count 28, :msg-count 29, :msgs-per-op 4.8333335},
       :clients {:send-count 20, :recv-count 20, :msg-count 20},
       :servers {:send-count 9, :recv-count 8, :msg-count 9, :msgs-per-op 1.5},
       :valid? true},
 :workload {:worst-stale ({:element 2, :outcome :stable, :stable-latency 10000, :lost-latency nil,
                           :known #jepsen.history.Op{:index 7, :time 11000000, :type :ok,
                                                     :process 1, :f :add, :value 2},
                           :last-absent #jepsen.history.Op{:index 8, :time 10011000000,
                             :type :invoke, :process 0, :f :read, :value nil, :final? true}}
                          {:element 1, :outcome :stable, :stable-latency 3, :lost-latency nil,
                           :known #jepsen.history.Op{:index 3, :time 6000000, :type :ok,
                                                     :process 1, :f :add, :value 1},
                           :last-absent #jepsen.history.Op{:index 4, :time 9500000,
                             :type :invoke, :process 0, :f :read, :value nil}}),
            :duplicated-count 0, :valid? true, :lost-count 0, :lost (), :stable-count 3,
            :stale-count 2, :stale (1 2), :never-read-count 0,
            :stable-latencies {1 10000, 0 0, 0.99 10000, 0.5 3, 0.95 10000},
            :attempt-count 3, :never-read (), :duplicated {}},
 :valid? true}
";

const LOG: &str = "\
jepsen.core: Command line:
lein run test -w broadcast --node-count 2
jepsen.core: Running test:
{:node-count 2
 :availability nil
 :concurrency 2
 :rate 5.0
 :nodes [\"n0\" \"n1\"]
 :topology :grid}
";

/// A directory with these files.
fn run(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

fn checked(files: &[(&str, &str)], flags: &Profile) -> Checked {
    check(run(files).path(), flags, None).unwrap()
}

fn error(files: &[(&str, &str)]) -> String {
    format!("{:#}", check(run(files).path(), &Profile::default(), None).unwrap_err())
}

fn limited(limits: &[&str]) -> Profile {
    Profile::default().with("limit", Some(limits.to_vec()))
}

#[test]
fn maelstroms_figures_follow_from_its_history_and_what_it_overlooked_is_found() {
    let files = [("history.edn", HISTORY), ("results.edn", RESULTS), ("jepsen.log", LOG)];
    let checked = checked(&files, &limited(&["missing=0", "median<4ms"]));
    assert_eq!(checked.comparison.differences, []);
    assert!(checked.comparison.compared > 40, "{:?}", checked.comparison);
    let Results { maelstrom, rumormill: lab } = &checked.results;
    assert_eq!((lab.maelstrom_valid, maelstrom.valid), (Validity::Valid, Validity::Invalid));
    assert_eq!((lab.missing.missing_count, lab.missing.nodes[0].missing_count), (1, Some(1)));
    assert_eq!(lab.traffic.msgs_per_broadcast, Some(3.0));
    assert_eq!(lab.reads.duplicate_count, 1);
    assert_eq!(lab.limits.iter().map(|limit| limit.passed).collect::<Vec<_>>(), [false, true]);
    assert_eq!(checked.verdict(), Validity::Invalid);
    assert_eq!(lab.run.command, "maelstrom test -w broadcast --node-count 2");
    assert!(lab.run.shape.starts_with("2 nodes, grid"), "{}", lab.run.shape);
}

#[test]
fn figures_that_do_not_follow_fail() {
    let results = RESULTS.replace(":msgs-per-op 1.5", ":msgs-per-op 1.6").replace("0.5 3", "0.5 4");
    let history = HISTORY.replace("[1 0 1]", "[1 0 2]");
    let files = [("history.edn", &*history), ("results.edn", &*results), ("jepsen.log", LOG)];
    let checked = checked(&files, &Profile::default());
    let figures: Vec<&str> =
        checked.comparison.differences.iter().map(|found| &*found.figure).collect();
    assert!(figures.contains(&"net :servers :msgs-per-op"), "{figures:?}");
    assert!(figures.contains(&"workload :stable-latencies 0.5"), "{figures:?}");
    assert!(figures.contains(&"workload :stale-count"), "{figures:?}");
    assert_eq!(checked.results.verdict(), Validity::Valid);
    assert_eq!(checked.verdict(), Validity::Invalid);
}

#[test]
fn figures_that_maelstrom_does_not_have_are_not_available() {
    let files = [("history.edn", HISTORY), ("results.edn", RESULTS)];
    let limits = ["missing=0", "server-bytes<1MB", "scheduling-delay-max<1s", "convergence-max<1s"];
    let checked = checked(&files, &limited(&limits));
    assert!(checked.results.rumormill.limits.iter().all(|limit| !limit.passed));
    let screen = crate::screen::render(&checked.results, crate::screen::Style::PLAIN);
    let figures = [
        const { figure("missing") },
        const { figure("bytes-per-op") },
        const { figure("convergence-max") },
    ];
    for label in figures.map(|figure| figure.label).into_iter().chain(["messages by type"]) {
        let line = screen.lines().find(|line| line.trim_start().starts_with(label)).unwrap();
        assert!(line.ends_with("not available"), "{line}");
    }
    assert!(screen.contains("give --node-count"), "{screen}");
    assert!(!screen.contains("seed"), "{screen}");
}

#[test]
fn flags_tell_what_no_log_does() {
    let files = [("history.edn", HISTORY), ("results.edn", RESULTS)];
    let missing = |nodes, clients| {
        let flags =
            Profile::default().with("node-count", Some(nodes)).with("concurrency", Some(clients));
        checked(&files, &flags).results.rumormill
    };
    assert_eq!(missing(2, 2).missing.missing_count, 1);
    // Two clients of one node: the last read speaks for it.
    assert_eq!(missing(1, 2).missing.missing_count, 1);
    let lab = missing(3, 2);
    assert_eq!((lab.missing.missing_count, lab.missing.nodes.len()), (1, 2));
    assert!(lab.notices[0].contains("n2 held"), "{:?}", lab.notices);
    let lab = missing(4, 4);
    assert!(lab.missing.nodes.is_empty() && lab.notices[0].contains("2 final reads"));
}

#[test]
fn without_gnuplot_the_verdict_is_unknown_and_says_why() {
    let results = RESULTS
        .replace(":rate-graph {:valid? true}, :valid? true", ":valid? :unknown")
        .replace(" :valid? true}\n", " :valid? :unknown}\n");
    let history = HISTORY.replace("[1 0 1]", "[1 0 2]");
    let files = [("history.edn", &*history), ("results.edn", &*results), ("jepsen.log", LOG)];
    let checked = checked(&files, &Profile::default());
    let agrees = |figure: &str| {
        checked.comparison.differences.iter().all(|difference| difference.figure != figure)
    };
    assert!(agrees("valid?"), "{:?}", checked.comparison);
    assert_eq!(checked.results.verdict(), Validity::Unknown);
    assert!(rumormill_judge::verdict::closing_line(&checked.results).contains("gnuplot"));
}

#[test]
fn a_run_without_end_says_why() {
    let log = "x{GMT}\tWARN\t[jepsen test runner] jepsen.core: Test crashed!\n\
               clojure.lang.ExceptionInfo: Node n0 crashed\n";
    assert!(error(&[("history.edn", HISTORY), ("jepsen.log", log)]).ends_with("Node n0 crashed"));
    assert!(error(&[("jepsen.log", log)]).ends_with("Node n0 crashed"));
    assert!(error(&[("history.edn", HISTORY)]).ends_with("came to no end"));
    assert!(error(&[]).ends_with("is it a run's directory?"));
    let nowhere = check(Path::new("no/such/dir"), &Profile::default(), None).unwrap_err();
    assert_eq!(nowhere.to_string(), "there is no no/such/dir");
    let files = [("history.edn", "{:index"), ("results.edn", RESULTS)];
    assert!(error(&files).contains("history.edn: line 1: not EDN"), "{}", error(&files));
    assert!(error(&[("history.edn", HISTORY), ("results.edn", "{")]).contains("results.edn"));
}

#[test]
fn a_stores_latest_run_is_found() {
    let store = tempfile::tempdir().unwrap();
    let latest = store.path().join("latest");
    fs::create_dir(&latest).unwrap();
    fs::write(latest.join("history.edn"), HISTORY).unwrap();
    assert_eq!(find(store.path()).unwrap(), latest);

    // Without the link, as in a store that was copied: by the names, which are times.
    let store = tempfile::tempdir().unwrap();
    for name in ["20260101T000000", "20260301T000000", "20260201T000000"] {
        let run = store.path().join("broadcast").join(name);
        fs::create_dir_all(&run).unwrap();
        fs::write(run.join("history.edn"), HISTORY).unwrap();
    }
    let latest = store.path().join("broadcast/20260301T000000");
    assert_eq!(find(store.path()).unwrap(), latest);
    assert_eq!(find(&store.path().join("broadcast")).unwrap(), latest);
}

/// Writes a run of the lab as the lab does.
fn own_run(outcome: &Outcome) -> (tempfile::TempDir, PathBuf) {
    use rumormill_judge::message::events::EventSink as _;
    let base = tempfile::tempdir().unwrap();
    let store = Store::create(base.path(), "broadcast", &jiff::Zoned::now()).unwrap();
    let mut sink = store.sink().unwrap();
    for op in &outcome.history {
        sink.op(op, None);
    }
    sink.finish().unwrap();
    let settings = sample::settings();
    let results = judge(&settings, outcome, &[], RunInfo::default()).unwrap();
    store.write_results(&results).unwrap();
    let dir = store.dir().to_owned();
    (base, dir)
}

#[test]
fn our_own_runs_are_checked_too() {
    let outcome = sample::outcome();
    let (_base, dir) = own_run(&outcome);
    let checked = check(&dir, &limited(&["median<1s"]), None).unwrap();
    assert_eq!(checked.comparison.differences, []);
    let limits: Vec<&str> =
        checked.results.rumormill.limits.iter().map(|limit| &*limit.limit).collect();
    assert_eq!(limits, ["msgs-per-op < 12", "median < 1000 ms"], "the run's own, but overridden");
    assert_eq!(checked.verdict(), Validity::Valid);

    // The history is tampered with: value 1 vanishes from n0's final read.
    let path = dir.join("history.edn");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen(":value [0 1], :final? true", ":value [0], :final? true", 1))
        .unwrap();
    let checked = check(&dir, &Profile::default(), None).unwrap();
    let figures: Vec<&str> =
        checked.comparison.differences.iter().map(|found| &*found.figure).collect();
    assert!(figures.contains(&"missing :missing-count"), "{figures:?}");
}

#[test]
fn a_history_that_was_written_is_read_back() {
    let ops =
        script("i0 add0@0, ok0 add0@1, i1 read!@2, ok1 read[0 5]!@3, i2 add7@4, info2 add7@5");
    let (_base, dir) = own_run(&Outcome { history: ops.clone(), ..sample::outcome() });
    let text = fs::read_to_string(dir.join("history.edn")).unwrap();
    assert_eq!(reader::read(&text, &workload::functions()).unwrap(), ops);
}
