//! The command line of a node.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::PathBuf;

use crate::config::Settings;
use crate::protocol::Protocol;
use crate::protocols::{self, Name};

/// The request of a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Run a node.
    Run(Box<Options>),
    /// Print [`help`].
    Help(Name),
    /// Print the version.
    Version,
}

/// The options of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The protocol.
    pub protocol: Name,
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
const GENERAL: [(&str, &str, &str, &str); 5] = [
    ("--protocol", "NAME", "rumormill", "how nodes exchange entries (see below)"),
    ("--seed", "NUMBER", "drawn", "seed of all random choices"),
    ("--record", "[PATH]", "off", "record all inputs and outputs, to stderr or a file"),
    ("--data-dir", "DIR", "off", "keep all values in DIR/NODE, kill -9 or not"),
    ("--repair", "", "off", "go on with what is whole of a damaged DIR/NODE"),
];

/// The flag that takes no value.
const REPAIR: &str = "--repair";

impl Options {
    /// The defaults of a protocol.
    #[must_use]
    pub fn of(protocol: Name) -> Self {
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

    /// Takes a flag of every protocol, or keeps it for the protocol.
    fn set(&mut self, name: &str, value: String) -> Result<(), String> {
        let expected = |what: &str| format!("{name}: expected {what}, got {value:?}");
        match name {
            "--protocol" => {
                self.protocol = value.parse().map_err(|names: String| expected(&names))?;
            }
            "--seed" => {
                let range = "an integer from 0 to 18446744073709551615";
                self.seed = Some(value.parse().map_err(|_| expected(range))?);
            }
            "--record" if value.is_empty() => self.record = Some(RecordTo::Stderr),
            "--record" => self.record = Some(RecordTo::File(value.into())),
            "--data-dir" if value.is_empty() => return Err(expected("a directory")),
            "--data-dir" => self.data_dir = Some(value.into()),
            _ => self.settings.push((name.to_owned(), value)),
        }
        Ok(())
    }
}

/// Reads the command line, without the program's name.
///
/// # Errors
/// The problem, as one plain line that names the flag.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
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
        if !is_flag(name) {
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
        options.set(name, value)?;
    }
    if wants_help {
        return Ok(Command::Help(options.protocol));
    }
    if options.repair && options.data_dir.is_none() {
        return Err(format!("{REPAIR} needs --data-dir"));
    }
    protocols::visit(options.protocol, Check(&options))?;
    Ok(Command::Run(Box::new(options)))
}

/// True if the flag is one of any protocol.
fn is_flag(name: &str) -> bool {
    struct Has<'a>(&'a str);
    impl protocols::Visitor for Has<'_> {
        type Output = bool;
        fn visit<P: Protocol>(self) -> bool {
            P::Config::FLAGS.iter().any(|flag| flag.name == self.0)
        }
    }
    GENERAL.iter().any(|(general, ..)| *general == name)
        || Name::ALL.into_iter().any(|protocol| protocols::visit(protocol, Has(name)))
}

/// Reads the settings, to see whether they can be read.
struct Check<'a>(&'a Options);

impl protocols::Visitor for Check<'_> {
    type Output = Result<(), String>;

    fn visit<P: Protocol>(self) -> Result<(), String> {
        self.0.settings::<P::Config>().map(|_| ())
    }
}

/// The text of `--version`.
#[must_use]
pub fn version() -> String {
    format!("rumormill {}\n", env!("CARGO_PKG_VERSION"))
}

/// The text of `--help` for a protocol.
#[must_use]
pub fn help(protocol: Name) -> String {
    protocols::visit(protocol, Help(protocol))
}

struct Help(Name);

impl protocols::Visitor for Help {
    type Output = String;

