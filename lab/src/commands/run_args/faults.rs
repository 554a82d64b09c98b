//! The flags for faults of the lab's own, over those of a profile.

use std::fs;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context as _, Result};
use clap::Args;
use rumormill::cluster::Name;

use crate::network::faults::{
    ClockJump, Crash, Cut, DiskFull, FaultSettings, LatencyChange, Pause, Slow,
};

/// By how much `--reorder` holds a message up, at most, if nothing says more.
const REORDER_MAX_MS: u64 = 100;

/// Faults.
#[derive(Debug, Default, PartialEq, Args)]
pub struct FaultArgs {
    /// Probability that a message between nodes is lost, such as 0.1
    #[arg(long, value_name = "P", help_heading = "Faults")]
    pub loss: Option<f64>,
    /// Probability that it arrives twice
    #[arg(long, value_name = "P", help_heading = "Faults")]
    pub duplicate: Option<f64>,
    /// Probability that it is held up, and overtaken
    #[arg(long, value_name = "P", help_heading = "Faults")]
    pub reorder: Option<f64>,
    /// By how much it is held up, at most [default: 100]
    #[arg(long, value_name = "MS", help_heading = "Faults")]
    pub reorder_max: Option<u64>,
    /// A cut between two nodes: 'a>b' one way, 'a-b' both ways; with '@5..15' only from second 5
    /// to 15, with '~0.5' on and off every half second; may be repeated
    #[arg(long, value_name = "CUT", help_heading = "Faults")]
    pub cut: Vec<CutSpec>,
    /// A cut between a node and all others, such as 'n0' or 'n0@5..15'; 'n0>' and '>n0' are one way
    #[arg(long, value_name = "NODE", help_heading = "Faults")]
    pub isolate: Vec<IsolateSpec>,
    /// Messages from and to a node take longer: 'n3+900' by 900 ms; 'n3>+900' only those from it
    #[arg(long, value_name = "NODE+MS", help_heading = "Faults")]
    pub slow: Vec<SlowSpec>,
    /// The latency changes: '10+300' to 300 ms in second 10
    #[arg(long, value_name = "S+MS", help_heading = "Faults")]
    pub latency_change: Vec<LatencySpec>,
    /// More faults from a TOML file: the keys below [faults] in a profile
    #[arg(long, value_name = "FILE", alias = "partition-script", help_heading = "Faults")]
    pub fault_script: Vec<PathBuf>,
    /// Time stands still for a node: 'n3@5+2' in second 5 for 2 s
    #[arg(long, value_name = "NODE@S+S", help_heading = "Faults")]
    pub pause: Vec<PauseSpec>,
    /// A node's clock jumps: 'n3@5+2' in second 5 by 2 s, 'n3@5-2' back. Simulation only
    #[arg(long, value_name = "NODE@S±S", help_heading = "Faults")]
    pub clock_jump: Vec<JumpSpec>,
    /// A node dies (SIGKILL) and comes back: 'n3@5+2' in second 5 for 2 s, 'n3@5' for good. Without
    /// --durable a simulated node comes back empty; processes need --durable
    #[arg(long, value_name = "NODE@S+S", help_heading = "Faults")]
    pub crash: Vec<CrashSpec>,
    /// Nodes keep values on disk, and all that they have acknowledged is owed, whatever dies. Processes
    /// get --data-dir, by default a temporary directory for this run; simulated nodes get a simulated
    /// disk, which loses and tears in a crash what was not synced
    #[arg(long, help_heading = "Faults")]
    pub durable: bool,
    /// The disk of a durable node has no space: 'n3@5+2' from second 5 on for 2 s. Simulation only
    #[arg(long, value_name = "NODE@S+S", help_heading = "Faults")]
    pub disk_full: Vec<DiskFullSpec>,
    /// How long a sync of a simulated disk takes [default: 5]
    #[arg(long, value_name = "MS", help_heading = "Faults")]
    pub disk_sync: Option<u64>,
}

