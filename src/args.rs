//! The command line. One table holds everything there is to know about a flag.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::Config;
use crate::route::Route;

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Run a node.
    Run(Box<Options>),
    /// Print [`help`].
    Help,
    /// Print the version.
    Version,
}

/// The settings of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The node's.
    pub config: Config,
    /// Seed of the node's random choices; drawn at start if not given.
    pub seed: Option<u64>,
    /// Where all that happens is recorded, if anywhere.
    pub record: Option<RecordTo>,
}

/// Where a record goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordTo {
    /// To stderr, among the lines for people.
    Stderr,
    /// To a file, which is overwritten.
    File(PathBuf),
}

/// A flag with a value.
struct Flag {
    name: &'static str,
    help: &'static str,
    setting: Setting,
}

/// Where a flag's value goes, and so which values it takes.
enum Setting {
    /// A time, zero included.
    Delay(fn(&mut Config) -> &mut Duration),
    /// A time above zero: something is done again and again at this distance.
    Interval(fn(&mut Config) -> &mut Duration),
    /// A number above zero.
    Count(fn(&mut Config) -> &mut usize),
    /// A time, zero included; there may be none.
    OptionalDelay(fn(&mut Config) -> &mut Option<Duration>),
    Route,
    Seed,
    /// A path that need not be given.
    Record,
}

const FLAGS: &[Flag] = &[
    Flag {
        name: "--route",
        help: "where a new value goes first (see below)",
        setting: Setting::Route,
    },
    Flag {
        name: "--latency-budget",
        help: "time for a value to reach the last node (see below)",
        setting: Setting::Delay(|config| &mut config.latency_budget),
    },
    Flag {
        name: "--window",
        help: "wait of a new value for others, instead of the budget",
        setting: Setting::OptionalDelay(|config| &mut config.window),
    },
    Flag {
        name: "--rtt-initial",
        help: "round trip to assume until it is measured",
        setting: Setting::Delay(|config| &mut config.rtt_initial),
    },
    Flag {
        name: "--ack-delay",
        help: "how long evidence waits for values to ride along with",
        setting: Setting::Delay(|config| &mut config.ack_delay),
    },
    Flag {
        name: "--sync-interval",
        help: "shortest time between two digests",
        setting: Setting::Interval(|config| &mut config.sync_interval),
    },
    Flag {
        name: "--sync-interval-max",
        help: "longest time between two digests, when all agree",
        setting: Setting::Interval(|config| &mut config.sync_interval_max),
    },
    Flag {
        name: "--retry-initial",
        help: "wait for evidence before the round trip is known",
        setting: Setting::Interval(|config| &mut config.retry_initial),
    },
    Flag {
        name: "--probe-min",
        help: "shortest time between two messages to a silent peer",
        setting: Setting::Interval(|config| &mut config.probe_min),
    },
    Flag {
        name: "--probe-max",
        help: "longest time between two messages to a silent peer",
        setting: Setting::Interval(|config| &mut config.probe_max),
    },
    Flag {
        name: "--batch-entries-max",
        help: "most values in one message",
        setting: Setting::Count(|config| &mut config.batch_entries_max),
    },
    Flag {
        name: "--batch-bytes-max",
        help: "most bytes of values in one message (if several)",
        setting: Setting::Count(|config| &mut config.batch_bytes_max),
    },
    Flag { name: "--seed", help: "seed of all random choices", setting: Setting::Seed },
    Flag {
        name: "--record",
        help: "record all inputs and outputs, to stderr or a file",
        setting: Setting::Record,
    },
];

const EXPLANATIONS: &str = "
TIME is a number with ms or s, such as 200ms or 1.5s; a bare number is ms.

ROUTE is one of
  auto      direct or hub, whichever needs fewer messages within the budget; in clusters of more
            than 256 nodes always hub
  topology  only along the links of the topology
  tree      along a spanning tree of the topology of least height
  hub       to the hub, which batches and sends to all
  direct    from the origin to everyone
