//! Profiles: named sets of flags, as TOML files.
//!
//! A profile's keys are the flags' names without the dashes (see [`Flags`]). What is given on the
//! command line is a [`Profile`] too, laid over the chosen one.

use std::path::Path;
use std::{fs, mem};

use anyhow::{Context, Result, anyhow, ensure};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use rumormill_judge::format::toml_file;
use rumormill_judge::settings::Settings;
use rumormill_judge::settings::faults::FaultSettings;
use rumormill_judge::settings::flags::Flags;
use rumormill_judge::verdict::{Limit, check_limits};
use toml::{Table, Value};

/// A profile that is part of the program, by its name.
macro_rules! builtin {
    ($($name:literal)+) => {
        [$(($name, include_str!(concat!("../../maelstrom/profiles/", $name, ".toml")))),+]
    };
}

/// The profiles that are part of the program.
const BUILTIN: [(&str, &str); 27] = builtin![
    "at-rest" "cut-from-hub" "cut-to-hub" "exponential" "flapping-hub" "fly-1" "fly-2" "fly-3a"
    "fly-3b" "fly-3c" "fly-3d" "fly-3e" "fly-4" "g-set" "hub-isolated" "hub-killed" "hubs-crash"
    "latency-change" "loss-1" "loss-10" "non-transitive" "partition-25" "partition-parts" "pauses"
    "pn-counter" "restarts" "slow-node"
];

/// A layer of flags: those that were asked for, by the keys of profiles.
///
/// A file has one, and so has a command line; the ones on top go over those below.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile(Table);

impl Profile {
    /// The names of the profiles that are part of the program, each with its description.
    pub fn builtin() -> impl Iterator<Item = (&'static str, String)> {
        BUILTIN.into_iter().map(|(name, text)| {
            let flags = Self::parse(text, name).and_then(|profile| profile.flags());
            (name, flags.ok().and_then(|flags| flags.description).unwrap_or_default())
        })
    }

    /// Finds a profile by its name or, if there is none of that name, by the path of a file.
    ///
    /// # Errors
    /// If there is neither, or the file is not a profile: then with file and line.
    pub fn load(name_or_path: &str) -> Result<Self> {
        if let Some((name, text)) = BUILTIN.iter().find(|(name, _)| *name == name_or_path) {
            return Self::parse(text, name);
        }
        let is_path = Path::new(name_or_path).is_file();
        ensure!(
            is_path || name_or_path.contains(['/', '\\', '.']),
            "there is no profile `{name_or_path}`: it is neither a file nor one of {}",
            BUILTIN.map(|(name, _)| name).join(", ")
        );
        let text = fs::read_to_string(name_or_path)
            .with_context(|| format!("the profile {name_or_path} cannot be read"))?;
        Self::parse(&text, name_or_path)
    }

    /// Reads a profile from TOML; `origin` is what errors call it.
    ///
    /// # Errors
    /// Names the line, what is wrong there and what would be right.
    pub fn parse(text: &str, origin: &str) -> Result<Self> {
        let flags: Flags = toml_file::read(text, origin)?;
        check_limits(&flags.limit).map_err(|error| anyhow!("{origin}: {error}"))?;
        Ok(Self(toml_file::read(text, origin)?))
    }

    /// A layer of faults only, from TOML: the keys below `[faults]` in a profile.
    ///
    /// # Errors
    /// If it is not TOML, or has keys that mean nothing there.
    pub fn of_faults(text: &str) -> Result<Self> {
        FaultSettings::from_toml(text)?;
        Ok(Self::default().with("faults", Some(text.parse::<Table>()?)))
    }

    /// The same layer, with this flag asked for if there is a value for it.
    #[must_use]
    pub fn with(mut self, key: &str, value: Option<impl Into<Value>>) -> Self {
        self.0.extend(value.map(|value| (key.to_owned(), value.into())));
        self
    }

    /// True if this flag was asked for.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// The flags that were asked for, by key, each as text.
    pub fn texts(&self) -> impl Iterator<Item = (&str, String)> {
        self.0.iter().map(|(key, value)| (&**key, text(value)))
    }