    fn visit<P: Protocol>(self) -> String {
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
        let mut defaults = P::Config::default();
        for flag in P::Config::FLAGS {
            let value = flag.setting.show(&mut defaults);
            line(&format!("{} {}", flag.name, flag.setting.placeholder()), &value, flag.help);
        }
        text.push_str("\nProtocols:\n");
        for name in Name::ALL {
            let chosen = if name == self.0 { "*" } else { " " };
            let _ = writeln!(text, "{chosen} {:<14} {}", name.as_str(), name.summary());
        }
        text.push_str(
            "\nTIME is a number with ms or s, such as 200ms or 1.5s; a bare number is ms.\n",
        );
        text.push_str(P::Config::EXPLANATION);
        text
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::protocols::rumormill::config::Config;

    fn run(args: &[&str]) -> Result<Command, String> {
        parse(args.iter().map(OsString::from))
    }

    fn options(args: &[&str]) -> Options {
        match run(args) {
            Ok(Command::Run(options)) => *options,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn no_flags_are_the_defaults() {
        assert_eq!(options(&[]), Options::default());
    }

    #[test]
    fn values_stand_apart_or_after_an_equals_sign() {
        let set = options(&["--seed", "7", "--window=1.5s"]);
        let window = set.settings::<Config>().unwrap().window;
        assert_eq!((set.seed, window), (Some(7), Some(Duration::from_millis(1500))));
    }

    #[test]
    fn a_record_goes_to_stderr_unless_a_path_follows() {
        let to = |args: &[&str]| options(args).record;
        let file = || Some(RecordTo::File("n0.record".into()));
        assert_eq!(to(&["--record"]), Some(RecordTo::Stderr));
        assert_eq!(to(&["--record", "--seed", "7"]), Some(RecordTo::Stderr));
        assert_eq!((to(&["--record", "n0.record"]), to(&["--record=n0.record"])), (file(), file()));
        assert_eq!(to(&["--seed", "7"]), None);
    }

    #[test]
    fn a_journal_is_repaired_where_it_is() {
        let set = options(&["--repair", "--data-dir", "data"]);
        assert_eq!((set.repair, set.data_dir), (true, Some("data".into())));
        assert_eq!(run(&["--repair"]).unwrap_err(), "--repair needs --data-dir");
        assert_eq!(run(&["--repair=yes"]).unwrap_err(), "--repair takes no value");
        assert!(run(&["--data-dir="]).unwrap_err().contains("expected a directory"));
    }

    #[test]
    fn what_the_help_shows_as_default_is_taken_back() {
        let defaults = Config::default();
        // It is not set unless given.
        for flag in Config::FLAGS.iter().filter(|flag| flag.name != "--window") {
            let mut same = defaults.clone();
            let shown = flag.setting.show(&mut same);
            flag.setting.set(&mut same, &shown).expect(flag.name);
            assert_eq!(same, defaults, "{}", flag.name);
        }
    }

    #[test]
    fn a_mistake_is_named() {
        assert_eq!(run(&["--rout", "hub"]).unwrap_err(), "unknown flag \"--rout\"");
        assert_eq!(run(&["topology"]).unwrap_err(), "unknown argument \"topology\"");
        assert_eq!(run(&["--seed"]).unwrap_err(), "--seed needs a value");
        assert_eq!(
            run(&["--seed=x"]).unwrap_err(),
            "--seed: expected an integer from 0 to 18446744073709551615, got \"x\""
        );
        assert!(run(&["--window", "soon"]).unwrap_err().starts_with("--window: expected a time"));
        assert!(run(&["--sync-interval=0"]).unwrap_err().contains("a time above 0"));
        assert_eq!(
            run(&["--route=x"]).unwrap_err(),
            "--route: expected auto, topology, tree, hub, direct, got \"x\""
        );
        assert_eq!(
            run(&["--sync-interval", "1h"]).unwrap_err(),
            "--sync-interval: expected a time above 0, such as 200ms or 1.5s, got \"1h\""
        );
        assert_eq!(
            run(&["--probe-min=2s", "--probe-max=1s"]).unwrap_err(),
            "--probe-min of 2s is above its maximum of 1s"
        );
    }

    #[test]
    fn a_flag_belongs_to_its_protocol() {
        let protocol = options(&["--protocol", "flood", "--seed", "7"]).protocol;
        assert_eq!(protocol, Name::Flood);
        assert_eq!(
            run(&["--protocol=flood", "--route=hub"]).unwrap_err(),
            "--route is no flag of protocol flood"
        );
        let problem = run(&["--protocol=fload"]).unwrap_err();
        assert!(problem.starts_with("--protocol: expected one of rumormill, "), "{problem}");
        assert!(problem.ends_with(", got \"fload\""), "{problem}");
        assert_eq!(run(&["-h", "--protocol", "flood"]), Ok(Command::Help(Name::Flood)));
    }

    #[test]
    fn help_names_every_flag_within_a_screen() {
        let help = help(Name::Rumormill);
        for flag in Config::FLAGS {
            assert!(help.contains(flag.name), "{}", flag.name);
        }
        assert!(help.lines().all(|line| line.chars().count() <= 100));
        assert_eq!(run(&["--seed", "1", "--help"]), Ok(Command::Help(Name::Rumormill)));
        assert_eq!(run(&["--version"]), Ok(Command::Version));
    }
}
