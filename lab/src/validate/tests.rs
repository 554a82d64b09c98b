use std::collections::BTreeSet;

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

#[test]
fn every_check_has_a_text_and_stands_in_the_help() {
    let names: BTreeSet<&str> = CHECKS.iter().map(|(name, _)| *name).collect();
    let texts: BTreeMap<String, Text> = toml::from_str(TEXTS).unwrap();
    assert_eq!(texts.keys().map(String::as_str).collect::<BTreeSet<_>>(), names);
    let help = include_str!("../commands/help/validate.txt");
    let (_, list) = help.split_once("Checks: ").unwrap();
    let (list, _) = list.split_once("\n\n").unwrap();
    let list = list.replace("(and 5)", "");
    assert_eq!(list.split_whitespace().collect::<BTreeSet<_>>(), names);
}
