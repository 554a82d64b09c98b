//! The program of the nodes: a binary that is given, or our own node.

use std::env::consts::EXE_SUFFIX;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context as _, bail, ensure};
use rumormill_judge::workload::{BROADCAST, Workload};
use tempfile::TempDir;

use super::process::{describe, resolve_bin};

/// The sources that the node is built from, in the workspace.
const SOURCES: [&str; 3] = ["Cargo.toml", "Cargo.lock", "src"];

/// The node's flag that makes it record.
const RECORD: &str = "--record";

/// The node's flag for the directory of its journal.
const DATA_DIR: &str = "--data-dir";

/// The node's flag for what it serves.
const WORKLOAD: &str = "--workload";

/// The lab's command that is our node.
pub const NODE: &str = "node";

/// The program of the nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The binary.
    pub bin: PathBuf,
    /// Its arguments before those of a run.
    pub args: Vec<String>,
}

impl Program {
    /// A binary that is given.
    #[must_use]
    pub const fn given(bin: PathBuf) -> Self {
        Self { bin, args: Vec::new() }
    }

    /// Our own node: its binary beside the lab's own, else the lab itself, which has the node in it. In
    /// a target directory of cargo's the binary is built first if it is absent or older than its
    /// sources; `say` is told before a build.
    ///
    /// # Errors
    /// If the binary cannot be built.
    pub fn own(say: impl FnOnce(&str)) -> anyhow::Result<Self> {
        let lab = std::env::current_exe().context("cannot tell where the lab itself is")?;
        match binary(&lab, say)? {
            Some(bin) => Ok(Self::given(bin)),
            None => Ok(Self { bin: lab, args: vec![NODE.to_owned()] }),
        }
    }

    /// The binary that is given, or else our own node: see [`Program::own`].
    ///
    /// # Errors
    /// If what is given is no program, or our own cannot be built.
    pub fn find(given: Option<&Path>, say: impl FnOnce(&str)) -> anyhow::Result<Self> {
        match given {
            Some(bin) => Ok(Self::given(resolve_bin(bin)?)),
            None => Self::own(say),
        }
    }

    /// True if this is our own node.
    #[must_use]
    pub fn is_own(&self) -> bool {
        !self.args.is_empty() || is_beside_the_lab(&self.bin)
    }

    /// All arguments of a run.
    #[must_use]
    pub fn with_args(&self, args: &[String]) -> Vec<String> {
        [&*self.args, args].concat()
    }
}

/// The node's binary beside the lab's, if there is one.
fn binary(lab: &Path, say: impl FnOnce(&str)) -> anyhow::Result<Option<PathBuf>> {
    let dir = lab.parent().context("the lab's own path has no directory")?;
    let node = dir.join(format!("rumormill{EXE_SUFFIX}"));
    // Where the lab was compiled; if it has been installed elsewhere since, there is none.
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().filter(|path| path.is_dir());
    match workspace {
        Some(workspace) if is_of_cargo(dir) && !is_current(&node, workspace) => {
            say("building the workspace's node");
            build(workspace, dir)?;
        }
        _ => {}
    }
    Ok(node.is_file().then_some(node))
}

fn is_beside_the_lab(bin: &Path) -> bool {
    let own = || {
        let lab = std::env::current_exe().ok()?;
        fs::canonicalize(lab.with_file_name(format!("rumormill{EXE_SUFFIX}"))).ok()
    };
    fs::canonicalize(bin).ok().is_some_and(|bin| Some(bin) == own())
}

/// Has the node record to stderr, and so to its log, unless its arguments say where.
pub fn record(args: &mut Vec<String>) {
    if !args.iter().any(|arg| arg == RECORD || arg.starts_with("--record=")) {
        args.push(RECORD.to_owned());
    }
}

/// Has the nodes keep their data in a temporary directory, unless their arguments say where. It is
/// removed when it is dropped.
///
/// # Errors
/// If it cannot be made.
pub fn keep_data(args: &mut Vec<String>) -> anyhow::Result<Option<TempDir>> {
    if args.iter().any(|arg| arg == DATA_DIR || arg.starts_with("--data-dir=")) {
        return Ok(None);
    }
    let dir = tempfile::Builder::new().prefix("rumormill-data-").tempdir();
    let dir = dir.context("cannot make a directory for the nodes' data")?;
    args.push(format!("{DATA_DIR}={}", dir.path().display()));
    Ok(Some(dir))
}

/// Has the node serve the workload, unless its arguments name one.
pub fn serve(args: &mut Vec<String>, workload: &Workload) {
    let names_one = args.iter().any(|arg| arg == WORKLOAD || arg.starts_with("--workload="));
    if *workload != BROADCAST && !names_one {
        args.extend([WORKLOAD.to_owned(), workload.name.to_owned()]);
    }
}

fn is_current(node: &Path, workspace: &Path) -> bool {
    let Ok(built) = fs::metadata(node).and_then(|metadata| metadata.modified()) else {
        return false;
    };
    SOURCES.iter().all(|source| newest(&workspace.join(source)).is_ok_and(|time| time <= built))
}

