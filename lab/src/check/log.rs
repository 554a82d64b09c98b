//! A run as `jepsen.log` tells it: what was asked for, and what went wrong.

use std::iter::Peekable;
use std::str::{FromStr, Lines};

use rumormill_judge::format::edn::Edn;
use rumormill_judge::format::text::printable;
use rumormill_judge::settings::Availability;
use rumormill_judge::settings::flags::values::NemesisKinds;
use rumormill_judge::topology::Topology;
use rumormill_judge::workload::Workload;
use rumormill_sim::network::latency::Distribution;

use crate::profile::Profile;

/// Longer sentences are cut: a node may print megabytes.
const SHOWN_CHARS: usize = 600;
/// Largest numbers of nodes, clients or operations per second that a log is believed.
const MAX_COUNT: f64 = 1e6;
/// The same for seconds: 30 days.
const MAX_SECONDS: f64 = 30.0 * 86_400.0;
/// The same for milliseconds of latency: a day.
const MAX_MS: f64 = 86_400_000.0;
/// Words before what a node that crashed had written to stderr; the log has its stdout first.
const STDERR: &str = "And to STDERR:";
/// Lines of a node's stderr that are told, the last ones.
const STDERR_LINES: usize = 5;

/// A log that was read; empty if there was none, or Maelstrom wrote it as JSON.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    /// The settings that were asked for.
    pub(super) profile: Profile,
    /// The description of the test was found.
    pub(super) is_complete: bool,
    /// The command line.
    pub(super) command: Option<String>,
    /// The node's binary.
    pub(super) node: Option<String>,
    /// A sentence for each time that Maelstrom stopped listening to a node: its verdict does not
    /// tell.
    pub(super) muted: Vec<String>,
    /// A number in the description of the test that no run can have: line, key, value, and what
    /// was expected.
    pub(super) bad_value: Option<String>,
    /// Why the run came to no end.
    pub(super) crash: Option<String>,
}

impl Log {
    /// Reads the log's text.
    pub(super) fn read(text: &str) -> Self {
        let mut log = Self::default();
        let mut ending = false;
        let mut lines = text.lines().peekable();
        let mut number = 0;
        while let Some(line) = lines.next() {
            number += 1;
            if line.ends_with("jepsen.core: Command line:") {
                log.command = lines.peek().map(|command| readable_command(command));
            } else if line.ends_with("jepsen.core: Running test:") {
                let test = lines_while(&mut lines, |line| line.starts_with(['{', ' ']));
                log.read_test(&test, number + 1);
                number += test.len();
            } else if line.contains("jepsen.core: Test crashed!") {
                log.crash = crash_sentence(&lines_while(&mut lines, is_in_message));
            } else if line.contains(" maelstrom.db: Tearing down ") {
                // From here on the nodes' output meets closed doors: harmless.
                ending = true;
            } else if let Some(node) = silenced_node(line)
                && !ending
            {
                let why = sentence(&lines_while(&mut lines, is_in_message));
                log.muted.push(format!("Maelstrom ignored {node} from here on: {why}"));
            }
        }
        log
    }

    /// Why the run came to no end; what a node did wrong before is often the cause.
    pub(super) fn why_no_end(&self) -> Option<String> {
        match (&self.crash, self.muted.first()) {
            (Some(crash), Some(muted)) => Some(format!("{crash} {muted}")),
            (Some(only), None) => Some(only.clone()),
            (None, Some(muted)) => Some(format!("its log ends without a verdict. {muted}")),
            (None, None) => {
                self.command.as_ref().map(|_| "its log ends without a verdict".to_owned())
            }
        }
    }

