//! The state of a node in words, for people.

use std::sync::Arc;
use std::time::Duration;

use rumormill::cluster::{Name, Nodes};
use rumormill::id::{Generation, NodeId, Origin};
use rumormill::maelstrom::message::{self, Named};
use rumormill::maelstrom::server::Server;
use rumormill::protocols::rumormill::Rumormill;
use rumormill::protocols::rumormill::config::Config;
use rumormill::protocols::rumormill::message::{Gossip, Have};
use rumormill::protocols::rumormill::route::Route;
use rumormill::service::{Broadcast, Request};
use rumormill::time::Instant;
use rumormill::value::Value;

type Node = Server<Rumormill, Broadcast>;
type Message = message::Message<Gossip>;
type Body = message::Body<Gossip>;

fn message(src: &str, body: Body) -> Message {
    Message { src: src.into(), dest: "n0".into(), body }
}

fn suspicions(node: &Node) -> u64 {
    node.protocol().map(Rumormill::stats).expect("it is initialised").suspicions
}

#[test]
fn a_node_before_init_has_little_to_tell() {
    let node = Node::new(Config::default(), 1, Generation(9));
    let words = node.describe(Instant::from_micros(1_500)).to_string();
    assert_eq!(words, "at 0.001500s: not initialised, generation 9\n");
}

#[test]
fn everything_that_matters_is_told() {
    let config = Config { route: Route::Direct, ..Config::default() };
    let mut node = Node::new(config, 1, Generation(9));
    let nodes = Arc::new(Nodes::from(["n0", "n1"].map(Name::from).to_vec()));
    let now = Instant::from_micros(1_000_000);
    let init = Body::Init { node_id: "n0".into(), node_ids: Arc::clone(&nodes), msg_id: 1 };
    node.handle_message(now, message("c1", init));
    for value in [42, 43] {
        let request = Request::Broadcast { message: Value::Int(value) };
        node.handle_message(now, message("c1", Body::Request { request, msg_id: 2 }));
    }
    node.handle_timeout(now);
    let words = node.describe(now).to_string();
    assert!(words.contains("entries submitted here: 2\n"), "{words}");
    assert!(words.contains("holds 2 entries:\n    n0 0-1\n"), "{words}");
    assert!(words.contains("waiting to be sent: n0 0-1"), "{words}");
    assert!(words.contains("n1: never heard of, round trip not measured"), "{words}");

    let flushed = node.poll_timeout().unwrap();
    node.handle_timeout(flushed);
    let words = node.describe(flushed).to_string();
    assert!(words.contains("in flight: message 0 of now, lost in"), "{words}");

    let origin = Origin { node: NodeId(1), generation: Generation(5) };
    let have = vec![Have { origin, ranges: std::iter::once(0..7).collect() }];
    let gossip = Gossip { generation: Generation(5), have, ..Gossip::default() };
    node.handle_message(flushed, message("n1", Body::Peer(Named::new(gossip, &nodes))));
    let words = node.describe(flushed).to_string();
    assert!(words.contains("n1: heard of"), "{words}");
    assert!(words.contains("holds what is not held here: n1 0-6"), "{words}");
    let mut later = flushed.after(Duration::from_secs(60));
    node.handle_timeout(later);
    let words = node.describe(later).to_string();
    assert!(words.contains("n1: heard of") && words.contains("timeouts in a row: 1"), "{words}");
    while suspicions(&node) == 0 {
        later = node.poll_timeout().unwrap();
        node.handle_timeout(later);
    }
    let words = node.describe(later).to_string();
    assert!(words.contains("n1: SUSPECTED since"), "{words}");
}
