//! `lab new`: a node to begin with, which works while no message is lost.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum};
use rumormill_judge::format::text::shell_word;

use super::shell::print;

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

/// A node to begin with.
struct Template {
    /// The files, by their paths; the last one has the missing part.
    files: &'static [(&'static str, &'static str)],
    /// The command that builds it, if it has to be built.
    build: Option<&'static str>,
    /// The program, in the directory.
    program: &'static str,
}

const PYTHON: Template = Template {
    files: &[("node.py", include_str!("new/node.py"))],
    build: None,
    program: "node.py",
};
const RUST: Template = Template {
    files: &[
        ("Cargo.toml", include_str!("new/manifest.toml")),
        ("src/main.rs", include_str!("new/main.rs")),
    ],
    build: Some("cargo build --release"),
    program: "target/release/node",
};
const GO: Template = Template {
    files: &[("go.mod", "module node\n\ngo 1.21\n"), ("main.go", include_str!("new/main.go"))],
    build: Some("go build"),
    program: "node",
};

impl Language {
    const fn template(self) -> &'static Template {
        match self {
            Self::Python => &PYTHON,
            Self::Rust => &RUST,
            Self::Go => &GO,
        }
    }
}

/// Executes `lab new`; answers the exit status.
///
/// # Errors
/// If it cannot be done.
pub fn execute(args: &NewArgs) -> Result<u8> {
    let template = args.language.template();
    let readme = readme(template);
    let files = template.files.iter().copied().chain([("README.md", &*readme)]);
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
    make_executable(&args.dir.join(template.program))?;
    let dir = shell_word(&args.dir.display().to_string());
    print(&format!("A node is in {dir}. Next:\n\n    cd {dir}\n{}", steps(template)));
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
fn steps(template: &Template) -> String {
    let build = template.build.map_or_else(String::new, |build| format!("    {build}\n"));
    let program = template.program;
    format!(
        "{build}    lab test --bin ./{program} --time-limit 5\n        passes\n    \
         lab test --bin ./{program} --time-limit 5 --loss 0.2\n        fails: values are lost\n    \
         lab explain store/latest --lost\n        says which message was the only copy\n\n\
         Then write the part that is missing in {}, until the second command passes.\n",
        template.files.last().map_or("", |(path, _)| path)
    )
}

fn readme(template: &Template) -> String {
    let steps = steps(template);
    format!(
        "# A node\n\nIt answers `init`, `topology`, `broadcast` and `read`, and floods values to its \
         neighbours. One part is missing:\nnothing is sent again.\n\n{steps}\nAll challenges at once: `lab grade ./{}`\n",
        template.program
    )
}
