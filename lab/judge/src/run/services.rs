//! Maelstrom's services as participants: both directions are delayed and counted as between nodes,
//! and never cut. Each takes one request after another, as a node does.

use rumormill_sim::Nanos;
use rumormill_sim::network::{Arrival, Network, Routed, Way};

use super::Run;
use super::timer::Timer;
use crate::format::text::quote;
use crate::message::events::{EventSink, PacketEvent};
use crate::message::packet::{Packet, Peer};
use crate::outcome::NoticeKind;
use crate::services::{Desk, NAMES};

/// The services, and the messages on their way to them. There are none before the first.
#[derive(Debug)]
pub(super) struct ServiceHall {
    desk: Desk,
    network: Network<Asked, Timer>,
}

/// A message on its way to a service.
#[derive(Clone, Debug)]
struct Asked {
    way: Way,
    packet: Packet,
}

impl Routed for Asked {
    fn way(&self) -> Way {
        self.way
    }
}

impl<S: EventSink> Run<S> {
    /// The service of that name.
    pub(super) fn find_service(name: &str) -> Option<Peer> {
        // There are four.
        NAMES.iter().position(|service| *service == name).map(|number| Peer::Service(number as u8))
    }

    /// A message enters the network for a service. `sender` is the node that wrote it.
    pub(super) fn send_to_service(
        &mut self,
        now: Nanos,
        service: u8,
        packet: Packet,
        sender: Option<usize>,
    ) {
        let settings = &self.settings;
        let hall = self.services.get_or_insert_with(|| {
            // Behind the nodes, so that no fault is taken for one of a service. Its dice are its own.
            let mut config = settings.network();
            config.nodes += NAMES.len() as u32;
            config.seed ^= u64::from(u32::MAX);
            let desk = Desk::new(settings.services, settings.seed);
            Box::new(ServiceHall { desk, network: Network::new(config) })
        });
        let nodes = settings.nodes.len() as u32;
        let way = Way {
            // Checked with the settings: there are far fewer than 2^32 nodes.
            from: sender.map(|node| node as u32),
            to: nodes + u32::from(service),
            is_exempt: packet.is_client,
            has_values: false,
        };
        hall.network.send(now, Asked { way, packet });
        self.handle_requests(now);
    }

    /// When the services want to be woken.
    pub(super) fn poll_services(&self) -> Option<Nanos> {
        self.services.as_ref()?.network.poll_timeout()
    }

    /// Messages to services may be due.
    pub(super) fn wake_services(&mut self, now: Nanos) {
        while let Some(hall) = &mut self.services
            && let Some((due, _)) = hall.network.handle_due(now)
        {
            self.scheduling_delay.note(due, now);
            self.handle_requests(now);
        }
    }

    /// Services answer what has come to them.
    fn handle_requests(&mut self, now: Nanos) {
        while let Some(hall) = &mut self.services
            && let Some(Arrival { message, dropped }) = hall.network.poll_arrival()
        {
            let Asked { packet, .. } = message;
            let Peer::Service(service) = packet.dest else { continue };
            if let Some(cause) = dropped {
                self.record_packet(now, PacketEvent::Dropped(cause), &packet);
                continue;
            }
            let mut body = Vec::new();
            packet.body.write_json(self.requests.nodes(), &mut body);
            let body = String::from_utf8_lossy(&body).into_owned();
            let reply = hall.desk.answer(service, &packet.src.name(self.requests.nodes()), &body);
            self.record_packet(now, PacketEvent::Received, &packet);
            let Packet { src, dest, .. } = packet;
            match reply {
                Some(reply) => {
                    let content = self.text_content(&reply);
                    let packet = self.packet(dest, src, content);
                    self.send(now, packet, None);
                }
                None => self.on_unanswered(now, src, dest, &body),
            }
        }
    }

    fn on_unanswered(&mut self, now: Nanos, src: Peer, dest: Peer, body: &str) {
        let node = match src {
            Peer::Node(node) => Some(node as usize),
            _ => None,
        };
        let [asker, service] = [src, dest].map(|peer| peer.name(self.nodes()));
        let body = quote(body.as_bytes());
        let text = format!(
            "{asker} asked {service} what it does not know, to which it never replies: {body}"
        );
        self.notices.add(now, node, NoticeKind::Service, &service, text);
    }
}
