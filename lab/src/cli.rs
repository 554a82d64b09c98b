//! The command line: the commands, and which code executes each.

use std::ffi::OsString;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

#[cfg(feature = "ablation")]
use crate::commands::ablate;
use crate::commands::shell::{asked, status};
use crate::commands::{
    bench, check, compare, explain, figures, grade, hunt, install, maelstrom, new, replay, report,
    runs, serve, sim, spread, test, validate, watch,
};

/// Runs Maelstrom nodes without a JVM, and judges them.
#[derive(Debug, Parser)]
#[command(name = "lab", version, about, max_term_width = 100, args_override_self = true)]
pub struct Cli {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// `lab node`.
#[derive(Debug, Args)]
pub struct NodeArgs {
    /// Those of `rumormill`: see `lab node --help`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    pub args: Vec<OsString>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run node processes under a workload and check what they did
    #[command(after_long_help = include_str!("commands/help/test.txt"))]
    Test(Box<test::TestArgs>),
    /// Put node binaries through the challenges, and print one verdict
    #[command(after_long_help = include_str!("commands/help/grade.txt"))]
    Grade(grade::GradeArgs),
    /// Write a node to begin with, in Python, Rust or Go: the retry loop is missing
    #[command(after_long_help = include_str!("commands/help/new.txt"))]
    New(new::NewArgs),
    /// Feed a node's record to the same state machine again, and compare all it sends
    #[command(after_long_help = include_str!("commands/help/replay.txt"))]
    Replay(Box<replay::ReplayArgs>),
    /// Tell how a value came to each node, and why the last one had it so late
    #[command(after_long_help = include_str!("commands/help/explain.txt"))]
    Explain(Box<explain::ExplainArgs>),
    /// Write a run's report.html again, from its files
    #[command(after_long_help = include_str!("commands/help/report.txt"))]
    Report(report::ReportArgs),
    /// Put the figures of runs side by side
    #[command(after_long_help = include_str!("commands/help/compare.txt"))]
    Compare(Box<compare::CompareArgs>),
    /// List the runs of a store, give one a name, or remove old ones
    #[command(after_long_help = include_str!("commands/help/runs.txt"))]
    Runs(runs::RunsArgs),
    /// Browse runs in the browser, on this machine only
    #[command(after_long_help = include_str!("commands/help/serve.txt"))]
    Serve(serve::ServeArgs),
    /// Show a run while it goes on: values held, messages in flight, partitions
    #[command(after_long_help = include_str!("commands/help/watch.txt"))]
    Watch(watch::WatchArgs),
    /// Run simulated nodes under the same workload, in virtual time
    #[command(after_long_help = include_str!("commands/help/sim.txt"))]
    Sim(Box<sim::SimArgs>),
    /// Recompute a finished run's figures from its history, and decide limits
    #[command(after_long_help = include_str!("commands/help/check.txt"))]
    Check(check::CheckArgs),
    /// Run a profile under the real Maelstrom (scripts/maelstrom finds and fetches it)
    Maelstrom(maelstrom::MaelstromArgs),
    /// Run many seeds of random faults in virtual time, and make what fails small
    #[command(after_long_help = include_str!("commands/help/hunt.txt"))]
    Hunt(hunt::HuntArgs),
    /// Spread one rumour through bare protocols: S-curve, residue, traffic, up to a million nodes
    #[command(after_long_help = include_str!("commands/help/spread.txt"))]
    Spread(Box<spread::SpreadArgs>),
    /// Hold the protocols of the literature against the figures that their papers published
    #[command(after_long_help = include_str!("commands/help/validate.txt"))]
    Validate(validate::ValidateArgs),
    /// Measure many runs for a table: the frontier of messages against latency, faults, sizes
    #[command(subcommand)]
    Bench(bench::BenchCommand),
    /// Measure what each rule of our protocol buys: the same runs with and without it
    #[cfg(feature = "ablation")]
    #[command(after_long_help = include_str!("commands/help/ablate.txt"))]
    Ablate(ablate::AblateArgs),
    /// Our node, as a process: the same as `rumormill`
    #[command(disable_help_flag = true)]
    Node(NodeArgs),
    /// List the figures that limits can be about
    Figures,
    /// List the profiles of maelstrom/profiles
    Profiles,
    /// Print the completions of a shell
    #[command(after_long_help = include_str!("commands/help/completions.txt"))]
    Completions(install::CompletionsArgs),
    /// Write the man pages
    #[command(after_long_help = include_str!("commands/help/man.txt"))]
    Man(install::ManArgs),
}

/// Executes the command; returns the exit status.
#[must_use]
pub fn execute(cli: &Cli) -> u8 {
    status(match &cli.command {
        Command::Test(args) => test::execute(args),
        // Commands in `asked` fail by their arguments only.
        Command::Grade(args) => asked(grade::execute(args)),
        Command::New(args) => new::execute(args),
        Command::Replay(args) => replay::execute(args),
        Command::Report(args) => report::execute(args),
        Command::Explain(args) => explain::execute(args),
        Command::Compare(args) => compare::execute(args),
        Command::Runs(args) => asked(runs::execute(args)),
        Command::Serve(args) => serve::execute(args),
        Command::Watch(args) => watch::execute(args),
        Command::Sim(args) => sim::execute(args),
        Command::Check(args) => check::execute(args),
        Command::Maelstrom(args) => maelstrom::execute(args),
        Command::Hunt(args) => asked(hunt::execute(args)),
        Command::Node(NodeArgs { args }) => Ok(node(args)),
        Command::Figures => Ok(figures::figures()),
        Command::Profiles => Ok(figures::profiles()),
        Command::Completions(args) => install::completions(args, Cli::command()),
        Command::Man(args) => install::man(args, Cli::command()),
        #[cfg(feature = "ablation")]
        Command::Ablate(args) => asked(ablate::execute(args)),
        Command::Spread(args) => spread::execute(args),
        Command::Validate(args) => validate::execute(args),
        Command::Bench(command) => bench::execute(command),
    })
}

fn node(args: &[OsString]) -> u8 {
    rumormill::process::run(&rumormill::protocols::family(), args.iter().cloned())
}
