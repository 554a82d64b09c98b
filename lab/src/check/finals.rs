//! Which node answered which final read, by Maelstrom's fixed assignment of clients to nodes.

use crate::history::{Op, OpKind, Process, ReadSet};

/// How many final reads were tried: one per client.
pub(super) fn invoked(history: &[Op]) -> usize {
    history.iter().filter(|op| op.is_final && op.kind == OpKind::Invoke).count()
}

/// The last successful final read of every node that has a client.
///
/// Process `p` is client `p mod clients`, and client `i` talks to node `i mod nodes`.
pub(super) fn final_reads<'n, 'h>(
    history: &'h [Op],
    nodes: &[&'n str],
    clients: usize,
) -> Vec<(&'n str, Option<&'h ReadSet>)> {
    let mut reads: Vec<(&str, Option<&ReadSet>)> =
        nodes.iter().take(clients).map(|node| (*node, None)).collect();
    for op in history.iter().filter(|op| op.is_final && op.kind == OpKind::Ok) {
        let (Process::Client(process), Some(set)) = (op.process, op.action.read_set()) else {
            continue;
        };
        let client = (process % clients.max(1) as u64) as usize;
        if let Some((_, read)) = reads.get_mut(client % nodes.len()) {
            *read = Some(set);
        }
    }
    reads
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::script::history;

    fn found(script: &str, nodes: &[&str], clients: usize) -> Vec<Option<u64>> {
        let history = history(script);
        let reads = final_reads(&history, nodes, clients);
        reads.into_iter().map(|(_, read)| read.map(|set| set.ints.len())).collect()
    }

    #[test]
    fn processes_belong_to_nodes_in_turn() {
        let script = "i0 read@1, ok0 read[1 2 3]@2, i1 read!@3, i4 read!@3, i2 read!@3, \
                      ok1 read[5]!@4, ok4 read[5 6]!@4, fail2 read!@5";
        assert_eq!(invoked(&history(script)), 3);
        // Process 4 is client 1 after one indeterminate operation: its read came last.
        assert_eq!(found(script, &["n0", "n1", "n2"], 3), [None, Some(2), None]);
        // Three clients and two nodes: clients 0 and 2 share one.
        assert_eq!(found(script, &["n0", "n1"], 3), [None, Some(2)]);
        // Nodes without a client are left out.
        assert_eq!(found(script, &["a", "b", "c", "d", "e"], 3).len(), 3);
    }
}
