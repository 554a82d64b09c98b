//! Partitions, as the nemesis's lines in `history.edn` tell of them.

use std::collections::HashSet;

use rumormill_judge::format::edn::Edn;
use rumormill_sim::Nanos;

/// A partition: nodes, and for each of them the senders from which it does not receive.
#[derive(Clone, Debug)]
pub(crate) struct Cut(Vec<(String, Vec<String>)>);

/// Reads a line of the history with which a partition begins or, without a cut, ends; answers the time
/// on the history's clock, too.
pub(crate) fn read(line: &str) -> Option<(Nanos, Option<Cut>)> {
    if !line.contains(":process :nemesis") {
        return None;
    }
    let op = Edn::parse(line).ok()?;
    let time = op.at(&["time"])?.as_u64()?;
    match op.at(&["f"])?.as_str()? {
        // The nemesis writes a line before it acts, too; only the one after it has a list as its value.
        "start-partition" => Some((time, Some(Cut::of(op.at(&["value"])?.items()?)))),
        "stop-partition" => Some((time, None)),
        _ => None,
    }
}

impl Cut {
    fn of(value: &[Edn]) -> Self {
        let entries = value.iter().find_map(Edn::entries).unwrap_or_default();
        let names = |list: &Edn| {
            let names = list.items().unwrap_or_default().iter().filter_map(Edn::as_str);
            names.map(str::to_owned).collect()
        };
        let of_node =
            |(node, senders): &(Edn, Edn)| Some((node.as_str()?.to_owned(), names(senders)));
        Self(entries.iter().filter_map(of_node).collect())
    }

    /// The senders from which a node does not receive.
    pub(crate) fn senders_to(&self, name: &str) -> &[String] {
        self.0.iter().find(|(node, _)| node == name).map_or(&[], |(_, senders)| senders)
    }

    /// Groups of nodes that reach each other both ways, directly or through others.
    pub(crate) fn groups(&self, nodes: &[String]) -> Vec<Vec<String>> {
        let pairs =
            self.0.iter().flat_map(|(node, senders)| senders.iter().map(move |from| (node, from)));
        let cut: HashSet<(&String, &String)> = pairs.collect();
        let reach = |a, b| !cut.contains(&(a, b)) && !cut.contains(&(b, a));
        let mut rest: Vec<&String> = nodes.iter().rev().collect();
        let mut groups = Vec::new();
        while let Some(first) = rest.pop() {
            let mut group = vec![first];
            let mut next = 0;
            while let Some(node) = group.get(next).copied() {
                next += 1;
                rest.retain(|other| {
                    let is_linked = reach(node, other);
                    if is_linked {
                        group.push(other);
                    }
                    !is_linked
                });
            }
            groups.push(nodes.iter().filter(|node| group.contains(node)).cloned().collect());
        }
        groups
    }
}
