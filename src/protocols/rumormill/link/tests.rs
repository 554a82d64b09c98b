use super::*;
use crate::set::OriginId;

fn entries(range: std::ops::Range<u64>) -> VersionSet {
    let mut entries = VersionSet::new();
    entries.insert(OriginId(0), range);
    entries
}

fn send(link: &mut Link, now: Instant, wait: AckWait) -> u64 {
    let batch = link.take_batch(VersionSet::clone);
    link.on_sent(now, batch, Forward::No, wait, VersionSet::new())
}

fn ack(number: u64) -> Ack {
    let numbers = std::iter::once(number..number + 1).collect();
    Ack { generation: Generation(1), numbers, held_us: 0 }
}

fn wait() -> AckWait {
    AckWait { timeout: Duration::from_secs(1), ..AckWait::default() }
}

#[test]
fn what_was_in_flight_to_an_earlier_generation_is_sent_again() {
    let (mut link, now) = (Link::default(), Instant::ZERO);
    link.on_generation(now, Generation(1), 0, None);
    link.enqueue(&entries(0..3), now);
    send(&mut link, now, wait());
    assert_eq!((link.queue().count(), link.in_flight().count()), (0, 3));
    link.on_generation(now, Generation(2), 0, None);
    assert_eq!((link.queue().count(), link.in_flight().count()), (3, 0));
    assert!(link.retransmission_due(now));
}

#[test]
fn a_late_ack_confirms_entries_that_were_sent_again_meanwhile() {
    let (mut link, now) = (Link::default(), Instant::ZERO);
    link.enqueue(&entries(0..2), now);
    let number = send(&mut link, now, wait());
    let later = now.after(Duration::from_secs(1));
    assert_eq!(link.on_deadline(later, 3), Timeout::Messages);
    send(&mut link, later, wait());
    assert_eq!(link.in_flight(), entries(0..2));
    link.on_ack(later, &ack(number), Duration::ZERO);
    assert!(link.in_flight().is_empty() && link.known() == &entries(0..2));
}

#[test]
fn what_a_restarted_peer_held_is_no_longer_known() {
    let (mut link, now) = (Link::default(), Instant::ZERO);
    link.on_generation(now, Generation(1), 0, None);
    link.confirm(&entries(0..3));
    link.on_generation(now, Generation(1), 0, None);
    assert_eq!(link.known(), &entries(0..3));
    link.on_generation(now, Generation(2), 0, None);
    assert!(link.known().is_empty());
}

#[test]
fn a_suspected_peer_gets_its_queue_when_it_acks_a_message_of_the_time() {
    let (mut link, mut now) = (Link::default(), Instant::ZERO);
    link.enqueue(&entries(0..3), now);
    let number = send(&mut link, now, wait());
    now = now.after(Duration::from_secs(1));
    assert_eq!(link.on_deadline(now, 0), Timeout::Peer);
    assert_eq!((link.queue().count(), link.in_flight().count()), (3, 0));
    assert!(!link.flush_due(now) && link.suspect_probe_due(now));
    link.on_ack(now, &ack(number), Duration::ZERO);
    assert!(link.flush_due(now) && !link.is_suspected());
}

#[test]
fn a_message_past_its_deadline_is_queued_again_whoever_was_acked() {
    let (mut link, now) = (Link::default(), Instant::ZERO);
    link.enqueue(&entries(0..1), now);
    send(&mut link, now, wait());
    link.enqueue(&entries(1..2), now);
    let number = send(&mut link, now, AckWait { timeout: Duration::from_secs(9), ..wait() });
    let later = now.after(Duration::from_millis(10));
    let ack = link.on_ack(later, &ack(number), Duration::ZERO);
    assert_eq!(ack, AckReceived { rtt: Some(Duration::from_millis(10)), lost: 0 });
    // The reordering window of the overtaken one has passed.
    let deadline = link.next_deadline().unwrap();
    assert_eq!(link.on_deadline(deadline, 0), Timeout::Overtaken);
    assert_eq!(link.queue(), &entries(0..1));
}
