//! Places in the bodies of messages between nodes where a value may stand.
//!
//! A place is a `type` and a path: `messages[*]` of `g`. The elements of a list share one place, but
//! for those of a tuple: a list that always has the same few elements, such as `[hops, value]`.
//! So do the values of an object whose keys are integers or names of nodes; its keys are a place
//! of their own if they are integers. The keys of the envelope are no places.

use std::fmt;
use std::str::FromStr;

use derive_more::Display;

use crate::format::scan::{Fields, array_inside, items};
use crate::format::text::printable;
use crate::history::read_set::for_each_item;

/// Keys of a body that mean the same in every protocol.
const ENVELOPE: [&str; 5] = ["type", "msg_id", "in_reply_to", "src", "dest"];
/// Names of fields that hold values in most protocols: few occurrences are enough to believe it.
const USUAL: [&str; 4] = ["message", "messages", "value", "values"];
/// Places that are told apart. What comes after is not looked at: a message with ever new keys
/// must not cost ever more.
const MAX_PLACES: usize = 512;
/// Depth to which bodies are looked into.
const MAX_DEPTH: usize = 16;
/// A place is given up if more than one scalar in so many is no value, …
const GIVE_UP_SHARE: u64 = 10;
/// … once there have been so many of them.
const GIVE_UP_COUNT: u64 = 100;
/// Elements of a tuple.
const TUPLE: std::ops::RangeInclusive<usize> = 2..=8;
/// The step from a list to its elements.
const ELEMENT: &str = "[*]";
/// The step from an object to all its values.
const ANY: &str = "*";
/// The step from an object to its keys.
const KEYS: &str = "{keys}";

/// A place that the user names, of any `type`: `body.messages[*]`, `data[*].value`.
#[derive(Clone, Debug, Display, PartialEq, Eq)]
pub struct ValuesAt(String);

impl ValuesAt {
    fn is_at(&self, path: &str) -> bool {
        path == self.0 || path.strip_suffix(ELEMENT) == Some(&*self.0)
    }
}

impl FromStr for ValuesAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a path such as body.messages[*], not {text:?}");
        let path = text.strip_prefix("$.").unwrap_or(text);
        let path = path.strip_prefix("body.").unwrap_or(path);
        let is_step = |step: &str| !step.trim_end_matches(ELEMENT).is_empty();
        let is_index = |inside: &str| {
            let index = inside.split(']').next().unwrap_or_default();
            inside.contains(']') && (index == "*" || index.parse::<u32>().is_ok())
        };
        let is_path = path.split('.').all(is_step) && path.split('[').skip(1).all(is_index);
        if is_path { Ok(Self(path.to_owned())) } else { Err(wrong()) }
    }
}

/// The meaning of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A step on the way to others; values may stand at it as well.
    Foreign,
    /// Values in a message of our own protocols, decoded by its own rules.
    Own,
}

/// A place, and the scalars that stood at it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) kind: Kind,
    /// The `type` of its messages.
    pub(super) of: Box<str>,
    /// The path in the body.
    pub(super) path: String,
    steps: Vec<(Box<str>, u16)>,
    /// Lengths of the lists that stood at it: the first, and whether all were the same.
    lengths: Option<(usize, bool)>,
    /// Of an element: the place of its list, and whether it has an index.
    list: Option<(u16, bool)>,
    /// Scalars that were a value at that time, and others.
    pub(super) known: u64,
    pub(super) others: u64,
    /// The user has named it.
    pub(super) is_given: bool,
    /// Values have one of the usual names there.
    pub(super) is_usual: bool,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Own => write!(f, "{} messages", printable(&self.of)),
            Kind::Foreign => {
                let (path, of) = (printable(&self.path), printable(&self.of));
                write!(f, "{path} of type {of}")
            }
        }
    }
}

/// All places of a run.
#[derive(Clone, Debug)]
pub(super) struct Places {
    list: Vec<Place>,
    /// By `type`: the place of the body.
    roots: Vec<(Box<str>, u16)>,
    values_at: Vec<ValuesAt>,
}

impl Places {
    /// The first places, which are none in messages, have these numbers.
    pub(super) const CLIENT: u16 = 0;
    pub(super) const READ: u16 = 1;

    pub(super) fn new(values_at: &[ValuesAt]) -> Self {
        let mut places =
            Self { list: Vec::new(), roots: Vec::new(), values_at: values_at.to_vec() };
        for of in ["request", "read"] {
            places.add(Kind::Own, of, String::new());
        }
        places
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u16, &Place)> {
        (0..).zip(&self.list).skip(2)
    }

    pub(super) fn get(&self, place: u16) -> &Place {
        &self.list[usize::from(place)]
    }

    pub(super) const fn len(&self) -> usize {
        self.list.len()
    }

