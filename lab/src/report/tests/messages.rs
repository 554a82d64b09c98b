//! Reports of a few messages, made by hand.

use super::*;

const BROADCAST: &str = r#"{"type":"broadcast","message":7,"msg_id":3}"#;
const ACK: &str = r#"{"type":"broadcast_ok","in_reply_to":3}"#;
const GOSSIP: &str = r#"{"type":"rumormill","v":4,"id":[1,0],"entries":[0,1,0,7]}"#;
const EVIDENCE: &str = r#"{"type":"rumormill","v":4,"id":[1,0],"have":[0,1,[0,1]]}"#;

/// Value 7 comes to n0, by way of n1 to n2; n2 acknowledges, and tells n1 what it knows.
fn gossiping() -> Run {
    let dir = store(&[(
        "messages.jsonl",
        &journal(&[
            ("c1", "n0", 10, 10, BROADCAST),
            ("n0", "c1", 11, 12, ACK),
            ("n0", "n1", 20, 30, GOSSIP),
            ("n0", "n2", 21, 0, GOSSIP),
            ("n1", "n2", 35, 60, GOSSIP),
            ("n0", "n2", 50, 70, GOSSIP),
            ("n2", "n1", 75, 80, EVIDENCE),
        ]),
    )]);
    Run::gather(dir.path(), &[])
}

#[test]
fn spread_is_seen_in_the_messages() {
    let run = gossiping();
    let journal = run.journal.as_ref().unwrap();
    let value = &journal.trace.values[0];
    let holds: Vec<(u32, u64, Via)> =
        value.holds.iter().map(|hold| (hold.node, hold.at / 1_000_000, hold.via)).collect();
    let by = |id, from| Via::Message { id, from };
    assert_eq!(holds, [(0, 10, Via::Client(1)), (1, 30, by(3, 0)), (2, 60, by(5, 1))]);
    assert_eq!(journal.took_ms(value), Some(48.0));
    let never = self::journal(&[("c1", "n0", 10, 10, BROADCAST), ("n0", "n1", 20, 30, GOSSIP)]);
    let run = Run::gather(store(&[("messages.jsonl", &never)]).path(), &[]);
    let journal = run.journal.as_ref().unwrap();
    let value = &journal.trace.values[0];
    assert_eq!((value.holds.len(), journal.took_ms(value)), (2, None));
}

#[test]
fn spread_is_seen_in_floods_and_a_message_has_the_type_that_is_on_the_wire() {
    const PUSH: &str = r#"{"type":"flood","v":1,"entry":["n0",1,0],"message":7}"#;
    let messages = [("c1", "n0", 10, 10, BROADCAST), ("n0", "n1", 20, 30, PUSH)];
    let run = Run::gather(store(&[("messages.jsonl", &journal(&messages))]).path(), &[]);
    let trace = &run.journal.as_ref().unwrap().trace;
    let holds: Vec<u32> = trace.values[0].holds.iter().map(|hold| hold.node).collect();
    assert_eq!((holds, &trace.source), (vec![0, 1], &Source::Own("flood messages".to_owned())));
    let kinds = |run: &Run| -> Vec<String> {
        let messages = &run.journal.as_ref().unwrap().messages;
        messages.iter().map(|message| message.kind.clone()).collect()
    };
    // The journal begins with `init`.
    assert_eq!(kinds(&run)[1..], ["broadcast", "flood"]);
    let ours = ["broadcast", "broadcast_ok", "rumormill", "rumormill"];
    assert_eq!(kinds(&gossiping())[1..5], ours);
}

#[test]
fn every_message_has_its_cause() {
    let run = gossiping();
    let causes = causes::of(run.journal.as_ref().unwrap());
    let sure = |message| Some(Cause { message, is_sure: true });
    assert_eq!(causes[0], None);
    assert_eq!(causes[1], None, "the client's request");
    assert_eq!(causes[2], sure(1), "the reply to a request");
    assert_eq!(causes[3], sure(1), "the value was broadcast here");
    assert_eq!(causes[5], sure(3), "the value came with message 3");
    assert_eq!(causes[6], sure(1), "the value did not come with what was received in between");
    let guess = Some(Cause { message: 6, is_sure: false });
    assert_eq!(causes[7], guess, "without values, what was received last");
}

#[test]
fn nodes_that_show_no_values_are_told_apart() {
    let opaque = r#"{"type":"sync","data":"opaque"}"#;
    let text = journal(&[
        ("c1", "n0", 10, 10, BROADCAST),
        ("n0", "c1", 11, 12, ACK),
        ("n0", "n1", 20, 30, opaque),
        ("n1", "n2", 40, 50, opaque),
    ]);
    let dir = store(&[("messages.jsonl", &text)]);
    let run = Run::gather(dir.path(), &[]);
    let causes = causes::of(run.journal.as_ref().unwrap());
    assert_eq!(causes[4], Some(Cause { message: 3, is_sure: false }));
    let (text, _) = check(&render(dir.path(), Window::default(), &[]).unwrap());
    assert!(text.contains("Not available: no value that a client broadcast stands in"), "{text}");
    assert!(text.contains("--values-at PATH"), "{text}");
    // Nodes that tell each other values as clients do, without a request's number.
    let told = r#"{"type":"broadcast","message":7}"#;
    let text = journal(&[
        ("c1", "n0", 10, 10, BROADCAST),
        ("n0", "n1", 20, 30, told),
        ("n0", "n2", 20, 35, told),
    ]);
    let dir = store(&[("messages.jsonl", &text)]);
    let run = Run::gather(dir.path(), &[]);
    assert_eq!(run.journal.as_ref().unwrap().trace.values[0].holds.len(), 3);
    let (text, _) = check(&render(dir.path(), Window::default(), &[]).unwrap());
    assert!(text.contains("seen in message of type broadcast (found out)"), "{text}");
}

#[test]
fn what_does_not_fit_is_left_out_and_said() {
    let run = gossiping();
    let journal = run.journal.as_ref().unwrap();
    let shown = Shown::of(&run, Window::default());
    assert_eq!(shown.left_out(journal), None);
    let few = Shown::within(&run, Window::default(), 4, 100);
    let said = few.left_out(journal).unwrap();
    assert!(
        said.starts_with("Only 4 of 8 messages are in this file: those sent from 0.000 to 0.020 s"),
        "{said}"
    );
    // The broadcast and two copies of the value.
    let few = Shown::within(&run, Window::default(), 100, 2);
    assert!(few.left_out(journal).unwrap().starts_with("Only 4 of 8"));
    let window = Window { from_ms: 21.0, to_ms: 50.0 };
    let said = Shown::of(&run, window).left_out(journal).unwrap();
    assert!(
        said.starts_with("Only 3 of 8 messages are in this file: those sent from 0.021 to 0.050 s"),
        "{said}"
    );
    // Causes that are not in the file are not pointed at.
    let data = data::Data::of(&run, &Shown::of(&run, window));
    let json: Json = serde_json::from_str(&html::json(&data)).unwrap();
    assert_eq!(json["messages"]["cause"], serde_json::json!([0, 0, 0]));
    let nothing = Shown::of(&run, Window { from_ms: 1e6, to_ms: 2e6 });
    assert!(nothing.left_out(journal).unwrap().starts_with("No message was sent"));
}
