//! Part of the screen: figures recomputed by `lab check`.

use rumormill_judge::format::number::counted;

use super::style::{Style, Tone};
use crate::check::Comparison;

/// Number of differences that are shown one by one.
const SHOWN: usize = 12;

/// Renders the result of recomputing a run's figures.
#[must_use]
pub fn render_comparison(comparison: &Comparison, style: Style) -> String {
    let Comparison { compared, differences } = comparison;
    let title = style.paint(Tone::Strong, "Recomputed from history.edn");
    if differences.is_empty() {
        let word = style.paint(Tone::Good, "pass");
        return format!("{title}\n  {word}  {} agree\n", counted(*compared as u64, "figure"));
    }
    let word = style.paint(Tone::Bad, "FAIL");
    let count = differences.len();
    let mut text =
        format!("{title}\n  {word}  {count} of {compared} figures are not what was reported\n");
    for difference in differences.iter().take(SHOWN) {
        text += &format!(
            "        {}: {} reported, {} recomputed\n",
            difference.figure, difference.reported, difference.recomputed
        );
    }
    if let Some(rest) = count.checked_sub(SHOWN).filter(|rest| *rest > 0) {
        text += &format!("        and {rest} more\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Difference;

    #[test]
    fn differences_are_shown_and_counted() {
        let mut comparison = Comparison { compared: 40, differences: Vec::new() };
        assert_eq!(
            render_comparison(&comparison, Style::PLAIN),
            "Recomputed from history.edn\n  pass  40 figures agree\n"
        );
        let difference = Difference {
            figure: "workload :lost-count".to_owned(),
            reported: "0".to_owned(),
            recomputed: "1".to_owned(),
        };
        comparison.differences = vec![difference; 14];
        let text = render_comparison(&comparison, Style::PLAIN);
        assert!(text.contains("FAIL  14 of 40 figures"), "{text}");
        assert!(text.contains("  workload :lost-count: 0 reported, 1 recomputed\n"), "{text}");
        assert!(text.ends_with("and 2 more\n"), "{text}");
    }
}
