use std::time::Duration;

use super::*;
use crate::protocols::rumormill::config::Config;
use crate::protocols::{Name, family};

fn run(args: &[&str]) -> Result<Command<Name>, String> {
    family().parse(args.iter().map(OsString::from))
}

fn options(args: &[&str]) -> Options<Name> {
    match run(args) {
        Ok(Command::Run(options)) => *options,
        other => panic!("{other:?}"),
    }
}

#[test]
fn no_flags_are_the_defaults() {
    assert_eq!(options(&[]), Options::default());
}

#[test]
fn values_stand_apart_or_after_an_equals_sign() {
    let set = options(&["--seed", "7", "--window=1.5s"]);
    let window = set.settings::<Config>().unwrap().window;
    assert_eq!((set.seed, window), (Some(7), Some(Duration::from_millis(1500))));
}

#[test]
fn a_record_goes_to_stderr_unless_a_path_follows() {
    let to = |args: &[&str]| options(args).record;
    let file = || Some(RecordTo::File("n0.record".into()));
    assert_eq!(to(&["--record"]), Some(RecordTo::Stderr));
    assert_eq!(to(&["--record", "--seed", "7"]), Some(RecordTo::Stderr));
    assert_eq!((to(&["--record", "n0.record"]), to(&["--record=n0.record"])), (file(), file()));
    assert_eq!(to(&["--seed", "7"]), None);
}

#[test]
fn a_journal_is_repaired_where_it_is() {
    let set = options(&["--repair", "--data-dir", "data"]);
    assert_eq!((set.repair, set.data_dir), (true, Some("data".into())));
    assert_eq!(run(&["--repair"]).unwrap_err(), "--repair needs --data-dir");
    assert_eq!(run(&["--repair=yes"]).unwrap_err(), "--repair takes no value");
    assert!(run(&["--data-dir="]).unwrap_err().contains("expected a directory"));
}

#[test]
fn what_the_help_shows_as_default_is_taken_back() {
    let defaults = Config::default();
    // It is not set unless given.
    for flag in Config::FLAGS.iter().filter(|flag| flag.name != "--window") {
        let mut same = defaults.clone();
        let shown = flag.setting.show(&mut same);
        flag.setting.set(&mut same, &shown).expect(flag.name);
        assert_eq!(same, defaults, "{}", flag.name);
    }
}

#[test]
fn a_mistake_is_named() {
    assert_eq!(run(&["--rout", "hub"]).unwrap_err(), "unknown flag \"--rout\"");
    assert_eq!(run(&["topology"]).unwrap_err(), "unknown argument \"topology\"");
    assert_eq!(run(&["--seed"]).unwrap_err(), "--seed needs a value");
    assert_eq!(
        run(&["--seed=x"]).unwrap_err(),
        "--seed: expected an integer from 0 to 18446744073709551615, got \"x\""
    );
    assert!(run(&["--window", "soon"]).unwrap_err().starts_with("--window: expected a time"));
    assert!(run(&["--sync-interval=0"]).unwrap_err().contains("a time above 0"));
    assert_eq!(
        run(&["--route=x"]).unwrap_err(),
        "--route: expected auto, topology, tree, hub, direct, got \"x\""
    );
    assert_eq!(
        run(&["--sync-interval", "1h"]).unwrap_err(),
        "--sync-interval: expected a time above 0, such as 200ms or 1.5s, got \"1h\""
    );
    assert_eq!(
        run(&["--probe-min=2s", "--probe-max=1s"]).unwrap_err(),
        "--probe-min of 2s is above its maximum of 1s"
    );
}

#[test]
fn a_workload_is_named() {
    assert_eq!(options(&["--workload", "g-set"]).workload, Workload::GSet);
    assert_eq!(
        run(&["--workload=kafka"]).unwrap_err(),
        "--workload: expected one of broadcast, echo, unique-ids, g-set, g-counter, pn-counter, got \
         \"kafka\""
    );
}

#[test]
fn a_flag_belongs_to_its_protocol() {
    let protocol = options(&["--protocol", "flood", "--seed", "7"]).protocol;
    assert_eq!(protocol, Name::Flood);
    assert_eq!(
        run(&["--protocol=flood", "--route=hub"]).unwrap_err(),
        "--route is no flag of protocol flood"
    );
    let problem = run(&["--protocol=fload"]).unwrap_err();
    assert!(problem.starts_with("--protocol: expected one of rumormill, "), "{problem}");
    assert!(problem.ends_with(", got \"fload\""), "{problem}");
    assert_eq!(run(&["-h", "--protocol", "flood"]), Ok(Command::Help(Name::Flood)));
}

#[test]
fn help_names_every_flag_within_a_screen() {
    let help = family().help(Name::Rumormill);
    for flag in Config::FLAGS {
        assert!(help.contains(flag.name), "{}", flag.name);
    }
    assert!(help.lines().all(|line| line.chars().count() <= 100));
    assert_eq!(run(&["--seed", "1", "--help"]), Ok(Command::Help(Name::Rumormill)));
    assert_eq!(run(&["--version"]), Ok(Command::Version));
}
