//! A run's values in a few lines: where deliveries are seen, how many came, the slowest and lost.

use std::fmt::Write as _;

use rumormill_judge::checker::quantile::Quantiles;
use rumormill_judge::figures::POINTS;
use rumormill_judge::format::number::{counted, number};

use super::life::{Holder, Life};
use super::words;
use crate::store::journal::Journal;

/// Values that are named.
const NAMED: usize = 3;

/// A summary of all values, and what else can be asked.
#[must_use]
pub fn summary(journal: &Journal, lives: &[Life], store: &str) -> String {
    let mut out = String::new();
    let mut line = |text: &str| _ = writeln!(out, "{text}");
    let between = journal.messages.iter().filter(|message| message.is_between_nodes()).count();
    let (nodes, values) = (journal.nodes.len() as u64, lives.len() as u64);
    line(&format!(
        "{} on {}, {} between nodes",
        counted(values, "value"),
        counted(nodes, "node"),
        counted(between as u64, "message")
    ));
    let source = &journal.trace.source;
    line(&match source.why_not() {
        None => format!("deliveries  seen in {}", source.words()),
        Some(why) => format!("deliveries  seen in {} only: {why}", source.words()),
    });
    let acked: Vec<&Life> = lives.iter().filter(|life| life.acked_ms.is_some()).collect();
    let took = acked.iter().map(|life| life.took_ms.unwrap_or(f64::INFINITY));
    if let Some(all) = Quantiles::of(took.collect()) {
        let ms =
            |ms: f64| if ms.is_finite() { format!("{} ms", number(ms)) } else { "never".into() };
        let points =
            POINTS.iter().zip(all.points()).map(|(name, (_, at))| format!("{name} {}", ms(at)));
        let points = points.collect::<Vec<_>>().join(", ");
        line(&format!("last node   {points} after the acknowledgement"));
    }
    let lost: Vec<&&Life> = acked.iter().filter(|life| !life.missing.is_empty()).collect();
    if lost.is_empty() {
        line(&format!("lost        none of {} acknowledged", acked.len()));
    } else {
        line(&format!("lost        {} of {} acknowledged", lost.len(), acked.len()));
        for life in lost.iter().take(NAMED) {
            if let Some(node) = life.missing.first() {
                line(&format!("            {}: {}", life.value, words::why_missing(life, node)));
            }
        }
    }
    let slowest = acked.iter().filter_map(|life| Some((life.took_ms?, life)));
    if let Some((took, life)) = slowest.max_by(|a, b| a.0.total_cmp(&b.0)) {
        let why = life
            .costliest_hop()
            .map_or_else(String::new, |hop| format!(": {}", Holder::reason(hop)));
        line(&format!("slowest     {}, {} ms{why}", life.value, number(took)));
    }
    out += &format!(
        "\n  lab explain {store} VALUE         how a value came to each node\n  \
           lab explain {store} --slowest 10  the values that took longest\n  \
           lab explain {store} --lost        the values that some node never held\n  \
           lab explain {store} --messages    all {} messages\n",
        journal.messages.len()
    );
    out
}
