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

mod model_world;

use std::time::Instant;

use model_world::{Action, Bounds, State, World};
use rumormill::route::Route;
use stateright::{Checker as _, Model, Property};

/// A cluster to be explored.
struct Explored {
    route: Route,
    edges: &'static [(usize, usize)],
    /// The nodes at which the first and the second value are broadcast.
    origins: [usize; 2],
    bounds: Bounds,
}

impl Model for Explored {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(self.route, self.edges, self.origins, self.bounds)]
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
                // Nobody may know yet that a node has lost its memory.
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

fn explore(name: &str, witnesses: &[&str], explored: Explored) {
    let (start, bounds) = (Instant::now(), explored.bounds);
    let checker = explored.checker().threads(2).spawn_bfs().join();
    println!(
        "{name}: {} states, {} transitions, {} steps deep, {bounds:?}, {:.1} s",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        start.elapsed().as_secs_f64(),
    );
    let mut discoveries = checker.discoveries();
    for witness in witnesses {
        assert!(discoveries.contains_key(witness), "{name}: never {witness}");
    }
    discoveries.retain(|property, _| !WITNESSES.contains(property));
    if let Some((property, path)) = discoveries.into_iter().next() {
        let last = format!("{:?}", path.last_state());
        for (state, action) in path.into_vec() {
            action.iter().for_each(|&action| println!("{}", state.describe(action)));
        }
        panic!("{name}: not so: {property}\n{last}");
    }
}

const PAIR: &[(usize, usize)] = &[(0, 1)];
const LINE: &[(usize, usize)] = &[(0, 1), (1, 2)];

/// 228,782 states with the node as of this test's last change.
#[test]
fn a_flooded_line() {
    let bounds = Bounds { timeouts: 1, losses: 2, duplications: 1, ..Bounds::default() };
    let explored = Explored { route: Route::Topology, edges: LINE, origins: [0, 2], bounds };
    explore("flooded line", &WITNESSES, explored);
}

/// 37,842 states.
#[test]
fn direct_mail() {
    let bounds = Bounds { timeouts: 1, losses: 1, ..Bounds::default() };
    let explored = Explored { route: Route::Direct, edges: LINE, origins: [0, 2], bounds };
    explore("direct mail", &WITNESSES[1..], explored);
}

/// 64,766 states.
#[test]
fn two_nodes() {
    let bounds = Bounds { timeouts: 1, losses: 1, duplications: 1, ..Bounds::default() };
    let explored = Explored { route: Route::Topology, edges: PAIR, origins: [0, 1], bounds };
    explore("two nodes", &WITNESSES[1..], explored);
}

/// 32,143 states. What a restarted node had acknowledged may be lost with it; all else must hold,
/// in whatever order the messages of its lives arrive.
#[test]
fn a_node_that_restarts() {
    let bounds = Bounds { timeouts: 1, restarts: 1, ..Bounds::default() };
    let explored = Explored { route: Route::Topology, edges: PAIR, origins: [0, 1], bounds };
    explore("a restart", &[], explored);
}

/// 1,548,721 states of a line, and 329,107 of two nodes.
#[test]
#[ignore = "takes minutes; for changes of the protocol"]
fn further_bounds() {
    let bounds = Bounds { timeouts: 2, losses: 1, digests: false, ..Bounds::default() };
    let explored = Explored { route: Route::Topology, edges: LINE, origins: [0, 2], bounds };
    explore("flooded line, further", &WITNESSES, explored);
    let bounds = Bounds { timeouts: 2, losses: 1, ..Bounds::default() };
    let explored = Explored { route: Route::Topology, edges: PAIR, origins: [0, 1], bounds };
    explore("two nodes, further", &WITNESSES, explored);
}
