//! Harness clients: their ids, their one request at a time, and what they have not read yet.

use std::collections::BTreeMap;
use std::sync::Arc;

use rumormill::cluster::{Name, Nodes};
use rumormill_sim::Nanos;

use crate::message::Body;
use crate::message::packet::{Asked, Packet, Payload};
use crate::run::reply::{Claim, Reply, Request, claim_of, read_reply};

/// Purpose of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// It sends `init` to this node, and is closed then.
    Init(u32),
    /// It sends `topology` to this node, and stays open, idle.
    Topology(u32),
    /// It sends `init`, and perhaps `topology`, to a node that was restarted.
    Restart {
        node: u32,
        /// Which of its lives this is.
        life: u32,
        /// Whether it sends `topology` as well.
        topology: bool,
    },
    /// It sends `init` to a node that the nemesis has started anew.
    Start { node: u32 },
    /// A worker of the generator.
    Worker(usize),
}

/// A request that has no answer yet.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    msg_id: i64,
    request: Request,
    /// When it is given up.
    deadline: Nanos,
}

/// A request that begins.
#[derive(Debug)]
pub(crate) struct Begun {
    /// Its number at this client.
    pub(crate) msg_id: i64,
    /// The next message in the client's queue, where no answer to this request can be.
    pub(crate) unread: Vec<Packet>,
    /// [`Clients::expire`] must be called at the deadline; unless it is to be already.
    pub(crate) needs_timer: bool,
}

/// The finding of a client's timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// Nothing is waited for.
    Idle,
    /// A later request is waited for, until then.
    Later(Nanos),
    /// The request was in vain.
    Expired(Owner, Request),
}

#[derive(Debug)]
struct Client {
    owner: Owner,
    open: bool,
    last_msg_id: i64,
    waiting: Option<Waiting>,
    /// The timer_queue has a timer for it.
    timed: bool,
    /// Requests that were given up.
    given_up: Vec<i64>,
    /// When the request that it waits for was delivered.
    delivered: Option<Nanos>,
    /// Arrived while the client was not waiting; read when it waits again.
    unread: Vec<Packet>,
}

/// How a request stands that a message says it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It has had its answer.
    Answered,
    /// Its client waited for it in vain.
    GivenUp,
    /// There is no such request; the number of the client's last one.
    Unknown(i64),
}

/// The fate of a message to a client.
#[derive(Debug)]
pub(crate) enum Offer {
    /// The client is waiting for something else: it took the message and ignored it.
    Ignored(Packet),
    /// The client is not waiting: the message, which says this of itself, lies in its queue.
    Unread(Claim),
    /// It was the reply.
    Answered(Packet, Owner, Request, Reply),
}

/// All clients there ever were. Ids are never reused.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    list: Vec<Client>,
}

impl Clients {
    /// Opens the next client.
    pub(crate) fn open(&mut self, owner: Owner) -> u32 {
        // More than 2^32 clients do not fit into memory.
        let id = self.list.len() as u32;
        self.list.push(Client {
            owner,
            open: true,
            last_msg_id: 0,
            waiting: None,
            timed: false,
            given_up: Vec::new(),
            delivered: None,
            unread: Vec::new(),
        });
        id
    }

    pub(crate) fn close(&mut self, id: u32) {
        let client = &mut self.list[id as usize];
        client.open = false;
        client.waiting = None;
        client.unread = Vec::new();
    }

    /// Whether a client is open; `None` if there never was such a client.
    pub(crate) fn is_open(&self, id: u32) -> Option<bool> {
        self.list.get(id as usize).map(|client| client.open)
    }

    /// Begins a request that is given up at `deadline`.
    pub(crate) fn request(&mut self, id: u32, request: Request, deadline: Nanos) -> Begun {
        let client = &mut self.list[id as usize];
        client.last_msg_id += 1;
        client.delivered = None;
        client.waiting = Some(Waiting { msg_id: client.last_msg_id, request, deadline });
        Begun {
            msg_id: client.last_msg_id,
            unread: std::mem::take(&mut client.unread),
            needs_timer: !std::mem::replace(&mut client.timed, true),
        }
    }

    /// The request that a client waits for was delivered.
    pub(crate) fn delivered(&mut self, id: u32, now: Nanos) {
        if let Some(client) = self.list.get_mut(id as usize).filter(|c| c.waiting.is_some()) {
            client.delivered.get_or_insert(now);
        }
    }

    /// When the request that was answered last had been delivered; once only.
    pub(crate) fn take_delivered(&mut self, id: u32) -> Option<Nanos> {
        self.list.get_mut(id as usize)?.delivered.take()
    }

    /// How the request stands that a message to a client says it answers.
    pub(crate) fn standing(&self, id: u32, in_reply_to: Option<&str>) -> Standing {
        let Some(client) = self.list.get(id as usize) else { return Standing::Unknown(1) };
        let waiting = client.waiting.map(|waiting| waiting.msg_id);
        match in_reply_to.and_then(|number| number.parse::<i64>().ok()) {
            Some(number) if client.given_up.contains(&number) => Standing::GivenUp,
            Some(number)
                if (1..=client.last_msg_id).contains(&number) && waiting != Some(number) =>
            {
                Standing::Answered
            }
            _ => Standing::Unknown(client.last_msg_id),
        }
    }

    /// A message has come to a client that is open.
    pub(crate) fn offer(&mut self, id: u32, packet: Packet) -> Offer {
        let client = &mut self.list[id as usize];
        let Some(Waiting { msg_id, request, .. }) = client.waiting else {
            let claim = claim_of(&packet.body);
            client.unread.push(packet);
            return Offer::Unread(claim);
        };
        let Some(reply) = read_reply(request, msg_id, &packet.body) else {
            return Offer::Ignored(packet);
        };
        client.waiting = None;
        Offer::Answered(packet, client.owner, request, reply)
    }

