//! `lab check`.

use std::io::Write as _;

use super::{BAD_ARGUMENTS, CRASH};
use crate::check::{self, Checked};
use crate::cli::CheckArgs;
use crate::profile::Profile;
use crate::screen::{self, Style};

pub(super) fn check(args: &CheckArgs) -> u8 {
    let profile = match args.profile.as_deref().map(Profile::load).transpose() {
        Ok(profile) => profile,
        Err(error) => {
            eprintln!("lab: {error:#}");
            return BAD_ARGUMENTS;
        }
    };
    let flags = args.flags();
    if let Err(error) = flags.clone().over(profile.clone().unwrap_or_default()).into_settings() {
        eprintln!("lab: {error:#}");
        return BAD_ARGUMENTS;
    }
    match check::check(&args.run, &flags, profile.as_ref()) {
        Ok(checked) => show(&checked),
        Err(error) => {
            eprintln!("lab: {error:#}");
            CRASH
        }
    }
}

/// Prints the result screen and what was recomputed; returns the exit status.
pub(super) fn show(checked: &Checked) -> u8 {
    let style = Style::for_stdout();
    let screen = screen::render(&checked.results, style);
    let recomputed = screen::render_comparison(&checked.comparison, style);
    // Nobody may be there to read this; the exit status tells, too.
    let _ = writeln!(std::io::stdout(), "{screen}\n{}", recomputed.trim_end());
    checked.verdict().exit_code()
}
