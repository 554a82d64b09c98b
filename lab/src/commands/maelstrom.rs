//! `lab maelstrom`: profiles under the real Maelstrom, shown as our own runs are.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use rumormill_judge::checker::Validity;
use rumormill_judge::format::table::markdown;
use rumormill_judge::format::text::shell_word;
use rumormill_judge::settings::flags::Flags;

use super::check;
use crate::check::{Checked, check as check_run};
use crate::commands::shell::{CRASH, asked, log, node_command_line, print};
use crate::harness::own_node::{self, Program};
use crate::harness::process::resolve_bin;
use crate::maelstrom::{Ended, Maelstrom, arguments, ignored};
use crate::profile::Profile;

/// The profiles of `all`: fly.io's challenges, and their load under partitions. The other profiles
/// ask for faults or figures that only the lab has.
const ALL_PROFILES: [&str; 6] = ["fly-3a", "fly-3b", "fly-3c", "fly-3d", "fly-3e", "partition-25"];

/// Stands for all profiles.
const ALL: &str = "all";
/// Maelstrom's verdicts; anything else is no end of a run.
const VERDICTS: [i32; 3] = [0, 1, 2];

/// `lab maelstrom`.
#[derive(Debug, Args)]
pub struct MaelstromArgs {
    /// A profile by name (maelstrom/profiles/NAME.toml) or from a file; all runs all of them
    #[arg(value_name = "NAME|FILE|all")]
    pub profile: String,
    /// Maelstrom's program, a path
    #[arg(long, value_name = "PATH")]
    pub command: PathBuf,
    /// Where Maelstrom makes its store/
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub work_dir: PathBuf,
    /// The node's binary, a path; without it the workspace's own node, built if need be
    #[arg(long, value_name = "PATH")]
    pub bin: Option<PathBuf>,
    /// A limit for a figure, beyond the profile's; may be repeated
    #[arg(long = "limit", value_name = "EXPR")]
    pub limits: Vec<String>,
    /// Arguments of the node
    #[arg(last = true, value_name = "ARGS")]
    pub args: Vec<String>,
}

impl MaelstromArgs {
    /// The flags, as a profile to be laid over the chosen one.
    #[must_use]
    pub fn flags(&self) -> Profile {
        let list = |items: &[String]| (!items.is_empty()).then(|| items.to_vec());
        Profile::default().with("limit", list(&self.limits)).with("node-args", list(&self.args))
    }
}

/// The profiles asked for, by name, with the limits of the command line.
fn profiles(args: &MaelstromArgs) -> Result<Vec<(String, Profile)>> {
    let names: Vec<String> = match args.profile.as_str() {
        ALL => ALL_PROFILES.map(str::to_owned).to_vec(),
        name => vec![name.to_owned()],
    };
    let load = |name: String| {
        let profile = args.flags().over(Profile::load(&name)?);
        profile.clone().into_settings()?;
        Ok((name, profile))
    };
    names.into_iter().map(load).collect()
}

/// Executes `lab maelstrom`; answers the exit status.
///
/// # Errors
/// If it cannot be done.
pub fn execute(args: &MaelstromArgs) -> Result<u8> {
    let profiles = asked(profiles(args))?;
    let program = Program::find(args.bin.as_deref(), log)?;
    let work_dir = &args.work_dir;
    fs::create_dir_all(work_dir)
        .with_context(|| format!("{} cannot be made", work_dir.display()))?;
    let maelstrom = Maelstrom { command: resolve_bin(&args.command)?, work_dir: work_dir.clone() };
    let mut rows = Vec::new();
    for (name, profile) in &profiles {
        let row = run(&maelstrom, name, profile, &program).unwrap_or_else(|error| {
            log(&format!("{name}: {error:#}"));
            Row { name: name.clone(), code: CRASH, checked: None }
        });
        rows.push(row);
    }
    if args.profile == ALL {
        let head = COLUMNS.map(str::to_owned).to_vec();
        let table = markdown(head, rows.iter().map(Row::cells));
        let path = work_dir.join("store").join("all.md");
        fs::create_dir_all(work_dir.join("store"))
            .and_then(|()| fs::write(&path, &table))
            .with_context(|| format!("{} cannot be written", path.display()))?;
        print(&format!("\n{table}\ntable   {}\n", path.display()));
    }
    Ok(rows.iter().map(|row| row.code).max_by_key(|code| gravity(*code)).unwrap_or_default())
}

/// A failure is worse than an unknown verdict, whatever their numbers.
fn gravity(code: u8) -> u8 {
    match code {
        1 => 2,
        2 => 1,
        other => other,
    }
}

