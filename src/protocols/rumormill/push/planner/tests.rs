use super::*;

fn input(budget_ms: u64) -> PlannerInput {
    PlannerInput {
        nodes: 25,
        budget: Duration::from_millis(budget_ms),
        round_trip: Duration::from_millis(200),
        margin: MARGIN_MIN,
        load: Some(50.0),
        height: 1,
        hubs: 0,
    }
}

#[test]
fn each_budget_gets_the_design_that_the_theory_names() {
    assert!(matches!(input(50).cheapest(None), Plan::Direct { window } if window.is_zero()));
    assert!(matches!(input(180).cheapest(None), Plan::Direct { .. }));
    let close = Plan::Tree { period: Duration::from_millis(10), pulse: false };
    assert_eq!(input(200).cheapest(None), close);
    assert!(matches!(input(300).cheapest(None), Plan::Tree { pulse: false, .. }));
    assert!(matches!(input(600).cheapest(None), Plan::Tree { pulse: true, .. }));
    let period = input(1000).period().unwrap();
    assert_eq!(period, Duration::from_millis(800));
}

#[test]
fn noise_does_not_change_the_plan() {
    let plan = input(600).cheapest(None);
    let mut later = input(600);
    later.round_trip = Duration::from_millis(212);
    later.load = Some(57.0);
    assert_eq!(later.cheapest(Some(plan)), plan);
    later.round_trip = Duration::from_millis(650);
    assert!(matches!(later.cheapest(Some(plan)), Plan::Direct { window } if !window.is_zero()));
}

#[test]
fn large_clusters_never_mail_directly() {
    let large = PlannerInput { nodes: 10_000, height: 2, hubs: 99, ..input(300) };
    let late = Plan::Tree { period: Duration::from_millis(100), pulse: false };
    assert_eq!((large.cheapest(None), large.can_be_met()), (late, false));
    let patient = PlannerInput { budget: Duration::from_secs(1), ..large };
    let tree = patient.cheapest(None);
    assert!(matches!(tree, Plan::Tree { period, .. } if period > Duration::from_millis(500)));
    assert!(patient.can_be_met());
    let small = PlannerInput { nodes: 25, height: 1, hubs: 0, ..input(150) };
    assert!(small.can_be_met() && matches!(small.cheapest(None), Plan::Direct { .. }));
}

#[test]
fn what_goes_up_costs_more_in_a_tree_of_hubs() {
    let star = PlannerInput { nodes: 2_500, ..input(1000) };
    let tree = PlannerInput { height: 2, hubs: 49, ..star };
    let period = Duration::from_millis(600);
    // 50 values per second; nearly all of them make a second hop, without a pulse.
    let more = tree.window_cost(period) - star.window_cost(period);
    assert!((48.0..50.0).contains(&more), "{more}");
    assert!(tree.pulse_cost(period) > star.pulse_cost(period));
}

#[test]
fn few_nodes_mail_directly() {
    let few = PlannerInput { nodes: 3, load: Some(1.0), ..input(300) };
    assert!(matches!(few.cheapest(None), Plan::Direct { .. }));
}

#[test]
fn a_budget_that_cannot_be_met_is_reported_once_and_only_when_measured() {
    let config = Config {
        route: Route::Hub,
        latency_budget: Duration::from_millis(100),
        ..Config::default()
    };
    let mut planner = Planner::new(&config);
    assert!(planner.is_due(Instant::ZERO));
    assert_eq!(planner.replan(Instant::ZERO, &input(100), false), None);
    assert!(!planner.is_due(Instant::from_micros(249_999)));
    let now = Instant::from_micros(250_000);
    assert!(planner.is_due(now));
    let line = planner.replan(now, &input(100), true).unwrap();
    assert!(line.contains("100ms") && line.contains("route hub"), "{line}");
    assert_eq!(planner.replan(now, &input(100), true), None);
    planner.forget();
    assert!(planner.is_due(now) && !planner.is_tree());
}

#[test]
fn the_margin_follows_the_variation_and_is_generous_before_it_is_measured() {
    let ms = Duration::from_millis;
    assert_eq!(margin(ms(200), None), ms(25));
    assert_eq!(margin(ms(200), Some(ms(0))), MARGIN_MIN);
    assert_eq!(margin(ms(200), Some(ms(6))), ms(24));
    assert_eq!(margin(ms(200), Some(ms(90))), ms(50));
    let plan = |margin| PlannerInput { margin, ..input(1_000) }.tree(None);
    let tree = |period| Some(Plan::Tree { period: ms(period), pulse: true });
    assert_eq!((plan(ms(10)), plan(ms(24))), (tree(790), tree(776)));
}

#[test]
fn a_window_replaces_the_budget_on_every_route() {
    let window = Some(Duration::from_millis(5));
    for &route in Route::ALL {
        let mut planner = Planner::new(&Config { route, window, ..Config::default() });
        planner.replan(Instant::ZERO, &input(100), true);
        let five = Duration::from_millis(5);
        let expected = match route {
            Route::Topology => Plan::Flood { window: five },
            Route::Direct => Plan::Direct { window: five },
            Route::Auto | Route::Hub | Route::Tree => Plan::Tree { period: five, pulse: false },
        };
        assert_eq!(planner.plan(), Some(expected), "{route:?}");
    }
}

fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

