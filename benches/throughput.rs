//! How fast the release binary is, from stdin to stdout, and how much memory it takes.
//!
//! `cargo bench --bench throughput`. Not a test: it prints figures and judges none. Rates are the
//! best of a few runs: whatever else the machine does can only make one slower.

use std::hint::black_box;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rumormill::cluster::{Name, Nodes};
use rumormill::id::{Generation, NodeId, Origin};
use rumormill::maelstrom::parse::parse_line;
use rumormill::protocols::rumormill::message::{Entries, Gossip};
use rumormill::value::Value;
use rumormill::wire::Wire as _;

/// Runs per rate, each with a fresh process.
const RUNS: usize = 5;

/// Length of what surrounds the addressee: `{"src":"n0","dest":"`.
const DEST_AT: usize = 20;

fn main() {
    // `cargo test --all-targets` runs benchmarks too, without this flag.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    parsing();
    broadcasts(1);
    broadcasts(25);
    reads();
    gossip();
    recording();
    memory();
    durability();
}

/// The parser on its own.
fn parsing() {
    let nodes = Arc::new(Nodes::from(["n0", "n1"].map(Name::from).to_vec()));
    let each = |name: &str, line: String| {
        const ROUNDS: u32 = 20_000;
        let took = best(|| {
            let start = Instant::now();
            for _ in 0..ROUNDS {
                let message = parse_line::<Gossip>(black_box(line.as_bytes()), Some(&nodes));
                assert!(black_box(message).is_ok());
            }
            start.elapsed()
        });
        println!("{name:<44} {:>9} ns/line", (took / ROUNDS).as_nanos());
    };
    each("parse: broadcast", broadcast(123_456));
    each("parse: read", request(r#"{"type":"read","msg_id":12}"#));
    each("parse: gossip of 200 integers", gossip_line(3, 600_000));
}

fn broadcasts(nodes: u64) {
    let took = best(|| time_broadcasts(nodes, &[]));
    report(&format!("broadcast, {} peers", nodes - 1), BROADCASTS, "lines/s", took);
}

const BROADCASTS: u64 = 200_000;

fn time_broadcasts(nodes: u64, args: &[String]) -> Duration {
    Node::start_with(nodes, args).exchange((0..BROADCASTS).map(broadcast), BROADCASTS)
}

fn reads() {
    let mut bytes = 0;
    let took = best(|| {
        let took;
        (took, bytes) = time_reads(&[]);
        took
    });
    report("read, 10,000 values held", READS, "lines/s", took);
    report("  the same", bytes >> 20, "MiB/s", took);
}

const READS: u64 = 10_000;

/// The time, and the bytes of the replies.
fn time_reads(args: &[String]) -> (Duration, u64) {
    const VALUES: u64 = 10_000;
    let read = |id| request(&format!(r#"{{"type":"read","msg_id":{id}}}"#));
    let mut node = Node::start_with(1, args);
    node.exchange((0..VALUES).map(broadcast), VALUES);
    let before = node.received;
    let took = node.exchange((0..READS).map(read), READS);
    (took, node.received - before)
}

fn gossip() {
    let took = best(|| time_gossip(&[]));
    report("gossip, 200 new values each", GOSSIP, "lines/s", took);
    report("  the same", GOSSIP * 200, "values/s", took);
}

const GOSSIP: u64 = 5_000;

fn time_gossip(args: &[String]) -> Duration {
    let batches = (0..GOSSIP).map(|n| gossip_line(n, n * 200));
    // The read's reply shows that all of it has been taken.
    let read = std::iter::once(request(r#"{"type":"read","msg_id":2}"#));
    Node::start_with(2, args).exchange(batches.chain(read), 1)
}

/// What a record costs: each rate with and without, in turns, so that both see the same machine.
fn recording() {
    let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/throughput.record");
    let args = [format!("--record={path}")];
    let compare = |name: &str, run: &dyn Fn(&[String]) -> Duration| {
        let (mut without, mut with) = (Duration::MAX, Duration::MAX);
        for _ in 0..RUNS {
            without = without.min(run(&[]));
            with = with.min(run(&args));
        }
        let cost = (1.0 - without.as_secs_f64() / with.as_secs_f64()) * 100.0;
        println!("{name:<44} {cost:>9.1} % less throughput");
    };
    compare("record: broadcast, 0 peers", &|args| time_broadcasts(1, args));
    compare("record: broadcast, 24 peers", &|args| time_broadcasts(25, args));
    compare("record: read, 10,000 values held", &|args| time_reads(args).0);
    compare("record: gossip, 200 new values each", &time_gossip);
    // It is in the target directory, in nobody's way.
    let _ = std::fs::remove_file(path);
}

fn best(run: impl FnMut() -> Duration) -> Duration {
    std::iter::repeat_with(run).take(RUNS).min().unwrap_or_default()
}

fn memory() {
    const VALUES: u64 = 1_000_000;
    let mut node = Node::start(1);
    let took = node.exchange((0..VALUES).map(broadcast), VALUES);
    report("broadcast, up to 1,000,000 values held", VALUES, "lines/s", took);
    println!("{:<44} {:>9} MiB", "peak memory, 1,000,000 values held", node.peak_kib() >> 10);
    node.exchange(std::iter::once(request(r#"{"type":"read","msg_id":2}"#)), 1);
    println!("{:<44} {:>9} MiB", "  after a read of them", node.peak_kib() >> 10);
}

/// What a journal costs: while it is written, and at the next start.
fn durability() {
    let directory = concat!(env!("CARGO_TARGET_TMPDIR"), "/throughput.data");
    let args = [format!("--data-dir={directory}")];
    let empty = || drop(std::fs::remove_dir_all(directory));
    for (name, nodes) in [("0 peers", 1), ("24 peers", 25)] {
        let took = best(|| {
            empty();
            time_broadcasts(nodes, &args)
        });
        report(&format!("journal: broadcast, {name}"), BROADCASTS, "lines/s", took);
        println!(
            "{:<44} {:>9} lines",
            "  written with one sync",
            BROADCASTS / records(Path::new(directory))
        );
    }
    empty();
    for (name, args) in [("no journal", &[][..]), ("journal", &args)] {
        let mut node = Node::start_with(1, args);
        let single = |value| node.exchange(std::iter::once(broadcast(value)), 1);
        let mut took: Vec<Duration> = (0..SINGLES).map(single).collect();
        took.sort_unstable();
        let (name, median) =
            (format!("{name}: broadcast to its reply, median"), took[took.len() / 2]);
        println!("{name:<44} {:>9} us", median.as_micros());
    }
    empty();
    const VALUES: u64 = 1_000_000;
    let mut node = Node::start_with(1, &args);
    let took = node.exchange((0..VALUES).map(broadcast), VALUES);
    report("journal: up to 1,000,000 values held", VALUES, "lines/s", took);
    println!("{:<44} {:>9} MiB", "  peak memory", node.peak_kib() >> 10);
    drop(node);
    let start = Instant::now();
    let node = Node::start_with(1, &args);
    let took = start.elapsed().as_millis();
    println!("{:<44} {took:>9} ms", "journal: start with 1,000,000 values");
    println!("{:<44} {:>9} MiB", "  peak memory", node.peak_kib() >> 10);
    drop(node);
    empty();
}

/// Records in the journals below a directory: each is the bytes of one write, made durable by one sync.
fn records(directory: &Path) -> u64 {
    const MAGIC: &[u8] = b"\xf5RMJ";
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let count = |path: &Path| {
        let bytes = std::fs::read(path).unwrap_or_default();
        bytes.windows(MAGIC.len()).filter(|window| *window == MAGIC).count() as u64
    };
    let of_path = |path: &Path| if path.is_dir() { records(path) } else { count(path) };
    entries.map(|entry| of_path(&entry.path())).sum::<u64>().max(1)
}

/// Broadcasts one after the other, each after the reply to the one before.
const SINGLES: u64 = 500;

fn report(name: &str, count: u64, unit: &str, took: Duration) {
    println!("{name:<44} {:>9.0} {unit}", count as f64 / took.as_secs_f64());
}

fn request(body: &str) -> String {
    format!("{{\"id\":42,\"src\":\"c1\",\"dest\":\"n0\",\"body\":{body}}}\n")
}

fn broadcast(value: u64) -> String {
    request(&format!(r#"{{"type":"broadcast","message":{value},"msg_id":{}}}"#, value + 1))
}

/// A message of a peer, with 200 integers from `first` on.
fn gossip_line(n: u64, first: u64) -> String {
    let nodes = Nodes::from(["n0", "n1"].map(Name::from).to_vec());
    let origin = Origin { node: NodeId(1), generation: Generation(7) };
    let values = (first..first + 200).map(|value| Value::Int(value as i64)).collect();
    let gossip = Gossip {
        generation: Generation(7),
        number: n,
        entries: [Entries { origin, first, values }].into(),
        ..Gossip::default()
    };
    let mut fields = Vec::new();
    gossip.encode(&nodes, &mut fields);
    format!(
        "{{\"id\":42,\"src\":\"n1\",\"dest\":\"n0\",\"body\":{{\"type\":\"{}\",\"v\":{}{}}}}}\n",
        Gossip::TYPE,
        Gossip::VERSION,
        String::from_utf8_lossy(&fields)
    )
}

struct Node {
    child: Child,
    /// `None` while a thread writes.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// Bytes read so far.
    received: u64,
}

impl Node {
    /// A node `n0` that is neighbour to all others.
    fn start(nodes: u64) -> Self {
        Self::start_with(nodes, &[])
    }

    fn start_with(nodes: u64, args: &[String]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_rumormill"))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the node starts");
        let input = child.stdin.take();
        let output = child.stdout.take().expect("stdout is a pipe");
        let output = BufReader::with_capacity(1 << 18, output);
        let mut node = Self { child, input, output, received: 0 };
        let names: Vec<String> = (0..nodes).map(|i| format!("\"n{i}\"")).collect();
        let (all, peers) = (names.join(","), names[1..].join(","));
        let init = format!(r#"{{"type":"init","node_id":"n0","node_ids":[{all}],"msg_id":1}}"#);
        let topology = format!(r#"{{"type":"topology","topology":{{"n0":[{peers}]}},"msg_id":2}}"#);
        node.exchange([request(&init), request(&topology)].into_iter(), 2);
        node
    }

    /// Sends the lines and waits for so many messages to clients. The time between.
    fn exchange(&mut self, lines: impl Iterator<Item = String>, replies: u64) -> Duration {
        let bytes: Vec<u8> = lines.flat_map(String::into_bytes).collect();
        let mut input = self.input.take().expect("nobody else writes");
        let start = Instant::now();
        let writer = thread::spawn(move || {
            input.write_all(&bytes).expect("the node reads");
            input
        });
        for _ in 0..replies {
            while !self.next_is_reply() {}
        }
        let took = start.elapsed();
        self.input = Some(writer.join().expect("the writer ends"));
        took
    }

    /// Reads one line without keeping it: nothing that would slow the node down.
    fn next_is_reply(&mut self) -> bool {
        let mut start = Vec::with_capacity(DEST_AT + 1);
        let head = (&mut self.output).take(DEST_AT as u64 + 1).read_until(b'\n', &mut start);
        let rest = self.output.skip_until(b'\n');
        let (head, rest) = (head.expect("the node writes"), rest.expect("the node writes"));
        assert!(rest > 0, "the node ended");
        self.received += (head + rest) as u64;
        start[DEST_AT] == b'c'
    }

    fn peak_kib(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok()).unwrap_or(0)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.input.take());
        // Whatever the node still has to say must not keep it from ending.
        let _ = std::io::copy(&mut self.output, &mut std::io::sink());
        let _ = self.child.wait();
    }
}
