//! Causes of messages: the message that a sender had to receive before it could send another.

use std::collections::HashMap;

use rumormill_judge::trace::Via;
use rumormill_sim::Nanos;

use crate::store::journal::Journal;

/// The message behind another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cause {
    /// Its place in the journal.
    pub(super) message: u32,
    /// It follows from what the messages say; otherwise it is the latest that the sender had
    /// received, which is a guess.
    pub(super) is_sure: bool,
}

/// The cause of each message, in order; what clients ask for has none.
///
/// - A reply is caused by its request.
/// - A message with values by the one that brought its sender the first of them.
/// - Any other, probably, by the latest message that its sender had received.
pub(super) fn of(journal: &Journal) -> Vec<Option<Cause>> {
    let bringers = bringers(journal);
    let mut arrivals: Vec<(Nanos, u32, u32)> = Vec::new();
    for (message, place) in journal.messages.iter().zip(0..) {
        if let (Some(at), Some(node)) = (message.received.first(), message.to) {
            arrivals.push((*at, place, node));
        }
    }
    arrivals.sort_unstable();
    let mut arrivals = arrivals.into_iter().peekable();
    let mut latest: Vec<Option<u32>> = vec![None; journal.nodes.len()];
    let mut requests: HashMap<(&str, &str, i64), u32> = HashMap::new();
    let mut causes = Vec::with_capacity(journal.messages.len());
    for (message, place) in journal.messages.iter().zip(0_u32..) {
        // A message that arrived later, or was itself sent later, cannot be behind this one.
        while let Some((_, by, node)) =
            arrivals.next_if(|(at, by, _)| *at <= message.sent && *by < place)
        {
            latest[node as usize] = Some(by);
        }
        if let Some(id) = message.msg_id {
            requests.insert((&*message.src, &*message.dest, id), place);
        }
        let cause = message.from.and_then(|sender| {
            let request = message
                .in_reply_to
                .and_then(|id| requests.get(&(&*message.dest, &*message.src, id)).copied());
            let brought = || {
                let brought =
                    message.values.iter().filter_map(|value| bringers.get(&(*value, sender)));
                let is_earlier = |(at, by): &&(Nanos, u32)| *at <= message.sent && *by < place;
                brought.filter(is_earlier).map(|(_, by)| *by).next()
            };
            match request.or_else(brought) {
                Some(message) => Some(Cause { message, is_sure: true }),
                None => latest[sender as usize].map(|message| Cause { message, is_sure: false }),
            }
        });
        causes.push(cause);
    }
    causes
}

/// By value and node: when a message brought it, and the message's place.
fn bringers(journal: &Journal) -> HashMap<(u32, u32), (Nanos, u32)> {
    let places = journal.places();
    let mut bringers = HashMap::new();
    for (value, traced) in (0..).zip(&journal.trace.values) {
        for hold in &traced.holds {
            if let Via::Client(id) | Via::Message { id, .. } = hold.via
                && let Some(place) = places.get(&id)
            {
                bringers.insert((value, hold.node), (hold.at, *place as u32));
            }
        }
    }
    bringers
}