/// The last time that a file, or any file below a directory, was changed.
fn newest(path: &Path) -> io::Result<SystemTime> {
    let metadata = fs::metadata(path)?;
    let mut time = metadata.modified()?;
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            time = time.max(newest(&entry?.path())?);
        }
    }
    Ok(time)
}

/// True if cargo builds programs in this directory.
fn is_of_cargo(dir: &Path) -> bool {
    [".cargo-lock", ".fingerprint", "deps"].iter().any(|mark| dir.join(mark).exists())
}

/// Builds the node in the profile and the target directory that the lab was built in.
fn build(workspace: &Path, dir: &Path) -> anyhow::Result<()> {
    let profile = match dir.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(name) => name,
        None => bail!("cannot tell the profile that {} was built in", dir.display()),
    };
    let target = dir.parent().context("the lab was not built by cargo: give a node with --bin")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let status = Command::new(cargo)
        .args(["build", "--package", "rumormill", "--bin", "rumormill"])
        .args(["--profile", profile])
        .arg("--target-dir")
        .arg(target)
        .current_dir(workspace)
        .status()
        .context("cannot run cargo to build the node (give one with --bin)")?;
    ensure!(status.success(), "the node could not be built: cargo {}", describe(status));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_record_unless_they_are_told_where() {
        let with = |args: &[&str]| {
            let mut args: Vec<String> = args.iter().map(ToString::to_string).collect();
            record(&mut args);
            args
        };
        assert_eq!(with(&["--route", "tree"]), ["--route", "tree", "--record"]);
        assert_eq!(with(&["--record=n.record"]), ["--record=n.record"]);
        assert_eq!(with(&["--record", "--seed=1"]), ["--record", "--seed=1"]);
    }

    #[test]
    fn data_is_kept_in_a_directory_of_its_own_unless_the_node_is_told_where() {
        let mut args = vec!["--data-dir=here".to_owned()];
        assert!(keep_data(&mut args).expect("dir").is_none());
        assert_eq!(args.len(), 1);
        args.clear();
        let dir = keep_data(&mut args).expect("dir").expect("a directory");
        assert_eq!(args, [format!("--data-dir={}", dir.path().display())]);
    }

    #[test]
    fn nodes_serve_the_workload_of_the_lab_unless_they_are_told_another() {
        let with = |args: &[&str], workload: &str| {
            let mut args: Vec<String> = args.iter().map(ToString::to_string).collect();
            serve(&mut args, workload.parse().expect("a workload"));
            args.join(" ")
        };
        assert_eq!(with(&["--seed=1"], "broadcast"), "--seed=1");
        assert_eq!(with(&["--seed=1"], "g-set"), "--seed=1 --workload g-set");
        assert_eq!(with(&["--workload=echo"], "g-set"), "--workload=echo");
        assert_eq!(with(&["--workload", "echo"], "g-set"), "--workload echo");
    }

    #[test]
    fn an_installed_lab_without_the_binary_beside_it_is_the_node() {
        let dir = tempfile::tempdir().expect("dir");
        let lab = dir.path().join("lab");
        assert_eq!(binary(&lab, |_| panic!("nothing is built")).expect("none"), None);
        let node = dir.path().join(format!("rumormill{EXE_SUFFIX}"));
        fs::write(&node, "").expect("node");
        assert_eq!(binary(&lab, |_| panic!("nothing is built")).expect("node"), Some(node));
        let program = Program { bin: lab, args: vec![NODE.to_owned()] };
        assert!(program.is_own() && !Program::given("/bin/true".into()).is_own());
        assert_eq!(program.with_args(&["--seed=1".to_owned()]), ["node", "--seed=1"]);
    }

    #[test]
    fn a_lab_that_was_installed_is_in_no_directory_of_cargos() {
        let dir = tempfile::tempdir().expect("dir");
        assert!(!is_of_cargo(dir.path()));
        fs::create_dir(dir.path().join("deps")).expect("deps");
        assert!(is_of_cargo(dir.path()));
    }

    #[test]
    fn a_node_older_than_any_of_its_sources_is_not_current() {
        let dir = tempfile::tempdir().expect("dir");
        let node = dir.path().join("node");
        fs::create_dir(dir.path().join("src")).expect("src");
        for source in ["Cargo.toml", "Cargo.lock", "src/main.rs"] {
            fs::write(dir.path().join(source), "").expect("source");
        }
        assert!(!is_current(&node, dir.path()), "there is no node yet");

        let set_time = |path: &str, time| {
            let file = fs::File::options().write(true).open(dir.path().join(path)).expect("open");
            file.set_modified(time).expect("time");
        };
        fs::write(&node, "").expect("node");
        let later = newest(dir.path()).expect("newest") + std::time::Duration::from_secs(1);
        set_time("node", later);
        assert!(is_current(&node, dir.path()));
        set_time("src/main.rs", later + std::time::Duration::from_secs(1));
        assert!(!is_current(&node, dir.path()));
    }
}