/// A value of `--cut`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutSpec(Cut);
/// A value of `--isolate`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsolateSpec(Cut);
/// A value of `--slow`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlowSpec(Slow);
/// A value of `--latency-change`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatencySpec(LatencyChange);
/// A value of `--pause`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PauseSpec(Pause);
/// A value of `--clock-jump`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JumpSpec(ClockJump);
/// A value of `--disk-full`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskFullSpec(DiskFull);
/// A value of `--crash`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrashSpec(Crash);

impl FaultArgs {
    /// A profile's faults with these over them: single numbers replace, lists are added to.
    ///
    /// # Errors
    /// If a script cannot be read, or is none.
    pub(super) fn over(&self, base: Option<FaultSettings>) -> Result<Option<FaultSettings>> {
        let was_given = base.is_some();
        let mut faults = base.unwrap_or_default();
        for path in &self.fault_script {
            let text = fs::read_to_string(path)
                .with_context(|| format!("the script {} cannot be read", path.display()))?;
            let script = FaultSettings::from_toml(&text)
                .with_context(|| format!("the script {} is none", path.display()))?;
            faults.add(script);
        }
        let set = |field: &mut f64, given: Option<f64>| *field = given.unwrap_or(*field);
        set(&mut faults.loss, self.loss);
        set(&mut faults.duplicate, self.duplicate);
        set(&mut faults.reorder, self.reorder);
        faults.reorder_max_ms = match self.reorder_max {
            Some(max_ms) => max_ms,
            None if self.reorder.is_some() && faults.reorder_max_ms == 0 => REORDER_MAX_MS,
            None => faults.reorder_max_ms,
        };
        faults.add(FaultSettings {
            slow: self.slow.iter().map(|spec| spec.0.clone()).collect(),
            cut: self
                .cut
                .iter()
                .map(|spec| &spec.0)
                .chain(self.isolate.iter().map(|spec| &spec.0))
                .cloned()
                .collect(),
            latency: self.latency_change.iter().map(|spec| spec.0.clone()).collect(),
            pause: self.pause.iter().map(|spec| spec.0.clone()).collect(),
            clock_jump: self.clock_jump.iter().map(|spec| spec.0.clone()).collect(),
            disk_full: self.disk_full.iter().map(|spec| spec.0.clone()).collect(),
            crash: self.crash.iter().map(|spec| spec.0.clone()).collect(),
            durable: self.durable,
            disk_sync_ms: self.disk_sync,
            ..FaultSettings::default()
        });
        Ok((was_given || faults != FaultSettings::default()).then_some(faults))
    }
}

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
    let (a, b) = (Vec::new(), Vec::new());
    Some((nodes, Cut { a, b, one_way: false, from_ms, until_ms, flap_ms: flap }))
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
                read(text).map(Self).ok_or_else(|| format!("expected {}", $expected))
            }
        }
    };
}

