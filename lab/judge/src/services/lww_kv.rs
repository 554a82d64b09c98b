//! `lww-kv`: two replicas; of two writes to a key the one with the later Lamport timestamp wins.
//!
//! Before each request a random replica is merged into a random one, and the request goes to a random
//! one. Maelstrom computes the merge and throws it away, so that its replicas never meet; the
//! correct service keeps it.

use std::collections::BTreeMap;

use rumormill::value::Value;
use rumormill_sim::dice::Dice;

use super::Services;
use super::kv::{Answer, Effect, Request};

/// Replicas. Maelstrom's documentation says 5.
const REPLICAS: usize = 2;

#[derive(Clone, Debug, Default)]
struct Replica {
    clock: u64,
    /// By key: when it was written, and its value.
    values: BTreeMap<Value, (u64, Value)>,
}

#[derive(Debug)]
pub(super) struct LwwKv {
    services: Services,
    dice: Dice,
    replicas: [Replica; REPLICAS],
}

impl LwwKv {
    pub(super) fn new(services: Services, dice: Dice) -> Self {
        Self { services, dice, replicas: Default::default() }
    }

    pub(super) fn apply(&mut self, request: &Request) -> Answer {
        let [from, to, asked] = [(); 3].map(|()| self.dice.index(REPLICAS));
        if self.services == Services::Correct && from != to {
            let source = std::mem::take(&mut self.replicas[from]);
            self.replicas[to].merge(&source);
            self.replicas[from] = source;
        }
        self.replicas[asked].apply(request)
    }
}

impl Replica {
    fn apply(&mut self, request: &Request) -> Answer {
        let present = self.values.get(request.key()).map(|(_, value)| value);
        let effect = match (request, present) {
            // No key is ever created.
            (Request::Cas { .. }, None) => Effect { answer: Answer::Absent, set: None },
            (Request::Cas { from, .. }, Some(value)) if from != value => {
                let text =
                    format!("current value {} is not {}", super::kv::clojure(value), plain(from));
                Effect { answer: Answer::Differs(text), set: None }
            }
            _ => request.effect(present),
        };
        if let Some(value) = effect.set {
            self.values.insert(request.key().clone(), (self.clock, value));
            self.clock += 1;
        }
        effect.answer
    }

    /// Takes what the other has later; of two equal timestamps the other's value.
    fn merge(&mut self, source: &Self) {
        self.clock = self.clock.max(source.clock);
        for (key, theirs) in &source.values {
            match self.values.get_mut(key) {
                Some(mine) if mine.0 > theirs.0 => {}
                Some(mine) => *mine = theirs.clone(),
                None => _ = self.values.insert(key.clone(), theirs.clone()),
            }
        }
    }
}

/// A value as Clojure's `str` writes it: a text has no quotes.
fn plain(value: &Value) -> String {
    let json = value.to_string();
    serde_json::from_str::<String>(&json).unwrap_or_else(|_| super::kv::clojure(value))
}

#[cfg(test)]
mod tests {
    use super::super::kv::tests::{cas, read, write};
    use super::super::value_of;
    use super::*;

    fn lww_kv(services: Services) -> LwwKv {
        LwwKv::new(services, Dice::new(7, "lww-kv"))
    }

    /// Of so many reads of a key that was written once, those that find it.
    fn found(kv: &mut LwwKv, reads: usize) -> usize {
        (0..reads).filter(|_| kv.apply(&read("0")) == Answer::Value(value_of("1"))).count()
    }

    #[test]
    fn maelstroms_replicas_never_meet() {
        let mut kv = lww_kv(Services::Compatible);
        kv.apply(&write("0", "1"));
        let count = found(&mut kv, 4_000);
        assert!((1_850..2_150).contains(&count), "Maelstrom's own: 1991 of 4000; {count}");
        let count = found(&mut kv, 100);
        assert!((30..70).contains(&count), "{count}");
    }

    #[test]
    fn correct_replicas_come_to_agree_on_the_later_write() {
        let mut kv = lww_kv(Services::Correct);
        kv.apply(&write("0", "1"));
        found(&mut kv, 100);
        assert_eq!(found(&mut kv, 100), 100);
        kv.apply(&write("0", "2"));
        found(&mut kv, 100);
        assert_eq!(found(&mut kv, 100), 0);
    }

    #[test]
    fn a_cas_creates_nothing_and_its_refusal_has_texts_without_quotes() {
        let mut replica = Replica::default();
        assert_eq!(replica.apply(&cas("0", "1", "2", true)), Answer::Absent);
        replica.apply(&write("0", r#""abc""#));
        let why = replica.apply(&cas("0", r#""q""#, "2", false));
        assert_eq!(why, Answer::Differs(r#"current value "abc" is not q"#.to_owned()));
        assert_eq!(replica.clock, 1, "a refusal leaves the clock alone");
        assert_eq!(replica.apply(&cas("0", r#""abc""#, "2", false)), Answer::Set);
    }
}
