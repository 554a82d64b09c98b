//! The queues of nodes that are killed or paused: the vectors of Maelstrom's own test, and latency.

use super::*;

/// Both kinds of delivery, without latency.
fn benches() -> [Bench; 2] {
    [true, false].map(|head_of_line| {
        let latency = Latency::default();
        Bench::new(&NetworkConfig { latency, ..config(head_of_line) })
    })
}

fn ids(range: std::ops::Range<u64>, mark: &str, ms: u64) -> String {
    range.map(|id| format!("{mark}{id}@{ms}")).collect::<Vec<_>>().join(" ")
}

impl Bench {
    fn send_many(&mut self, count: u64) {
        (0..count).for_each(|_| self.send(N1, 2));
    }

    fn go_on(&mut self, change: impl FnOnce(&mut Network<Numbered>, Nanos)) {
        change(&mut self.network, self.now);
        self.drain();
    }
}

#[test]
fn a_running_node_is_never_bounded_however_slowly_it_takes() {
    for mut bench in benches() {
        bench.network.halt(2);
        bench.send_many(20);
        bench.run_until(1.0);
        assert_eq!((bench.log(), bench.network.queued()), (String::new(), 20));
    }
}

#[test]
fn a_node_that_is_down_keeps_the_ten_oldest_and_takes_more_once_it_is_up() {
    for mut bench in benches() {
        bench.network.set_bounded(2, true);
        bench.network.halt(2);
        bench.send_many(30);
        bench.run_until(5.0);
        assert_eq!((bench.log(), bench.network.queued()), (ids(10..30, "!", 0), 10));
        bench.network.set_bounded(2, false);
        bench.send_many(5);
        assert_eq!(bench.network.queued(), 15);
        assert_eq!(bench.network.conditions().counts().overflowed, 20);
        bench.go_on(|network, now| network.resume(now, 2));
        bench.run_until(6.0);
        let arrived = [ids(0..10, "", 5), ids(30..35, "", 5)].join(" ");
        assert_eq!(bench.log(), arrived);
    }
}

#[test]
fn a_node_that_is_killed_gets_init_first_and_then_the_ten_oldest() {
    for mut bench in benches() {
        bench.network.set_bounded(2, true);
        bench.network.halt(2);
        bench.send_many(20);
        bench.run_until(3.0);
        assert_eq!(bench.log(), ids(10..20, "!", 0));
        bench.network.begin_backlog(2);
        bench.send(C0, 2);
        bench.run_until(4.0);
        assert_eq!(bench.log(), "20@3");
        bench.go_on(|network, now| network.return_backlog(now, 2));
        bench.run_until(5.0);
        assert_eq!(bench.log(), ids(0..10, "", 4));
    }
}

#[test]
fn a_backlog_has_the_room_that_is_left_and_is_lost_if_init_is_not_answered() {
    let mut bench = Bench::new(&config(true));
    bench.network.set_bounded(2, true);
    bench.network.halt(2);
    bench.send_many(10);
    bench.network.begin_backlog(2);
    // Seven wait for their latency in the fresh queue; the first of them is in hand.
    bench.send_many(8);
    bench.go_on(|network, now| network.return_backlog(now, 2));
    assert_eq!(bench.log(), ids(3..10, "!", 0));
    bench.network.halt(2);
    bench.network.begin_backlog(2);
    bench.go_on(|network, _| network.drop_backlog(2));
    assert_eq!(bench.log().split(' ').count(), 11);
    assert_eq!(bench.network.queued(), 0);
}

#[test]
fn what_waits_for_its_latency_counts_and_a_longer_queue_is_not_cut() {
    for head_of_line in [true, false] {
        let mut bench = Bench::new(&config(head_of_line));
        bench.send_many(15);
        bench.network.set_bounded(2, true);
        bench.send_many(2);
        assert_eq!(bench.log(), ids(15..17, "!", 0));
        bench.run_until(300.0);
        assert_eq!(bench.log().split(' ').count(), 15);
        // Its pipe is empty, and yet it gets ten messages a latency, or one more.
        bench.send_many(20);
        let lost = bench.log().split(' ').count();
        assert_eq!(lost, if head_of_line { 9 } else { 10 });
    }
}

#[test]
fn a_message_in_hand_stays_where_it_is_when_its_node_stops() {
    let mut bench = Bench::new(&config(true));
    bench.send_many(2);
    bench.run_until(50.0);
    bench.network.halt(2);
    bench.run_until(500.0);
    assert_eq!((bench.log(), bench.network.queued()), (String::new(), 2));
    bench.go_on(|network, now| network.resume(now, 2));
    assert_eq!(bench.log(), "0@500 1@500");
}
