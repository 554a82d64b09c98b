//! Limits: `--limit 'median<400ms'` decides the exit status.

mod figures;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::results::Results;
pub use figures::{Figure, Unit, names};

/// How a figure and its bound are compared.
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

    pub(crate) fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Less => value < bound,
            Self::LessOrEqual => value <= bound,
            Self::Greater => value > bound,
            Self::GreaterOrEqual => value >= bound,
            Self::Equal => value == bound,
        }
    }

    pub(crate) const fn symbol(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Equal => "=",
        }
    }
}

/// A bound on a figure of the results.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// Which figure.
    pub figure: Figure,
    /// How it is compared.
    pub comparison: Comparison,
    /// With what, in the unit that the figure has.
    pub bound: f64,
}

/// A limit held against a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Verdict {
    /// The limit, as text.
    pub limit: String,
    /// The figure, as text; `no such figure in this run` if there is none.
    pub found: String,
    /// The figure, in ms if it is a time; none if there is none, or it is infinite.
    pub value: Option<f64>,
    /// Whether it is within the limit. A figure that is not there is not, unless it is not judged.
    pub passed: bool,
    /// False if the run is of a kind that cannot have the figure: processes are not looked into.
    #[serde(default = "yes")]
    pub judged: bool,
}

/// What [`RunInfo::program`](crate::results::RunInfo) is called in runs of real processes.
pub const PROCESSES: &str = "test";
/// The same in runs of the real Maelstrom.
pub const MAELSTROM: &str = "maelstrom";

const fn yes() -> bool {
    true
}

impl Limit {
    /// The name of the figure; the same for all its aliases.
    #[must_use]
    pub fn figure_name(&self) -> String {
        self.figure.to_string()
    }

    /// Holds it against a run.
    #[must_use]
    pub fn check(&self, results: &Results) -> Verdict {
        let value = self.figure.read(results);
        let unseen = match results.rumormill.run.program.as_str() {
            PROCESSES => self.figure.is_simulated_only().then_some("only `lab sim` sees it"),
            MAELSTROM => self.figure.is_in_log().then_some("there is no jepsen.log of this run"),
            _ => None,
        };
        let unseen = unseen.filter(|_| value.is_none());
        let judged = unseen.is_none();
        let passed = !judged || value.is_some_and(|value| self.comparison.holds(value, self.bound));
        let doubt =
            results.spoiling_delay_ms().filter(|_| !passed && self.figure.is_measured_time());
        let doubt = doubt.map_or_else(String::new, |ms| {
            let late = self.figure.unit().show(ms);
            format!(" (not trustworthy: the lab was late by {late})")
        });
        Verdict {
            limit: self.to_string(),
            found: match (value, unseen) {
                (Some(value), _) => self.figure.unit().show(value) + &doubt,
                (None, Some(why)) => format!("not judged: {why}"),
                (None, None) => "no such figure in this run".to_owned(),
            },
            value: value.filter(|value| value.is_finite()),
            passed,
            judged,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bound = self.figure.unit().show(self.bound);
        write!(f, "{} {} {bound}", self.figure, self.comparison.symbol())
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
            let names = names().join(", ");
            return Err(format!("the limit `{text}` is about no known figure; there are {names}"));
        };
        let bound = figure.unit().parse(bound).ok_or_else(|| {
            format!("the limit `{text}` needs {} after the `{symbol}`", figure.unit().expected())
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
