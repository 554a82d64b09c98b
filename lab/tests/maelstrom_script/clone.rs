//! A clone of the repository with nothing but the script, and a machine of our own making around it.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

use crate::server::Server;

pub(crate) const LAB: &str = env!("CARGO_BIN_EXE_lab");

/// The programs that the script may find on a bare machine.
const TOOLS: [&str; 13] = [
    "bash", "cat", "cp", "dirname", "find", "mkdir", "mktemp", "mv", "rm", "sed", "sleep", "tar",
    "wc",
];

/// Held while a program is written and while one is started. A process that is forked while a program is open
/// for writing keeps it open for a moment, and Linux runs no program that is open for writing (ETXTBSY).
static PROGRAMS: Mutex<()> = Mutex::new(());

fn programs() -> MutexGuard<'static, ()> {
    PROGRAMS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A clone of the repository with nothing but the script, and a PATH of our own making.
pub(crate) struct Clone {
    dir: TempDir,
}

pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Clone {
    /// Everything is installed, except Maelstrom.
    pub(crate) fn new() -> Self {
        let clone = Self { dir: tempfile::tempdir().expect("temporary directory") };
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("workspace");
        for dir in ["scripts", "bin", "maelstrom/profiles", "elsewhere"] {
            fs::create_dir_all(clone.path(dir)).expect("directory");
        }
        let script = fs::read_to_string(repository.join("scripts/maelstrom")).expect("script");
        clone.executable("scripts/maelstrom", &script);
        for name in ["fly-3a", "partition-25"] {
            let name = format!("maelstrom/profiles/{name}.toml");
            fs::copy(repository.join(&name), clone.path(&name)).expect("profile");
        }
        for tool in TOOLS {
            clone.link(tool).unwrap_or_else(|| panic!("there is no {tool} on this machine"));
        }
        clone.link("sha256sum").or_else(|| clone.link("shasum")).expect("sha256sum or shasum");
        if clone.link("curl").is_none() {
            clone.program("bin/curl", include_str!("curl"));
        }
        if clone.link("bzip2").is_none() {
            clone.program("bin/bzip2", "exec cat");
        }
        clone.java("17.0.15");
        clone.program("bin/gnuplot", "exit 0");
        clone.program("bin/git", "exit 0");
        let run = format!("while [[ $1 != -- ]]; do shift; done; shift; exec '{LAB}' \"$@\"");
        clone.program("bin/cargo", &format!("[[ $1 == run ]] || exit 0\n{run}"));
        clone.program("node", "exec cat");
        clone
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Where the user is, as the user's shell would say.
    pub(crate) fn elsewhere(&self) -> PathBuf {
        fs::canonicalize(self.path("elsewhere")).expect("directory")
    }

    /// Makes a tool of this machine available.
    fn link(&self, tool: &str) -> Option<()> {
        let path = std::env::var_os("PATH")?;
        let found = std::env::split_paths(&path).map(|dir| dir.join(tool)).find(|p| p.is_file())?;
        symlink(found, self.path("bin").join(tool)).ok()
    }

    pub(crate) fn program(&self, name: &str, script: &str) {
        self.executable(name, &format!("#!/usr/bin/env bash\n{script}\n"));
    }

    fn executable(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("parent")).expect("directory");
        let _held = programs();
        fs::write(&path, text).expect("program");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("mode");
    }

    pub(crate) fn java(&self, version: &str) {
        let text = format!(
            "echo 'Picked up JAVA_TOOL_OPTIONS: -Dx=\"1\"' >&2\n\
             echo 'openjdk version \"{version}\" 2025-04-15' >&2"
        );
        self.program("bin/java", &text);
    }

    /// A Maelstrom that notes how it was called and leaves a run's files.
    pub(crate) fn maelstrom(&self, dir: &str) {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/maelstrom_script");
        let script = format!(
            "echo \"{dir} in $PWD: $*\" >>'{called}'\n\
             if [[ $* != *broadcast* ]]; then echo 'passed on'; exit 7; fi\n\
             n=0; while [[ -e store/broadcast/run$n ]]; do n=$((n + 1)); done\n\
             mkdir -p store/broadcast/run$n\n\
             cp '{fixture}'/*.edn '{fixture}'/jepsen.log store/broadcast/run$n\n\
             echo 'Everything looks good!'",
            called = self.path("called").display(),
            fixture = fixture.display(),
        );
        self.program(&format!("{dir}/maelstrom"), &script);
    }

    /// How Maelstrom was called, a line per time.
    pub(crate) fn calls(&self) -> String {
        fs::read_to_string(self.path("called")).unwrap_or_default()
    }

    /// The release as it would be downloaded.
    pub(crate) fn archive(&self, files: &[&str]) -> Vec<u8> {
        self.maelstrom("packed/maelstrom");
        self.program("packed/maelstrom/lib/maelstrom.jar", "");
        let mut tar = Command::new("tar");
        tar.args(["-cjf", "release.tar.bz2", "-C", "packed"])
            .args(files)
            .current_dir(self.dir.path())
            .env("PATH", self.path("bin"));
        assert!(start(&mut tar).wait().expect("tar").success());
        fs::read(self.path("release.tar.bz2")).expect("archive")
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.path("scripts/maelstrom"));
        command.args(args).current_dir(self.path("elsewhere")).stdin(Stdio::null());
        command.env_clear().env("PATH", self.path("bin"));
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        run(&mut self.command(args))
    }

    /// Runs a profile with a release that is there to be downloaded.
    pub(crate) fn run_from(&self, server: &Server) -> Ended {
        let mut command = self.command(&["fly-3a", "--bin", "../node"]);
        run(command.env("MAELSTROM_URL", server.url()))
    }

    /// The files below `maelstrom/release`.
    pub(crate) fn releases(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("maelstrom/release")).into_iter().flatten();
        entries.map(|entry| entry.expect("entry").file_name().to_string_lossy().into()).collect()
    }

    pub(crate) fn checksum(&self) -> Option<String> {
        fs::read_to_string(self.path("maelstrom/release.sha256")).ok()
    }
}

pub(crate) fn start(command: &mut Command) -> Child {
    let _held = programs();
    command.spawn().expect("a program")
}

pub(crate) fn run(command: &mut Command) -> Ended {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = start(command).wait_with_output().expect("the script");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().expect("exit status");
    Ended { code, stdout: text(&output.stdout), stderr: text(&output.stderr) }
}
