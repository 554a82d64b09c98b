//! The command line of a node.

use std::ffi::OsString;
use std::fmt::{self, Write as _};
use std::path::PathBuf;

use crate::config::Settings;
use crate::service::Workload;

/// The protocols that a command line chooses among, each with its name `N`.
///
/// The list itself stands elsewhere ([`crate::protocols::family`]): a command line needs names,
/// flags and texts, and no protocol.
#[derive(Clone, Debug)]
pub struct Family<N> {
    members: Vec<Member<N>>,
}

/// A protocol of a family, as its users see it.
#[derive(Clone, Debug)]
pub struct Member<N> {
    name: N,
    summary: &'static str,
    /// Flag with placeholder, default, help.
    flags: Vec<(&'static str, String, String, &'static str)>,
    explanation: &'static str,
    /// Reads the settings, to see whether they can be read.
    check: fn(&Options<N>) -> Result<(), String>,
}

/// The request of a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<N> {
    /// Run a node.
    Run(Box<Options<N>>),
    /// Print [`Family::help`].
    Help(N),
    /// Print the version.
    Version,
}

/// The options of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options<N> {
    /// The protocol.
    pub protocol: N,
    /// The workload that the node serves.
    pub workload: Workload,
    /// Seed of the node's random choices; drawn at start if not given.
    pub seed: Option<u64>,
    /// Where inputs and outputs are recorded, if anywhere.
    pub record: Option<RecordTo>,
    /// The directory of the journal, if the node has one.
    pub data_dir: Option<PathBuf>,
    /// Go on with what is whole of a damaged journal.
    pub repair: bool,
    /// The flags of the protocol, with their values, in order.
    settings: Vec<(String, String)>,
}

/// Where a record goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordTo {
    /// To stderr, among the lines for people.
    Stderr,
    /// To a file, which is overwritten.
    File(PathBuf),
}

/// The flags of every protocol: name, placeholder, default, help.
const GENERAL: [(&str, &str, &str, &str); 6] = [
    ("--workload", "NAME", "broadcast", "what the node does for clients (see below)"),
    ("--protocol", "NAME", "rumormill", "how nodes exchange entries (see below)"),
    ("--seed", "NUMBER", "drawn", "seed of all random choices"),
    ("--record", "[PATH]", "off", "record all inputs and outputs, to stderr or a file"),
    ("--data-dir", "DIR", "off", "keep all values in DIR/NODE, kill -9 or not"),
    ("--repair", "", "off", "go on with what is whole of a damaged DIR/NODE"),
];

/// The flag that takes no value.
const REPAIR: &str = "--repair";

impl<N: Default + fmt::Display> Options<N> {
    /// The defaults of a protocol.
    #[must_use]
    pub fn of(protocol: N) -> Self {
        Self { protocol, ..Self::default() }
    }

    /// The settings of the protocol.
    ///
    /// # Errors
    /// The flag, what was expected, and what came.
    pub fn settings<C: Settings>(&self) -> Result<C, String> {
        let mut config = C::default();
        for (name, value) in &self.settings {
            let Some(flag) = C::FLAGS.iter().find(|flag| flag.name == name) else {
                return Err(format!("{name} is no flag of protocol {}", self.protocol));
            };
            flag.setting.set(&mut config, value).ok_or_else(|| {
                format!("{name}: expected {}, got {value:?}", flag.setting.expected())
            })?;
        }
        config.check()?;
        Ok(config)
    }
}

impl<N: Default + fmt::Display> Member<N> {
    /// A protocol with settings `C`.
    #[must_use]
    pub fn new<C: Settings>(name: N, summary: &'static str) -> Self {
        let mut defaults = C::default();
        let flags = C::FLAGS.iter().map(|flag| {
            let with_placeholder = format!("{} {}", flag.name, flag.setting.placeholder());
            (flag.name, with_placeholder, flag.setting.show(&mut defaults), flag.help)
        });
        Self {
            name,
            summary,
            flags: flags.collect(),
            explanation: C::EXPLANATION,
            check: |options| options.settings::<C>().map(|_| ()),
        }
    }
}

impl<N> FromIterator<Member<N>> for Family<N> {
    fn from_iter<I: IntoIterator<Item = Member<N>>>(members: I) -> Self {
        Self { members: members.into_iter().collect() }
    }
}

