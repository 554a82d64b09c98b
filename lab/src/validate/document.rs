//! The validation as a document.

use std::fmt::Write as _;

use super::check::{Cell, Check, Effort, Verdict};
use super::pictures::Picture;
use crate::bench::sections::paragraph;

const HEAD: &str = include_str!("head.md");

/// The pictures as a section of the document, which finds them in `directory`.
#[must_use]
pub fn gallery(pictures: &[Picture], directory: &str) -> String {
    let mut text = "\n## Pictures\n".to_owned();
    for Picture { name, caption, .. } in pictures {
        let caption = paragraph(caption);
        // Writing to a String cannot fail.
        let _ = write!(text, "\n![{name}]({directory}/{name}.svg)\n\n{caption}\n");
    }
    text
}

/// The document.
#[must_use]
pub fn markdown(checks: &[Check], effort: &Effort) -> String {
    let mut text = HEAD.to_owned();
    let seed = effort.seed;
    let share = match effort.divisor {
        1 => String::new(),
        divisor => format!(" Only 1/{divisor} of the runs were made (`--quick`)."),
    };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "\nSeed {seed}.{share}\n");
    text +=
        "| check | reproduced | differs | not reproducible | compared |\n|---|--:|--:|--:|--:|\n";
    for check in checks {
        let count = |verdict| check.cells.iter().filter(|cell| cell.verdict == verdict).count();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            check.title,
            count(Verdict::Reproduced),
            count(Verdict::Differs),
            count(Verdict::NotReproducible),
            count(Verdict::Compared)
        );
    }
    for check in checks {
        let convention = paragraph(&check.convention);
        let _ = writeln!(text, "\n## {}\n\n{convention}\n", check.title);
        text += "| figure | published | model | ours | runs | seed | verdict |\n\
                 |---|--:|--:|--:|--:|--:|---|\n";
        check.cells.iter().for_each(|cell| text += &row(cell, seed));
    }
    text
}

fn row(cell: &Cell, seed: u64) -> String {
    let published = cell.published.as_deref().unwrap_or("");
    let model = cell.model.map(show).unwrap_or_default();
    let (runs, seed) = match cell.runs {
        0 => ("".to_owned(), "".to_owned()),
        runs => (runs.to_string(), seed.to_string()),
    };
    let (name, ours, verdict) = (&cell.name, show(cell.ours), cell.verdict.word());
    format!("| {name} | {published} | {model} | {ours} | {runs} | {seed} | {verdict} |\n")
}

/// Four significant digits, as far as there are any.
fn show(number: f64) -> String {
    if number.is_nan() {
        return String::new();
    }
    if number == 0.0 {
        return "0".to_owned();
    }
    let digits = number.abs().log10().floor();
    if digits < -3.0 {
        return format!("{number:.2e}");
    }
    let decimals = (3.0 - digits).max(0.0) as usize;
    format!("{number:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_digits() {
        for (number, text) in [
            (0.174_96, "0.1750"),
            (16.81, "16.81"),
            (119_830.4, "119830"),
            (2e-6, "2.00e-6"),
            (0.0, "0"),
            (f64::NAN, ""),
        ] {
            assert_eq!(show(number), text);
        }
    }
}
