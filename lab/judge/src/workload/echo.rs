//! Echo: a node is to send back what it gets.

use super::{Draws, Errors, Operation, ResultShape, Spreads, Turns, Workload, WorkloadResults};
use crate::checker::{Pairing, client_function};
use crate::format::edn::Edn;
use crate::history::{Op, OpKind, OpValue};

/// The workload.
pub(super) static ECHO: Workload = Workload {
    name: "echo",
    summary: "a node is to send back what it gets",
    operations: &[&OPERATION],
    has_topology: false,
    errors: Errors::Mapped,
    keeps_client: false,
    turns: Turns::Random,
    spreads: Spreads::Nothing,
    next,
    last: None,
    check,
};

static OPERATION: Operation = Operation {
    f: "echo",
    argument: Some("echo"),
    result: ResultShape::Body("echo"),
    is_idempotent: false,
};

/// Texts that Maelstrom sends, by their number.
const TEXTS: u64 = 128;

fn next(draws: &mut Draws) -> (&'static Operation, OpValue) {
    let text = format!("Please echo {}", draws.dice.below(TEXTS));
    (&OPERATION, OpValue::Edn(Edn::Str(text)))
}

/// Every operation that came to an end has to have its own text in the reply. An operation that
/// failed has none.
fn check(history: &[Op]) -> WorkloadResults {
    let mut pairing = Pairing::default();
    let mut errors = Vec::new();
    for (position, op) in history.iter().enumerate() {
        if client_function(op).is_none() {
            continue;
        }
        let Some(invoked) = pairing.step(position, op).filter(|_| op.kind != OpKind::Invoke) else {
            continue;
        };
        let (sent, got) = (history[invoked].action.value(), op.action.value());
        let (sent, got) = (sent.to_edn(), got.to_edn());
        if got.at(&["echo"]) != Some(&sent) {
            errors.push(Edn::Vector(vec![
                "Expected a message with :echo".into(),
                sent,
                "But received".into(),
                got,
            ]));
        }
    }
    WorkloadResults::Other(Edn::map([
        ("valid?", errors.is_empty().into()),
        ("errors", Edn::Vector(errors)),
    ]))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, history};
    use super::*;
    use crate::checker::Validity;

    /// The vectors of the specification.
    #[test]
    fn a_reply_without_the_text_of_its_request_is_an_error() {
        for (script, errors) in [
            (r#"0 invoke echo "x", 0 ok echo {:type "echo_ok" :echo "x" :in_reply_to 1}"#, "[]"),
            (
                r#"0 invoke echo "x", 0 ok echo {:type "echo_ok" :echo "y" :in_reply_to 1}"#,
                r#"[["Expected a message with :echo" "x" "But received" {:echo "y", :in_reply_to 1, :type "echo_ok"}]]"#,
            ),
            (
                r#"0 invoke echo "z", 0 info echo "z""#,
                r#"[["Expected a message with :echo" "z" "But received" "z"]]"#,
            ),
            (r#"0 invoke echo "pending""#, "[]"),
        ] {
            let results = check(&ECHO, &history(script));
            assert_eq!(results.figure("errors").unwrap().to_string(), errors, "{script}");
            let is_valid = errors == "[]";
            assert_eq!(results.valid(), Validity::from_bool(is_valid), "{script}");
        }
    }

    #[test]
    fn replies_are_paired_with_the_requests_of_their_process() {
        let script = r#"0 invoke echo "a", 1 invoke echo "b",
                        1 ok echo {:echo "a"}, 0 ok echo {:echo "a"}"#;
        let results = check(&ECHO, &history(script));
        assert_eq!(results.figure("errors").and_then(Edn::items).map(<[Edn]>::len), Some(1));
    }
}