spec!(CutSpec, "two nodes like `n0>n1` or `n0-n1`, perhaps with `@5..15`", |text| {
    let (nodes, cut) = times(text)?;
    let (one_way, (a, b)) = match nodes.split_once('>') {
        Some(pair) => (true, pair),
        None => (false, nodes.split_once('-')?),
    };
    Some(Cut { a: vec![name(a)?], b: vec![name(b)?], one_way, ..cut })
});
spec!(IsolateSpec, "a node like `n0`, `n0>` or `>n0`, perhaps with `@5..15`", |text| {
    let (node, cut) = times(text)?;
    if let Some(node) = node.strip_prefix('>') {
        // All others are on the first side, which is the one that is not listed.
        return Some(Cut { b: vec![name(node)?], one_way: true, ..cut });
    }
    let one_way = node.ends_with('>');
    Some(Cut { a: vec![name(node.trim_end_matches('>'))?], one_way, ..cut })
});
spec!(SlowSpec, "a node and a time like `n3+900` or `n3>+900`", |text| {
    let (node, extra) = text.rsplit_once('+')?;
    let (node, one_way) = node.strip_suffix('>').map_or((node, false), |node| (node, true));
    Some(Slow { node: name(node)?, extra_ms: extra.parse().ok()?, one_way })
});
spec!(LatencySpec, "a second and a latency like `10+300`", |text| {
    let (at, mean) = text.split_once('+')?;
    Some(LatencyChange { at_ms: millis(at)?, mean_ms: mean.parse().ok()? })
});
spec!(PauseSpec, "a node and two times like `n3@5+2`", |text| match node_at(text)? {
    (node, at_ms, Some((true, for_ms))) => Some(Pause { node, at_ms, for_ms }),
    _ => None,
});
spec!(DiskFullSpec, "a node and two times like `n3@5+2`", |text| match node_at(text)? {
    (node, at_ms, Some((true, for_ms))) => Some(DiskFull { node, at_ms, for_ms }),
    _ => None,
});
spec!(JumpSpec, "a node and two times like `n3@5+2` or `n3@5-2`", |text| {
    let (node, at_ms, Some((forward, by))) = node_at(text)? else { return None };
    let by = i64::try_from(by).ok()?;
    Some(ClockJump { node, at_ms, by_ms: if forward { by } else { -by } })
});
spec!(CrashSpec, "a node and times like `n3@5` or `n3@5+2`", |text| match node_at(text)? {
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
        text.parse::<CutSpec>().unwrap().0
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
            "n0".parse::<IsolateSpec>().unwrap().0,
            Cut { b: vec![], one_way: false, ..base.clone() }
        );
        assert_eq!("n0>".parse::<IsolateSpec>().unwrap().0, Cut { b: vec![], ..base.clone() });
        let inward = Cut { a: vec![], b: vec!["n0".into()], ..base };
        assert_eq!(">n0".parse::<IsolateSpec>().unwrap().0, inward);
    }

    #[test]
    fn faults_of_nodes_are_read() {
        let crash = |text: &str| text.parse::<CrashSpec>().unwrap().0;
        assert_eq!((crash("n3@5").at_ms, crash("n3@5").down_ms), (5_000, None));
        assert_eq!(crash("n3@5+2").down_ms, Some(2_000));
        assert_eq!("n3@5-2.5".parse::<JumpSpec>().unwrap().0.by_ms, -2_500);
        assert_eq!("n3@1+2".parse::<DiskFullSpec>().unwrap().0.for_ms, 2_000);
        assert!("n3@1".parse::<DiskFullSpec>().is_err());
        assert_eq!("n3@1+2".parse::<PauseSpec>().unwrap().0.for_ms, 2_000);
    }

    #[test]
    fn nonsense_is_refused() {
        assert!("n0".parse::<CutSpec>().unwrap_err().contains("n0>n1"));
        for text in ["", "n3", "n3@", "n3@x", "@5+1", "n3@5-1", "n3@5+-1", "n3@1e3+1"] {
            assert!(text.parse::<PauseSpec>().is_err(), "{text}");
        }
        assert!("n3@5-1".parse::<CrashSpec>().is_err());
        assert!("n3".parse::<SlowSpec>().is_err());
        assert!("n3>+900".parse::<SlowSpec>().unwrap().0.one_way);
        assert!(!"n3+900".parse::<SlowSpec>().unwrap().0.one_way);
        assert!("10".parse::<LatencySpec>().is_err());
    }

    #[test]
    fn flags_go_over_a_profile() {
        let base = FaultSettings::from_toml("loss = 0.5\nduplicate = 0.1\ncut = [{ a = ['n1'] }]");
        let args = FaultArgs {
            loss: Some(0.0),
            cut: vec!["n0>n1".parse().unwrap()],
            ..FaultArgs::default()
        };
        let faults = args.over(Some(base.unwrap())).unwrap().unwrap();
        assert_eq!((faults.loss, faults.duplicate, faults.cut.len()), (0.0, 0.1, 2));
        assert_eq!(FaultArgs::default().over(None).unwrap(), None);
        let reorder = FaultArgs { reorder: Some(0.1), ..FaultArgs::default() };
        let max_ms = |base| reorder.over(base).unwrap().unwrap().reorder_max_ms;
        assert_eq!(max_ms(None), 100);
        let base = FaultSettings { reorder_max_ms: 7, ..FaultSettings::default() };
        assert_eq!(max_ms(Some(base)), 7);
    }
}