Whatever the route, neighbours in the topology compare what they hold and repair it.

The latency budget is what a value may take from its acknowledgement to the last node while the
network works: the node measures the round trip and spends the rest on batching. It is not a
promise about a network that loses, reorders or cuts; what is lost is repaired as fast as it is
noticed. A budget that the network cannot meet is said once on stderr, and the fastest route used.
";

impl Setting {
    /// What stands for the value in the help.
    const fn placeholder(&self) -> &'static str {
        match self {
            Self::Delay(_) | Self::OptionalDelay(_) | Self::Interval(_) => "TIME",
            Self::Count(_) | Self::Seed => "NUMBER",
            Self::Route => "ROUTE",
            Self::Record => "[PATH]",
        }
    }

    /// The values it takes, for people.
    fn expected(&self) -> String {
        match self {
            Self::Delay(_) | Self::OptionalDelay(_) => {
                "a time such as 200ms, 1.5s or 200 (milliseconds)".to_owned()
            }
            Self::Interval(_) => "a time above 0, such as 200ms or 1.5s".to_owned(),
            Self::Count(_) => "an integer above 0".to_owned(),
            Self::Seed => "an integer from 0 to 18446744073709551615".to_owned(),
            Self::Route => Route::ALL.map(Route::name).join(", "),
            Self::Record => "a path, or nothing for stderr".to_owned(),
        }
    }

    /// Takes the value if it is one.
    fn set(&self, options: &mut Options, text: &str) -> Option<()> {
        let config = &mut options.config;
        match self {
            Self::Delay(field) => *field(config) = parse_time(text)?,
            Self::OptionalDelay(field) => *field(config) = Some(parse_time(text)?),
            Self::Interval(field) => {
                *field(config) = parse_time(text).filter(|time| !time.is_zero())?;
            }
            Self::Count(field) => {
                *field(config) = text.parse().ok().filter(|&number| number > 0)?;
            }
            Self::Seed => options.seed = Some(text.parse().ok()?),
            Self::Route => config.route = text.parse().ok()?,
            Self::Record => {
                let file = Some(text).filter(|path| !path.is_empty()).map(PathBuf::from);
                options.record = Some(file.map_or(RecordTo::Stderr, RecordTo::File));
            }
        }
        Some(())
    }

    /// The value as it would be given. Changes nothing: the fields' accessors need it mutable.
    fn show(&self, options: &mut Options) -> String {
        let config = &mut options.config;
        match self {
            Self::Delay(field) | Self::Interval(field) => show_time(*field(config)),
            Self::Count(field) => field(config).to_string(),
            Self::Seed => options.seed.map_or_else(|| "drawn".to_owned(), |seed| seed.to_string()),
            Self::OptionalDelay(field) => {
                field(config).map_or_else(|| "none".to_owned(), show_time)
            }
            Self::Route => config.route.to_string(),
            Self::Record => "off".to_owned(),
        }
    }
}

/// Reads the command line, the program's name not included.
///
/// # Errors
/// What is wrong with it, as one plain line that names the flag.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let mut options = Options::default();
    let mut args = args.into_iter().map(|arg| arg.to_string_lossy().into_owned()).peekable();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "--version" | "-V" => return Ok(Command::Version),
            _ => {}
        }
        let (name, value) = match arg.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (arg.as_str(), None),
        };
        let Some(flag) = FLAGS.iter().find(|flag| flag.name == name) else {
            let what = if name.starts_with('-') { "flag" } else { "argument" };
            return Err(format!("unknown {what} {name:?}"));
        };
        let value = match (value, &flag.setting) {
            (Some(value), _) => Some(value),
            (None, Setting::Record) => {
                Some(args.next_if(|next| !next.starts_with('-')).unwrap_or_default())
            }
            (None, _) => args.next(),
        };
        let value = value.ok_or_else(|| format!("{name} needs a value"))?;
        flag.setting.set(&mut options, &value).ok_or_else(|| {
            format!("{name}: expected {}, got {value:?}", flag.setting.expected())
        })?;
    }
    check(&options.config)?;
    Ok(Command::Run(Box::new(options)))
}

