//! `lab figures` and `lab profiles`: what limits and `--profile` can name.

use rumormill_judge::figures::FIGURES;

use super::shell::print;
use crate::profile::Profile;

/// Lists the figures; returns the exit status.
#[must_use]
pub fn figures() -> u8 {
    let head = ["name", "unit", "figure", "needs", "also"].map(ToOwned::to_owned);
    let rows = FIGURES.iter().map(|figure| {
        [
            figure.name.to_owned(),
            figure.unit.suffix().to_owned(),
            figure.title(),
            figure.needs.describe().to_owned(),
            figure.aliases.join(" "),
        ]
    });
    show(std::iter::once(head).chain(rows))
}

/// Lists the profiles with their descriptions; returns the exit status.
#[must_use]
pub fn profiles() -> u8 {
    show(Profile::builtin().map(|(name, description)| [name.to_owned(), description]))
}

/// Writes rows in aligned columns.
fn show<const N: usize>(rows: impl Iterator<Item = [String; N]>) -> u8 {
    let rows: Vec<[String; N]> = rows.collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; N] = std::array::from_fn(|column| width(column).unwrap_or_default());
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}  "));
        text.push_str(cells.collect::<String>().trim_end());
        text.push('\n');
    }
    print(&text);
    0
}
