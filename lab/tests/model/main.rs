//! Every way a small cluster can go: the real `Node`, checked exhaustively with stateright.
//!
//! Time is abstract. Each node has a clock of its own that stands still but for its timers: at any
//! point of a run, the next deadline of any node may come. So timers fire in every order that is
//! possible between nodes, however fast or late each of them is. A deadline that has come already
//! (a batch with no window) is handled at once, as every driver does.
//!
//! The network delivers messages in any order, and loses and duplicates some. What is bounded, so
//! that the space is finite: [`Bounds`]. When a run has used up its timeouts, it is let run on
//! without faults, and all must come to agree: so a state from which there is no way back is found
//! even where the bounds end.

mod local;
mod setting;
mod state;
mod world;

use std::time::Instant;

use rumormill::protocols::rumormill::mutation::Mutation;
use rumormill::protocols::rumormill::route::Route;
use stateright::{Checker as _, Model, Property};

use setting::{Bounds, Setting};
use state::{Action, State};
use world::World;

struct Explored(Setting);

impl Model for Explored {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(self.0)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        state.actions(actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        next.apply(action);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("known is held", |_, state: &State| state.world().known_is_held()),
            Property::always("acknowledged is held", |_, state: &State| {
                state.acknowledged_is_held()
            }),
            Property::always("quiet is converged", |_, state: &State| {
                // No peer may know yet that a node has lost its memory.
                state.has_restarted() || !state.world().is_quiet() || state.world().has_converged()
            }),
            Property::always("the way back is open", |_, state: &State| {
                !state.is_out_of_bounds() || World::clone(state.world()).converges_without_faults()
            }),
            Property::sometimes(WITNESSES[0], |_, state: &State| {
                state.has_lost() && state.world().is_quiet() && state.has_all_values()
            }),
            Property::sometimes(WITNESSES[1], |_, state: &State| {
                state.is_out_of_bounds() && !state.world().has_converged()
            }),
        ]
    }
}

/// States that an exploration with losses comes by: without them, its properties say little.
const WITNESSES: [&str; 2] = ["quiet after a loss", "out of bounds before all agree"];

/// Explores everything there is; tells which property does not hold, if one does not.
fn explore(setting: Setting, witnesses: &[&str]) -> Option<&'static str> {
    let start = Instant::now();
    let checker = Explored(setting).checker().threads(2).spawn_bfs().join();
    println!(
        "{setting:?}: {} states, {} transitions, {} steps deep, {:.1} s",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        start.elapsed().as_secs_f64(),
    );
    let mut discoveries = checker.discoveries();
    for witness in witnesses {
        assert!(discoveries.contains_key(witness), "{setting:?}: never {witness}");
    }
    discoveries.retain(|property, _| !WITNESSES.contains(property));
    let (property, path) = discoveries.into_iter().next()?;
    let last = format!("{:?}", path.last_state());
    for (state, action) in path.into_vec() {
        action.iter().for_each(|&action| println!("{}", state.describe(action)));
    }
    println!("It does not hold that {property}:\n{last}");
    Some(property)
}

const PAIR: &[(usize, usize)] = &[(0, 1)];
const LINE: &[(usize, usize)] = &[(0, 1), (1, 2)];

/// A line that is flooded from both ends.
const FLOODED: Setting = Setting {
    route: Route::Topology,
    edges: LINE,
    origins: [0, 2],
    mutation: None,
    bounds: Bounds { timeouts: 1, losses: 2, duplications: 1, restarts: 0, digests: true },
};

/// 81,757 states with the node as of this test's last change.
#[test]
fn a_flooded_line() {
    assert_eq!(explore(FLOODED, &WITNESSES), None);
}

/// Both values come from one end, so that what is held may have gaps.
const ONE_SOURCE: Setting =
    Setting { origins: [0, 0], bounds: Bounds { duplications: 0, ..FLOODED.bounds }, ..FLOODED };

/// 64,442 states.
#[test]
fn a_line_with_one_source() {
    assert_eq!(explore(ONE_SOURCE, &WITNESSES[1..]), None);
}

/// 22,324 states.
#[test]
fn direct_mail() {
    let bounds = Bounds { losses: 1, duplications: 0, ..FLOODED.bounds };
    let setting = Setting { route: Route::Direct, bounds, ..FLOODED };
    assert_eq!(explore(setting, &WITNESSES[1..]), None);
}

/// Two nodes.
const TWO: Setting = Setting { edges: PAIR, origins: [0, 1], ..FLOODED };

/// 14,041 states.
#[test]
fn two_nodes() {
    let bounds = Bounds { losses: 1, ..FLOODED.bounds };
    assert_eq!(explore(Setting { bounds, ..TWO }, &WITNESSES[1..]), None);
}

/// 4,423 states. What a restarted node had acknowledged may be lost with it; all else must hold,
/// in whatever order the messages of its lives arrive.
#[test]
fn a_node_that_restarts() {
    let bounds = Bounds { losses: 0, duplications: 0, restarts: 1, ..FLOODED.bounds };
    assert_eq!(explore(Setting { bounds, ..TWO }, &[]), None);
}

/// Millions of states.
#[test]
#[ignore = "takes minutes; for changes of the protocol"]
fn further_bounds() {
    let bounds = Bounds { timeouts: 2, losses: 1, duplications: 0, ..FLOODED.bounds };
    assert_eq!(explore(Setting { bounds, ..TWO }, &WITNESSES), None);
    let bounds = Bounds { digests: false, ..bounds };
    assert_eq!(explore(Setting { bounds, ..FLOODED }, &WITNESSES), None);
}

/// The properties are worth something: these bugs break them.
///
/// Two more are beyond these bounds: a digest that claims too much (a gap takes three values), and
/// pending entries lost at a restart (digests repair it). `hunting.rs` finds them.
#[test]
fn bugs_on_purpose_are_found() {
    let bounds = Bounds { timeouts: 2, losses: 1, duplications: 0, ..FLOODED.bounds };
    // A peer is taken for silent when it has left three messages unanswered.
    let silent = Bounds { timeouts: 3, digests: false, losses: 2, ..bounds };
    let cases = [
        (Mutation::AckWithoutEvidence, ONE_SOURCE),
        (Mutation::DroppedAtBatchLimit, Setting { bounds: silent, origins: [0, 0], ..TWO }),
        (Mutation::RetryNeverSent, Setting { bounds, ..TWO }),
    ];
    for (mutation, setting) in cases {
        let found = explore(Setting { mutation: Some(mutation), ..setting }, &[]);
        assert!(found.is_some(), "{mutation} was not found");
    }
}