    /// The user has said where values stand.
    pub(super) const fn are_given(&self) -> bool {
        !self.values_at.is_empty()
    }

    /// False for the elements of a tuple all together, and of any other list one by one.
    pub(super) fn is_apart(&self, place: &Place) -> bool {
        place.list.is_none_or(|(list, has_index)| {
            let lengths = self.get(list).lengths;
            lengths.is_some_and(|(length, same)| same && TUPLE.contains(&length)) == has_index
        })
    }

    /// Number of places that could be told apart has been reached.
    pub(super) const fn is_full(&self) -> bool {
        self.list.len() >= MAX_PLACES
    }

    /// The place of our own messages of a `type`.
    pub(super) fn own(&mut self, of: &str) -> Option<u16> {
        self.root(Kind::Own, of)
    }

    fn root(&mut self, kind: Kind, of: &str) -> Option<u16> {
        let is_it = |(other, place): &&(Box<str>, u16)| {
            **other == *of && self.list[usize::from(*place)].kind == kind
        };
        if let Some((_, place)) = self.roots.iter().find(is_it) {
            return Some(*place);
        }
        let place = self.add(kind, of, String::new())?;
        self.roots.push((of.into(), place));
        Some(place)
    }

    fn add(&mut self, kind: Kind, of: &str, path: String) -> Option<u16> {
        if self.is_full() {
            return None;
        }
        let last = path.rsplit('.').next().unwrap_or_default().trim_end_matches(ELEMENT);
        self.list.push(Place {
            kind,
            of: of.into(),
            is_given: self.values_at.iter().any(|at| at.is_at(&path)),
            is_usual: USUAL.contains(&last),
            path,
            steps: Vec::new(),
            lengths: None,
            list: None,
            known: 0,
            others: 0,
        });
        u16::try_from(self.list.len() - 1).ok()
    }

    /// The place one step on.
    fn step(&mut self, from: u16, step: &str) -> Option<u16> {
        let place = &self.list[usize::from(from)];
        if let Some((_, to)) = place.steps.iter().find(|(other, _)| **other == *step) {
            return Some(*to);
        }
        let is_element = step.starts_with('[');
        let dot = if place.path.is_empty() || is_element || step == KEYS { "" } else { "." };
        let (of, path) = (place.of.clone(), format!("{}{dot}{step}", place.path));
        let to = self.add(Kind::Foreign, &of, path)?;
        self.list[usize::from(to)].list = is_element.then_some((from, step != ELEMENT));
        self.list[usize::from(from)].steps.push((step.into(), to));
        Some(to)
    }

    /// Calls `found` for every value in a body, with its place. `number` tells which scalars are
    /// values, by their JSON text; `is_node` which keys are names of nodes.
    pub(super) fn scan(
        &mut self,
        of: &str,
        body: &str,
        names: &impl Names,
        found: &mut Vec<(u16, u32)>,
    ) {
        let (Some(root), Some(mut fields)) = (self.root(Kind::Foreign, of), Fields::of(body))
        else {
            return;
        };
        while let Ok(Some((key, value))) = fields.next_field() {
            if !ENVELOPE.contains(&&*key)
                && let Some(place) = self.step(root, &key)
            {
                self.look(place, value, MAX_DEPTH, names, found);
            }
        }
    }

    fn look(
        &mut self,
        place: u16,
        json: &str,
        depth: usize,
        names: &impl Names,
        found: &mut Vec<(u16, u32)>,
    ) {
        if depth == 0 {
            return;
        }
        if let Some(inside) = array_inside(json) {
            let Some(element) = self.step(place, ELEMENT) else { return };
            let (mut ints, mut rest) = (Vec::new(), Vec::new());
            let length = for_each_item(inside, |int| ints.push(int), |item| rest.push(item));
            let lengths = &mut self.list[usize::from(place)].lengths;
            let (first, same) = lengths.unwrap_or((length, true));
            *lengths = Some((first, same && first == length));
            if same && first == length && TUPLE.contains(&length) {
                self.tuple(place, inside, names, found);
            }
            for int in ints {
                self.scalar(element, names.int(int), found);
            }
            for item in rest {
                self.look(element, item, depth - 1, names, found);
            }
        } else if let Some(mut fields) = Fields::of(json) {
            while let Ok(Some((key, value))) = fields.next_field() {
                let int = key.parse().ok();
                if let Some(int) = int
                    && let Some(keys) = self.step(place, KEYS)
                {
                    self.scalar(keys, names.int(int), found);
                }
                let is_any = int.is_some() || names.is_node(&key);
                if let Some(next) = self.step(place, if is_any { ANY } else { &key }) {
                    self.look(next, value, depth - 1, names, found);
                }
            }
        } else {
            self.scalar(place, names.scalar(json), found);
        }
    }

