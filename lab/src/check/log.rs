//! What `jepsen.log` tells of a run: what was asked for, and what went wrong.

use crate::edn::Edn;
use crate::profile::{Concurrency, NemesisKind, Profile};
use crate::settings::Availability;

/// Longer sentences are cut.
const SHOWN_CHARS: usize = 160;

/// A log that was read; empty if there was none, or Maelstrom wrote it as JSON.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    /// What was asked for.
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
    /// Why the run came to no end.
    pub(super) crash: Option<String>,
}

impl Log {
    /// Reads the log's text.
    pub(super) fn read(text: &str) -> Self {
        let mut log = Self::default();
        let mut ending = false;
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            if line.ends_with("jepsen.core: Command line:") {
                log.command = lines.peek().map(|command| readable_command(command));
            } else if line.ends_with("jepsen.core: Running test:") {
                let mut test = Vec::new();
                while let Some(line) = lines.next_if(|line| line.starts_with(['{', ' '])) {
                    test.push(line);
                }
                log.read_test(&test);
            } else if line.contains("jepsen.core: Test crashed!") {
                log.crash = lines.peek().map(|why| sentence(&[why]));
            } else if line.contains(" maelstrom.db: Tearing down ") {
                // From here on the nodes' output meets closed doors: harmless.
                ending = true;
            } else if let Some(node) = silenced_node(line)
                && !ending
            {
                let mut why = Vec::new();
                while let Some(line) = lines.next_if(|line| is_message(line)) {
                    why.push(line);
                }
                let why = sentence(&why);
                log.muted.push(format!("Maelstrom ignored {node} from here on: {why}"));
            }
        }
        log
    }

    /// Why the run came to no end; what a node did wrong before is often the cause.
    pub(super) fn why_no_end(&self) -> Option<String> {
        let crash = self.crash.as_ref()?;
        Some(match self.muted.first() {
            Some(muted) => format!("{crash} {muted}"),
            None => crash.clone(),
        })
    }

    /// Reads the description of the test: a map, whose keys are indented by one.
    fn read_test(&mut self, lines: &[&str]) {
        let mut entries: Vec<(&str, String)> = Vec::new();
        for line in lines {
            let key = line[1..].split_once([' ', '\n']).map_or(&line[1..], |(key, _)| key);
            match (key.strip_prefix(':'), entries.last_mut()) {
                (Some(name), _) => entries.push((name, line[1 + key.len()..].to_owned())),
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
        self.is_complete = get("concurrency").is_some();
        self.profile = asked_for(get);
        self.node = get("bin").and_then(|bin| bin.as_str().map(str::to_owned));
    }
}

fn asked_for(get: impl Fn(&str) -> Option<Edn>) -> Profile {
    let int = |name: &str| get(name)?.as_u64();
    let text = |name: &str| Some(get(name)?.as_str()?.to_owned());
    let latency = get("latency");
    let names = |nodes: Edn| -> Option<Vec<String>> {
        nodes.items()?.iter().map(|name| name.as_str().map(str::to_owned)).collect()
    };
    let arguments = get("argv").and_then(names).unwrap_or_default();
    let has_partitions = arguments.windows(2).any(|pair| {
        pair[0] == "--nemesis" && pair[1].contains("partition")
            || pair.iter().any(|word| word == "--nemesis=partition")
    });
    Profile {
        node_count: int("node-count").map(|count| count as usize),
        nodes: get("nodes").and_then(names),
        concurrency: int("concurrency").map(|count| Concurrency::Total(count as usize)),
        time_limit: int("time-limit"),
        rate: get("rate").and_then(|rate| rate.as_f64()),
        latency: latency.as_ref().and_then(|latency| latency.at(&["mean"])?.as_u64()),
        latency_dist: latency
            .as_ref()
            .and_then(|latency| latency.at(&["dist"])?.as_str()?.parse().ok()),
        topology: text("topology").and_then(|topology| topology.parse().ok()),
        nemesis: has_partitions.then_some(NemesisKind::Partition),
        nemesis_interval: get("nemesis-interval").and_then(|interval| interval.as_f64()),
        availability: get("availability").and_then(|asked| match asked.as_f64() {
            Some(fraction) => Some(Availability::Fraction(fraction)),
            None => asked.as_str()?.parse().ok(),
        }),
        ..Profile::default()
    }
}

/// The node of a warning about its output.
fn silenced_node(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("\tWARN\t[")?;
    let (thread, rest) = rest.split_once(']')?;
    rest.contains("maelstrom.process").then(|| thread.strip_suffix(" stdout")).flatten()
}

/// Lines of an exception's message, as opposed to its stack trace or the next entry.
fn is_message(line: &str) -> bool {
    let is_entry = line.contains("{GMT}\t");
    !line.is_empty() && !line.starts_with('\t') && !line.starts_with("Did you mean") && !is_entry
}

/// The lines without the exception's class, cut to a length that can be read.
fn sentence(lines: &[&str]) -> String {
    let text = lines.join(" ");
    let text = text.strip_prefix("clojure.lang.ExceptionInfo: ").unwrap_or(&text).trim();
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
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
    use super::*;
    use crate::settings::{Distribution, Latency, Nemesis, Topology};

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
    fn a_log_of_anything_else_tells_nothing() {
        for text in ["", "{\"json\": true}\n", "jepsen.core: Running test:\n{"] {
            let log = Log::read(text);
            assert!(!log.is_complete && log.crash.is_none() && log.muted.is_empty());
        }
    }
}
