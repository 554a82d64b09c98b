//! The node as a process: arguments to configuration, and the driver.

use std::fs::File;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use rumormill::args::{self, Command, Options, RecordTo};
use rumormill::node::Node;
use rumormill::record::{Header, Writer};
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
        Command::Run(options) => run(*options),
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
    let header = Header::new(options.config.clone(), seed, boot_id);
    let node = Node::new(options.config, seed, boot_id);
    // Both standard streams pass large buffers through: there is no second copy.
    let (input, output, log) = (io::stdin(), io::stdout(), io::stderr());
    let record: Box<dyn Write> = match options.record {
        None => return stdio::run(node, input, output, log, ()),
        Some(RecordTo::Stderr) => Box::new(io::stderr()),
        Some(RecordTo::File(path)) => {
            let file = File::create(&path);
            Box::new(file.with_context(|| format!("cannot record to {}", path.display()))?)
        }
    };
    stdio::run(node, input, output, log, Writer::new(record, &header))
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
