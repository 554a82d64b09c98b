use super::*;
use crate::checker::convergence::Spread;
use crate::checker::quantile::Quantiles;
use crate::results::{DelayFigures, FalseSuspicions};
use crate::verdict::{decide, sample};

fn verdict(limit: &str) -> Verdict {
    limit.parse::<Limit>().unwrap().check(&sample::results())
}

fn error_of(limit: &str) -> String {
    limit.parse::<Limit>().unwrap_err()
}

#[test]
fn limit_is_held_against_the_run() {
    for (limit, passed) in [
        ("msgs-per-op<20", true),
        ("msgs-per-op < 11.6", false),
        ("msgs-per-op>=11", true),
        ("median<400ms", true),
        ("median<18ms", false),
        ("median<=18ms", true),
        ("max<0.5s", true),
        ("p50 = 18", true),
        ("p95>1s", false),
        ("lost=0", true),
        ("missing==0", true),
        ("stale=0", false),
        ("availability>=1", true),
        ("ok-fraction>=100%", true),
        ("duplicates<=0", false),
        ("convergence-max<=28ms", true),
        ("convergence-median<28ms", false),
        ("client-latency-max<=3ms", true),
        ("broadcast-latency-p99<=2ms", true),
        ("read-latency-max<2ms", false),
        ("bytes-per-op<1kB", true),
        ("msgs-per-broadcast=40.5", true),
        ("unconverged=0", true),
        ("duplicate-entries<=3%", true),
        ("duplicate-entries<2.9%", false),
        ("wrong-silence<2s", true),
        ("redundancy<=0.03", true),
        ("ack-share<5%", true),
    ] {
        assert_eq!(verdict(limit).passed, passed, "{limit}: {:?}", verdict(limit));
    }
}

#[test]
fn a_figure_the_run_does_not_have_fails() {
    let mut results = sample::results();
    results.maelstrom.workload.set_mut().unwrap().stable_latencies = None;
    results.rumormill.convergence.message_flow = None;
    for limit in ["max<1s", "max>0", "convergence-max<1s", "unconverged=0"] {
        let verdict = limit.parse::<Limit>().unwrap().check(&results);
        assert!(!verdict.passed);
        assert_eq!((verdict.value, &*verdict.found), (None, "no such figure in this run"));
    }
}

#[test]
fn what_only_a_simulation_sees_is_not_judged_of_processes_and_said_so() {
    let limit: Limit = "wrong-silence<2s".parse().unwrap();
    let mut results = sample::results();
    let verdict = limit.check(&results);
    assert!(verdict.passed && !verdict.judged && verdict.found.starts_with("not judged"));
    "sim".clone_into(&mut results.rumormill.run.program);
    let verdict = limit.check(&results);
    assert!(!verdict.passed && verdict.judged);
    let long = FalseSuspicions { longest_ms: 2_000.0, ..FalseSuspicions::default() };
    results.rumormill.false_suspicions = Some(long);
    assert!(!limit.check(&results).passed);
}

#[test]
fn a_value_that_never_reached_all_nodes_took_forever() {
    let mut results = sample::results();
    let never = Quantiles { max: None, ..Quantiles::of(vec![1.0]).unwrap().map(Some) };
    let spread =
        Spread { since_ack: Some(never), ..results.rumormill.convergence.best().unwrap().clone() };
    results.rumormill.convergence.message_flow = Some(spread);
    let check = |limit: &str| limit.parse::<Limit>().unwrap().check(&results);
    assert!(check("convergence-p99<2ms").passed);
    let verdict = check("convergence-max<1000s");
    assert!(!verdict.passed && verdict.found == "never" && verdict.value.is_none());
}

#[test]
fn limits_are_shown_in_one_form() {
    assert_eq!("p50<0.4s".parse::<Limit>().unwrap().to_string(), "median < 400 ms");
    assert_eq!("part-p50<1s".parse::<Limit>().unwrap().to_string(), "component-median < 1000 ms");
    assert_eq!("duplicate-entries<5%".parse::<Limit>().unwrap().to_string(), "redundancy < 5 %");
    assert_eq!("max<=250us".parse::<Limit>().unwrap().to_string(), "max <= 0.25 ms");
    assert_eq!("msgs-per-op == 11.50".parse::<Limit>().unwrap().to_string(), "msgs-per-op = 11.5");
    assert_eq!(verdict("msgs-per-op<20").found, "11.61");
    assert_eq!(verdict("server-bytes<5kB").found, "4050 B");
}

#[test]
fn errors_are_plain_and_list_what_is_possible() {
    let error = error_of("speed<3");
    assert!(
        error.starts_with("the limit `speed<3` is about no known figure; there are min, median,")
    );
    assert!(error.contains("convergence-max"), "{error}");
    assert!(error_of("median").contains("none of < <= > >= ="));
    assert!(error_of("").contains("none of"));
    for bad in ["median<", "median<fast", "median<4x", "median<-1ms", "median<inf", "median<=<3"] {
        assert!(error_of(bad).contains("needs a time like 400ms or 1.5s after"), "{bad}");
    }
    assert!(error_of("lost=none").contains("needs a number after the `=`"));
    assert!(error_of("msgs-per-op<3ms").contains("needs a number"));
}

#[test]
fn a_time_that_failed_while_the_lab_was_late_is_not_trustworthy() {
    let mut results = sample::results();
    let found =
        |results: &Results, limit: &str| limit.parse::<Limit>().unwrap().check(results).found;
    assert_eq!(found(&results, "median<10ms"), "18 ms");
    let delay = DelayFigures { count: 9, max_ms: 42.0, ..DelayFigures::default() };
    results.rumormill.scheduling_delay = Some(delay);
    let caveat = "18 ms (not trustworthy: the lab's scheduling delay was up to 42 ms)";
    assert_eq!(found(&results, "median<10ms"), caveat);
    // A limit that is kept is kept, and counts do not depend on the time.
    assert_eq!(found(&results, "median<100ms"), "18 ms");
    assert_eq!(found(&results, "lost=1"), "0");
    let limit = "median<10ms".parse().unwrap();
    decide(&mut results, &[limit]);
    let closing = crate::verdict::closing_line(&results);
    assert!(
        closing.ends_with("not trustworthy: the lab's scheduling delay was up to 42 ms"),
        "{closing}"
    );
    // Virtual time is never late.
    results.rumormill.run.program = "sim".to_owned();
    assert_eq!(found(&results, "median<10ms"), "18 ms");
}

#[test]
fn a_run_of_maelstroms_without_a_log_is_not_judged_by_its_lines() {
    let mut results = sample::results();
    results.rumormill.run.program = MAELSTROM.to_owned();
    results.rumormill.bad_line_count = None;
    let verdict = "bad-lines=0".parse::<Limit>().unwrap().check(&results);
    assert!(verdict.passed && !verdict.judged, "{verdict:?}");
    results.rumormill.bad_line_count = Some(1);
    assert!(!"bad-lines=0".parse::<Limit>().unwrap().check(&results).passed);
}
