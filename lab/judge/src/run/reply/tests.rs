use rumormill::service;

use super::*;

fn text(json: &str) -> Payload {
    Payload::Text(json.into())
}

fn request(f: &str) -> Request {
    let operations = crate::workload::BROADCAST.operations;
    Request::Operation(operations.iter().find(|operation| operation.f == f).unwrap())
}

fn reply(request: Request, json: &str) -> Reply {
    let json = json.replacen('{', "{\"in_reply_to\":1,", 1);
    read_reply(request, 1, &text(&json)).unwrap()
}

fn malformed(request: Request, json: &str) -> String {
    match reply(request, json) {
        Reply::Malformed(why) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_an_integer_makes_it_a_reply() {
    let answers = |json| read_reply(Request::Init, 7, &text(json)).is_some();
    assert!(answers(r#"{"type":"init_ok","in_reply_to":7}"#));
    assert!(answers(r#"{"type":"error","code":11,"in_reply_to":7}"#));
    let others = [r#"{"in_reply_to":7.0}"#, r#"{"in_reply_to":"7"}"#, r#"{"in_reply_to":6}"#];
    for json in others.into_iter().chain(["{}", "null"]) {
        assert!(!answers(json), "{json}");
    }
    let typed = |body| read_reply(Request::Init, 7, &Payload::Typed(Arc::new(body)));
    assert_eq!(typed(Body::InitOk { in_reply_to: 7 }), Some(Reply::DONE));
    assert_eq!(typed(Body::InitOk { in_reply_to: 8 }), None);
    assert_eq!(typed(Body::Request { request: service::Request::Read, msg_id: 7 }), None);
}

#[test]
fn good_replies() {
    let ok = r#"{"type":"broadcast_ok","msg_id":9}"#;
    assert_eq!(reply(request("broadcast"), ok), Reply::DONE);
    let init = r#"{"type":"init_ok","anything":[]}"#;
    assert_eq!(reply(Request::Init, init), Reply::DONE);
    let read = r#"{"type":"read_ok","messages":[ 2, 0,2 ]}"#;
    let Reply::Done(Some(OpValue::Set(set)), Some(array)) = reply(request("read"), read) else {
        panic!()
    };
    assert_eq!((set.ints.iter().collect::<Vec<_>>(), set.len), (vec![0, 2], 3));
    assert_eq!(array.as_str(), "2, 0,2");
}

#[test]
fn null_is_an_empty_list_and_nothing_else_is() {
    let null = r#"{"type":"read_ok","messages":null}"#;
    let Reply::Done(Some(OpValue::Set(set)), Some(array)) = reply(request("read"), null) else {
        panic!()
    };
    assert_eq!((set.len, array.as_str()), (0, ""));
    for other in ["\"\"", "{}", "0", "false"] {
        let json = format!(r#"{{"type":"read_ok","messages":{other}}}"#);
        assert!(malformed(request("read"), &json).contains("array or null"), "{other}");
    }
    // In the reply to a broadcast it is a key too many, whatever it holds.
    let extra = r#"{"type":"broadcast_ok","messages":null}"#;
    assert!(malformed(request("broadcast"), extra).contains("messages"));
    let id = r#"{"type":"read_ok","messages":[],"msg_id":null}"#;
    assert!(malformed(request("read"), id).contains("msg_id"));
}

#[test]
fn the_schemas_are_closed() {
    let broadcast = request("broadcast");
    let extra = r#"{"type":"broadcast_ok","message":5}"#;
    assert!(malformed(broadcast, extra).contains("\"message\""));
    let messages = r#"{"type":"broadcast_ok","messages":[]}"#;
    assert!(malformed(broadcast, messages).contains("\"messages\""));
    let id = r#"{"type":"broadcast_ok","msg_id":"a"}"#;
    assert!(malformed(broadcast, id).contains("msg_id"));
    let other = r#"{"type":"read_ok","messages":[]}"#;
    assert!(malformed(broadcast, other).contains("broadcast_ok"));
    let missing = r#"{"type":"read_ok"}"#;
    assert!(malformed(request("read"), missing).contains("messages"));
    let object = r#"{"type":"read_ok","messages":{}}"#;
    assert!(malformed(request("read"), object).contains("array"));
    assert!(malformed(Request::Topology, r#"{"x":0}"#).contains("topology_ok"));
    let init = r#"{"type":"ok"}"#;
    assert!(malformed(Request::Init, init).contains("init_ok"));
}

fn result(shape: ResultShape, json: &str) -> Result<OpValue, String> {
    static INTEGER: Operation = operation(ResultShape::Integer("value"));
    static ANY: Operation = operation(ResultShape::Any("value"));
    static BODY: Operation = operation(ResultShape::Body("value"));
    const fn operation(result: ResultShape) -> Operation {
        Operation { f: "ask", argument: None, result, is_idempotent: false }
    }
    let operation = [&INTEGER, &ANY, &BODY].into_iter().find(|ask| ask.result == shape);
    let json = format!(r#"{{"type":"ask_ok",{json}}}"#);
    match reply(Request::Operation(operation.unwrap()), &json) {
        Reply::Done(Some(value), None) => Ok(value),
        Reply::Malformed(why) => Err(why),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_integer_is_one_of_64_bits_and_nothing_else() {
    let integer = |json: &str| result(ResultShape::Integer("value"), json);
    assert_eq!(integer(r#""value":-7"#), Ok(OpValue::Int(-7)));
    assert_eq!(integer(r#""msg_id":3,"value":0"#), Ok(OpValue::Int(0)));
    for json in ["3.0", "\"3\"", "null", "[3]", "9223372036854775808"] {
        let why = integer(&format!(r#""value":{json}"#)).unwrap_err();
        assert!(why.contains("64 bits"), "{why}");
    }
    assert!(integer(r#""sum":3"#).unwrap_err().contains("must not have the keys"));
    assert!(integer(r#""code":3,"value":3"#).unwrap_err().contains("\"code\""));
}

#[test]
fn an_id_may_be_anything_and_an_echo_is_the_whole_reply() {
    let any = |json: &str| result(ResultShape::Any("value"), &format!(r#""value":{json}"#));
    assert_eq!(any("null"), Ok(OpValue::Nil));
    assert_eq!(any("7"), Ok(OpValue::Int(7)));
    for (json, edn) in [
        (r#""n1-7""#, r#""n1-7""#),
        ("1.0", "1.0"),
        (r#"[1,{"a b":null}]"#, r#"[1 {"a b" nil}]"#),
        ("123456789012345678901234567890", "123456789012345678901234567890N"),
    ] {
        let Ok(OpValue::Edn(value)) = any(json) else { panic!("{json}") };
        assert_eq!(value.to_string(), edn);
    }
    let Ok(OpValue::Edn(body)) = result(ResultShape::Body("value"), r#""value":"x""#) else {
        panic!()
    };
    assert_eq!(body.to_string(), r#"{:type "ask_ok", :value "x", :in_reply_to 1}"#);
}

#[test]
fn errors_have_names_and_may_be_definite() {
    let error = |json: &str| match reply(request("read"), json) {
        Reply::Error { name, definite, text } => (name, definite, text),
        other => panic!("{other:?}"),
    };
    let busy = error(r#"{"type":"error","code":11,"text":"later","x":2}"#);
    assert_eq!(busy, ("temporarily-unavailable".into(), true, Some("later".into())));
    assert_eq!(error(r#"{"type":"error","code":13}"#), ("crash".into(), false, None));
    assert!(!error(r#"{"type":"error","code":0}"#).1);
    assert_eq!(error(r#"{"type":"error","code":99}"#), ("unknown".into(), false, None));
    assert_eq!(error(r#"{"type":"error"}"#).0, "unknown");
    let definite = [1, 10, 11, 12, 14, 20, 21, 22, 30];
    for code in 0..100 {
        let json = format!(r#"{{"type":"error","code":{code}}}"#);
        assert_eq!(error(&json).1, definite.contains(&code), "{code}");
    }
}
