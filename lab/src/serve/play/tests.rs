use rumormill::protocols::Name;
use serde_json::Value;

use super::*;

fn pairs(query: &str) -> Vec<(String, String)> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name.to_owned(), value.to_owned())
    };
    query.split('&').filter(|part| !part.is_empty()).map(pair).collect()
}

fn played(query: &str) -> Value {
    play(&Scene::parse(&pairs(query)).unwrap()).unwrap()
}

#[test]
fn a_scene_has_what_the_picture_needs() {
    let scene = played("protocol=rumor&nodes=25&topology=grid&latency=20&loss=0.2&seed=3");
    assert_eq!(scene["places"].as_array().unwrap().len(), 25);
    assert_eq!(scene["links"].as_array().unwrap().len(), 40);
    let run = &scene["runs"][0];
    let flights = run["flights"].as_array().unwrap();
    assert_eq!(run["messages"], flights.len());
    let fates: Vec<u64> = flights.iter().filter_map(|flight| flight[5].as_u64()).collect();
    assert!(fates.contains(&0) && fates.contains(&1), "{fates:?}");
    // Each node but the first learns when a message with the rumour arrives.
    let holds = run["holds"].as_array().unwrap();
    for hold in &holds[1..] {
        let arrives = |flight: &&Value| {
            flight[1] == hold[1] && flight[3] == hold[0] && flight[4] == 1 && flight[5] == 0
        };
        assert!(flights.iter().find(arrives).is_some(), "{hold}");
    }
    let known = holds.len() as f64 / 25.0;
    assert!((run["reached"].as_f64().unwrap() - known).abs() < 1e-9);
    assert!(run["model"].as_array().unwrap().len() > 3);
}

#[test]
fn the_same_address_is_the_same_scene_and_another_seed_is_another() {
    let of = |seed: u64| played(&format!("nodes=40&latency=10&loss=0.1&seed={seed}")).to_string();
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
}

#[test]
fn a_partition_keeps_the_halves_apart_until_it_heals() {
    let scene = played("protocol=anti-entropy&nodes=30&latency=10&partition=0ms..2s");
    let holds = scene["runs"][0]["holds"].as_array().unwrap();
    let (mut early, mut late) = (0, 0);
    for hold in holds {
        if hold[1].as_u64().unwrap() >= 15 {
            assert!(hold[0].as_f64().unwrap() >= 2_000.0, "{hold}");
            late += 1;
        } else {
            early += 1;
        }
    }
    assert_eq!((early, late), (15, 15));
}

#[test]
fn a_crash_erases_the_rumour_and_the_dead_do_not_count() {
    let dead = played("protocol=anti-entropy&nodes=30&latency=10&crash=10@0ms");
    let run = &dead["runs"][0];
    assert_eq!(run["reached"], 1.0);
    assert!(run["reached_after_ms"][2].is_number());
    assert_eq!(run["ups"].as_array().unwrap().len(), 10);
    // Long after all know it, some come back with nothing, and no node tells them any more.
    let back = played("protocol=flood&nodes=25&latency=10&crash=5@1s+1s");
    let run = &back["runs"][0];
    assert_eq!(run["reached"], 0.8);
    assert!(run["reached_after_ms"][2].is_null());
    let back = played("protocol=anti-entropy&nodes=25&latency=10&crash=5@1s+1s");
    assert_eq!(back["runs"][0]["reached"], 1.0);
}

#[test]
fn two_protocols_have_the_same_chance() {
    let both = played("protocol=rumor&versus=rumor&nodes=30&latency=20&loss=0.1&crash=4@50ms");
    let (mut a, b) = (both["runs"][0].clone(), both["runs"][1].clone());
    assert_eq!(a, b);
    a = played("protocol=flood&versus=rumor&nodes=30&latency=20&loss=0.1&crash=4@50ms");
    assert_eq!(a["runs"][1], b);
}

