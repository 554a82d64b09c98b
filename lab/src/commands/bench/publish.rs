//! Tables that a command measures: to stdout, and into the documents if asked for.

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::bench::fit::fit;
use crate::bench::sections::{self, stamped};
use crate::bench::stamp::stamp;
use crate::commands::shell::{print, repeating_command};

/// Columns of a terminal that does not tell.
const COLUMNS: usize = 100;

/// A part of the results: its name in the markers, and its text with heading and table.
pub(in crate::commands) struct Part {
    pub(in crate::commands) name: Cow<'static, str>,
    pub(in crate::commands) text: String,
}

/// The command line that measures the same again. The page is for all machines, on which the lab
/// may be called anything.
pub(in crate::commands) fn command(seed: u64) -> String {
    let words = ["lab".to_owned()].into_iter().chain(std::env::args().skip(1));
    repeating_command(words, seed)
}

/// Shows the parts. If there is a directory, they go into its RESULTS.md, each between its markers
/// with the command that wrote it, and the picture into frontier.svg.
pub(super) fn publish(
    dir: Option<&Path>,
    command: &str,
    parts: Vec<Part>,
    picture: Option<&str>,
) -> Result<()> {
    if let Some(dir) = dir {
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        if let Some(picture) = picture {
            write(&dir.join("frontier.svg"), picture)?;
        }
        replace(&dir.join("RESULTS.md"), "# Results\n", command, &parts)?;
    }
    show(command, parts);
    Ok(())
}

/// Puts the parts into a file, each between its markers; `empty` is the text of a file that is not
/// there yet.
pub(in crate::commands) fn replace(
    file: &Path,
    empty: &str,
    command: &str,
    parts: &[Part],
) -> Result<()> {
    let mut text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => empty.to_owned(),
        Err(error) => return Err(error).with_context(|| format!("{}", file.display())),
    };
    let stamp = stamp(command);
    for part in parts {
        text = sections::replace(&text, &part.name, &stamped(&part.text, &stamp));
    }
    write(file, &text)
}

/// Puts a part into a file that is there.
pub(super) fn put(file: &str, name: &str, content: &str) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| file.to_owned())?;
    write(Path::new(file), &sections::replace(&text, name, content))
}

/// Shows the parts, and the command that measures the same again.
pub(super) fn show(command: &str, parts: Vec<Part>) {
    let texts: Vec<String> = parts.into_iter().map(|part| part.text).collect();
    let mut text = format!("{}\n\nAgain: {command}\n", texts.join("\n\n").trim_end());
    // In a file it is Markdown, as in the documents.
    if let Ok(size) = rustix::termios::tcgetwinsize(std::io::stdout()) {
        let columns = usize::from(size.ws_col);
        text = fit(&text, if columns > 0 { columns } else { COLUMNS });
    }
    print(&text);
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
