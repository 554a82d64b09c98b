//! The figures of the lab: one table, from which the screen, `--limit`, `compare`, `sim --seeds`,
//! `bench`, `report` and `serve` select.
//!
//! A figure that is not in [`FIGURES`] is shown nowhere. Names are what limits begin with; a name
//! that was given up stays as an alias.

mod figure;
mod runs;
mod table;
mod unit;

pub use figure::{Figure, Needs, POINTS, Worse};
pub use runs::Sample;
pub use table::FIGURES;
pub use unit::Unit;

impl Figure {
    /// Finds a figure by its name or an alias; the median may be called `p50`.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        let median = name.strip_suffix("p50").map(|prefix| format!("{prefix}median"));
        let name = median.as_deref().unwrap_or(name);
        FIGURES.iter().find(|figure| figure.name == name || figure.aliases.contains(&name))
    }
}

/// Finds a figure by its name. In a `const` block a name that is not in the table does not compile.
#[must_use]
pub const fn figure(name: &str) -> &'static Figure {
    let mut at = 0;
    while at < FIGURES.len() {
        if is_same(FIGURES[at].name, name) {
            return &FIGURES[at];
        }
        at += 1;
    }
    panic!("no figure has this name")
}

/// Finds figures by their names, like [`figure`].
#[must_use]
pub const fn select<const N: usize>(names: [&str; N]) -> [&'static Figure; N] {
    let mut found = [&FIGURES[0]; N];
    let mut at = 0;
    while at < N {
        found[at] = figure(names[at]);
        at += 1;
    }
    found
}

const fn is_same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

#[cfg(test)]
mod tests;
