//! The table of a run with many seeds: a line per seed, then the median and the worst of all.

use std::fmt::Write as _;

use rumormill_judge::figures::{Figure, Sample, select};

use crate::sim::sweep::Row;

/// Number of seeds beyond which only those that failed are shown one by one.
const SHOWN_ROWS: usize = 40;
/// Width of the seeds' column.
const LABEL: usize = 8;
/// Least width of a column of figures.
const WIDTH: usize = 8;

/// Columns, in this order; those that no seed has are left out.
const COLUMNS: [&Figure; 15] = select([
    "msgs-per-op",
    "median",
    "p95",
    "p99",
    "max",
    "convergence-median",
    "convergence-p95",
    "convergence-p99",
    "convergence-max",
    "component-median",
    "component-p99",
    "component-max",
    "heal-max",
    "missing",
    "availability",
]);

/// A column: its figure, and the figure's name in two lines.
struct Column {
    figure: &'static Figure,
    head: (&'static str, &'static str),
    width: usize,
}

impl Column {
    fn of(figure: &'static Figure) -> Self {
        let (_, last) = figure.name.rsplit_once('-').unwrap_or(("", figure.name));
        let first = &figure.name[..figure.name.len() - last.len()];
        Self { figure, head: (first, last), width: WIDTH.max(last.len() + 1) }
    }
}

/// Renders the table.
#[must_use]
pub fn render_seeds(rows: &[Row]) -> String {
    let results = || rows.iter().filter_map(|row| row.results.as_ref().ok());
    let is_used = |figure: &&Figure| !Sample::of(figure, results()).values().is_empty();
    let used: Vec<Column> = COLUMNS.into_iter().filter(is_used).map(Column::of).collect();
    let mut text = head(&used);
    let show = |column: &Column, value: Option<f64>| {
        value.map_or_else(|| "-".to_owned(), |value| column.figure.unit.bare(value))
    };
    let mut line = |label: &str, value: &dyn Fn(&Figure) -> Option<f64>, verdict: &str| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{label:<LABEL$}");
        for column in &used {
            let _ = write!(text, "{:>1$}", show(column, value(column.figure)), column.width);
        }
        text.push_str(if verdict.is_empty() { "" } else { "  " });
        text.push_str(verdict);
        text.push('\n');
    };
    for row in rows {
        if rows.len() <= SHOWN_ROWS || row.exit_code() != 0 {
            let value = |figure: &Figure| figure.read(row.results.as_ref().ok()?);
            line(&row.seed.to_string(), &value, &row.verdict());
        }
    }
    line("median", &|figure| Sample::of(figure, results()).median(), "");
    line("worst", &|figure| Sample::of(figure, results()).worst(), "");
    text
}

/// The heads: the first part of the names over all columns that share it, the last part below.
fn head(columns: &[Column]) -> String {
    let (mut first, mut last) = (" ".repeat(LABEL), format!("{:<LABEL$}", "seed"));
    for group in columns.chunk_by(|a, b| a.head.0 == b.head.0) {
        let width: usize = group.iter().map(|column| column.width).sum();
        // Writing to a String cannot fail.
        let _ = write!(first, " {:>1$}", group[0].head.0, width - 1);
        for column in group {
            let _ = write!(last, "{:>1$}", column.head.1, column.width);
        }
    }
    format!("{}\n{last}\n", first.trim_end())
}

#[cfg(test)]
mod tests {
    use rumormill_judge::verdict::sample;

    use super::*;

    #[test]
    fn seeds_stand_in_lines_and_columns_without_values_are_left_out() {
        let row = |seed, lost| {
            let mut results = sample::results();
            results.rumormill.missing.missing_count = lost;
            Row { seed, results: Ok(results), events: 0, end: 0 }
        };
        let crashed = Row { results: Err(String::new()), ..row(3, 0) };
        let text = render_seeds(&[row(1, 0), row(2, 7), crashed]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2 + 3 + 2, "{text}");
        assert!(lines[0].contains("convergence-") && !lines[0].contains("component"), "{text}");
        let head: Vec<&str> = lines[1].split_whitespace().collect();
        let missing = head.iter().position(|name| *name == "missing").unwrap();
        let cell = |line: &str| line.split_whitespace().nth(missing).unwrap().to_owned();
        assert_eq!(
            (cell(lines[2]), cell(lines[3]), cell(lines[4])),
            ("0".into(), "7".into(), "-".into())
        );
        assert!(lines[4].ends_with("CRASHED"), "{text}");
        assert_eq!((cell(lines[5]), cell(lines[6])), ("7".into(), "7".into()));
    }
}
