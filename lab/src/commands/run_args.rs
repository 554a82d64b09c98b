//! The flags that `lab test` and `lab sim` have in common.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::{fs, mem};

use anyhow::{Context as _, Result};
use clap::Args;
use rumormill_judge::results::Results;
use rumormill_judge::settings::Settings;
use rumormill_judge::settings::faults::Isolation;

use crate::profile::Profile;
use crate::screen::{self, Style};

/// The flags that `lab test` and `lab sim` have in common.
#[derive(Debug, Default, PartialEq, Args)]
pub struct RunArgs {
    /// Settings by name (fly-1 to fly-4, partition-25, loss-1, hub-killed and more: a wrong name
    /// lists them all) or from a TOML file whose keys are the flags' names; flags override them
    #[arg(long, value_name = "NAME|FILE", help_heading = "Workload")]
    pub profile: Option<String>,
    /// The flags that describe the run: see [`rumormill_judge::settings::flags::Flags`]
    #[command(flatten)]
    pub flags: Profile,
    /// A cut between a node and all others, such as 'n0' or 'n0@5..15'; 'n0>' and '>n0' are one way
    #[arg(long, value_name = "NODE", help_heading = "Faults")]
    pub isolate: Vec<Isolation>,
    /// More faults from a TOML file: the keys below [faults] in a profile
    #[arg(long, value_name = "FILE", alias = "partition-script", help_heading = "Faults")]
    pub fault_script: Vec<PathBuf>,

    /// Where the results go
    #[arg(long, value_name = "DIR", default_value = "store", help_heading = "Output")]
    pub store: PathBuf,
    /// Write no report.html; `lab report` can do it later
    #[arg(long, help_heading = "Output")]
    pub no_report: bool,
    /// Print results.json in place of the screen
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

impl RunArgs {
    /// The results for stdout: the screen, or JSON.
    pub(super) fn show(&self, results: &Results) -> Result<String> {
        if self.json { results.to_json() } else { Ok(screen::render(results, Style::for_stdout())) }
    }

    /// Writes a line for people below the results: to stderr if stdout has JSON.
    pub(super) fn tell(&self, line: &str) {
        // A closed terminal is no error.
        let _ = if self.json {
            io::stderr().write_all(line.as_bytes())
        } else {
            io::stdout().write_all(line.as_bytes())
        };
    }
}

impl RunArgs {
    /// The settings asked for: the flags over the profile, if one is named.
    ///
    /// # Errors
    /// When there is no such profile, or it is not one.
    pub fn profile(&self) -> Result<Profile> {
        let mut asked = self.profile.as_deref().map(Profile::load).transpose()?.unwrap_or_default();
        for path in &self.fault_script {
            let text = fs::read_to_string(path)
                .with_context(|| format!("the script {} cannot be read", path.display()))?;
            let script = Profile::of_faults(&text)
                .with_context(|| format!("the script {} is none", path.display()))?;
            asked = script.over(asked);
        }
        Ok(self.flags.clone().over(asked))
    }

    /// The settings, and the node's arguments. Without a seed, one is drawn.
    ///
    /// # Errors
    /// As for [`RunArgs::profile`], and if the settings make no sense.
    pub fn resolve(&self) -> Result<(Settings, Vec<String>)> {
        let mut flags = self.profile()?.flags()?;
        flags.seed.get_or_insert_with(fresh_seed);
        let isolated = self.isolate.iter().map(|isolation| isolation.0.clone());
        flags.faults.cut.extend(isolated);
        let node_args = mem::take(&mut flags.node_args);
        Ok((flags.into_settings()?, node_args))
    }
}

/// Draws a seed that is short enough to be typed.
pub(super) fn fresh_seed() -> u64 {
    RandomState::new().build_hasher().finish() >> 32
}