impl<N: Copy + Default + PartialEq + fmt::Display> Family<N> {
    /// Reads the command line, without the program's name.
    ///
    /// # Errors
    /// The problem, as one plain line that names the flag.
    pub fn parse(&self, args: impl IntoIterator<Item = OsString>) -> Result<Command<N>, String> {
        let mut options = Options::default();
        let mut wants_help = false;
        let mut args = args.into_iter().map(|arg| arg.to_string_lossy().into_owned()).peekable();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--help" | "-h" => {
                    wants_help = true;
                    continue;
                }
                "--version" | "-V" => return Ok(Command::Version),
                REPAIR => {
                    options.repair = true;
                    continue;
                }
                _ => {}
            }
            let (name, value) = match arg.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (arg.as_str(), None),
            };
            if !self.is_flag(name) {
                let what = if name.starts_with('-') { "flag" } else { "argument" };
                return Err(format!("unknown {what} {name:?}"));
            }
            let value = match (value, name) {
                (Some(_), REPAIR) => return Err(format!("{REPAIR} takes no value")),
                (Some(value), _) => Some(value),
                (None, "--record") => {
                    Some(args.next_if(|next| !next.starts_with('-')).unwrap_or_default())
                }
                (None, _) => args.next(),
            };
            let value = value.ok_or_else(|| format!("{name} needs a value"))?;
            self.set(&mut options, name, value)?;
        }
        if wants_help {
            return Ok(Command::Help(options.protocol));
        }
        if options.repair && options.data_dir.is_none() {
            return Err(format!("{REPAIR} needs --data-dir"));
        }
        if let Some(member) = self.member(options.protocol) {
            (member.check)(&options)?;
        }
        Ok(Command::Run(Box::new(options)))
    }

    /// Takes a flag of every protocol, or keeps it for the protocol.
    fn set(&self, options: &mut Options<N>, name: &str, value: String) -> Result<(), String> {
        let expected = |what: &str| format!("{name}: expected {what}, got {value:?}");
        match name {
            "--protocol" => {
                let names: Vec<String> =
                    self.members.iter().map(|member| member.name.to_string()).collect();
                let at = names.iter().position(|name| *name == value);
                let at = at.ok_or_else(|| expected(&format!("one of {}", names.join(", "))))?;
                options.protocol = self.members[at].name;
            }
            "--workload" => {
                options.workload = value.parse().map_err(|names: String| expected(&names))?;
            }
            "--seed" => {
                let range = "an integer from 0 to 18446744073709551615";
                options.seed = Some(value.parse().map_err(|_| expected(range))?);
            }
            "--record" if value.is_empty() => options.record = Some(RecordTo::Stderr),
            "--record" => options.record = Some(RecordTo::File(value.into())),
            "--data-dir" if value.is_empty() => return Err(expected("a directory")),
            "--data-dir" => options.data_dir = Some(value.into()),
            _ => options.settings.push((name.to_owned(), value)),
        }
        Ok(())
    }

    /// True if any protocol has the flag, or all have.
    #[must_use]
    pub fn is_flag(&self, name: &str) -> bool {
        let mut own = self.members.iter().flat_map(|member| &member.flags);
        GENERAL.iter().any(|(general, ..)| *general == name) || own.any(|(flag, ..)| *flag == name)
    }

    fn member(&self, name: N) -> Option<&Member<N>> {
        self.members.iter().find(|member| member.name == name)
    }

    /// The text of `--help` for a protocol.
    #[must_use]
    pub fn help(&self, protocol: N) -> String {
        let mut text = format!(
            "rumormill {}: {}\n\n\
             Usage: rumormill [FLAG]...\n\n\
             Reads messages from stdin and writes messages to stdout, one JSON object per line;\n\
             lines for people go to stderr. Ends with its input, or when its output is closed.\n\n",
            env!("CARGO_PKG_VERSION"),
            env!("CARGO_PKG_DESCRIPTION"),
        );
        let mut line = |flag: &str, default: &str, help: &str| {
            // Writing to a String cannot fail.
            let line = format!("  {flag:<27} {default:<9} {help}");
            let _ = writeln!(text, "{}", line.trim_end());
        };
        line("", "default", "");
        for (name, placeholder, default, help) in GENERAL {
            line(format!("{name} {placeholder}").trim_end(), default, help);
        }
        line("--help, -h", "", "print this text; with --protocol, that of the protocol");
        line("--version, -V", "", "print the version");
        let chosen = self.member(protocol);
        for (_, flag, default, help) in chosen.iter().flat_map(|member| &member.flags) {
            line(flag, default, help);
        }
        text.push_str("\nWorkloads:\n");
        for workload in Workload::ALL {
            let _ = writeln!(text, "  {:<14} {}", workload.as_str(), workload.summary());
        }
        text.push_str("\nProtocols:\n");
        for Member { name, summary, .. } in &self.members {
            let mark = if *name == protocol { "*" } else { " " };
            let _ = writeln!(text, "{mark} {:<14} {summary}", name.to_string());
        }
        text.push_str(
            "\nTIME is a number with ms or s, such as 200ms or 1.5s; a bare number is ms.\n",
        );
        text.push_str(chosen.map_or("", |member| member.explanation));
        text
    }
}

/// The text of `--version`.
#[must_use]
pub fn version() -> String {
    format!("rumormill {}\n", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests;
