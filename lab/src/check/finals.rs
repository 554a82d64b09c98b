//! Which node answered which final read, by Maelstrom's fixed assignment of clients to nodes.

use rumormill_judge::checker::client_function;
use rumormill_judge::history::{Op, OpKind, OpValue, Process};
use rumormill_judge::workload::Workload;

/// The final operations of a history.
pub(super) struct Finals<'h> {
    /// The history from the first of them on.
    history: &'h [Op],
    /// How many there are: one per client.
    pub(super) invoked: usize,
}

impl<'h> Finals<'h> {
    /// Finds them. Where the workload does not mark them, they are the last ones, one of each of so
    /// many clients.
    pub(super) fn of(workload: &Workload, history: &'h [Op], clients: usize) -> Self {
        let Some(last) = workload.last else { return Self { history: &[], invoked: 0 } };
        let is_invoked = |op: &Op| op.kind == OpKind::Invoke && client_function(op).is_some();
        if last.is_marked {
            let invoked = history.iter().filter(|op| op.is_final && is_invoked(op)).count();
            let first = history.iter().position(|op| op.is_final).unwrap_or(history.len());
            return Self { history: &history[first..], invoked };
        }
        let invocations = history.iter().enumerate().filter(|(_, op)| is_invoked(op));
        let last_ones: Vec<_> = invocations.rev().take(clients).collect();
        let are_reads =
            last_ones.iter().all(|(_, op)| client_function(op) == Some(last.operation.f));
        let first = last_ones.last().filter(|_| are_reads).map_or(history.len(), |(at, _)| *at);
        Self { history: &history[first..], invoked: if are_reads { last_ones.len() } else { 0 } }
    }

    /// The last successful final read of every node that has a client.
    ///
    /// Process `p` is client `p mod clients`, and client `i` talks to node `i mod nodes`.
    pub(super) fn by_node<'n>(
        &self,
        nodes: &[&'n str],
        clients: usize,
    ) -> Vec<(&'n str, Option<&'h OpValue>)> {
        let mut reads: Vec<(&str, Option<&OpValue>)> =
            nodes.iter().take(clients).map(|node| (*node, None)).collect();
        for op in self.history.iter().filter(|op| op.kind == OpKind::Ok) {
            let (Process::Client(process), Some(value)) = (op.process, op.action.read_value())
            else {
                continue;
            };
            let client = (process % clients.max(1) as u64) as usize;
            if let Some((_, read)) = reads.get_mut(client % nodes.len()) {
                *read = Some(value);
            }
        }
        reads
    }
}

#[cfg(test)]
mod tests {
    use rumormill_judge::checker::script::history;
    use rumormill_judge::workload::{BROADCAST, WORKLOADS, testing};

    use super::*;

    fn found(script: &str, nodes: &[&str], clients: usize) -> Vec<Option<u64>> {
        let history = history(script);
        let reads = Finals::of(&BROADCAST, &history, clients).by_node(nodes, clients);
        let count = |read: &OpValue| read.set().map(|set| set.ints.len());
        reads.into_iter().map(|(_, read)| read.and_then(count)).collect()
    }

    #[test]
    fn processes_belong_to_nodes_in_turn() {
        let script = "i0 read@1, ok0 read[1 2 3]@2, i1 read!@3, i4 read!@3, i2 read!@3, \
                      ok1 read[5]!@4, ok4 read[5 6]!@4, fail2 read!@5";
        assert_eq!(Finals::of(&BROADCAST, &history(script), 3).invoked, 3);
        // Process 4 is client 1 after one indeterminate operation: its read came last.
        assert_eq!(found(script, &["n0", "n1", "n2"], 3), [None, Some(2), None]);
        // Three clients and two nodes: clients 0 and 2 share one.
        assert_eq!(found(script, &["n0", "n1"], 3), [None, Some(2)]);
        // Nodes without a client are left out.
        assert_eq!(found(script, &["a", "b", "c", "d", "e"], 3).len(), 3);
    }

    #[test]
    fn final_reads_without_a_mark_are_the_last_ones() {
        let g_set = WORKLOADS.iter().find(|workload| workload.name == "g-set").unwrap();
        let script = "1 invoke read nil, 1 ok read [7 8], 0 invoke add 7, 0 ok add 7, \
                      1 invoke read nil, 0 invoke read nil, 0 ok read [7], 1 ok read [7 8 9]";
        let history = testing::history(script);
        let finals = Finals::of(g_set, &history, 2);
        assert_eq!(finals.invoked, 2);
        let reads = finals.by_node(&["n0", "n1"], 2);
        let lens: Vec<_> = reads.iter().map(|(_, read)| read.unwrap().set().unwrap().len).collect();
        assert_eq!(lens, [1, 3]);
        // A run that broke off has none.
        assert_eq!(Finals::of(g_set, &history[..4], 2).invoked, 0);
    }
}
