//! Limits: `--limit 'median<400ms'` decides the exit status.

use std::str::FromStr;

use derive_more::Display;

use crate::figures::{FIGURES, Figure, Needs};
use crate::results::{MAELSTROM, PROCESSES, Results, Verdict};

/// Comparison of a figure with its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `=`
    Equal,
}

impl Comparison {
    /// Longer operators come first, so that `<=` is not taken for `<`.
    const ALL: [(&'static str, Self); 6] = [
        ("<=", Self::LessOrEqual),
        (">=", Self::GreaterOrEqual),
        ("==", Self::Equal),
        ("<", Self::Less),
        (">", Self::Greater),
        ("=", Self::Equal),
    ];

    /// True if the value keeps the bound.
    #[must_use]
    pub fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Less => value < bound,
            Self::LessOrEqual => value <= bound,
            Self::Greater => value > bound,
            Self::GreaterOrEqual => value >= bound,
            Self::Equal => value == bound,
        }
    }

    /// How it is written.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        let symbol = Self::ALL.iter().rfind(|(_, comparison)| *comparison == self);
        symbol.map_or("", |(symbol, _)| symbol)
    }
}

/// A bound on a figure of the results.
#[derive(Clone, Copy, Debug, Display, PartialEq)]
#[display("{} {} {}", figure.name, comparison.symbol(), figure.unit.show_bound(*bound))]
pub struct Limit {
    /// Figure that is compared.
    pub figure: &'static Figure,
    /// Kind of comparison.
    pub comparison: Comparison,
    /// Bound, in the figure's unit.
    pub bound: f64,
}

/// Refuses texts that are no limits.
///
/// # Errors
/// If one is none: the error of the first.
pub fn check_limits(limits: &[String]) -> Result<(), String> {
    limits.iter().try_for_each(|limit| limit.parse::<Limit>().map(drop))
}

impl Limit {
    /// Holds the limit against a run.
    #[must_use]
    pub fn check(&self, results: &Results) -> Verdict {
        let value = self.figure.read(results);
        let needs = self.figure.needs;
        let unseen = match results.rumormill.run.program.as_str() {
            PROCESSES => (needs == Needs::Simulation).then_some("only `lab sim` sees it"),
            MAELSTROM => {
                (needs == Needs::MaelstromLog).then_some("there is no jepsen.log of this run")
            }
            _ => None,
        };
        let unseen = unseen.filter(|_| value.is_none());
        let judged = unseen.is_none();
        let passed = !judged || value.is_some_and(|value| self.comparison.holds(value, self.bound));
        let delay =
            results.spoiling_delay_ms().filter(|_| !passed && self.figure.is_measured_time());
        let caveat = delay.map_or_else(String::new, |ms| {
            let delay = self.figure.unit.show(ms);
            format!(" (not trustworthy: the lab's scheduling delay was up to {delay})")
        });
        Verdict {
            limit: self.to_string(),
            found: match (value, unseen) {
                (Some(value), _) => self.figure.unit.show(value) + &caveat,
                (None, Some(why)) => format!("not judged: {why}"),
                (None, None) => "no such figure in this run".to_owned(),
            },
            value: value.filter(|value| value.is_finite()),
            passed,
            judged,
        }
    }
}

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((at, symbol, comparison)) = find_operator(text) else {
            return Err(format!(
                "the limit `{text}` has none of < <= > >= =, as in `median<400ms`"
            ));
        };
        let name = text[..at].trim();
        let bound = text[at + symbol.len()..].trim();
        let Some(figure) = Figure::named(name) else {
            let names: Vec<&str> = FIGURES.iter().map(|figure| figure.name).collect();
            return Err(format!(
                "the limit `{text}` is about no known figure; there are {} (`lab figures` explains \
                 them)",
                names.join(", ")
            ));
        };
        let bound = figure.unit.parse(bound).ok_or_else(|| {
            format!("the limit `{text}` needs {} after the `{symbol}`", figure.unit.expected())
        })?;
        Ok(Self { figure, comparison, bound })
    }
}

fn find_operator(text: &str) -> Option<(usize, &'static str, Comparison)> {
    let at = text.find(['<', '>', '='])?;
    let (symbol, comparison) =
        Comparison::ALL.into_iter().find(|(symbol, _)| text[at..].starts_with(symbol))?;
    Some((at, symbol, comparison))
}

#[cfg(test)]
mod tests;