fn run(maelstrom: &Maelstrom, name: &str, profile: &Profile, program: &Program) -> Result<Row> {
    let Flags { mut node_args, workload, limit, .. } = profile.flags()?;
    if program.is_own() {
        own_node::serve(&mut node_args, workload);
    }
    let all_args = program.with_args(&node_args);
    let arguments = arguments(profile, &program.bin, &all_args)?;
    let ignored: Vec<&str> = ignored(profile).collect();
    if !ignored.is_empty() {
        log(&format!("Maelstrom has no {}: left out", ignored.join(", ")));
    }
    let words: Vec<String> = arguments.iter().map(|word| shell_word(word)).collect();
    log(&format!("{name}: maelstrom {}", words.join(" ")));
    let ended = maelstrom.run(&arguments, workload)?;
    let Ended { code, how, dir } = ended;
    let dir = dir.with_context(|| format!("Maelstrom {how} and left no files"))?;
    let flags = Profile::default().with("limit", Some(limit));
    let mut checked = check_run(&dir, &flags, Some(profile))?;
    let run = &mut checked.results.rumormill.run;
    run.command = again(name, &node_args);
    run.node = node_command_line(&program.bin, &all_args);
    let shown = check::show(&checked);
    let has_ended_well = code.is_some_and(|code| VERDICTS.contains(&code));
    if !has_ended_well {
        log(&format!("{name}: Maelstrom {how}"));
    }
    let code = if has_ended_well { shown } else { CRASH };
    Ok(Row { name: name.to_owned(), code, checked: Some(checked) })
}

/// The command that does it again.
fn again(name: &str, node_args: &[String]) -> String {
    let mut words = vec!["scripts/maelstrom".to_owned(), shell_word(name)];
    if !node_args.is_empty() {
        words.push("--".to_owned());
        words.extend(node_args.iter().map(|word| shell_word(word)));
    }
    words.join(" ")
}

/// One profile's line in the table.
struct Row {
    name: String,
    code: u8,
    checked: Option<Checked>,
}

/// Columns of the table.
const COLUMNS: [&str; 10] = [
    "profile",
    "verdict",
    "msgs per op",
    "median ms",
    "max ms",
    "lost",
    "missing",
    "ok",
    "limits kept",
    "recomputed",
];

impl Row {
    fn cells(&self) -> Vec<String> {
        let Some(checked) = &self.checked else {
            let mut cells = vec![String::new(); COLUMNS.len()];
            (cells[0], cells[1]) = (self.name.clone(), "crashed".to_owned());
            return cells;
        };
        let maelstrom = &checked.results.maelstrom;
        let lab = &checked.results.rumormill;
        let verdict = match (self.code, checked.verdict()) {
            (CRASH, _) => "crashed",
            (_, Validity::Valid) => "passed",
            (_, Validity::Invalid) => "failed",
            (_, Validity::Unknown) => "unknown",
        };
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
        let set = maelstrom.workload.set();
        let latencies = set.and_then(|set| set.stable_latencies);
        let missing = match lab.missing.nodes.is_empty() {
            true => "not available".to_owned(),
            false => lab.missing.missing_count.to_string(),
        };
        let kept = lab.limits.iter().filter(|limit| limit.passed).count();
        let differences = checked.comparison.differences.len();
        vec![
            self.name.clone(),
            verdict.to_owned(),
            or_none(maelstrom.net.servers.msgs_per_op.map(|ratio| ratio.to_string())),
            or_none(latencies.map(|all| all.p50.to_string())),
            or_none(latencies.map(|all| all.max.to_string())),
            or_none(set.map(|set| set.lost_count.to_string())),
            missing,
            maelstrom.availability.ok_fraction.to_string(),
            format!("{kept} of {}", lab.limits.len()),
            if differences == 0 { "agrees".to_owned() } else { format!("{differences} differ") },
        ]
    }
}

#[cfg(test)]
mod tests {
    use rumormill_judge::verdict::sample;

    use super::*;
    use crate::check::Comparison;

    #[test]
    fn the_table_has_a_line_per_profile() {
        let checked = Checked { results: sample::results(), comparison: Comparison::default() };
        let rows = [
            Row { name: "fly-3a".to_owned(), code: 1, checked: Some(checked) },
            Row { name: "fly-3b".to_owned(), code: CRASH, checked: None },
        ];
        let [checked, crashed] = rows.map(|row| row.cells());
        let figures = "fly-3a, failed, 11.608248, 18, 18, 0, 0, 1, 1 of 2, agrees";
        assert_eq!(checked.join(", "), figures);
        assert_eq!(crashed[..2], ["fly-3b", "crashed"]);
        assert_eq!(crashed.len(), COLUMNS.len());
    }

    #[test]
    fn the_gravest_exit_status_counts() {
        let gravest = |codes: &[u8]| codes.iter().copied().max_by_key(|code| gravity(*code));
        assert_eq!(gravest(&[0, 2, 1, 0]), Some(1));
        assert_eq!(gravest(&[0, 2, 0]), Some(2));
        assert_eq!(gravest(&[1, CRASH]), Some(CRASH));
    }
}
