//! The node as a process: arguments to settings, and the driver. Both `rumormill` and `lab node` are this.

use std::collections::hash_map::RandomState;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::hash::BuildHasher as _;
use std::io::{self, Write};
use std::thread;
use std::time::{Duration, SystemTime};

use crate::args::{self, Command, Family, Options, RecordTo};
use crate::family::{ProtocolName, Visitor};
use crate::id::Generation;
use crate::maelstrom::log::{self, Log};
use crate::maelstrom::record::{Header, Writer};
use crate::maelstrom::server::Server;
use crate::maelstrom::stdio::{self, DataDir};
use crate::protocol::Protocol;
use crate::service::AnyService;
use crate::wire::Wire;
use anyhow::Context as _;

/// Exit status of a node that had to give up.
const FAILURE: u8 = 1;
/// Exit status of a bad command line.
const USAGE: u8 = 2;

/// Runs a node of one of the family's protocols on the standard streams until its input ends. `args` are
/// those behind the name of the program. Returns the exit status: 0, 1 after a failure, 2 for a bad
/// command line; the reason is on stderr.
#[must_use]
pub fn run<N>(family: &Family<N>, args: impl Iterator<Item = OsString>) -> u8
where
    N: ProtocolName + Default + PartialEq + fmt::Display,
{
    let log = match Log::start(io::stderr()) {
        Ok(log) => log,
        Err(error) => {
            write_line(io::stderr(), &format!("cannot start the log: {error}"));
            return FAILURE;
        }
    };
    let command = match family.parse(args) {
        Ok(command) => command,
        Err(problem) => {
            write_line(log.writer(), &format!("{problem}; see --help"));
            return USAGE;
        }
    };
    let done = match command {
        Command::Run(options) => {
            options.protocol.visit(Run { options: *options, log: log.writer() })
        }
        Command::Help(protocol) => print(&family.help(protocol)),
        Command::Version => print(&args::version()),
    };
    if let Err(error) = done {
        write_line(log.writer(), &format!("{error:#}"));
        return FAILURE;
    }
    0
}

struct Run<N> {
    options: Options<N>,
    log: log::Writer,
}

impl<N: Default + fmt::Display> Visitor for Run<N> {
    type Output = anyhow::Result<()>;

    fn visit<P: Protocol<Message: Wire>>(self) -> anyhow::Result<()> {
        let Self { options, log } = self;
        let config = options.settings::<P::Config>().map_err(anyhow::Error::msg)?;
        // The standard library's source of random numbers: the keys of its hash tables.
        let draw = || RandomState::new().hash_one(std::process::id());
        // Two starts of a node are in different milliseconds, and so are their generations.
        thread::sleep(Duration::from_millis(1));
        let generation = Generation::new(SystemTime::now(), draw());
        let seed = options.seed.unwrap_or_else(draw);
        let version = env!("CARGO_PKG_VERSION");
        let (protocol, workload) = (options.protocol, options.workload);
        write_line(
            log.clone(),
            &format!(
                "version {version}, {protocol}, {workload}, seed {seed}, generation {generation}"
            ),
        );
        let mut header = Header::new::<P>(&config, seed, generation);
        header.workload = options.workload.to_string();
        header.has_journal = options.data_dir.is_some();
        let mut server: Server<P, AnyService> = Server::new(config, seed, generation);
        server = server.with_service(AnyService::new(options.workload));
        let data = options.data_dir.map(|path| DataDir { path, repair: options.repair });
        if let Some(DataDir { path, .. }) = &data {
            // Rather now than at `init`, which tells the node the name of its own directory in there.
            fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
            server = server.with_journal();
        }
        // Both standard streams pass large buffers through: there is no second copy.
        let (input, output) = (io::stdin(), io::stdout());
        let record: Box<dyn Write> = match options.record {
            None => return stdio::run(server, input, output, log, (), data),
            Some(RecordTo::Stderr) => Box::new(log.clone()),
            Some(RecordTo::File(path)) => {
                let file = File::create(&path);
                Box::new(file.with_context(|| format!("cannot record to {}", path.display()))?)
            }
        };
        stdio::run(server, input, output, log, Writer::new(record, &header), data)
    }
}

fn print(text: &str) -> anyhow::Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Writes a line for people. A closed log is no error.
fn write_line(mut log: impl Write, text: &str) {
    let _ = log.write_all(format!("rumormill: {text}\n").as_bytes());
}
