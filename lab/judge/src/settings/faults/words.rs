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
        let lists = [
            listed("slow nodes", &self.slow, |slow| format!("{} +{} ms", slow.node, slow.extra_ms)),
            listed("cuts", &self.cut, cut_words),
            listed("changes of the latency", &self.latency, |change| {
                format!("latency {} ms at {} s", change.mean_ms, seconds(change.at_ms))
            }),
            listed("pauses", &self.pause, |pause| {
                format!("{} paused at {} s", pause.node, seconds(pause.at_ms))
            }),
            listed("clock jumps", &self.clock_jump, |jump| {
                format!("clock of {} jumps at {} s", jump.node, seconds(jump.at_ms))
            }),
            listed("full disks", &self.disk_full, |full| {
                format!("disk of {} full at {} s", full.node, seconds(full.at_ms))
            }),
            listed("crashes", &self.crash, |crash| {
                format!("{} crashes at {} s", crash.node, seconds(crash.at_ms))
            }),
        ];
        words.extend(lists.into_iter().flatten());
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

fn listed<T>(what: &str, faults: &[T], words: fn(&T) -> String) -> Vec<String> {
    match faults.len() {
        0..=NAMED => faults.iter().map(words).collect(),
        many => vec![format!("{many} {what}")],
    }
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
