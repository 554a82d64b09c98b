use std::time::Duration;

use super::*;
use crate::maelstrom::message::ErrorCode;
use crate::maelstrom::parse::Refusal;
use crate::protocols::flood::Flood;
use crate::protocols::rumormill::Rumormill;
use crate::protocols::rumormill::config::Config;
use crate::protocols::rumormill::message::Gossip;
use crate::protocols::rumormill::route::Route;

type Message = super::Message<Gossip>;
type Body = super::Body<Gossip>;

fn config() -> Config {
    let window = Some(Duration::from_micros(1));
    Config { route: Route::Tree, window, ..Config::default() }
}

fn header() -> Header {
    Header::new::<Rumormill>(&config(), u64::MAX, Generation(1 << 63))
}

fn at(micros: u64) -> Instant {
    Instant::from_micros(micros)
}

fn to_client(body: Body) -> Message {
    Message { src: "n0".into(), dest: "c\"1".into(), body }
}

fn error(text: &str) -> Message {
    let code = ErrorCode::NotSupported;
    to_client(Body::Error { in_reply_to: 1, code, text: text.to_owned() })
}

fn acknowledgement() -> Message {
    to_client(Body::Reply { reply: Reply::BroadcastOk, in_reply_to: -3 })
}

fn reply(values: i64) -> Message {
    let mut text = ReadText::default();
    (0..values).for_each(|value| text.push(&value.into()));
    to_client(Body::Reply { reply: Reply::ReadOk { messages: text.into() }, in_reply_to: 9 })
}

/// One of each.
fn sample() -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer = Writer::new(&mut file, &header());
    let message = "\t{\"src\":\"c1\",\"dest\":\"n0\",\"body\":{\"text\":\"}\\u00e9é\"}}\r";
    writer.input(at(1), &Input::Message(message.as_bytes()));
    writer.sent(&error("short"));
    writer.input(at(2), &Input::BadLine(b"{\"out\":\"\x1b"));
    writer.input(at(3), &Input::BadLine(b"\xff{"));
    let refusal = Refusal::new(None, "too long", "x");
    writer.input(at(4), &Input::TooLong(&refusal));
    writer.input(at(5), &Input::Timeout);
    writer.sent(&error(&"x".repeat(LONG_BYTES)));
    writer.sent(&acknowledgement());
    writer.sent(&reply(1));
    writer.sent(&reply(1_000));
    writer.input(Instant::MAX, &Input::End);
    drop(writer);
    file
}

#[test]
fn what_is_written_is_read_back() {
    let file = sample();
    let records = Records::read(&*file).unwrap();
    let [record] = &*records.lives else { panic!("{records:?}") };
    assert_eq!(record.header, header());
    assert_eq!(record.header.config::<Rumormill>(), Ok(config()));
    let events: Vec<&Event> = record.events.iter().map(|(_, event)| event).collect();
    let message = "{\"src\":\"c1\",\"dest\":\"n0\",\"body\":{\"text\":\"}\\u00e9é\"}}".to_owned();
    assert_eq!(*events[0], Event::Message(at(1), message));
    assert_eq!(*events[1], Event::Output(Output::of(&error("short"))));
    assert_eq!(*events[2], Event::BadLine(at(2), b"{\"out\":\"\x1b".to_vec()));
    assert_eq!(*events[3], Event::BadLine(at(3), b"\xff{".to_vec()));
    assert_eq!(*events[4], Event::TooLong(at(4), "too long: x".to_owned()));
    assert_eq!(*events[5], Event::Timeout(at(5)));
    let output = |message: &Message| Event::Output(Output::of(message));
    let long = "x".repeat(LONG_BYTES);
    assert_eq!(*events[6], output(&error(&long)));
    assert_ne!(*events[6], output(&error(&long.replacen("xx", "xy", 1))));
    assert_eq!(*events[7], output(&acknowledgement()));
    assert_eq!(*events[8], output(&reply(1)));
    assert_eq!(*events[9], output(&reply(1_000)));
    assert_ne!(*events[9], output(&reply(1_001)));
    assert_eq!(*events[10], Event::End(Instant::MAX));
    assert_eq!(events.len(), 11);
    assert_eq!(acknowledged(&file), "{\"ok\":-3,\"to\":\"c\\\"1\"}");
    // All are whole lines of JSON, whatever came in.
    for line in file.split_inclusive(|&byte| byte == b'\n') {
        assert!(is_record_line(line) && line.ends_with(b"}\n"));
        serde_json::from_slice::<serde::de::IgnoredAny>(line).unwrap();
    }
}

