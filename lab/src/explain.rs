//! The story of a value: its way through the cluster, told from a run's `messages.jsonl`.

pub mod life;
pub mod row;
pub mod summary;
pub mod words;

#[cfg(test)]
mod tests;
