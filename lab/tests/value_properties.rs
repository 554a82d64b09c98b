//! A value is its JSON, however that was written down.

use proptest::prelude::*;
use rumormill::value::Value;

/// A JSON document; numbers are kept as text, because two spellings are two values.
#[derive(Clone, Debug)]
enum Json {
    Plain(String),
    Text(String),
    List(Vec<Self>),
    /// Keys are distinct: the meaning of a repeated key does not matter here.
    Object(Vec<(String, Self)>),
}

fn json() -> impl Strategy<Value = Json> {
    let number = prop_oneof![
        any::<i64>().prop_map(|int| int.to_string()),
        any::<u128>().prop_map(|int| int.to_string()),
        "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,4})?([eE][+-]?[0-9]{1,4})?",
        Just("-0".to_owned()),
    ];
    let word = prop::sample::select(vec!["null", "true", "false"]).prop_map(str::to_owned);
    let text = prop_oneof!["[a-c]{0,2}", any::<String>(), "[\\x00-\\x1f\"/\\\\é\u{1f600}]{0,4}"];
    let leaf = prop_oneof![
        3 => number.prop_map(Json::Plain),
        1 => word.prop_map(Json::Plain),
        2 => text.prop_map(Json::Text),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        let key = prop_oneof!["[a-c]{0,2}", any::<String>()];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::List),
            prop::collection::btree_map(key, inner, 0..5)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

/// One way of writing a document down, out of many.
struct Writer {
    style: u64,
    out: String,
}

impl Writer {
    fn write(document: &Json, style: u64) -> String {
        let mut writer = Self { style, out: String::new() };
        writer.space();
        writer.value(document);
        writer.space();
        writer.out
    }

    fn choose(&mut self, ways: u64) -> u64 {
        // Knuth's generator: a long document is written in many styles, one seed tells all.
        self.style = self.style.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.style >> 33) % ways
    }

    fn space(&mut self) {
        let space = ["", " ", "\t", "  "][self.choose(4) as usize];
        self.out.push_str(space);
    }

    fn value(&mut self, document: &Json) {
        match document {
            Json::Plain(text) => self.out.push_str(text),
            Json::Text(text) => self.text(text),
            Json::List(items) => {
                self.out.push('[');
                for (i, item) in items.iter().enumerate() {
                    self.separate(i);
                    self.value(item);
                }
                self.space();
                self.out.push(']');
            }
            Json::Object(fields) => {
                self.out.push('{');
                let turn = self.choose(fields.len().max(1) as u64) as usize;
                let fields = fields[turn..].iter().chain(&fields[..turn]);
                for (i, (key, value)) in fields.enumerate() {
                    self.separate(i);
                    self.text(key);
                    self.space();
                    self.out.push(':');
                    self.space();
                    self.value(value);
                }
                self.space();
                self.out.push('}');
            }
        }
    }

    fn separate(&mut self, index: usize) {
        self.space();
        if index > 0 {
            self.out.push(',');
            self.space();
        }
    }

    fn text(&mut self, text: &str) {
        self.out.push('"');
        for char in text.chars() {
            let must = char < ' ' || char == '"' || char == '\\';
            if must || self.choose(3) == 0 {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    let upper = self.choose(2) == 0;
                    let hex = if upper { format!("{unit:04X}") } else { format!("{unit:04x}") };
                    self.out.push_str("\\u");
                    self.out.push_str(&hex);
                }
            } else {
                self.out.push(char);
            }
        }
        self.out.push('"');
    }
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn the_same_json_is_the_same_value(document in json(), a in any::<u64>(), b in any::<u64>()) {
        let (a, b) = (Writer::write(&document, a), Writer::write(&document, b));
        prop_assert_eq!(value(&a), value(&b), "{} and {}", a, b);
    }

    /// The canonical text is a fixed point, and the same on all three ways out.
    #[test]
    fn a_value_survives_the_way_out_and_in(document in json(), style in any::<u64>()) {
        let first = value(&Writer::write(&document, style));
        let text = first.to_string();
        let mut appended = "x".to_owned();
        first.write_to(&mut appended);
        prop_assert_eq!(&appended[1..], &text);
        prop_assert_eq!(&serde_json::to_string(&first).unwrap(), &text);
        prop_assert_eq!(&value(&text), &first);
        let is_int = text.parse::<i64>().is_ok() && text != "-0";
        prop_assert_eq!(matches!(first, Value::Int(_)), is_int);
    }

    /// Against a second opinion: serde_json's own values. They are f64 beyond 64 bits and so miss
    /// some differences, but invent none.
    #[test]
    fn different_json_is_a_different_value(a in json(), b in json(), style in any::<u64>()) {
        let (a, b) = (Writer::write(&a, style), Writer::write(&b, style));
        let plain = |text: &str| serde_json::from_str::<serde_json::Value>(text);
        if let (Ok(x), Ok(y)) = (plain(&a), plain(&b))
            && x != y
        {
            prop_assert_ne!(value(&a), value(&b));
        }
    }
}
