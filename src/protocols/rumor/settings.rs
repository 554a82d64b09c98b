//! The settings of rumor mongering: the variants of the paper, one flag each.

use std::time::Duration;

use crate::gossip::Switch;

crate::choice! {
    /// The direction in which entries travel in a contact.
    pub enum Mode {
        /// From the caller.
        Push = "push",
        /// To the caller.
        Pull = "pull",
        /// Both.
        PushPull = "push-pull",
    }
}

crate::choice! {
    /// The copies that count against an entry's heat.
    pub enum Loss {
        /// Every copy sent.
        Blind = "blind",
        /// Copies that the receiver knew.
        Feedback = "feedback",
    }
}

crate::choice! {
    /// The end of interest.
    pub enum Interest {
        /// With probability 1/k each time.
        Coin = "coin",
        /// The k-th time.
        Counter = "counter",
        /// Never: anti-entropy.
        Forever = "forever",
    }
}

crate::choice! {
    /// The state by which a receiver says whether it knew an entry, and from which it answers.
    pub enum Judge {
        /// That of the beginning of its cycle.
        Start = "start",
        /// The present one.
        Now = "now",
    }
}

crate::settings! {
    /// The settings.
    pub struct Config {
        /// Time between two contacts of a node.
        period: Duration as Interval = Duration::from_millis(100),
            "--period", "time between two contacts of a node";
        /// Direction.
        mode: Mode as Choice = Mode::PushPull, "--mode", "push, pull or push-pull";
        /// The copies that count.
        loss: Loss as Choice = Loss::Feedback, "--loss", "copies that count: blind or feedback";
        /// The end of interest.
        interest: Interest as Choice = Interest::Counter,
            "--interest", "its end: coin, counter or forever";
        /// See [`Interest`].
        k: usize as Count = 3, "--k", "copies that count until interest is lost; coin: on average";
        /// A useful contact sets the counter to 0.
        reset: Switch as Choice = Switch::On, "--reset", "a useful contact resets the counter";
        /// The state that answers come from.
        judge: Judge as Choice = Judge::Now,
            "--judge", "answer from the state at the cycle's start or now";
        /// Different peers contacted per cycle.
        fanout: usize as Count = 1, "--fanout", "different peers contacted per cycle";
        /// Incoming contacts that a node serves per cycle; 0: all.
        connection_limit: usize as Number = 0,
            "--connection-limit", "incoming contacts served per cycle; 0: all";
        /// Further peers that a refused caller tries in the same cycle.
        hunt: usize as Number = 0, "--hunt", "further peers tried in a cycle when refused";
        /// Of two nodes that know, only the one with the smaller counter counts.
        minimise: Switch as Choice = Switch::Off, "--minimise", "only the smaller counter counts";
        /// Cycles between two runs of anti-entropy; 0: none.
        backup: usize as Number = 10,
            "--backup", "cycles between two runs of anti-entropy; 0: none";
    }
}