/// The short line of the acknowledgement.
fn acknowledged(file: &[u8]) -> &str {
    let text = std::str::from_utf8(file).unwrap();
    text.lines().find(|line| line.starts_with("{\"ok\"")).unwrap()
}

#[test]
fn a_record_is_usable_wherever_it_is_cut_short() {
    let file = sample();
    let header_bytes = file.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    for end in header_bytes..file.len() {
        let records = Records::read(&file[..end]).unwrap();
        let whole = file[..end].iter().filter(|&&byte| byte == b'\n').count();
        let read = records.lives[0].events.len() + 1;
        // A last line that lacks nothing but its newline is taken.
        assert!(read == whole || (read == whole + 1 && file[end] == b'\n'), "cut at {end}");
    }
}

#[test]
fn other_lines_are_read_past_and_damage_is_named() {
    let text = String::from_utf8(sample()).unwrap();
    let mixed = text.replace('\n', "\nrumormill: {\"t\":1\n\n");
    let records = Records::read(mixed.as_bytes()).unwrap();
    assert_eq!((records.lives[0].events.len(), records.other_lines), (11, 24));
    let again = Records::read(format!("{text}{text}").as_bytes()).unwrap();
    assert_eq!(again.lives.len(), 2);

    let problem = |text: &str| Records::read(text.as_bytes()).unwrap_err().to_string();
    assert!(problem("rumormill: version 1\n").contains("no record in it"));
    assert!(problem("{\"out\":{}}\n").starts_with("line 1: the record's header is missing"));
    let damaged = text.replace("\"on\":\"timeout\"", "\"on\":\"tim\"");
    assert!(problem(&damaged).starts_with("line 7: damaged"), "{}", problem(&damaged));
    let future = text.replacen(&format!("record\":{FORMAT}"), "record\":99", 1);
    let refusal = format!("line 1: a record of format 99, and this reads {FORMAT}");
    assert_eq!(problem(&future), refusal);
    let unknown = text.replacen("\"route\"", "\"rout\"", 1);
    let header = Records::read(unknown.as_bytes()).unwrap().lives.remove(0).header;
    let problem = header.config::<Rumormill>().unwrap_err();
    assert!(problem.contains("rout"), "{problem}");
}

#[test]
fn a_record_of_an_older_format_is_refused_whatever_its_header_has() {
    for header in [
        r#"{"rumormill_record":2,"version":"0","seed":1,"boot_id":2,"config":{}}"#,
        r#"{"rumormill_record":1}"#,
    ] {
        let problem = Records::read(format!("{header}\n").as_bytes()).unwrap_err().to_string();
        let format = &header[20..21];
        assert_eq!(
            problem,
            format!("line 1: a record of format {format}, and this reads {FORMAT}")
        );
    }
}

#[test]
fn settings_that_a_record_lacks_have_their_defaults() {
    let line = r#"{"rumormill_record":6,"version":"0","protocol":"rumormill","seed":1,"generation":2,"config":{}}"#;
    let records = Records::read(line.as_bytes()).unwrap();
    assert_eq!(records.lives[0].header.config::<Rumormill>(), Ok(Config::default()));
}

#[test]
fn a_record_of_another_protocol_has_no_settings_of_this_one() {
    let problem = header().config::<Flood>().unwrap_err();
    assert_eq!(problem, "a record of protocol rumormill, not of flood");
}

#[test]
fn a_record_that_cannot_be_written_ends_and_that_is_told_once() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut writer = Writer::new(Full, &header());
    let told = (0..10).map(|_| {
        writer.input(at(1), &Input::Timeout);
        writer.flush().map_err(|error| error.kind())
    });
    let told: Vec<_> = told.filter_map(Result::err).collect();
    assert_eq!(told, [io::ErrorKind::StorageFull]);
    assert!(writer.output.is_none());
}
