use std::collections::BTreeSet;

use clap::Parser as _;
use rumormill_judge::settings::flags::values::Concurrency;
use rumormill_judge::settings::{Availability, Nemesis, Recovery};
use rumormill_judge::topology::Topology;
use rumormill_sim::network::latency::{Distribution, Latency};

use super::*;
use crate::cli::{Cli, Command as Subcommand};
use crate::commands::run_args::RunArgs;

fn error_of(text: &str) -> String {
    Profile::parse(text, "my.toml").unwrap_err().to_string()
}

#[test]
fn every_builtin_profile_can_be_run_and_describes_itself() {
    let names: Vec<&str> = Profile::builtin().map(|(name, _)| name).collect();
    assert!(names.is_sorted() && names.contains(&"fly-3e") && names.contains(&"hub-killed"));
    for (name, description) in Profile::builtin() {
        assert!(!description.is_empty(), "{name}");
        Profile::load(name).unwrap().into_settings().unwrap();
    }
}

#[test]
fn fly_3d_is_what_fly_io_asks_for() {
    let settings = Profile::load("fly-3d").unwrap().into_settings().unwrap();
    assert_eq!((settings.nodes.len(), settings.concurrency), (25, 25));
    assert_eq!((settings.rate, settings.time_limit_ms), (100.0, 20_000));
    assert_eq!(settings.latency, Latency { mean_ms: 100, distribution: Distribution::Constant });
    assert_eq!(settings.limits, ["msgs-per-op<30", "median<400ms", "max<600ms", "bad-lines=0"]);
    assert_eq!(settings.nemesis, None);
}

#[test]
fn the_partition_profile_partitions() {
    let settings = Profile::load("partition-25").unwrap().into_settings().unwrap();
    assert_eq!(settings.nemesis, Some(Nemesis { interval_ms: 5_000 }));
    assert_eq!(settings.availability, Some(Availability::Total));
}

#[test]
fn nothing_asked_for_is_maelstroms_default() {
    let settings = Profile::default().into_settings().unwrap();
    assert_eq!(settings, Settings::default());
    assert_eq!(settings.nodes.join(" "), "n1 n2 n3 n4 n5");
    assert_eq!((settings.concurrency, settings.rate, settings.time_limit_ms), (5, 5.0, 60_000));
    assert_eq!((settings.topology, settings.latency), (Topology::Grid, Latency::default()));
    assert_eq!((settings.recovery, settings.init_timeout_ms), (Recovery::FIXED, 10_000));
    assert!(settings.compat.head_of_line && settings.compat.round_robin && !settings.compat.mute);
    assert_eq!((settings.nemesis, &settings.faults), (None, &FaultSettings::default()));
}

#[test]
fn flags_override_a_profile() {
    let flags = given("--node-count 9 --latency 10 --nemesis none --limit p50<1s --limit lost=0");
    let base = Profile::load("fly-3d").unwrap();
    let merged = flags.over(base.clone());
    assert_eq!(
        merged.flags().unwrap().limit,
        ["msgs-per-op<30", "max<600ms", "bad-lines=0", "p50<1s", "lost=0"]
    );
    let settings = merged.into_settings().unwrap();
    assert_eq!((settings.nodes.len(), settings.concurrency, settings.rate), (9, 9, 100.0));
    assert_eq!(Profile::default().over(base.clone()), base);
}

#[test]
fn named_nodes_override_counted_ones() {
    let settings =
        given("--nodes a,b").over(Profile::load("fly-3d").unwrap()).into_settings().unwrap();
    assert_eq!(settings.nodes.len(), 2);
}

#[test]
fn everything_can_be_written_in_a_file() {
    let text = r#"
        nodes = ["a", "b"]
        concurrency = "4n"
        rate = 2.5
        latency-dist = "exponential"
        latency = 50
        topology = "tree4"
        nemesis = "partition"
        nemesis-interval = 0.5
        availability = 0.9
        seed = 7
        recovery = "auto"
        probe = 20
        strict = true
        mute = true
        head-of-line = false
        round-robin = false
        node-args = ["--route", "tree"]
        [faults]
        loss = 0.1
    "#;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("my-profile");
    fs::write(&path, text).unwrap();
    let profile = Profile::load(path.to_str().unwrap()).unwrap();
    let flags = profile.flags().unwrap();
    assert_eq!(flags.node_args, ["--route", "tree"]);
    let settings = flags.into_settings().unwrap();
    assert_eq!((settings.concurrency, settings.rate, settings.seed), (8, 2.5, 7));
    assert_eq!(settings.topology, Topology::Tree(4));
    assert_eq!(settings.nemesis, Some(Nemesis { interval_ms: 500 }));
    assert_eq!(settings.availability, Some(Availability::Fraction(0.9)));
    assert_eq!((settings.recovery, settings.probe_ms), (Recovery::AUTO, Some(20)));
    assert!(settings.strict && settings.compat.mute);
    assert!(!settings.compat.head_of_line && !settings.compat.round_robin);
    assert_eq!(settings.faults.loss, 0.1);
}

#[test]
fn numbers_may_stand_where_flags_take_words() {
    let profile = Profile::parse("concurrency = 7\navailability = 1\n", "x").unwrap();
    let flags = profile.flags().unwrap();
    assert_eq!(flags.concurrency, Concurrency::Total(7));
    assert_eq!(flags.availability, Some(Availability::Fraction(1.0)));
}