    /// This layer over another: its flags where it has any, those of `base` elsewhere.
    ///
    /// Limits are per figure: those of `base` stay, except on figures that this one limits too. Lists
    /// of faults are joined.
    #[must_use]
    pub fn over(self, mut base: Self) -> Self {
        if self.has("node-count") || self.has("nodes") {
            base.0.retain(|key, _| key != "node-count" && key != "nodes");
        }
        for (key, value) in self.0 {
            let value = match (&*key, value, base.0.remove(&key)) {
                ("limit", Value::Array(over), Some(Value::Array(base))) => {
                    Value::Array(merge_limits(over, base))
                }
                ("faults", Value::Table(over), Some(Value::Table(base))) => {
                    Value::Table(join_faults(over, base))
                }
                (_, value, _) => value,
            };
            base.0.insert(key, value);
        }
        base
    }

    /// All flags, with their defaults where nothing was asked for.
    ///
    /// # Errors
    /// If a value does not fit its flag, or a limit means nothing.
    pub fn flags(&self) -> Result<Flags> {
        let flags: Flags = self.0.clone().try_into()?;
        check_limits(&flags.limit).map_err(|error| anyhow!(error))?;
        Ok(flags)
    }

    /// The settings of a run (see [`Flags::into_settings`]).
    ///
    /// # Errors
    /// If they cannot be run.
    pub fn into_settings(self) -> Result<Settings> {
        self.flags()?.into_settings()
    }
}

/// A value as the command line has it.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
        // TOML writes 100.0 for a number that is whole.
        Value::Float(number) => number.to_string(),
        other => other.to_string(),
    }
}

fn merge_limits(mut over: Vec<Value>, mut base: Vec<Value>) -> Vec<Value> {
    let figure = |limit: &Value| Some(limit.as_str()?.parse::<Limit>().ok()?.figure.name);
    let limited: Vec<_> = over.iter().filter_map(figure).collect();
    base.retain(|limit| figure(limit).is_none_or(|name| !limited.contains(&name)));
    base.append(&mut over);
    base
}

fn join_faults(over: Table, mut base: Table) -> Table {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Array(base)), Value::Array(mut more)) => base.append(&mut more),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
    base
}

/// On a command line, a layer has the arguments of [`Flags`] and the values of those that are given.
impl Args for Profile {
    fn augment_args(command: Command) -> Command {
        Flags::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Flags::augment_args_for_update(command)
    }
}

impl FromArgMatches for Profile {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let flags = Flags::from_arg_matches(matches)?;
        let all = Table::try_from(flags)
            .map_err(|_| clap::Error::raw(ErrorKind::ValueValidation, too_large(matches)))?;
        Ok(Self(given(all, matches)))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?.over(mem::take(self));
        Ok(())
    }
}

/// The flag whose number TOML cannot hold, for people. (A seed is kept as text.)
fn too_large(matches: &ArgMatches) -> String {
    let is_larger =
        |text: &str| text.parse::<u64>().is_ok_and(|number| i64::try_from(number).is_err());
    let mut given = matches.ids().filter(|id| id.as_str() != "seed").flat_map(|id| {
        let values = matches.try_get_raw(id.as_str()).ok().flatten().into_iter().flatten();
        values
            .filter_map(|value| value.to_str())
            .map(|value| (id.as_str().replace('_', "-"), value))
    });
    let flag = given.find(|(_, value)| is_larger(value));
    let flag =
        flag.map_or_else(|| "a number".to_owned(), |(key, value)| format!("--{key}: {value}"));
    format!("{flag} is more than {}, the largest allowed\n", i64::MAX)
}

/// The flags that stand on the command line.
fn given(flags: Table, matches: &ArgMatches) -> Table {
    let is_given =
        |key: &str| matches.value_source(&key.replace('-', "_")) == Some(ValueSource::CommandLine);
    let given = flags.into_iter().filter_map(|(key, value)| match value {
        Value::Table(faults) => {
            let faults = given(faults, matches);
            (!faults.is_empty()).then_some((key, Value::Table(faults)))
        }
        // No list has a default.
        Value::Array(list) => (!list.is_empty()).then_some((key, Value::Array(list))),
        value => is_given(&key).then_some((key, value)),
    });
    given.collect()
}

#[cfg(test)]
mod tests;