/// Settings that make no sense together.
fn check(config: &Config) -> Result<(), String> {
    for (name, min, max) in [
        ("--sync-interval", config.sync_interval, config.sync_interval_max),
        ("--probe-min", config.probe_min, config.probe_max),
    ] {
        if min > max {
            let (min, max) = (show_time(min), show_time(max));
            return Err(format!("{name} of {min} is above its maximum of {max}"));
        }
    }
    Ok(())
}

/// What `--version` prints.
#[must_use]
pub fn version() -> String {
    format!("rumormill {}\n", env!("CARGO_PKG_VERSION"))
}

/// What `--help` prints.
#[must_use]
pub fn help() -> String {
    let mut text = format!(
        "rumormill {}: {}\n\n\
         Usage: rumormill [FLAG]...\n\n\
         Reads messages from stdin and writes messages to stdout, one JSON object a line; what is\n\
         meant for people goes to stderr. Ends with its input, or when nobody reads its output.\n\n",
        env!("CARGO_PKG_VERSION"),
        env!("CARGO_PKG_DESCRIPTION"),
    );
    let mut defaults = Options::default();
    let mut line = |flag: &str, default: &str, help: &str| {
        // Writing to a String cannot fail.
        let line = format!("  {flag:<27} {default:<9} {help}");
        let _ = writeln!(text, "{}", line.trim_end());
    };
    line("", "default", "");
    for Flag { name, help, setting } in FLAGS {
        let value = setting.show(&mut defaults);
        line(&format!("{name} {}", setting.placeholder()), &value, help);
    }
    line("--help, -h", "", "print this text");
    line("--version, -V", "", "print the version");
    text.push_str(EXPLANATIONS);
    text
}

fn parse_time(text: &str) -> Option<Duration> {
    let (number, seconds_per_unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1e-3),
        None => text.strip_suffix('s').map_or((text, 1e-3), |number| (number, 1.0)),
    };
    // Rust's own number format also has signs, exponents, "inf" and "nan".
    if !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let seconds = number.parse::<f64>().ok()? * seconds_per_unit;
    let micros = Duration::try_from_secs_f64(seconds).ok()?.as_nanos().div_ceil(1000);
    // The core counts whole microseconds; a time that is not zero must not become so.
    u64::try_from(micros).ok().map(Duration::from_micros)
}

fn show_time(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{}ms", time.as_micros() as f64 / 1e3)
    } else {
        format!("{}s", time.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!((set.seed, set.config.window), (Some(7), Some(Duration::from_millis(1500))));
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
    fn times_are_milliseconds_unless_they_say_otherwise() {
        for (text, micros) in
            [("200ms", 200_000), ("1.5s", 1_500_000), ("20", 20_000), ("0", 0), ("0.0001", 1)]
        {
            assert_eq!(parse_time(text), Some(Duration::from_micros(micros)), "{text}");
        }
        for text in ["", "s", "ms", "-1", "+1", "1e3", "inf", "nan", "1h", "1 s", "1.2.3", "."] {
            assert_eq!(parse_time(text), None, "{text}");
        }
        assert_eq!(parse_time(&"9".repeat(40)), None);
    }

    #[test]
    fn what_the_help_shows_as_default_is_taken_back() {
        let defaults = Options::default();
        // These are not set unless given.
        let unset = ["--seed", "--window", "--record"];
        for flag in FLAGS.iter().filter(|flag| !unset.contains(&flag.name)) {
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
    fn help_names_every_flag_within_a_screen() {
        let help = help();
        for flag in FLAGS {
            assert!(help.contains(flag.name), "{}", flag.name);
        }
        assert!(help.lines().all(|line| line.chars().count() <= 100));
        assert_eq!(run(&["--seed", "1", "--help"]), Ok(Command::Help));
        assert_eq!(run(&["--version"]), Ok(Command::Version));
    }
}