#[test]
fn errors_name_file_line_and_what_is_expected() {
    let error = error_of("rate = 10\nnode-cuont = 5\n");
    assert!(error.starts_with("my.toml, line 2: unknown field `node-cuont`"), "{error}");
    assert!(error.contains("`node-count`") && error.ends_with("node-cuont = 5"), "{error}");
    let error = error_of("\ntopology = \"ring\"\n");
    assert!(error.starts_with("my.toml, line 2: `ring` is not one of line, grid"), "{error}");
    let error = error_of("time-limit = \"20s\"\n");
    assert!(error.contains("line 1: invalid type: string \"20s\""), "{error}");
    let error = error_of("rate = \n");
    assert!(error.starts_with("my.toml, line 1: "), "{error}");
    let error = error_of("limit = [\"speed<3\"]\n");
    assert!(error.starts_with("my.toml: ") && error.contains("msgs-per-op"), "{error}");
}

#[test]
fn an_unknown_name_lists_the_profiles() {
    let error = Profile::load("fly-3z").unwrap_err().to_string();
    assert!(error.contains("fly-3d, fly-3e"), "{error}");
    let error = Profile::load("no/such.toml").unwrap_err().to_string();
    assert!(error.contains("no/such.toml cannot be read"), "{error}");
}

#[test]
fn what_cannot_be_run_is_refused() {
    let refused = |flags: &str| given(flags).into_settings().unwrap_err().to_string();
    let error = refused("--nemesis partition --nemesis-interval 0");
    assert!(error.contains("0.001"), "{error}");
    let error = refused("--limit median");
    assert!(error.contains("median"), "{error}");
    refused("--node-count 0");
    let error = refused("--node-count 99999999999");
    assert_eq!(error, "node-count: 99999999999 is more than 1000000, the largest allowed");
    let error = refused("--concurrency 18446744073709551615n");
    assert!(error.starts_with("concurrency: "), "{error}");
    let error = refused("--rate NaN");
    assert!(error.starts_with("rate: NaN"), "{error}");
    let line = "lab sim --seed 18446744073709551615 --node-count 9223372036854775808";
    let error = Cli::try_parse_from(line.split_whitespace()).unwrap_err().to_string();
    let expected = "--node-count: 9223372036854775808 is more than 9223372036854775807";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn the_largest_seed_is_a_seed() {
    let settings = given("--seed 18446744073709551615").into_settings().unwrap();
    assert_eq!(settings.seed, u64::MAX);
}

#[test]
fn faults_of_flags_go_over_those_of_a_profile() {
    let text = "[faults]\nloss = 0.5\nduplicate = 0.1\ncut = [{ a = ['n1'] }]";
    let base = Profile::parse(text, "x").unwrap();
    let settings = given("--loss 0 --cut n1>n2").over(base).into_settings().unwrap();
    let FaultSettings { loss, duplicate, cut, .. } = settings.faults;
    assert_eq!((loss, duplicate, cut.len()), (0.0, 0.1, 2));
    let max_ms = |profile: Profile| profile.into_settings().unwrap().faults.reorder_max_ms;
    assert_eq!(max_ms(given("--reorder 0.1")), 100);
    let base = Profile::parse("[faults]\nreorder-max-ms = 7", "x").unwrap();
    assert_eq!(max_ms(given("--reorder 0.1").over(base)), 7);
}

#[test]
fn flags_that_are_not_given_are_not_in_the_layer() {
    assert_eq!(given(""), Profile::default());
    let asked = given("--rate 5 --no-head-of-line --latency-change 1+10");
    let changes = "latency = [{ at-ms = 1000, mean-ms = 10 }]";
    let text = format!("rate = 5.0\nhead-of-line = false\n[faults]\n{changes}");
    assert_eq!(asked, Profile::parse(&text, "x").unwrap());
}

/// The flags of `lab sim` and `lab test` that are no keys: they choose profiles, add to one, or say
/// where results go.
const NO_KEYS: [&str; 6] = ["profile", "isolate", "fault_script", "store", "no_report", "json"];

/// The keys that may stand where this text has an unknown one, as the error lists them.
fn keys(text: &str) -> BTreeSet<String> {
    let error = error_of(text);
    let (_, expected) = error.split_once("expected one of ").unwrap();
    let keys = expected.split('`').skip(1).step_by(2);
    keys.map(|key| key.replace('-', "_")).collect()
}

#[test]
fn flags_and_keys_of_profiles_are_the_same_list() {
    let run = RunArgs::augment_args(Command::new("lab"));
    let flags = run.get_arguments().map(|arg| arg.get_id().to_string());
    let flags: BTreeSet<String> = flags.filter(|id| !NO_KEYS.contains(&&**id)).collect();
    let (mut all, mut faults) = (keys("x = 1"), keys("[faults]\nx = 1"));
    assert!(all.remove("description") && all.remove("faults"), "{all:?}");
    // Its flag has a name of its own, because `--latency` is another.
    assert!(faults.remove("latency") && faults.insert("latency_change".to_owned()), "{faults:?}");
    assert!(all.is_disjoint(&faults));
    assert_eq!(flags, all.union(&faults).cloned().collect());
}

/// The layer of a command line.
fn given(flags: &str) -> Profile {
    let line = format!("lab sim {flags}");
    match Cli::try_parse_from(line.split_whitespace()).unwrap().command {
        Subcommand::Sim(args) => args.run.profile().unwrap(),
        other => panic!("{other:?}"),
    }
}
