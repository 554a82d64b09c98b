use super::*;
use crate::set::OriginId;

fn at(ms: u64) -> Instant {
    Instant::from_micros(ms * 1_000)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn entries(range: std::ops::Range<u64>) -> VersionSet {
    let mut entries = VersionSet::new();
    entries.insert(OriginId(0), range);
    entries
}

fn numbers(range: std::ops::Range<u64>) -> Ranges {
    std::iter::once(range).collect()
}

fn send(sent: &mut SentMessages, now: u64, sequence: u64, forward: Forward, wait: AckWait) -> u64 {
    let number = sent.on_sent(at(now));
    sent.track(at(now), number, entries(sequence..sequence + 1).into(), forward, wait);
    number
}

fn wait(timeout: u64) -> AckWait {
    AckWait { timeout: ms(timeout), max_ack_delay: Duration::ZERO, threshold: 1 }
}

#[test]
fn a_batched_ack_is_waited_for_as_long_as_the_threshold_allows() {
    let mut sent = SentMessages::default();
    let wait = AckWait { threshold: 3, ..wait(100) };
    (0..5).for_each(|i| {
        send(&mut sent, i * 60, i, Forward::No, wait);
    });
    let deadlines: Vec<Instant> = sent.batches().map(|batch| batch.deadline).collect();
    assert_eq!(deadlines, [220, 280, 340, 340, 340].map(at));
    assert_eq!(sent.next_deadline(), Some(at(220)));
}

#[test]
fn messages_before_an_acked_one_are_lost_after_the_reordering_window() {
    let mut sent = SentMessages::default();
    for i in 0..3 {
        send(&mut sent, i * 50, i, Forward::No, wait(1_000));
    }
    let acked = sent.on_ack(&numbers(2..3));
    assert_eq!((acked.sent_at, acked.entries), (Some(at(100)), vec![entries(2..3).into()]));
    let (count, lost) = sent.on_below_acked(at(200), 2, ms(160));
    assert_eq!((count, lost.entries), (1, entries(0..1)));
    // Message 1 has until the end of the window.
    assert_eq!(sent.next_deadline(), Some(at(210)));
    // An overtaken message is not given more time.
    sent.extend_overdue(at(300), ms(500));
    assert_eq!(sent.oldest_overdue(at(300)), Some((at(50), 1)));
    assert_eq!(sent.take_expired(at(300)).entries, entries(1..2));
}

#[test]
fn an_ack_confirms_the_entries_of_its_messages_and_is_new_once() {
    let mut sent = SentMessages::default();
    for i in 0..4 {
        send(&mut sent, i * 10, i, Forward::No, wait(1_000));
    }
    let gap: Ranges = [0..1, 2..3].into_iter().collect();
    let acked = sent.on_ack(&gap);
    let confirmed = [0..1, 2..3].map(|range| entries(range).into()).to_vec();
    assert_eq!(acked, Acked { entries: confirmed, is_new: true, sent_at: Some(at(20)) });
    assert_eq!(sent.in_flight().count(), 2);
    assert_eq!(sent.on_ack(&gap), Acked::default());
    assert!(sent.acked_since(at(20)) && !sent.acked_since(at(21)));
    assert!(sent.is_acked(1) && !sent.is_acked(3));
    // An earlier message that was late: its entries count, the ack is not new.
    let acked = sent.on_ack(&numbers(0..3));
    assert_eq!((acked.entries, acked.is_new), (vec![entries(1..2).into()], false));
}

#[test]
fn a_late_ack_of_what_was_taken_for_lost_counts_unless_the_peer_restarted() {
    let mut sent = SentMessages::default();
    send(&mut sent, 0, 0, Forward::No, wait(100));
    assert_eq!(sent.take_expired(at(100)).entries, entries(0..1));
    let number = sent.on_sent(at(100));
    sent.track_unwaited(number, entries(5..6).into());
    let mut both = sent.clone();
    let expected = [0..1, 5..6].map(|range| SharedSet::from(entries(range)));
    assert_eq!(both.on_ack(&numbers(0..2)).entries, expected);
    sent.on_restart();
    assert!(sent.on_ack(&numbers(0..2)).entries.is_empty());
}

#[test]
fn a_longer_round_trip_extends_the_deadlines_of_overdue_messages() {
    let mut sent = SentMessages::default();
    let delayed = AckWait { max_ack_delay: ms(30), ..wait(100) };
    send(&mut sent, 0, 0, Forward::No, delayed);
    send(&mut sent, 50, 1, Forward::No, delayed);
    sent.extend_overdue(at(130), ms(300));
    let deadlines: Vec<Instant> = sent.batches().map(|batch| batch.deadline).collect();
    assert_eq!(deadlines, [330, 180].map(at));
}

#[test]
fn confirmed_entries_are_no_longer_in_flight() {
    let mut sent = SentMessages::default();
    send(&mut sent, 0, 0, Forward::No, wait(100));
    send(&mut sent, 0, 1, Forward::Tree, wait(100));
    sent.on_confirmed(&entries(0..1));
    assert_eq!(sent.in_flight(), entries(1..2));
    assert_eq!(sent.take_all(), Lost { entries: entries(1..2), forward: Forward::Tree });
    assert!(sent.in_flight().is_empty());
}

#[test]
fn entries_ride_so_often_where_there_is_room_and_the_relay_allows() {
    let mut sent = SentMessages::default();
    send(&mut sent, 0, 0, Forward::No, wait(100));
    send(&mut sent, 0, 1, Forward::Tree, wait(100));
    assert!(sent.take_unconfirmed(0, Forward::Tree, |_| true).is_empty());
    let unconfirmed = sent.take_unconfirmed(1, Forward::No, |_| true);
    assert_eq!(unconfirmed.iter().map(|batch| batch.number).collect::<Vec<_>>(), [0]);
    let number = sent.on_sent(at(40));
    sent.add_unconfirmed(at(40), wait(100), unconfirmed);
    let last = sent.batches().last().unwrap();
    assert_eq!((last.number, last.deadline), (number, at(140)));
    // An ack of the first message that carried them confirms them as well.
    assert_eq!(sent.clone().on_ack(&numbers(0..1)).entries, [entries(0..1).into()]);
    // It has had its ride; the other one finds no room.
    assert!(sent.take_unconfirmed(1, Forward::Tree, |_| false).is_empty());
    assert_eq!(sent.in_flight(), entries(0..2));
}

#[test]
fn the_last_messages_are_remembered() {
    let mut sent = SentMessages::default();
    for i in 0..=REMEMBERED_MAX as u64 {
        let number = sent.on_sent(at(i));
        assert_eq!((number, sent.next_number()), (i, i + 1));
        sent.track_unwaited(number, entries(i..i + 1).into());
    }
    let forgotten = sent.clone().on_ack(&numbers(0..1));
    assert_eq!(forgotten, Acked { is_new: true, ..Acked::default() });
    let acked = sent.on_ack(&numbers(1..2));
    assert_eq!((acked.entries, acked.sent_at), (vec![entries(1..2).into()], Some(at(1))));
    sent.track_unwaited(0, VersionSet::new().into());
    assert_eq!(sent.unwaited.len(), REMEMBERED_MAX - 1);
}

#[test]
fn a_message_is_lost_after_the_window_and_overdue_at_its_deadline() {
    let mut sent = SentMessages::default();
    send(&mut sent, 0, 0, Forward::No, wait(100));
    send(&mut sent, 10, 1, Forward::No, wait(100));
    let overdue = [99, 100, 110].map(|now| sent.oldest_overdue(at(now)));
    assert_eq!(overdue, [None, Some((at(0), 0)), Some((at(0), 0))]);
    assert_eq!(sent.clone().take_expired(at(109)).entries, entries(0..1));
    assert_eq!(sent.clone().take_expired(at(110)).entries, entries(0..2));
    let lost = |now| sent.clone().on_below_acked(at(now), 1, ms(50));
    assert_eq!((lost(50).0, lost(51).0, lost(51).1.entries), (0, 1, entries(0..1)));
}

#[test]
fn a_message_below_the_largest_acked_is_given_no_more_time() {
    let mut sent = SentMessages::default();
    let batched = AckWait { threshold: 9, ..wait(100) };
    (0..2).for_each(|i| {
        send(&mut sent, 0, i, Forward::No, batched);
    });
    sent.on_below_acked(at(0), 1, ms(60));
    send(&mut sent, 50, 2, Forward::No, batched);
    let deadlines: Vec<Instant> = sent.batches().map(|batch| batch.deadline).collect();
    assert_eq!(deadlines, [60, 150, 150].map(at));
}

#[test]
fn an_unconfirmed_entry_is_sent_anew_with_what_it_asks_for_and_as_often_as_allowed() {
    let mut sent = SentMessages::default();
    send(&mut sent, 0, 0, Forward::No, wait(100));
    for ride in 1..=2 {
        let unconfirmed = sent.take_unconfirmed(2, Forward::No, |_| true);
        assert_eq!(unconfirmed.iter().map(|batch| batch.entries().count()).sum::<u64>(), 1);
        sent.on_sent(at(10 * ride));
        sent.add_unconfirmed(at(10 * ride), wait(100), unconfirmed);
        assert_eq!(sent.next_deadline(), Some(at(10 * ride + 100)));
    }
    assert!(sent.take_unconfirmed(2, Forward::No, |_| true).is_empty());
    assert_eq!(sent.take_unconfirmed(3, Forward::No, |_| true)[0].number, 2);
}

#[test]
fn a_probe_is_waited_for_although_it_carries_nothing() {
    let mut sent = SentMessages::default();
    sent.on_sent(at(0));
    sent.track_probe(at(0), wait(100));
    send(&mut sent, 50, 0, Forward::No, wait(200));
    // A probe with entries is waited for once.
    sent.track_probe(at(50), wait(200));
    assert_eq!(sent.batches().count(), 2);
    sent.on_confirmed(&entries(0..1));
    assert!(sent.take_unconfirmed(9, Forward::Flood, |_| true).is_empty());
    assert_eq!(
        (sent.next_deadline(), sent.oldest_overdue(at(100))),
        (Some(at(100)), Some((at(0), 0)))
    );
    assert_eq!((sent.take_expired(at(100)), sent.next_deadline()), (Lost::default(), None));
    sent.on_sent(at(100));
    sent.track_probe(at(100), wait(100));
    sent.on_ack(&numbers(2..3));
    assert_eq!(sent.next_deadline(), None);
}
