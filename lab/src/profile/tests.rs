use super::*;

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
    assert_eq!(Profile::default().into_settings().unwrap(), Settings::default());
}

#[test]
fn flags_override_a_profile() {
    let flags = Profile {
        node_count: Some(9),
        latency: Some(10),
        nemesis: Some(NemesisKinds::NONE),
        limit: Some(vec!["p50<1s".to_owned(), "lost=0".to_owned()]),
        ..Profile::default()
    };
    let base = Profile::load("fly-3d").unwrap();
    let merged = flags.over(base.clone());
    assert_eq!(
        merged.limit.as_deref().unwrap(),
        ["msgs-per-op<30", "max<600ms", "bad-lines=0", "p50<1s", "lost=0"]
    );
    let settings = merged.into_settings().unwrap();
    assert_eq!((settings.nodes.len(), settings.concurrency, settings.rate), (9, 9, 100.0));
    assert_eq!(Profile::default().over(base.clone()), base);
}

#[test]
fn named_nodes_override_counted_ones() {
    let flags = Profile { nodes: Some(vec!["a".into(), "b".into()]), ..Profile::default() };
    let settings = flags.over(Profile::load("fly-3d").unwrap()).into_settings().unwrap();
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
    assert_eq!(profile.node_args.as_deref().unwrap(), ["--route", "tree"]);
    let settings = profile.into_settings().unwrap();
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
    assert_eq!(profile.concurrency, Some(Concurrency::Total(7)));
    assert_eq!(profile.availability, Some(Availability::Fraction(1.0)));
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
    let refused = |profile: Profile| profile.into_settings().unwrap_err().to_string();
    let partition = Some(NemesisKinds::PARTITION);
    let error =
        refused(Profile { nemesis: partition, nemesis_interval: Some(0.0), ..Profile::default() });
    assert!(error.contains("0.001"), "{error}");
    let error = refused(Profile { limit: Some(vec!["median".into()]), ..Profile::default() });
    assert!(error.contains("median"), "{error}");
    refused(Profile { node_count: Some(0), ..Profile::default() });
    let error = refused(Profile { node_count: Some(99_999_999_999), ..Profile::default() });
    assert_eq!(error, "node-count: 99999999999 is more than 1000000, the largest allowed");
    let concurrency = Some(Concurrency::PerNode(usize::MAX));
    let error = refused(Profile { concurrency, ..Profile::default() });
    assert!(error.starts_with("concurrency: "), "{error}");
}
