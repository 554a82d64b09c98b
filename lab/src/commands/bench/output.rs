//! `lab bench output`: what another program measures, among the results.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use rumormill_judge::format::text::shell_word;

use super::publish::{Part, publish};
use crate::commands::shared_args::Documents;

/// `lab bench output`.
#[derive(Debug, Args)]
pub struct OutputArgs {
    /// Name of the part
    pub name: String,
    /// Heading of the part
    pub title: String,
    /// A paragraph below the heading
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub text: String,
    /// Where it is written
    #[command(flatten)]
    pub documents: Documents,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// Executes `lab bench output`; answers the exit status.
///
/// # Errors
/// If it cannot be done.
pub fn execute(args: &OutputArgs) -> Result<u8> {
    let command =
        args.command.iter().map(|word| shell_word(word)).collect::<Vec<String>>().join(" ");
    let (program, words) = args.command.split_first().context("there is no command")?;
    let output = Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    ensure!(output.status.success(), "`{command}` failed: {}", output.status);
    let printed = String::from_utf8(output.stdout).context("the output is no text")?;
    let text = part(&args.title, &args.text, &printed);
    publish(
        args.documents.dir(),
        &command,
        vec![Part { name: args.name.clone().into(), text }],
        None,
    )?;
    Ok(0)
}

/// A table stays one; other output is quoted as it is.
fn part(title: &str, text: &str, printed: &str) -> String {
    let text = if text.is_empty() { String::new() } else { format!("{text}\n\n") };
    let printed = printed.trim_matches('\n').trim_end();
    if printed.starts_with('|') {
        format!("## {title}\n\n{text}{printed}")
    } else {
        format!("## {title}\n\n{text}```text\n{printed}\n```")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_stays_a_table_and_other_output_is_quoted() {
        assert_eq!(part("T", "", "| a |\n|---|\n"), "## T\n\n| a |\n|---|");
        assert_eq!(part("T", "Why.", "1 s\n"), "## T\n\nWhy.\n\n```text\n1 s\n```");
    }
}
