//! Histories for tests of checkers: `0 invoke add 3, 0 ok add 3, 1 invoke read! nil`.

use super::{Workload, WorkloadResults, functions};
use crate::history::{Op, reader};

/// Reads a history: process, type, kind of operation and value as EDN; `!` marks a final one. One
/// step is 1 ms. Commas separate the steps, so that values have none.
pub fn history(script: &str) -> Vec<Op> {
    let steps = script.split(',').map(str::trim).filter(|step| !step.is_empty());
    let lines = steps.enumerate().map(|(index, step)| {
        let mut words = step.splitn(4, ' ');
        let mut word = || words.next().expect("process, type, kind and value");
        let (process, kind, f, value) = (word(), word(), word(), word());
        let (f, last) = f.strip_suffix('!').map_or((f, ""), |f| (f, ", :final? true"));
        let time = index as u64 * 1_000_000;
        format!(
            "{{:index {index}, :time {time}, :type :{kind}, :process {process}, :f :{f}, \
             :value {value}{last}}}\n"
        )
    });
    reader::read(&lines.collect::<String>(), &functions()).expect("a history")
}

/// The findings of the workload's checker.
pub fn check(workload: &Workload, history: &[Op]) -> WorkloadResults {
    (workload.check)(history)
}
