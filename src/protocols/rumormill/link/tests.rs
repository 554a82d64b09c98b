use super::*;
use crate::set::OriginId;

fn entries(range: std::ops::Range<u64>) -> VersionSet {
    let mut entries = VersionSet::new();
    entries.insert(OriginId(0), range);
    entries
}

fn send(link: &mut Link, now: Instant, wait: AckWait) -> u64 {
    let batch = link.take_batch(std::mem::take);
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
fn a_message_past_its_deadline_is_queued_again_whatever_peer_acked() {
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
    assert_eq!(link.on_deadline(deadline, 0), Timeout::BelowAcked);
    assert_eq!(link.queue(), &entries(0..1));
}

fn at(ms: u64) -> Instant {
    Instant::from_micros(ms * 1_000)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A link whose peer has left a message with these entries unacked for 1 s, until 1 s.
fn suspected(queue: &VersionSet) -> Link {
    let mut link = Link::default();
    link.on_generation(at(0), Generation(1), 0, None);
    link.enqueue(queue, at(0));
    let batch = link.take_batch(std::mem::take);
    let entries = if batch.is_empty() { entries(0..1).into() } else { batch };
    link.on_sent(at(0), entries, Forward::No, wait(), VersionSet::new());
    assert_eq!(link.on_deadline(at(1_000), 0), Timeout::Peer);
    link
}

#[test]
fn each_timer_is_a_deadline_of_the_link() {
    type Setup = fn(&mut Link);
    let timers: [(&str, Setup); 9] = [
        ("request", |link| link.request_by(at(10))),
        ("repeat", |link| link.repeat_at = Some(at(10))),
        ("ack", |link| link.acks.schedule(at(10))),
        ("flush", |link| _ = link.enqueue(&entries(0..1), at(10))),
        ("requested probe", |link| link.request_probe(at(10))),
        ("gap", |link| {
            link.acks.on_received(at(3), 5, true, ms(7));
        }),
        ("probe", |link| {
            send(link, at(3), wait());
            link.on_probe_sent(at(3), AckWait { timeout: ms(7), ..wait() });
        }),
        ("in flight", |link| {
            link.enqueue(&entries(0..1), at(0));
            send(link, at(3), AckWait { timeout: ms(7), ..wait() });
        }),
        ("keep-alive", |link| {
            // With these intervals the peer waits for 250 ms.
            for i in 0..4 {
                send(link, at(100 * i), wait());
                link.on_heartbeat_sent(at(100 * i));
            }
            assert_eq!(link.next_deadline(), Some(at(490)));
            link.acks.schedule(at(10));
        }),
    ];
    assert_eq!(Link::default().next_deadline(), None);
    for (name, set) in timers {
        let mut link = Link::default();
        set(&mut link);
        assert_eq!(link.next_deadline(), Some(at(10)), "{name}");
    }
}

#[test]
fn what_is_due_is_due_at_its_time_and_not_before() {
    type Row = (fn(&mut Link), fn(&mut Link, Instant) -> bool);
    let table: [Row; 5] = [
        (|link| link.request_by(at(10)), |link, now| link.take_due_request(now)),
        (|link| link.repeat_at = Some(at(10)), |link, now| link.repeat_due(now)),
        (|link| link.acks.schedule(at(10)), |link, now| link.bare_message_due(now)),
        (|link| _ = link.enqueue(&entries(0..1), at(10)), |link, now| link.flush_due(now)),
        (
            |link| link.request_probe(at(10)),
            |link, now| link.is_probe_requested() && link.bare_message_due(now),
        ),
    ];
    for (i, (set, is_due)) in table.into_iter().enumerate() {
        let mut link = Link::default();
        set(&mut link);
        assert_eq!([9, 10].map(|now| is_due(&mut link, at(now))), [false, true], "row {i}");
        // The next message settles all but the queue's retransmissions.
        assert!(!link.retransmission_due(at(10)));
    }
    let mut link = Link::default();
    link.request_by(at(10));
    link.request_by(at(5));
    assert!(!link.take_due_request(at(9)) && link.take_due_request(at(10)));
    assert!(!link.take_due_request(at(10)));
}

#[test]
fn a_message_settles_the_ack_and_the_repeat() {
    let mut link = Link::default();
    link.acks.schedule(at(10));
    link.repeat_at = Some(at(10));
    assert_eq!((send(&mut link, at(0), wait()), link.next_deadline()), (0, None));
    assert_eq!((send(&mut link, at(0), wait()), send(&mut link, at(0), wait())), (1, 2));
}

#[test]
fn a_suspected_peer_gets_nothing_but_probes() {
    let mut link = suspected(&entries(0..2));
    link.acks.schedule(at(0));
    link.queue.flush_by(at(0));
    assert!(!link.has_more() && !link.bare_message_due(at(2_000)) && !link.flush_due(at(2_000)));
    assert!(!link.suspect_probe_due(at(999)) && link.suspect_probe_due(at(1_000)));
    assert_eq!((send(&mut link, at(1_000), wait()), link.in_flight().count()), (1, 0));
    link.liveness.on_suspect_probed(at(1_000), ms(100), ms(10_000));
    assert_eq!(link.next_deadline(), Some(at(1_100)));
    link.liveness.on_heard(at(1_010), ms(50));
    assert_eq!(link.next_deadline(), Some(at(1_050)));
    // An ack of the probe confirms what it carried.
    link.on_ack(at(1_060), &ack(1), ms(0));
    assert_eq!((link.known(), link.has_acked()), (&entries(0..2), true));
    assert!(!suspected(&entries(0..1)).has_acked());
    assert_eq!(Link::default().suspected_since(), None);
}

#[test]
fn a_peer_is_suspected_once() {
    let mut link = Link::default();
    link.enqueue(&entries(0..1), at(0));
    send(&mut link, at(0), wait());
    link.on_probe_sent(at(0), AckWait { timeout: ms(2_000), ..wait() });
    assert_eq!(link.on_deadline(at(1_000), 0), Timeout::Peer);
    assert_eq!(link.suspected_since(), Some(at(0)));
    assert_eq!(link.on_deadline(at(9_000), 0), Timeout::Nothing);
}

#[test]
fn a_peer_that_is_given_up_has_everything_in_flight_queued_again() {
    let mut link = Link::default();
    for (i, sent_at) in [0, 900].into_iter().enumerate() {
        link.enqueue(&entries(i as u64..i as u64 + 1), at(sent_at));
        send(&mut link, at(sent_at), wait());
    }
    assert!(!link.give_up(at(999)), "nothing has timed out");
    assert_eq!(link.on_deadline(at(1_000), 9), Timeout::Messages);
    assert!(link.give_up(at(1_000)));
    assert_eq!((link.queue(), link.in_flight().count()), (&entries(0..2), 0));
}

#[test]
fn a_probe_of_a_suspected_peer_is_not_waited_for() {
    let in_flight = |mut link: Link| {
        send(&mut link, at(1_000), wait());
        link.on_probe_sent(at(1_000), wait());
        link.sent.batches().count()
    };
    assert_eq!([Link::default(), suspected(&VersionSet::new())].map(in_flight), [1, 0]);
}

#[test]
fn a_restart_ends_a_suspicion_and_sends_what_waits() {
    let restart = |link: &mut Link| {
        link.on_generation(at(1_500), Generation(2), 0, None);
        (link.is_suspected(), link.flush_due(at(1_500)), link.next_deadline())
    };
    let mut waiting = suspected(&entries(0..2));
    waiting.take_batch(std::mem::take);
    assert_eq!(restart(&mut waiting), (false, true, Some(at(1_500))));
    let mut confirmed = suspected(&entries(0..1));
    confirmed.queue.clear();
    assert_eq!(restart(&mut confirmed), (false, false, None));
    // Without a suspicion the queue keeps its deadline.
    let mut link = Link::default();
    link.on_generation(at(0), Generation(1), 0, None);
    link.enqueue(&entries(0..1), at(2_000));
    assert_eq!(restart(&mut link), (false, false, Some(at(2_000))));
}

#[test]
fn the_first_message_of_a_peer_is_no_restart() {
    let mut link = Link::default();
    link.enqueue(&entries(0..1), at(0));
    send(&mut link, at(0), wait());
    link.on_generation(at(0), Generation(1), 0, None);
    assert_eq!((link.generation(), link.in_flight()), (Some(Generation(1)), entries(0..1)));
}

#[test]
fn the_round_trip_is_without_the_time_that_the_peer_held_the_message() {
    let mut link = Link::default();
    link.enqueue(&entries(0..1), at(0));
    let number = send(&mut link, at(0), wait());
    let received = link.on_ack(at(150), &Ack { held_us: 30_000, ..ack(number) }, ms(0));
    assert_eq!((received.rtt, link.rtt().smoothed()), (Some(ms(120)), Some(ms(120))));
    assert!(link.has_acked());
    // The same ack once more is no measurement.
    assert_eq!(link.on_ack(at(900), &ack(number), ms(0)), AckReceived::default());
}

#[test]
fn overdue_is_the_oldest_message_and_a_longer_round_trip_extends_it() {
    let mut link = Link::default();
    link.enqueue(&entries(0..1), at(10));
    send(&mut link, at(10), wait());
    send(&mut link, at(20), wait());
    link.on_probe_sent(at(20), AckWait { timeout: ms(500), ..wait() });
    let since = |link: &Link| [519, 520, 1_010].map(|now| link.overdue_since(at(now)));
    assert_eq!(since(&link), [None, Some(at(20)), Some(at(10))]);
    link.extend_overdue(at(1_010), ms(2_000));
    assert_eq!([2_009, 2_010].map(|now| link.overdue_since(at(now))), [None, Some(at(10))]);
    // An ack of the message before it is none of the probe.
    link.on_ack(at(2_010), &ack(0), ms(0));
    assert_eq!(link.overdue_since(at(2_020)), Some(at(20)));
    link.on_ack(at(2_020), &ack(1), ms(0));
    assert_eq!(link.overdue_since(at(9_000)), None);
}

#[test]
fn what_the_peer_holds_is_not_queued_and_what_it_confirms_is_no_longer_in_flight() {
    let mut link = Link::default();
    link.confirm(&entries(0..2));
    link.enqueue(&entries(0..4), at(0));
    assert_eq!((link.queue(), link.has_more()), (&entries(2..4), true));
    send(&mut link, at(0), wait());
    assert!(!link.has_more() && link.in_flight() == entries(2..4));
    link.confirm(&entries(2..3));
    assert_eq!(link.in_flight(), entries(3..4));
    let unconfirmed = link.sent.take_unconfirmed(1, Forward::No, |_| true);
    assert_eq!((unconfirmed.len(), link.in_flight().count()), (1, 0));
    link.sent.add_unconfirmed(at(1), wait(), unconfirmed);
    assert_eq!(link.in_flight(), entries(3..4));
    link.liveness.back_off();
    assert_eq!(link.liveness.backoff(), 2);
}