    /// The scalars of a list that may be a tuple.
    fn tuple(&mut self, place: u16, inside: &str, names: &impl Names, found: &mut Vec<(u16, u32)>) {
        for (index, item) in items(inside).enumerate() {
            if !item.starts_with(['[', '{'])
                && let Some(element) = self.step(place, &format!("[{index}]"))
            {
                self.scalar(element, names.scalar(item), found);
            }
        }
    }

    /// A scalar stands at a place, and is the value of that number or none.
    fn scalar(&mut self, place: u16, value: Option<u32>, found: &mut Vec<(u16, u32)>) {
        let Place { known, others, is_given, .. } = &mut self.list[usize::from(place)];
        let is_given_up = *others > GIVE_UP_COUNT && *others > *known / GIVE_UP_SHARE;
        match value {
            Some(value) if *is_given || !is_given_up => {
                *known += 1;
                found.push((place, value));
            }
            Some(_) => {}
            None => *others += 1,
        }
    }
}

/// Meaning of scalars and keys.
pub(super) trait Names {
    /// The number of the value that is this integer.
    fn int(&self, int: u64) -> Option<u32>;
    /// The number of the value that has this JSON text, or is an integer in a string.
    fn scalar(&self, json: &str) -> Option<u32>;
    /// True for the name of a node.
    fn is_node(&self, key: &str) -> bool;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values are the integers below 100, nodes begin with `n`.
    struct Small;

    impl Names for Small {
        fn int(&self, int: u64) -> Option<u32> {
            u32::try_from(int).ok().filter(|int| *int < 100)
        }
        fn scalar(&self, json: &str) -> Option<u32> {
            json.trim_matches('"').parse().ok().and_then(|int| self.int(int))
        }
        fn is_node(&self, key: &str) -> bool {
            key.starts_with('n')
        }
    }

    fn found(places: &mut Places, of: &str, body: &str) -> Vec<String> {
        let mut found = Vec::new();
        places.scan(of, body, &Small, &mut found);
        found.iter().map(|(at, value)| format!("{}={value}", places.get(*at).path)).collect()
    }

    #[test]
    fn values_are_found_wherever_they_stand_but_in_the_envelope() {
        let mut places = Places::new(&[]);
        let body = r#"{"type":"g","msg_id":1,"in_reply_to":2,"src":3,"dest":4,"message":5,
            "list":[6,"7",[8],{"v":9}],"of":{"n1":[10],"n2":[11]},"set":{"12":true}}"#;
        assert_eq!(
            found(&mut places, "g", body),
            [
                "message=5",
                // It may be a tuple.
                "list[0]=6",
                "list[1]=7",
                "list[*]=6",
                "list[*]=7",
                "list[*][*]=8",
                "list[*].v=9",
                "of.*[*]=10",
                "of.*[*]=11",
                "set{keys}=12",
            ]
        );
        assert_eq!(found(&mut places, "g", "null"), [""; 0]);
        assert_eq!(found(&mut places, "h", r#"{"a":"x","b":1.5,"c":null,"d":100}"#), [""; 0]);
    }

    #[test]
    fn places_that_mostly_hold_no_values_are_given_up_unless_the_user_named_them() {
        for (values_at, expected) in [(vec![], 0), (vec!["body.a".parse().unwrap()], 1)] {
            let mut places = Places::new(&values_at);
            for _ in 0..200 {
                found(&mut places, "g", r#"{"a":100}"#);
            }
            assert_eq!(found(&mut places, "g", r#"{"a":1}"#).len(), expected);
        }
    }

    #[test]
    fn ever_new_keys_and_deep_nests_are_bounded() {
        let mut places = Places::new(&[]);
        for key in 0..2_000 {
            found(&mut places, "g", &format!(r#"{{"key{key}":1}}"#));
        }
        assert_eq!(places.len(), MAX_PLACES);
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(found(&mut Places::new(&[]), "g", &deep), [""; 0]);
    }

    #[test]
    fn a_path_of_the_user_names_a_list_or_its_elements() {
        for (text, path) in [
            ("body.messages[*]", "messages[*]"),
            ("messages", "messages[*]"),
            ("$.body.data[*].value", "data[*].value"),
        ] {
            assert!(text.parse::<ValuesAt>().unwrap().is_at(path), "{text}");
        }
        assert!("body.p[1]".parse::<ValuesAt>().unwrap().is_at("p[1]"));
        for wrong in ["", "body.", "a..b", "a[x]", "a[0", "[*]"] {
            let error = wrong.parse::<ValuesAt>().unwrap_err();
            assert!(error.contains("body.messages[*]"), "{error}");
        }
    }
}
