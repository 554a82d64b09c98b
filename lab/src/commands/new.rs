//! `lab new`: a node to begin with, which works while no message is lost.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum};
use rumormill_judge::format::text::shell_word;

use super::shell::print;

/// Help beyond the flags.
pub const EXAMPLES: &str = "\
Examples:
  lab new python my-node
      my-node/node.py, and README.md with what to do next
  lab new rust my-node
      a crate; cargo builds it
  lab new go my-node

The node answers init, topology, broadcast and read, and floods values to its neighbours. It passes as long as
no message is lost. The retry loop is missing, and a comment says where it belongs.

Exit status:
  0    written
  254  bad arguments
  255  a file could not be written, or is already there";

/// `lab new`.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// The language of the node
    #[arg(value_enum)]
    pub language: Language,
    /// The directory, made if need be
    pub dir: PathBuf,
}

/// A language that there is a node in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// Python 3, nothing else
    Python,
    /// A crate with serde_json
    Rust,
    /// Go, its standard library only
    Go,
}

const CARGO_TOML: &str = "\
[package]
name = \"node\"
version = \"0.1.0\"
edition = \"2024\"

[dependencies]
serde_json = \"1\"

[workspace]
";

const GO_MOD: &str = "module node\n\ngo 1.21\n";

impl Language {
    /// The files, by their paths.
    const fn files(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Python => &[("node.py", include_str!("new/node.py"))],
            Self::Rust => {
                &[("Cargo.toml", CARGO_TOML), ("src/main.rs", include_str!("new/main.rs"))]
            }
            Self::Go => &[("go.mod", GO_MOD), ("main.go", include_str!("new/main.go"))],
        }
    }

    /// The file with the missing part.
    const fn source(self) -> &'static str {
        match self {
            Self::Python => "node.py",
            Self::Rust => "src/main.rs",
            Self::Go => "main.go",
        }
    }

    /// The command that builds it, if it has to be built.
    const fn build(self) -> Option<&'static str> {
        match self {
            Self::Python => None,
            Self::Rust => Some("cargo build --release"),
            Self::Go => Some("go build"),
        }
    }

    /// The program, in the directory.
    const fn program(self) -> &'static str {
        match self {
            Self::Python => "node.py",
            Self::Rust => "target/release/node",
            Self::Go => "node",
        }
    }
}

/// Executes `lab new`; answers the exit status.
///
/// # Errors
/// If it cannot be done.
pub fn execute(args: &NewArgs) -> Result<u8> {
    let readme = readme(args.language);
    let files = args.language.files().iter().copied().chain([("README.md", &*readme)]);
    for (name, _) in files.clone() {
        let path = args.dir.join(name);
        ensure!(!path.exists(), "{} is already there, and stays as it is", path.display());
    }
    for (name, text) in files {
        let path = args.dir.join(name);
        let parent = path.parent().unwrap_or(&args.dir);
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    make_executable(&args.dir.join(args.language.program()))?;
    let dir = shell_word(&args.dir.display().to_string());
    print(&format!("A node is in {dir}. Next:\n\n    cd {dir}\n{}", steps(args.language)));
    Ok(0)
}

/// A script is a program; what is built does not exist yet.
fn make_executable(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    if path.exists() {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))
            .with_context(|| format!("cannot make {} executable", path.display()))?;
    }
    Ok(())
}

/// The commands from here to a node that repairs losses, indented.
fn steps(language: Language) -> String {
    let build = language.build().map_or_else(String::new, |build| format!("    {build}\n"));
    let program = language.program();
    format!(
        "{build}    lab test --bin ./{program} --time-limit 5\n        passes\n    \
         lab test --bin ./{program} --time-limit 5 --loss 0.2\n        fails: values are lost\n    \
         lab explain store/latest --lost\n        says which message was the only copy\n\n\
         Then write the part that is missing in {}, until the second command passes.\n",
        language.source()
    )
}

fn readme(language: Language) -> String {
    let steps = steps(language);
    format!(
        "# A node\n\nIt answers `init`, `topology`, `broadcast` and `read`, and floods values to its \
         neighbours. One part is missing:\nnothing is sent again.\n\n{steps}\nAll challenges at once: `lab grade ./{}`\n",
        language.program()
    )
}