    /// Reads the description of the test: a map, whose keys are indented by one.
    /// The first of `lines` is the log's line `first`.
    fn read_test(&mut self, lines: &[&str], first: usize) {
        let mut entries: Vec<(&str, String)> = Vec::new();
        let mut numbers: Vec<usize> = Vec::new();
        for (number, line) in (first..).zip(lines) {
            let key = line[1..].split_once([' ', '\n']).map_or(&line[1..], |(key, _)| key);
            match (key.strip_prefix(':'), entries.last_mut()) {
                (Some(name), _) => {
                    entries.push((name, line[1 + key.len()..].to_owned()));
                    numbers.push(number);
                }
                (None, Some((_, value))) => {
                    value.push(' ');
                    value.push_str(line);
                }
                (None, None) => {}
            }
        }
        if let Some((_, value)) = entries.last_mut() {
            value.truncate(value.trim_end().trim_end_matches('}').len());
        }
        let get = |name: &str| {
            let (_, text) = entries.iter().find(|(key, _)| *key == name)?;
            Edn::parse(text).ok().filter(|value| *value != Edn::Nil)
        };
        let bad = entries.iter().zip(&numbers).find_map(|((key, text), line)| {
            let why = bad_number(key, &Edn::parse(text).ok()?)?;
            Some(format!("line {line}: :{key} is {}, {why}", text.trim()))
        });
        self.bad_value = bad;
        self.is_complete = get("concurrency").is_some();
        self.profile = asked_for(get);
        self.node = get("bin").and_then(|bin| bin.as_str().map(str::to_owned));
    }
}

/// The fault of a number that the description of a test has under a key.
fn bad_number(key: &str, value: &Edn) -> Option<String> {
    let (value, whole, max) = match key {
        "node-count" | "concurrency" => (value, true, MAX_COUNT),
        "time-limit" => (value, true, MAX_SECONDS),
        "rate" => (value, false, MAX_COUNT),
        "nemesis-interval" => (value, false, MAX_SECONDS),
        "latency" => (value.at(&["mean"])?, false, MAX_MS),
        _ => return None,
    };
    let number = value.as_f64()?;
    let is_good = (0.0..=max).contains(&number) && (!whole || number.fract() == 0.0);
    let kind = if whole { "whole number" } else { "number" };
    (!is_good).then(|| format!("expected a {kind} from 0 to {max}, the largest allowed"))
}

fn asked_for(get: impl Fn(&str) -> Option<Edn>) -> Profile {
    let int = |name: &str| i64::try_from(get(name)?.as_u64()?).ok();
    let text = |name: &str| Some(get(name)?.as_str()?.to_owned());
    let names = |nodes: Edn| -> Option<Vec<String>> {
        nodes.items()?.iter().map(|name| name.as_str().map(str::to_owned)).collect()
    };
    let latency = |key: &str| get("latency").and_then(|latency| latency.at(&[key]).cloned());
    let arguments = get("argv").and_then(names).unwrap_or_default();
    let after = arguments.iter().skip_while(|word| *word != "--nemesis").nth(1);
    let joined = || arguments.iter().find_map(|word| word.strip_prefix("--nemesis="));
    let nemesis = after.map(String::as_str).or_else(joined);
    let share = get("availability").and_then(|asked| match asked.as_f64() {
        Some(fraction) => Some(fraction.to_string()),
        None => asked.as_str().map(str::to_owned),
    });
    let mean_ms = latency("mean").and_then(|mean| i64::try_from(mean.as_u64()?).ok());
    let dist = latency("dist").and_then(|dist| Some(dist.as_str()?.to_owned()));
    Profile::default()
        .with("workload", known::<&'static Workload>(text("workload")))
        .with("node-count", int("node-count"))
        .with("nodes", get("nodes").and_then(names))
        .with("concurrency", int("concurrency"))
        .with("time-limit", int("time-limit"))
        .with("rate", get("rate").and_then(|rate| rate.as_f64()))
        .with("latency", mean_ms)
        .with("latency-dist", known::<Distribution>(dist))
        .with("topology", known::<Topology>(text("topology")))
        .with("nemesis", known::<NemesisKinds>(nemesis.map(str::to_owned)))
        .with("nemesis-interval", get("nemesis-interval").and_then(|interval| interval.as_f64()))
        .with("availability", known::<Availability>(share))
}

/// The text, if it stands for a value of this type.
fn known<T: FromStr>(text: Option<String>) -> Option<String> {
    text.filter(|text| text.parse::<T>().is_ok())
}

/// The node of a warning about its output.
fn silenced_node(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("\tWARN\t[")?;
    let (thread, rest) = rest.split_once(']')?;
    rest.contains("maelstrom.process").then(|| thread.strip_suffix(" stdout")).flatten()
}

/// The next lines that belong together.
fn lines_while<'l>(lines: &mut Peekable<Lines<'l>>, belongs: fn(&str) -> bool) -> Vec<&'l str> {
    std::iter::from_fn(|| lines.next_if(|line| belongs(line))).collect()
}