    /// The client's timer has come. Requests are answered long before their deadlines as a rule,
    /// so there is one timer per client, not one per request.
    pub(crate) fn expire(&mut self, id: u32, now: Nanos) -> Expiry {
        let client = &mut self.list[id as usize];
        match client.waiting {
            Some(waiting) if waiting.deadline > now => Expiry::Later(waiting.deadline),
            Some(waiting) => {
                client.timed = false;
                client.waiting = None;
                client.given_up.push(waiting.msg_id);
                Expiry::Expired(client.owner, waiting.request)
            }
            None => {
                client.timed = false;
                Expiry::Idle
            }
        }
    }
}

/// The number in an id such as `c12`, if it is written as the lab writes it.
pub(crate) fn parse_id(prefix: char, name: &str) -> Option<u32> {
    let digits = name.strip_prefix(prefix)?;
    let canonical = digits == "0" || !digits.starts_with(['0', '+']);
    if canonical { digits.parse().ok() } else { None }
}

/// A client's request, with the argument.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Init,
    Topology,
    Operation(Asked),
}

impl Ask {
    pub(crate) const fn request(&self) -> Request {
        match self {
            Self::Init => Request::Init,
            Self::Topology => Request::Topology,
            Self::Operation(asked) => Request::Operation(asked.operation),
        }
    }
}

/// Makes the bodies of requests.
#[derive(Debug)]
pub(crate) struct Requests {
    nodes: Arc<Nodes>,
    /// One for all: every client that sends it is new, so the `msg_id` is 1.
    topology: Arc<Body>,
}

impl Requests {
    pub(crate) fn new(nodes: Vec<Name>, topology: BTreeMap<Name, Vec<Name>>) -> Self {
        let topology = Arc::new(topology.into());
        Self {
            nodes: Arc::new(nodes.into()),
            topology: Arc::new(Body::Topology { topology, msg_id: 1 }),
        }
    }

    /// The node list.
    pub(crate) const fn nodes(&self) -> &Arc<Nodes> {
        &self.nodes
    }

    pub(crate) fn body(&self, ask: Ask, msg_id: i64, node: u32) -> Payload {
        Payload::Typed(Arc::new(match ask {
            Ask::Topology => return Payload::Typed(Arc::clone(&self.topology)),
            Ask::Init => Body::Init {
                node_id: self.nodes.names()[node as usize].clone(),
                node_ids: Arc::clone(&self.nodes),
                msg_id,
            },
            Ask::Operation(asked) => return Payload::Operation(Arc::new((asked, msg_id))),
        }))
    }
}

#[cfg(test)]
mod tests {
    use rumormill::service;

    use crate::workload::BROADCAST;

    use super::*;
    use crate::message::packet::Peer;

    const ADD: Request = request(0);
    const READ: Request = request(1);

    const fn request(at: usize) -> Request {
        Request::Operation(BROADCAST.operations[at])
    }

    fn packet(body: Body) -> Packet {
        let body = Payload::Typed(Arc::new(body));
        Packet::uncounted(0, (Peer::Node(0), Peer::Client(0)), body)
    }

    fn ok(in_reply_to: i64) -> Packet {
        packet(Body::Reply { reply: service::Reply::BroadcastOk, in_reply_to })
    }

    #[test]
    fn one_request_after_another_each_with_the_next_id() {
        let mut clients = Clients::default();
        let id = clients.open(Owner::Worker(4));
        let first = clients.request(id, ADD, 100);
        assert_eq!((first.msg_id, id, first.needs_timer), (1, 0, true));
        let offer = clients.offer(id, ok(1));
        assert!(matches!(offer, Offer::Answered(_, Owner::Worker(4), ADD, Reply::DONE)));
        let second = clients.request(id, READ, 150);
        assert_eq!((second.msg_id, second.needs_timer), (2, false));
        assert_eq!(clients.expire(id, 100), Expiry::Later(150));
    }

    #[test]
    fn a_late_reply_to_an_open_client_is_read_with_the_next_request_and_ignored() {
        let mut clients = Clients::default();
        let id = clients.open(Owner::Worker(0));
        clients.request(id, READ, 100);
        assert_eq!(clients.expire(id, 100), Expiry::Expired(Owner::Worker(0), READ));
        assert_eq!(clients.expire(id, 100), Expiry::Idle);
        assert!(matches!(clients.offer(id, ok(1)), Offer::Unread(_)));
        let next = clients.request(id, ADD, 200);
        assert_eq!((next.unread.len(), next.needs_timer), (1, true));
        assert!(matches!(clients.offer(id, ok(1)), Offer::Ignored(_)));
        assert!(matches!(clients.offer(id, ok(2)), Offer::Answered(..)));
    }

    #[test]
    fn a_closed_client_is_known_but_not_open() {
        let mut clients = Clients::default();
        let id = clients.open(Owner::Init(0));
        assert_eq!(clients.is_open(id), Some(true));
        clients.close(id);
        assert_eq!((clients.is_open(id), clients.is_open(1)), (Some(false), None));
    }

    #[test]
    fn ids_are_read_as_they_are_written() {
        assert_eq!(parse_id('c', "c0"), Some(0));
        assert_eq!(parse_id('c', "c12"), Some(12));
        for name in ["c", "c01", "c+1", "c-1", "cx", "n1", "c99999999999"] {
            assert_eq!(parse_id('c', name), None, "{name}");
        }
    }
}
