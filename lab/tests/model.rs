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
use stateright::{Checker as _, Model, Property};

/// A cluster to be explored.
struct Explored {
    edges: &'static [(usize, usize)],
    /// The nodes at which the first and the second value are broadcast.
    origins: [usize; 2],
    bounds: Bounds,
}

impl Model for Explored {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(self.edges, self.origins, self.bounds)]
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
            // The properties above are not empty: there is such a state.
            Property::sometimes("quiet after a loss", |_, state: &State| {
                state.has_lost() && state.world().is_quiet() && state.has_all_values()
            }),
            Property::sometimes("out of bounds before all agree", |_, state: &State| {
                state.is_out_of_bounds() && !state.world().has_converged()
            }),
        ]
    }
}

fn explore(name: &str, explored: Explored) {
    let (start, bounds) = (Instant::now(), explored.bounds);
    let checker = explored.checker().threads(2).target_state_count(12_000_000).spawn_bfs().join();
    println!(
        "{name}: {} states, {} transitions, {} steps deep, {bounds:?}, {:.1} s",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        start.elapsed().as_secs_f64(),
    );
    for (property, path) in checker.discoveries() {
        if checker.model().property(property).expectation == stateright::Expectation::Always {
            let last = format!("{:?}", path.last_state());
            for (state, action) in path.into_vec() {
                action.iter().for_each(|&action| println!("{}", state.describe(action)));
            }
            panic!("{name}: not so: {property}\n{last}");
        }
    }
    checker.assert_properties();
}

#[test]
fn ad_hoc() {
    let e: Vec<u8> =
        std::env::var("MODEL").unwrap().split(',').map(|x| x.parse().unwrap()).collect();
    let bounds = Bounds {
        timeouts: e[1],
        losses: e[2],
        duplications: e[3],
        digests: e[4] == 1,
        restarts: e[5],
    };
    let (edges, origins): (&'static [(usize, usize)], _) = match e[0] {
        2 => (&[(0, 1)], [0, 1]),
        3 => (&[(0, 1), (1, 2)], [0, 2]),
        4 => (&[(0, 1), (1, 2)], [0, 0]),
        _ => (&[(0, 1), (1, 2), (0, 2)], [0, 1]),
    };
    explore("ad hoc", Explored { edges, origins, bounds });
}
