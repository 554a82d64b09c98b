//! Reports of runs whose clients do not broadcast.

use rumormill_judge::workload::{G_SET, PN_COUNTER};

use super::*;

#[test]
fn what_clients_did_is_named_as_they_did_it_and_its_spread_is_drawn() {
    for workload in [&PN_COUNTER, &G_SET] {
        let settings = Settings { workload, nemesis: None, time_limit_ms: 1_000, ..settings() };
        let (_base, store) = simulated(&settings);
        let page = fs::read_to_string(write(store.dir(), Window::default(), &[]).unwrap()).unwrap();
        check(&page);
        let operations = chart(&page, "operations");
        assert!(operations.contains(">add<") && operations.contains(">read<"), "{operations}");
        assert!(!page.contains(">broadcast<"));
        let history = Run::gather(store.dir(), &[]).operations.unwrap();
        let adds = history.iter().filter(|op| op.kind == "add").count();
        assert!(
            operations.contains(&format!(">add</th><td class=\"number\">{adds}</td>")),
            "{operations}"
        );
        assert!(chart(&page, "infection").contains("seen in rumormill messages"));
    }
}