/// False where an exception's message has ended: at its stack trace, the next entry of the log, or
/// the advice that Maelstrom adds to it.
fn is_in_message(line: &str) -> bool {
    let is_entry = line.contains("{GMT}\t");
    let is_advice = line.starts_with("Did you mean") || line.starts_with("See doc/");
    !(is_entry || is_advice || line.starts_with('\t') || line.starts_with("Full STDERR logs"))
}

/// Why a test crashed. Of a node that died the log has all it wrote; its stderr tells why.
fn crash_sentence(lines: &[&str]) -> Option<String> {
    lines.first()?;
    let Some(at) = lines.iter().position(|line| line.trim() == STDERR) else {
        return Some(sentence(lines));
    };
    let first = sentence(&lines[..1]);
    let first = first.split(" Before crashing,").next().unwrap_or_default().to_owned();
    let stderr: Vec<&str> =
        lines[at + 1..].iter().filter(|line| !line.trim().is_empty()).copied().collect();
    let stderr = &stderr[stderr.len().saturating_sub(STDERR_LINES)..];
    Some(match stderr {
        [] => format!("{first} It had written nothing to stderr."),
        lines => format!("{first} It wrote last to stderr: {}", sentence(lines)),
    })
}

/// The lines on one line without the exception's class, cut to a length that can be read.
fn sentence(lines: &[&str]) -> String {
    let words: Vec<&str> = lines.iter().flat_map(|line| line.split_whitespace()).collect();
    let text = words.join(" ");
    let text = text.strip_prefix("clojure.lang.ExceptionInfo: ").unwrap_or(&text);
    let text = printable(text);
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// Jepsen speaks of its build tool, whatever started it.
fn readable_command(command: &str) -> String {
    match command.strip_prefix("lein run ") {
        Some(arguments) => format!("maelstrom {arguments}"),
        None => command.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rumormill_judge::settings::Nemesis;
    use rumormill_judge::topology::Topology;
    use rumormill_sim::network::latency::{Distribution, Latency};

    use super::*;

    const LOG: &str = "\
2025-01-01 00:00:00,001{GMT}\tINFO\t[jepsen test runner] jepsen.core: Test version abc
2025-01-01 00:00:00,002{GMT}\tINFO\t[jepsen test runner] jepsen.core: Command line:
lein run test -w broadcast --nemesis partition
2025-01-01 00:00:00,003{GMT}\tINFO\t[jepsen test runner] jepsen.core: Running test:
{:args []
 :remote
 #jepsen.control.retry.Remote{:remote #some.Remote{:concurrency 6,
                                                   :nodes nil},
                              :conn nil}
 :node-count 3
 :availability :total
 :concurrency 6
 :rate 100.0
 :argv
 (\"test\"
  \"--nemesis\"
  \"partition\")
 :nemesis
 (jepsen.nemesis.ReflCompose
  {:fm {:start-partition 0}, :nemeses [#unprintable \"x\"]})
 :nodes
 [\"n0\"
  \"n1\"
  \"n2\"]
 :latency {:mean 100, :dist :exponential}
 :nemesis-interval 5
 :bin \"/opt/node\"
 :time-limit 20
 :workload :broadcast
 :topology :tree4}

2025-01-01 00:00:01,000{GMT}\tWARN\t[n1 stdout] maelstrom.process: Error!
clojure.lang.ExceptionInfo: Node n1 printed what is not JSON:
hello
Did you mean something else?
\tat some.where(file.clj:1)
2025-01-01 00:00:09,000{GMT}\tINFO\t[jepsen node n0] maelstrom.db: Tearing down n0
2025-01-01 00:00:09,001{GMT}\tWARN\t[n2 stdout] maelstrom.process: Error!
clojure.lang.ExceptionInfo: Invalid dest for message
2025-01-01 00:00:10,000{GMT}\tWARN\t[jepsen test runner] jepsen.core: Test crashed!
clojure.lang.ExceptionInfo: Node n1 crashed with exit status 0.
\tat some.where(file.clj:1)
";

    #[test]
    fn it_tells_what_was_asked_for() {
        let log = Log::read(LOG);
        assert!(log.is_complete);
        let settings = log.profile.into_settings().unwrap();
        assert_eq!((settings.nodes.len(), settings.concurrency), (3, 6));
        assert_eq!(
            settings.latency,
            Latency { mean_ms: 100, distribution: Distribution::Exponential }
        );
        assert_eq!((settings.rate, settings.time_limit_ms), (100.0, 20_000));
        assert_eq!(settings.topology, Topology::Tree(4));
        assert_eq!(settings.nemesis, Some(Nemesis { interval_ms: 5_000 }));
        assert_eq!(settings.availability, Some(Availability::Total));
        assert_eq!(log.command.unwrap(), "maelstrom test -w broadcast --nemesis partition");
        assert_eq!(log.node.unwrap(), "/opt/node");
    }

    #[test]
    fn it_tells_what_the_verdict_does_not() {
        let log = Log::read(LOG);
        assert_eq!(
            log.muted,
            ["Maelstrom ignored n1 from here on: Node n1 printed what is not JSON: hello"]
        );
        assert_eq!(log.crash.as_deref(), Some("Node n1 crashed with exit status 0."));
        assert!(log.why_no_end().unwrap().ends_with("is not JSON: hello"));
    }

    #[test]
    fn absurd_numbers_are_refused_with_line_key_and_value() {
        for (from, to, words) in [
            (
                ":node-count 3",
                ":node-count 1e308",
                "line 10: :node-count is 1e308, expected a whole",
            ),
            (":rate 100.0", ":rate -1.0", ":rate is -1.0, expected a number from 0 to 1000000"),
            (":time-limit 20", ":time-limit 99999999999", ":time-limit is 99999999999"),
            (":mean 100", ":mean 1e200", ":latency is {:mean 1e200"),
        ] {
            let why = Log::read(&LOG.replace(from, to)).bad_value.unwrap();
            assert!(why.contains(words), "{why}");
        }
        assert_eq!(Log::read(LOG).bad_value, None);
    }

    #[test]
    fn a_crash_is_told_with_the_nodes_last_words() {
        let log = Log::read(
            "2025-01-01 00:00:10,000{GMT}\tWARN\t[r] jepsen.core: Test crashed!\n\
             clojure.lang.ExceptionInfo: Node n3 crashed with exit status 2. Before crashing, it \
             wrote to STDOUT:\n\n{\"src\":\"n3\"}\n\nAnd to STDERR:\n\none\n\ngoroutine 7: nil \
             map\n\nFull STDERR logs are available in node-logs/n3.log\n\tat a.b(c.clj:1)\n",
        );
        assert_eq!(
            log.why_no_end().unwrap(),
            "Node n3 crashed with exit status 2. It wrote last to stderr: one goroutine 7: nil map"
        );
    }

    #[test]
    fn a_log_that_breaks_off_tells_what_it_warned_of() {
        let text = "\
2025-01-01 00:00:00,002{GMT}\tINFO\t[r] jepsen.core: Command line:
lein run test -w broadcast
2025-01-01 00:00:01,000{GMT}\tWARN\t[n0 stdout] maelstrom.process: Error!
clojure.lang.ExceptionInfo: Malformed network message. Node n0 tried to send:

{:body {}}

This is malformed because:

{:src missing-required-key}

See doc/protocol.md for more guidance.
";
        let why = Log::read(text).why_no_end().unwrap();
        assert_eq!(
            why,
            "its log ends without a verdict. Maelstrom ignored n0 from here on: Malformed network \
             message. Node n0 tried to send: {:body {}} This is malformed because: {:src \
             missing-required-key}"
        );
    }

    #[test]
    fn a_log_of_anything_else_tells_nothing() {
        for text in ["", "{\"json\": true}\n", "jepsen.core: Running test:\n{"] {
            let log = Log::read(text);
            assert!(!log.is_complete && log.crash.is_none() && log.muted.is_empty());
        }
    }
}
