use super::*;

const QUICK: Effort = Effort { divisor: 40, seed: 1, jobs: 2 };

/// The figures that need few runs; `lab validate` has all of them.
#[test]
fn a_quick_validation_finds_no_difference() {
    let names = ["table-1", "table-4", "infect-and-die", "averaging", "memberlist", "phi"];
    let names = names.map(str::to_owned);
    let checks = run(&QUICK, &names, |_| {}).unwrap();
    assert_eq!(checks.len(), names.len());
    for check in &checks {
        for cell in &check.cells {
            assert_ne!(cell.verdict, Verdict::Differs, "{}: {cell:?}", check.title);
        }
    }
    let document = markdown(&checks, &QUICK);
    assert!(document.contains("| k = 1: residue s | .18 |"), "{document}");
}
