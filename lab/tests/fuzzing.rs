//! The fuzz targets without a fuzzer: what it once found, and some thousand seeded inputs.

mod interpreters;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use arbitrary::Unstructured;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

use interpreters::{node_ops, parse_line};

fn kept(kind: &str, target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(kind).join(target);
    // There is no folder of regressions before there is one.
    let files = fs::read_dir(&folder).into_iter().flatten();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|file| (file.clone(), fs::read(&file).unwrap())).collect()
}

fn replay(target: &str, mut run: impl FnMut(&[u8])) {
    let (found, seeds) = (kept("regressions", target), kept("seeds", target));
    assert!(!seeds.is_empty(), "no seeds of {target}");
    for (file, bytes) in found.into_iter().chain(seeds) {
        println!("{}", file.display());
        run(&bytes);
    }
}

#[test]
fn lines_that_were_found_by_fuzzing_do_no_harm() {
    replay("parse_line", |line| {
        parse_line::run(line);
    });
}

#[test]
fn operations_that_were_found_by_fuzzing_do_no_harm() {
    replay("node_ops", |bytes| {
        node_ops::run(bytes);
    });
}

/// Valid lines with a few bytes changed: near the edge between what is taken and what is not.
#[test]
fn damaged_lines_do_no_harm() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let seeds: Vec<Vec<u8>> =
        kept("seeds", "parse_line").into_iter().map(|(_, line)| line).collect();
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let mut line = seeds[rng.random_range(0..seeds.len())].clone();
        for _ in 0..rng.random_range(0..4) {
            damage(&mut line, &seeds, &mut rng);
        }
        *(if parse_line::run(&line) { &mut taken } else { &mut refused }) += 1;
    }
    println!("{taken} lines taken, {refused} refused");
    assert!(taken > 1_000 && refused > 1_000, "{taken} taken, {refused} refused");
}

fn damage(line: &mut Vec<u8>, seeds: &[Vec<u8>], rng: &mut Xoshiro256PlusPlus) {
    let at = rng.random_range(0..=line.len());
    match rng.random_range(0..5) {
        0 => line.truncate(at),
        1 => line.insert(at, rng.random()),
        2 => line.insert(at, b"{}[]\",:0-9e.\\ntu "[rng.random_range(0..17)]),
        3 => {
            let end = line.len().min(at + rng.random_range(0..8_usize));
            line.drain(at..end);
        }
        _ => {
            let other = &seeds[rng.random_range(0..seeds.len())];
            let from = rng.random_range(0..=other.len());
            let piece = &other[from..other.len().min(from + rng.random_range(0..40_usize))];
            line.splice(at..at, piece.iter().copied());
        }
    }
}

#[test]
fn random_operations_do_no_harm() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(2);
    let mut total: BTreeMap<&str, u64> = BTreeMap::new();
    for _ in 0..3_000 {
        let mut bytes = vec![0; rng.random_range(10..600)];
        rng.fill(&mut bytes[..]);
        for (what, count) in run_or_explain(&bytes) {
            *total.entry(what).or_default() += count;
        }
    }
    println!("{total:#?}");
    for (what, count) in total {
        assert!(count >= 20, "{what} came up only {count} times");
    }
}

fn run_or_explain(bytes: &[u8]) -> node_ops::Tally {
    std::panic::catch_unwind(|| node_ops::run(bytes)).unwrap_or_else(|panic| {
        let plan = Unstructured::new(bytes).arbitrary::<node_ops::Plan>();
        println!("bytes: {bytes:?}");
        plan.iter().for_each(|plan| println!("{plan}"));
        std::panic::resume_unwind(panic)
    })
}
