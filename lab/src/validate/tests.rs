use super::*;

const QUICK: Effort = Effort { divisor: 40, seed: 1, jobs: 2 };

#[test]
fn half_a_unit_of_the_last_digit_is_read_from_the_published_figure() {
    for (text, number, half) in [
        (".037", 0.037, 0.0005),
        ("3.1e-2", 0.031, 0.0005),
        ("19", 19.0, 0.5),
        ("20 %", 20.0, 0.5),
        ("8.15 (recomputed)", 8.15, 0.005),
    ] {
        let (read_number, read_half) = read(text);
        assert!((read_number - number).abs() < 1e-12, "{text}");
        assert!((read_half - half).abs() < 1e-12, "{text} {read_half}");
    }
}

#[test]
fn the_tolerance_decides() {
    let ours = |mean| Mean { mean, deviation: 0.0, count: 100 };
    let verdict = |mean, tolerance| Cell::published("", "10.0", ours(mean), tolerance).verdict;
    assert_eq!(verdict(10.34, Tolerance::Share(0.03)), Verdict::Reproduced);
    assert_eq!(verdict(10.36, Tolerance::Share(0.03)), Verdict::Differs);
    assert_eq!(verdict(9.84, Tolerance::Absolute(0.1)), Verdict::Differs);
    assert_eq!(verdict(21.0, Tolerance::Rare(2.0, 1_000)), Verdict::Differs);
    assert_eq!(verdict(19.0, Tolerance::Rare(2.0, 1_000)), Verdict::Reproduced);
    // Four nodes in a million, and none in the 100,000 of our runs.
    let rare = Cell::published("", "4.0e-6", ours(0.0), Tolerance::Rare(2.0, 1_000));
    assert_eq!(rare.verdict, Verdict::Reproduced);
    // Three standard errors: 3·5/√100.
    let noisy = Mean { mean: 11.5, deviation: 5.0, count: 100 };
    let cell = Cell::published("", "10.0", noisy, Tolerance::Share(0.0));
    assert_eq!(cell.verdict, Verdict::Reproduced);
}

/// The figures that need few runs; `lab validate` has all of them.
#[test]
fn a_quick_validation_finds_no_difference() {
    let names = ["table-1", "table-4", "infect-and-die", "averaging", "memberlist", "phi"];
    let names = names.map(str::to_owned);
    let checks = run(&QUICK, &names, |_| {});
    assert_eq!(checks.len(), names.len());
    for check in &checks {
        for cell in &check.cells {
            assert_ne!(cell.verdict, Verdict::Differs, "{}: {cell:?}", check.title);
        }
    }
    let document = markdown(&checks, &QUICK);
    assert!(document.contains("| k = 1: residue s | .18 |"), "{document}");
}
