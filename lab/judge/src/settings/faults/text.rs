//! Faults as flags write them: `n3@5+2` is node n3 from second 5 on for 2 s.

use std::str::FromStr;

use rumormill::cluster::Name;

use super::{ClockJump, Crash, Cut, LatencyChange, Slow, Spell};

/// A cut between one node and all others, as `--isolate` writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Isolation(pub Cut);

/// Seconds as whole milliseconds.
fn millis(seconds: &str) -> Option<u64> {
    let plain = seconds.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let seconds: f64 = seconds.parse().ok().filter(|_| plain)?;
    Some((seconds * 1_000.0).round() as u64)
}

fn name(text: &str) -> Option<Name> {
    (!text.is_empty()).then(|| text.into())
}

/// A cut without its nodes: what stands before `@` and `~`, and a cut with these times.
fn times(text: &str) -> Option<(&str, Cut)> {
    let (text, flap) = match text.rsplit_once('~') {
        Some((text, flap)) => (text, Some(millis(flap)?)),
        None => (text, None),
    };
    let (nodes, from_ms, until_ms) = match text.rsplit_once('@') {
        Some((nodes, times)) => {
            let (from, until) = times.split_once("..").unwrap_or((times, ""));
            let until = if until.is_empty() { None } else { Some(millis(until)?) };
            (nodes, millis(from)?, until)
        }
        None => (text, 0, None),
    };
    Some((nodes, Cut { from_ms, until_ms, flap_ms: flap, ..Cut::default() }))
}

/// A second time behind a sign: whether that was `+`, and how long.
type Signed = (bool, u64);

/// `NODE@S+S`, the sign and the second time perhaps missing.
fn node_at(text: &str) -> Option<(Name, u64, Option<Signed>)> {
    let (node, times) = text.rsplit_once('@')?;
    let Some(sign) = times.find(['+', '-']) else {
        return Some((name(node)?, millis(times)?, None));
    };
    let length = millis(&times[sign + 1..])?;
    let forward = times[sign..].starts_with('+');
    Some((name(node)?, millis(&times[..sign])?, Some((forward, length))))
}

/// Implements `FromStr` with a reader and what it expects.
macro_rules! spec {
    ($type:ty, $expected:literal, $read:expr) => {
        impl FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let read: fn(&str) -> Option<_> = $read;
                read(text).ok_or_else(|| format!("expected {}", $expected))
            }
        }
    };
}

spec!(Cut, "two nodes like `n0>n1` or `n0-n1`, perhaps with `@5..15`", |text| {
    let (nodes, cut) = times(text)?;
    let (one_way, (a, b)) = match nodes.split_once('>') {
        Some(pair) => (true, pair),
        None => (false, nodes.split_once('-')?),
    };
    Some(Cut { a: vec![name(a)?], b: vec![name(b)?], one_way, ..cut })
});
spec!(Isolation, "a node like `n0`, `n0>` or `>n0`, perhaps with `@5..15`", |text| {
    let (node, cut) = times(text)?;
    if let Some(node) = node.strip_prefix('>') {
        // All others are on the first side, which is the one that is not listed.
        return Some(Isolation(Cut { b: vec![name(node)?], one_way: true, ..cut }));
    }
    let one_way = node.ends_with('>');
    Some(Isolation(Cut { a: vec![name(node.trim_end_matches('>'))?], one_way, ..cut }))
});
spec!(Slow, "a node and a time like `n3+900` or `n3>+900`", |text| {
    let (node, extra) = text.rsplit_once('+')?;
    let (node, one_way) = node.strip_suffix('>').map_or((node, false), |node| (node, true));
    Some(Slow { node: name(node)?, extra_ms: extra.parse().ok()?, one_way })
});
spec!(LatencyChange, "a second and a latency like `10+300`", |text| {
    let (at, mean) = text.split_once('+')?;
    Some(LatencyChange { at_ms: millis(at)?, mean_ms: mean.parse().ok()? })
});
spec!(Spell, "a node and two times like `n3@5+2`", |text| match node_at(text)? {
    (node, at_ms, Some((true, for_ms))) => Some(Spell { node, at_ms, for_ms }),
    _ => None,
});
spec!(ClockJump, "a node and two times like `n3@5+2` or `n3@5-2`", |text| {
    let (node, at_ms, Some((forward, by))) = node_at(text)? else { return None };
    let by = i64::try_from(by).ok()?;
    Some(ClockJump { node, at_ms, by_ms: if forward { by } else { -by } })
});
spec!(Crash, "a node and times like `n3@5` or `n3@5+2`", |text| match node_at(text)? {
    (node, at_ms, None) => Some(Crash { node, at_ms, down_ms: None, forget_topology: false }),
    (node, at_ms, Some((true, down))) => {
        Some(Crash { node, at_ms, down_ms: Some(down), forget_topology: false })
    }
    _ => None,
});

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Cut {
        text.parse().unwrap()
    }

    #[test]
    fn cuts_are_read() {
        let base = Cut {
            a: vec!["n0".into()],
            b: vec!["n1".into()],
            one_way: true,
            from_ms: 0,
            until_ms: None,
            flap_ms: None,
        };
        assert_eq!(cut("n0>n1"), base);
        let timed = Cut { one_way: false, from_ms: 500, until_ms: Some(15_000), ..base.clone() };
        assert_eq!(cut("n0-n1@0.5..15"), timed);
        assert_eq!(cut("n0>n1@5~0.25").flap_ms, Some(250));
        assert_eq!(
            "n0".parse::<Isolation>().unwrap().0,
            Cut { b: vec![], one_way: false, ..base.clone() }
        );
        assert_eq!("n0>".parse::<Isolation>().unwrap().0, Cut { b: vec![], ..base.clone() });
        let inward = Cut { a: vec![], b: vec!["n0".into()], ..base };
        assert_eq!(">n0".parse::<Isolation>().unwrap().0, inward);
    }

    #[test]
    fn faults_of_nodes_are_read() {
        let crash = |text: &str| text.parse::<Crash>().unwrap();
        assert_eq!((crash("n3@5").at_ms, crash("n3@5").down_ms), (5_000, None));
        assert_eq!(crash("n3@5+2").down_ms, Some(2_000));
        assert_eq!("n3@5-2.5".parse::<ClockJump>().unwrap().by_ms, -2_500);
        assert!("n3@1".parse::<Spell>().is_err());
        assert_eq!("n3@1+2".parse::<Spell>().unwrap().for_ms, 2_000);
    }

    #[test]
    fn nonsense_is_refused() {
        assert!("n0".parse::<Cut>().unwrap_err().contains("n0>n1"));
        for text in ["", "n3", "n3@", "n3@x", "@5+1", "n3@5-1", "n3@5+-1", "n3@1e3+1"] {
            assert!(text.parse::<Spell>().is_err(), "{text}");
        }
        assert!("n3@5-1".parse::<Crash>().is_err());
        assert!("n3".parse::<Slow>().is_err());
        assert!("n3>+900".parse::<Slow>().unwrap().one_way);
        assert!(!"n3+900".parse::<Slow>().unwrap().one_way);
        assert!("10".parse::<LatencyChange>().is_err());
    }
}
