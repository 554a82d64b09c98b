//! What a figure is.

use super::unit::Unit;
use crate::results::Results;

/// The points of a distribution, by the last part of a figure's name.
pub const POINTS: [&str; 5] = ["min", "median", "p95", "p99", "max"];

/// The direction in which a figure is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worse {
    /// More is worse.
    Higher,
    /// Less is worse.
    Lower,
}

/// Requirement of a figure on the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: the real Maelstrom's results have it too.
    Nothing,
    /// The history of the clients' operations, which `lab check` reads for the real Maelstrom too.
    History,
    /// The lines that were refused, which the lab sees; of a run of the real Maelstrom, its log.
    MaelstromLog,
    /// Final reads of which the node is known.
    FinalReads,
    /// The lab's own network and clock.
    Lab,
    /// Knowledge of when each node came to hold each value.
    Deliveries,
    /// The same, and faults that disconnect nodes.
    Disconnection,
    /// Values that can be seen in messages between nodes.
    Values,
    /// Gossip messages of our node.
    Gossip,
    /// A simulation of our node.
    Simulation,
}

impl Needs {
    /// A phrase for users.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Nothing => "nothing: Maelstrom has it too",
            Self::History => "history.edn",
            Self::MaelstromLog => "the lab, or Maelstrom's jepsen.log",
            Self::FinalReads => "final reads by node",
            Self::Lab => "lab test or lab sim",
            Self::Deliveries => "values seen in messages (of any node), lab sim or --probe",
            Self::Disconnection => {
                "values seen in messages or lab sim, and faults that disconnect nodes"
            }
            Self::Values => "values seen in messages (of any node), or lab sim",
            Self::Gossip => "our node",
            Self::Simulation => "lab sim",
        }
    }
}

/// A figure of a run.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// Name, as limits have it.
    pub name: &'static str,
    /// Other names that limits may have.
    pub aliases: &'static [&'static str],
    /// Label on screens and in tables; the same for all points of a distribution.
    pub label: &'static str,
    /// Point of the distribution, one of [`POINTS`]; empty if the figure is a single number.
    pub point: &'static str,
    /// Unit of the values.
    pub unit: Unit,
    /// Direction in which it is worse.
    pub worse: Worse,
    /// Requirement on the run.
    pub needs: Needs,
    /// Place in `results.json`, as a JSON pointer (RFC 6901).
    pub path: &'static str,
    pub(crate) read: fn(&Results) -> Option<f64>,
}

impl PartialEq for Figure {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Figure {
    /// Value in a run, if the run has it; infinite for a time that never came.
    #[must_use]
    pub fn read(&self, results: &Results) -> Option<f64> {
        (self.read)(results)
    }

    /// Value in a run as text with its unit, if the run has it.
    #[must_use]
    pub fn show(&self, results: &Results) -> Option<String> {
        self.read(results).map(|value| self.unit.show(value))
    }

    /// True if a scheduling delay of the lab makes it longer: a point of a distribution of times.
    #[must_use]
    pub const fn is_measured_time(&self) -> bool {
        !self.point.is_empty()
    }

    /// Label and point.
    #[must_use]
    pub fn title(&self) -> String {
        if self.point.is_empty() {
            self.label.to_owned()
        } else {
            format!("{}, {}", self.label, self.point)
        }
    }

    /// Head of a column of such figures: label, point and unit.
    #[must_use]
    pub fn head(&self) -> String {
        let unit = self.unit.suffix();
        if unit.is_empty() { self.title() } else { format!("{}, {unit}", self.title()) }
    }
}
