//! `lab test`: from the arguments to the exit status.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use rumormill_judge::figures::Needs;
use rumormill_judge::results::{CrashReport, LastWords, PROCESSES, RunInfo};
use rumormill_judge::settings::Settings;
use rumormill_judge::verdict::{Limit, judge};

use super::report;
use super::run_args::RunArgs;
use crate::commands::shell::{
    CRASH, SIGNAL_BASE, asked, log, node_command_line, print, repeating_command,
};
use crate::harness::net_log::NetLog;
use crate::harness::own_node::{self, Program};
use crate::harness::process::NodeCommand;
use crate::harness::view::View;
use crate::harness::{self, Processes, Report};
use crate::store::Store;

/// `lab test`.
#[derive(Debug, Default, Args)]
pub struct TestArgs {
    /// The node's binary, a path; without it the workspace's own node, built if need be
    #[arg(long, value_name = "PATH", help_heading = "Nodes")]
    pub bin: Option<PathBuf>,
    /// How long nodes may take to end by themselves when their stdin is closed; then SIGKILL
    #[arg(long, value_name = "MS", default_value_t = 500, help_heading = "Nodes")]
    pub grace: u64,
    /// Do not have our own nodes record what happens to them (to node-logs, for `lab replay`)
    #[arg(long, help_heading = "Nodes")]
    pub no_record: bool,
    /// The run, and how it is judged
    #[command(flatten)]
    pub run: RunArgs,
    /// Show what the nodes write to stderr, too
    #[arg(long, help_heading = "Output")]
    pub log_stderr: bool,
    /// Show every message as it is sent
    #[arg(long, help_heading = "Output")]
    pub log_net_send: bool,
    /// Show every message as it arrives
    #[arg(long, help_heading = "Output")]
    pub log_net_recv: bool,
}

fn resolve_for_processes(args: &TestArgs) -> Result<(Settings, Vec<String>)> {
    let resolved = args.run.resolve()?;
    // A profile may have such a limit, for both kinds of runs: it is shown as not judged.
    let limits = args.run.flags.flags()?.limit;
    for limit in limits.iter().filter_map(|limit| limit.parse::<Limit>().ok()) {
        if limit.figure.needs == Needs::Simulation {
            bail!("the limit `{limit}` is for simulated nodes only: run this with `lab sim`");
        }
    }
    if let Some(what) = resolved.0.faults.simulated_only() {
        bail!("{what} are for simulated nodes only: run this with `lab sim`");
    }
    Ok(resolved)
}

/// Executes `lab test`; answers the exit status.
///
/// # Errors
/// If it cannot be done.
pub fn execute(args: &TestArgs) -> Result<u8> {
    let (settings, node_args) = &asked(resolve_for_processes(args))?;
    let program = Program::find(args.bin.as_deref(), log)?;
    let mut node_args = program.with_args(node_args);
    if program.is_own() {
        own_node::serve(&mut node_args, settings.workload);
        if !args.no_record {
            own_node::record(&mut node_args);
        }
    }
    let data_dir =
        if settings.faults.durable { own_node::keep_data(&mut node_args)? } else { None };
    let started = jiff::Zoned::now();
    let store = Store::create(&args.run.store, settings.workload.name, &started)
        .with_context(|| format!("cannot write to {}", args.run.store.display()))?;
    let info = RunInfo {
        program: PROCESSES.to_owned(),
        command: repeating_command(std::env::args(), settings.seed),
        store: Some(store.dir().display().to_string()),
        node: node_command_line(&program.bin, &node_args),
        shape: settings.shape(),
        faults: settings.fault_words(),
        started: started.to_string(),
    };
    let processes = Processes {
        command: NodeCommand { bin: program.bin, args: node_args, pipe_stderr: args.log_stderr },
        logs: settings.nodes.iter().map(|name| store.node_log(name)).collect(),
        grace: Duration::from_millis(args.grace),
    };
    let sink = NetLog::new(store.sink()?, args.log_net_send, args.log_net_recv);
    let mut view = View::default();
    let report = harness::run(settings, &processes, sink, &mut view)?;
    let Report { outcome, sink, signal, deaths, backlog } = report;
    let finished = sink.into_inner().finish();

    if let Some(backlog) = backlog {
        let kib = backlog.peak_bytes.div_ceil(1 << 10);
        view.say(&format!("{} read slowly: up to {kib} KiB waited for it", backlog.node));
    }
    let crash = CrashReport::of(&outcome, deaths.first(), signal.is_some());
    let results = judge(settings, &outcome, &view.into_notices(), info)?.crashed(crash.as_ref());
    let written = store.write_results(&results);
    // Results in memory are shown even if the disk is full.
    print(&args.run.show(&results)?);
    written?;
    finished.context("cannot write the history")?;
    let code = match (crash, signal) {
        (_, Some(signal)) => u8::try_from(SIGNAL_BASE + signal).unwrap_or(CRASH),
        (Some(crash), None) => {
            log_crash(&crash, &deaths);
            CRASH
        }
        (None, None) => results.exit_code(),
    };
    if !args.run.no_report {
        args.run.tell(&report::after_run(store.dir()));
    }
    store.publish()?;
    if let Some(dir) = data_dir.filter(|_| code != 0) {
        log(&format!("the nodes' data is in {}", dir.keep().display()));
    }
    Ok(code)
}

/// Says on stderr, too, that a run crashed: the screen may go elsewhere.
fn log_crash(crash: &CrashReport, deaths: &[LastWords]) {
    log(&format!("the test crashed: {}", crash.why));
    let node = crash.node.as_deref().unwrap_or_default();
    for line in &crash.last_lines {
        log(&format!("    {node}: {line}"));
    }
    for death in deaths.iter().skip(1) {
        log(&format!("{} {}", death.node, death.status));
    }
}