#[test]
fn a_wrong_setting_is_named_with_what_was_expected() {
    for (query, problem) in [
        ("protocol=rumour", "no protocol \"rumour\": one of rumormill, "),
        ("nodes=1", "nodes: expected a number from 2 to 400, got \"1\""),
        ("nodes=1000000", "nodes: expected a number from 2 to 400, got \"1000000\""),
        ("loss=1", "loss: expected a number from 0 to 0.95, got \"1\""),
        ("loss=NaN", "loss: expected a number from 0 to 0.95, got \"NaN\""),
        ("latency=0", "latency: expected a number from 1 to 10000, got \"0\""),
        ("topology=tree0", "topology: "),
        ("topology=tree99999999999", "topology: "),
        ("topology=ring", "topology: "),
        ("fanout=51", "fanout: expected a number from 1 to 50, got \"51\""),
        ("interval=0ms", "interval: expected a time above 0"),
        ("interval=1h", "interval: expected a time such as 200ms"),
        ("spread=wide", "spread: `wide` is not one of constant, "),
        ("crash=3", "crash: expected nodes and times, such as n3@200ms"),
        ("crash=n64@0ms", "crash: there is no node n64 among 64"),
        ("crash=64@0ms", "crash: 64 nodes cannot crash at random: only 63 may"),
        ("crash=1@601s", "a fault: expected a time of at most 600s, got 601s"),
        ("partition=2s..1s", "partition: expected two times, such as 100ms..500ms"),
        ("seed=-1", "seed: "),
        ("flags=--k 0", "rumor --backup 0 --judge now --k 0: --k: expected an integer"),
        ("flags=--k 99999", "flags: expected numbers up to 1000, got 99999"),
        ("flags=--period 700s", "flags: expected a time of at most 600s, got 700s"),
        ("flags=--record x", "flags: no protocol has the flag --record"),
        ("protocol=rumor --k 99999", "protocol: expected a name"),
        ("nodez=3", "no setting \"nodez\": one of protocol, "),
    ] {
        let error = Scene::parse(&pairs(query)).map(|scene| scene.command()).unwrap_err();
        assert!(error.starts_with(problem), "{query}: {error}");
    }
    let long = format!("flags={}", "x".repeat(201));
    assert!(Scene::parse(&pairs(&long)).is_err());
}

/// Whatever is asked, the answer comes: limits end what would take too long.
#[test]
fn every_protocol_plays_at_the_bounds() {
    for name in Name::ALL {
        let extremes = format!(
            "protocol={name}&nodes=120&topology=total&fanout=50&interval=1ms&latency=10000&spread=exponential\
             &loss=0.5&crash=40@0ms+1ms&crash=n0@1ms+1ms&partition=1ms..600s&seed=18446744073709551615"
        );
        let scene = played(&extremes);
        let run = &scene["runs"][0];
        assert!(run["messages"].as_u64().unwrap() < 1_000_000, "{name}");
        assert!(run["flights"].as_array().unwrap().len() <= 30_000, "{name}");
        let small = played(&format!("protocol={name}&nodes=2&topology=line&latency=1"));
        assert!(!small["runs"][0]["holds"].as_array().unwrap().is_empty(), "{name}");
    }
}

#[test]
fn the_command_is_read_by_the_lab() {
    use clap::Parser as _;
    let query = "protocol=rumor&flags=--mode push&versus=flood&nodes=30&topology=tree3&fanout=2&interval=50&latency=15\
                 &spread=uniform&loss=0.1&crash=3@100ms+1s&crash=n4@5ms&partition=0ms..300ms&seed=9";
    let command = Scene::parse(&pairs(query)).unwrap().command();
    assert_eq!(
        command,
        "lab spread 'rumor --mode push' flood --nodes 30 --topology tree3 --latency 15ms --latency-dist uniform \
         --loss 0.1 --crash 3@100ms+1s --crash n4@5ms --partition 0ms..300ms --runs 1 --seed 9 -- \
         --fanout 2 --period 50ms"
    );
    let words = command.replace("'rumor --mode push'", "rumor");
    crate::cli::Cli::try_parse_from(words.split(' ')).unwrap();
}

#[test]
fn a_single_file_has_all_it_needs_and_no_tag_can_begin_in_its_data() {
    let page = single_file("protocol=</script><b>", &serde_json::json!({"x": "</script>"}));
    assert!(!page.contains("src=") && !page.contains("href=\"/"), "it loads something");
    assert!(!page.contains("</script><b>"));
    // One of the scripts, and the two of data.
    assert_eq!(page.matches("</script>").count(), 3);
}
