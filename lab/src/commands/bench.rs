//! `lab bench`: tables of many runs, for the documents.

pub mod faults;
pub mod frontier;
pub mod output;
pub mod protocols;
pub(super) mod publish;
pub mod sizes;

use anyhow::Result;
use clap::Subcommand;

use super::shell::asked;

/// `lab bench`.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Measure messages against latency, and hold them against limits, theory and other solutions
    #[command(after_long_help = include_str!("help/bench-frontier.txt"))]
    Frontier(Box<frontier::FrontierArgs>),
    /// Run the profiles with faults in virtual time, many seeds each, and judge them
    #[command(after_long_help = include_str!("help/bench-faults.txt"))]
    Faults(faults::FaultsArgs),
    /// Simulate clusters of several sizes: load, latency, and the simulator's cost
    #[command(after_long_help = include_str!("help/bench-sizes.txt"))]
    Sizes(sizes::SizesArgs),
    /// Run the protocols of the family side by side: cost, latency, and what faults leave out
    #[command(after_long_help = include_str!("help/bench-protocols.txt"))]
    Protocols(protocols::ProtocolsArgs),
    /// Run a program that measures, and put its output among the results
    #[command(after_long_help = include_str!("help/bench-output.txt"))]
    Output(output::OutputArgs),
}

/// Executes `lab bench`; answers the exit status.
///
/// # Errors
/// If it cannot be done.
pub fn execute(command: &BenchCommand) -> Result<u8> {
    match command {
        BenchCommand::Frontier(args) => frontier::execute(args),
        BenchCommand::Faults(args) => asked(faults::execute(args)),
        BenchCommand::Sizes(args) => sizes::execute(args),
        BenchCommand::Protocols(args) => protocols::execute(args),
        BenchCommand::Output(args) => asked(output::execute(args)),
    }
}
