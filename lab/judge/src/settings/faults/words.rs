//! Faults in a few words, for titles.

use super::{Cut, FaultSettings};

/// Faults of a kind that are told one by one; of more, how many there are.
const NAMED: usize = 2;

impl FaultSettings {
    /// Each kind of fault that is set, in a few words.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        let chances =
            [("loss", self.loss), ("duplicates", self.duplicate), ("reordering", self.reorder)];
        for (what, chance) in chances.into_iter().filter(|(_, chance)| *chance > 0.0) {
            words.push(format!("{what} {chance}"));
        }
        let slow = self.slow.iter().map(|slow| format!("{} +{} ms", slow.node, slow.extra_ms));
        words.extend(listed("slow nodes", slow.collect()));
        words.extend(listed("cuts", self.cut.iter().map(cut_words).collect()));
        let changes = self.latency.iter();
        let changes =
            changes.map(|c| format!("latency {} ms at {} s", c.mean_ms, seconds(c.at_ms)));
        words.extend(listed("changes of the latency", changes.collect()));
        let pauses = self.pause.iter();
        let pauses = pauses.map(|p| format!("{} paused at {} s", p.node, seconds(p.at_ms)));
        words.extend(listed("pauses", pauses.collect()));
        let jumps = self.clock_jump.iter();
        let jumps = jumps.map(|j| format!("clock of {} jumps at {} s", j.node, seconds(j.at_ms)));
        words.extend(listed("clock jumps", jumps.collect()));
        let full = self.disk_full.iter();
        let full = full.map(|f| format!("disk of {} full at {} s", f.node, seconds(f.at_ms)));
        words.extend(listed("full disks", full.collect()));
        let crashes = self.crash.iter();
        let crashes = crashes.map(|c| format!("{} crashes at {} s", c.node, seconds(c.at_ms)));
        words.extend(listed("crashes", crashes.collect()));
        let rates = [
            ("pauses", self.pause_rate),
            ("clock jumps", self.clock_jump_rate),
            ("crashes", self.crash_rate),
        ];
        let rates = rates.into_iter().filter(|(_, rate)| *rate > 0.0);
        words.extend(rates.map(|(what, rate)| format!("random {what} {rate}/s")));
        words.extend(self.durable.then(|| "durable".to_owned()));
        words.extend(self.disk_sync_ms.map(|ms| format!("disk sync {ms} ms")));
        words
    }
}

fn listed(what: &str, items: Vec<String>) -> Vec<String> {
    if items.len() > NAMED { vec![format!("{} {what}", items.len())] } else { items }
}

fn cut_words(cut: &Cut) -> String {
    let side = |names: &[rumormill::cluster::Name]| match names {
        [] => "all others".to_owned(),
        [name] => name.to_string(),
        names => format!("{} nodes", names.len()),
    };
    let arrow = if cut.one_way { ">" } else { "-" };
    format!("cut {}{arrow}{}", side(&cut.a), side(&cut.b))
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_told_in_a_few_words() {
        let toml = "loss = 0.01\ncut = [{ a = ['n0'] }]\n[[crash]]\nnode = 'n3'\nat-ms = 8000\n";
        let faults = FaultSettings::from_toml(toml).unwrap();
        assert_eq!(faults.words(), ["loss 0.01", "cut n0-all others", "n3 crashes at 8 s"]);
        let one = "[[pause]]\nnode = 'n3'\nat-ms = 1\nfor-ms = 1\n";
        let faults = FaultSettings::from_toml(&one.repeat(3)).unwrap();
        assert_eq!(faults.words(), ["3 pauses"]);
        assert!(FaultSettings::default().words().is_empty());
    }
}
