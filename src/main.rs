//! The node as a process: arguments to configuration, and the driver.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use rumormill::args::{self, Command, Options};
use rumormill::node::Node;
use rumormill::stdio;

/// Exit status of a command line that makes no sense, as is the custom.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let command = match args::parse(std::env::args_os().skip(1)) {
        Ok(command) => command,
        Err(problem) => {
            tell(&format!("{problem}; see --help"));
            return ExitCode::from(USAGE);
        }
    };
    let printed = match command {
        Command::Run(options) => run(options),
        Command::Help => print(&args::help()),
        Command::Version => print(&args::version()),
    };
    if let Err(error) = printed {
        tell(&format!("{error:#}"));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn run(options: Options) -> anyhow::Result<()> {
    let boot_id = micros_since_epoch();
    // Nodes that start in the same microsecond still differ.
    let drawn = boot_id.rotate_left(32) ^ u64::from(std::process::id());
    let seed = options.seed.unwrap_or(drawn);
    tell(&format!("version {}, seed {seed}, generation {boot_id}", env!("CARGO_PKG_VERSION")));
    let node = Node::new(options.config, seed, boot_id);
    // Both standard streams pass large buffers through: there is no second copy.
    stdio::run(node, io::stdin(), io::stdout(), io::stderr(), ())
}

fn micros_since_epoch() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

fn print(text: &str) -> anyhow::Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// One line for people. If nobody is there, nothing is lost.
fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "rumormill: {text}");
}
