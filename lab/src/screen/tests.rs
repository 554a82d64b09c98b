use rumormill_judge::checker::Validity;
use rumormill_judge::checker::missing::{NodeMissing, SentInVain};
use rumormill_judge::checker::quantile::Quantiles;
use rumormill_judge::verdict::sample;

use super::*;

#[test]
fn the_screen_of_a_good_run() {
    let mut results = sample::results();
    results.rumormill.limits[1] = results.rumormill.limits[0].clone();
    println!("{}", render(&results, Style::PLAIN));
    assert_eq!(render(&results, Style::PLAIN), include_str!("good.txt"));
}

#[test]
fn the_screen_of_a_bad_run() {
    let mut results = sample::results();
    results.maelstrom.valid = Validity::Invalid;
    results.maelstrom.workload.set_mut().unwrap().stable_latencies = None;
    let lab = &mut results.rumormill;
    lab.missing.acknowledged_count = 980;
    lab.missing.missing_count = 120;
    lab.missing.unread = vec!["n2".to_owned()];
    lab.missing.divergent_count = 1;
    lab.missing.nodes = (0..7)
        .map(|node| NodeMissing {
            node: format!("n{node}"),
            missing_count: (node > 0).then_some(100 + node),
            missing: (0..48).collect(),
            sent: match node {
                3 => vec![
                    SentInVain { value: 7, from: Some("n4".to_owned()), at_ms: 812.4 },
                    SentInVain { value: 9, from: None, at_ms: 900.0 },
                ],
                _ => Vec::new(),
            },
        })
        .collect();
    if let Some(spread) = &mut lab.convergence.message_flow {
        spread.incomplete_count = 1;
        spread.since_ack = spread.since_ack.map(|all| Quantiles { max: None, ..all });
    }
    lab.notice_count = 9;
    println!("{}", render(&results, Style::PLAIN));
    assert_eq!(render(&results, Style::PLAIN), include_str!("bad.txt"));
}

#[test]
fn indeterminate_operations_are_shown_if_there_are_any() {
    let mut results = sample::results();
    assert!(!render(&results, Style::PLAIN).contains("indeterminate"));
    results.rumormill.indeterminate_count = 2;
    let text = render(&results, Style::PLAIN);
    let row = "  indeterminate at a crash            2  (operations open at a node when it died)\n";
    assert!(text.contains(row), "{text}");
}

#[test]
fn values_that_are_not_seen_have_a_reason_and_a_way_out() {
    let mut results = sample::results();
    let why = "no value stands in messages; --values-at PATH says where".to_owned();
    results.rumormill.convergence = Convergence { unseen: Some(why), ..Convergence::default() };
    let text = render(&results, Style::PLAIN);
    assert!(text.contains("not available"), "{text}");
    assert!(text.lines().any(|line| line.trim() == "--values-at PATH says where"), "{text}");
}

#[test]
fn a_run_without_anything_has_a_screen() {
    let text = render(&Results::default(), Style::PLAIN);
    assert!(text.contains("no value was seen to stay"), "{text}");
    assert!(!text.contains("NaN") && !text.contains('\x1b'), "{text}");
}

#[test]
fn colours_change_nothing_but_colours() {
    let results = sample::results();
    let coloured = render(&results, Style { colour: true });
    let mut plain = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once('\x1b') {
        plain.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    plain.push_str(rest);
    let lines =
        |text: &str| text.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
    assert_eq!(lines(&plain), lines(&render(&results, Style::PLAIN)));
    assert!(coloured.contains("\x1b[1;31mFAIL"));
}