#[test]
fn the_costs_are_those_of_the_formulas() {
    // Nodes, hubs, load, period; messages per second for direct mail, a window, a pulse.
    let table = [
        (25, 0, Some(50.0), 0.2, [857.142_857, 157.090_909, 159.556_146]),
        (25, 0, Some(5.0), 0.4, [111.111_111, 44.8, 56.492_902]),
        (13, 3, Some(13.0), 0.5, [104.0, 41.8, 36.234_355]),
        // Two values per second and node are assumed before the load is known.
        (4, 0, None, 0.5, [12.0, 10.8, 9.682_829]),
        (2, 0, Some(0.0), 1.0, [0.000_999_5, 0.001_499, 0.001_499_4]),
    ];
    for (nodes, hubs, load, period, expected) in table {
        let (input, period) = (PlannerInput { nodes, hubs, load, ..input(0) }, secs(period));
        let direct = input.direct_cost(period);
        let costs = [direct, input.window_cost(period), input.pulse_cost(period)];
        for (cost, expected) in costs.into_iter().zip(expected) {
            assert!((cost / expected - 1.0).abs() < 1e-4, "{cost} is not {expected}: {input:?}");
        }
    }
    assert_eq!(input(0).pulse_cost(Duration::ZERO), f64::INFINITY);
}

#[test]
fn the_budget_less_the_way_is_the_period_and_a_twentieth_of_it_is_no_miss() {
    let period = |budget_us, round_trip_ms, height| {
        let (budget, ms) = (Duration::from_micros(budget_us), Duration::from_millis);
        let input = PlannerInput { budget, round_trip: ms(round_trip_ms), height, ..input(0) };
        input.period().map(|period| period.as_micros())
    };
    assert_eq!(period(1_000_000, 200, 1), Some(800_000));
    assert_eq!(period(1_000_000, 200, 3), Some(400_000));
    assert_eq!(period(205_000, 200, 1), Some(10_250));
    assert_eq!(period(195_000, 200, 1), Some(4_750));
    assert_eq!(period(200_000, 210, 1), None);
    assert_eq!(period(190_000, 200, 1), None);
}

#[test]
fn a_budget_can_be_met_by_a_tree_and_in_a_small_cluster_directly() {
    let can = |nodes, budget_ms| PlannerInput { nodes, ..input(budget_ms) }.can_be_met();
    assert_eq!([99, 100, 150, 200].map(|budget| can(256, budget)), [false, true, true, true]);
    assert_eq!([99, 100, 150, 200].map(|budget| can(257, budget)), [false, false, false, true]);
    let mail = |nodes| PlannerInput { nodes, ..input(150) }.cheapest(None);
    assert_eq!(mail(256), Plan::Direct { window: Duration::from_millis(50) });
    assert!(matches!(mail(257), Plan::Tree { .. }));
}

/// The cost of a plan.
fn cost(input: &PlannerInput, plan: Plan) -> f64 {
    match plan {
        Plan::Direct { window } => input.direct_cost(window),
        Plan::Tree { period, pulse: true } => input.pulse_cost(period),
        Plan::Tree { period, .. } => input.window_cost(period),
        Plan::Flood { .. } => f64::INFINITY,
    }
}

/// Shows for many loads that `plan` keeps to either plan until the other costs less than 0.9 of it.
fn is_kept_unless_a_tenth_is_saved(
    budget_ms: u64,
    plan: impl Fn(&PlannerInput, Option<Plan>) -> Plan,
) {
    let input = |load: f64| PlannerInput { nodes: 8, load: Some(load), ..input(budget_ms) };
    let loads = || (1..400).map(|i| 1.02_f64.powi(i) / 50.0).map(input);
    let (low, high) = (plan(&input(0.02), None), plan(&input(50.0), None));
    let is_same = |a: Plan, b: Plan| match (a, b) {
        (Plan::Tree { pulse: a, .. }, Plan::Tree { pulse: b, .. }) => a == b,
        _ => std::mem::discriminant(&a) == std::mem::discriminant(&b),
    };
    for (current, other) in [(low, high), (high, low)] {
        let (mut kept, mut dropped) = (0, 0);
        for input in loads() {
            let saved = cost(&input, other) / cost(&input, current);
            let next = plan(&input, Some(current));
            if saved > 0.901 && saved < 1.0 {
                assert!(is_same(next, current), "{saved}: {input:?} {next}");
                kept += 1;
            } else if saved < 0.899 {
                assert!(is_same(next, other), "{saved}: {input:?} {next}");
                dropped += 1;
            }
        }
        assert!(kept > 0 && dropped > 0, "{current} {kept} {other} {dropped}");
    }
}

#[test]
fn a_plan_is_kept_unless_another_saves_a_tenth() {
    is_kept_unless_a_tenth_is_saved(300, PlannerInput::cheapest);
    is_kept_unless_a_tenth_is_saved(600, |input, current| input.tree(current).unwrap());
}

#[test]
fn a_period_is_kept_unless_it_changes_by_more_than_a_twentieth() {
    let tree =
        |period_ms, pulse| Some(Plan::Tree { period: Duration::from_millis(period_ms), pulse });
    // The period of this budget is 790 ms, with a pulse.
    let next = |period_ms, pulse| input(1_000).tree(tree(period_ms, pulse));
    assert_eq!((next(800, true), next(755, true)), (tree(800, true), tree(755, true)));
    assert_eq!((next(832, true), next(752, true)), (tree(790, true), tree(790, true)));
    assert_eq!(next(790, false), tree(790, true));
}
