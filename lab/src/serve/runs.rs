//! The runs of a store, with what the list shows of each.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rumormill_judge::figures::{Figure, select};
use rumormill_judge::verdict::verdict_word;
use serde::Serialize;

use super::files::below;
use crate::compare::Run;

/// Files of which one makes a directory a run's, in the order of what they tell.
const MARKS: [&str; 4] = ["results.json", "results.edn", "history.edn", "messages.jsonl"];

/// Depth to which runs are looked for: the store, the workload, the run.
const MAX_DEPTH: usize = 3;

/// Maximum age of a list.
const MAX_AGE: Duration = Duration::from_secs(1);

/// Figures in the list.
pub(crate) const SHOWN: [&Figure; 5] =
    select(["median", "convergence-max", "msgs-per-op", "lost", "missing"]);

/// The verdict on a run without results.
const NO_RESULTS: &str = "no results";

/// The verdicts, as they are on the page and in the address.
pub(super) const VERDICTS: [&str; 6] =
    ["passed", "failed", "unknown", "crashed", "stopped", NO_RESULTS];

/// The verdict on a run with results.
pub(super) fn verdict(run: &Run) -> String {
    verdict_word(&run.results).to_lowercase()
}

/// A line of the list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Summary {
    /// Path below the store, with slashes; empty if the store is a run itself.
    pub path: String,
    /// The verdict, one of [`VERDICTS`].
    pub verdict: String,
    /// `test`, `sim` or `maelstrom`; empty if there are no results.
    pub program: String,
    /// Shape of the run, or why it is unknown.
    pub shape: String,
    /// From which it can be repeated.
    pub seed: Option<u64>,
    /// The figures of [`SHOWN`], as text.
    pub figures: Vec<Option<String>>,
}

impl Summary {
    fn of(root: &Path, dir: &Path) -> Self {
        let mut summary = Self {
            path: below(root, dir),
            verdict: NO_RESULTS.to_owned(),
            program: String::new(),
            shape: String::new(),
            seed: None,
            figures: vec![None; SHOWN.len()],
        };
        if !dir.join(MARKS[0]).is_file() && !dir.join(MARKS[1]).is_file() {
            "still running, or killed".clone_into(&mut summary.shape);
            return summary;
        }
        match Run::load(dir) {
            Ok(run) => {
                let lab = &run.results.rumormill;
                summary.verdict = verdict(&run);
                let program = if run.is_maelstroms { "maelstrom" } else { &lab.run.program };
                program.clone_into(&mut summary.program);
                summary.shape = run.title();
                if let Some(why) = run.why_left_out() {
                    summary.shape += &format!(". {why}");
                }
                summary.seed = lab.seed;
                let show =
                    |figure: &&Figure| run.figure(figure).map(|value| figure.unit.show(value));
                summary.figures = SHOWN.iter().map(show).collect();
            }
            // Of another version, perhaps: the files are there all the same.
            Err(error) => summary.shape = error.root_cause().to_string(),
        }
        summary
    }

    /// The name of its directory, which is its time.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

/// Filter of the list; empty fields admit all runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Filter {
    /// The word of a verdict.
    pub verdict: String,
    /// A program.
    pub program: String,
    /// Words that must all be somewhere in the line, whatever their case.
    pub text: String,
}

impl Filter {
    pub(super) fn admits(&self, run: &Summary) -> bool {
        let line = format!(
            "{} {} {} {} {}",
            run.path,
            run.verdict,
            run.program,
            run.shape,
            run.seed.map(|seed| seed.to_string()).unwrap_or_default()
        );
        let line = line.to_lowercase();
        (self.verdict.is_empty() || self.verdict == run.verdict)
            && (self.program.is_empty() || self.program == run.program)
            && self.text.to_lowercase().split_whitespace().all(|word| line.contains(word))
    }
}

/// A results file as it was when it was read: which, when changed, how long.
type Stamp = (PathBuf, Option<SystemTime>, u64);

/// The runs below a directory. What was read once is not read again until it changes.
#[derive(Debug)]
pub(crate) struct Runs {
    root: PathBuf,
    read: Mutex<BTreeMap<PathBuf, (Stamp, Summary)>>,
    /// The list as it was a moment ago.
    recent: Mutex<Option<(Instant, Arc<Vec<Summary>>)>>,
}

impl Runs {
    /// The runs below a directory, given in canonical form.
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root, read: Mutex::default(), recent: Mutex::default() }
    }

    /// The directory.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// All runs, newest first, as they were at most a moment ago: a page may ask for the list
    /// again at once, and a store may hold thousands of runs.
    pub(super) fn recent(&self) -> Arc<Vec<Summary>> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((then, list)) = &*recent
            && then.elapsed() < MAX_AGE
        {
            return Arc::clone(list);
        }
        let list = Arc::new(self.list());
        *recent = Some((Instant::now(), Arc::clone(&list)));
        list
    }

    /// All runs, newest first.
    pub(crate) fn list(&self) -> Vec<Summary> {
        let mut dirs = Vec::new();
        find(&self.root, MAX_DEPTH, &mut dirs);
        // A panic elsewhere leaves nothing half done here.
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.retain(|dir, _| dirs.iter().any(|(known, _)| known == dir));
        let mut runs: Vec<Summary> = Vec::with_capacity(dirs.len());
        for (dir, stamp) in dirs {
            match read.get(&dir) {
                Some((then, summary)) if *then == stamp => runs.push(summary.clone()),
                _ => {
                    let summary = Summary::of(&self.root, &dir);
                    runs.push(summary.clone());
                    read.insert(dir, (stamp, summary));
                }
            }
        }
        // The names are times, the lab's and Maelstrom's alike.
        runs.sort_by(|a, b| (b.name(), &b.path).cmp(&(a.name(), &a.path)));
        runs
    }
}

/// The directories of runs in and below `dir`. Links are not followed: `latest` is no other run.
fn find(dir: &Path, depth: usize, found: &mut Vec<(PathBuf, Stamp)>) {
    if let Some(stamp) = stamp(dir) {
        found.push((dir.to_owned(), stamp));
        return;
    }
    // A file that cannot be read is not there.
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.filter_map(Result::ok) {
        if depth > 0 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            find(&entry.path(), depth - 1, found);
        }
    }
}

fn stamp(dir: &Path) -> Option<Stamp> {
    MARKS.iter().find_map(|mark| {
        let path = dir.join(mark);
        let meta = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
        // A file that still grows is no other run each time: only whether there are results matters.
        let has_results = mark.starts_with("results");
        let (time, length) =
            if has_results { (meta.modified().ok(), meta.len()) } else { (None, 0) };
        Some((path, time, length))
    })
}

#[cfg(test)]
mod tests {
    use rumormill_judge::results::{CrashReport, Results, RunInfo};
    use rumormill_judge::verdict::{judge, sample};

    use super::*;

    fn sample_results() -> Results {
        let info = RunInfo {
            program: "sim".to_owned(),
            shape: "2 nodes, line".to_owned(),
            ..RunInfo::default()
        };
        judge(&sample::settings(), &sample::outcome(), &sample::notices(), info).unwrap()
    }

    /// A store with a run of each kind.
    fn store() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let run = |name: &str, files: &[(&str, &str)]| {
            let run = dir.path().join("broadcast").join(name);
            fs::create_dir_all(run.join("node-logs")).unwrap();
            for (file, text) in files {
                fs::write(run.join(file), text).unwrap();
            }
        };
        let results = sample_results();
        run("20261122", &[("results.json", &results.to_json().unwrap())]);
        run("20261123", &[("results.edn", &results.to_edn().unwrap()), ("history.edn", "")]);
        run("20261124", &[("history.edn", ""), ("messages.jsonl", "")]);
        run("20261121", &[("results.json", "{}")]);
        run("nothing", &[]);
        dir
    }

    #[test]
    fn runs_of_all_kinds_are_found_newest_first() {
        let dir = store();
        #[cfg(unix)]
        std::os::unix::fs::symlink("broadcast/20261122", dir.path().join("latest")).unwrap();
        let runs = Runs::new(dir.path().canonicalize().unwrap());
        let list = runs.list();
        let names: Vec<&str> = list.iter().map(Summary::name).collect();
        assert_eq!(names, ["20261124", "20261123", "20261122", "20261121"]);
        let [running, maelstroms, ours, other] = &*list else { panic!("{list:?}") };
        assert_eq!((&*running.verdict, &*running.program), (NO_RESULTS, ""));
        assert_eq!((&*maelstroms.program, maelstroms.seed), ("maelstrom", None));
        assert_eq!((&*ours.program, &*ours.shape), ("sim", "2 nodes, line"));
        assert!(ours.seed.is_some() && ours.figures.iter().any(Option::is_some), "{ours:?}");
        assert!(other.verdict == NO_RESULTS && !other.shape.is_empty(), "{other:?}");
        assert_eq!(ours.path, "broadcast/20261122");
        assert!(list.iter().all(|run| VERDICTS.contains(&&*run.verdict)), "{list:?}");

        // A run that comes to its end is read again; one that is deleted is gone.
        let done = dir.path().join("broadcast/20261124/results.json");
        fs::write(done, sample_results().to_json().unwrap()).unwrap();
        fs::remove_dir_all(dir.path().join("broadcast/20261122")).unwrap();
        let list = runs.list();
        assert_eq!((list.len(), &*list[0].program), (3, "sim"));
    }

    #[test]
    fn crashed_and_stopped_runs_say_so_in_the_list() {
        let dir = tempfile::tempdir().unwrap();
        for (name, interrupted) in [("1", false), ("2", true)] {
            let mut results = sample_results();
            let why = if interrupted { "interrupted by SIGINT" } else { "n3 died after 2 s" };
            let crash = CrashReport { why: why.to_owned(), interrupted, ..CrashReport::default() };
            results.rumormill.crash = Some(crash);
            let run = dir.path().join("broadcast").join(name);
            fs::create_dir_all(&run).unwrap();
            fs::write(run.join("results.json"), results.to_json().unwrap()).unwrap();
        }
        let list = Runs::new(dir.path().canonicalize().unwrap()).list();
        let [stopped, crashed] = &*list else { panic!("{list:?}") };
        assert_eq!((&*stopped.verdict, &*crashed.verdict), ("stopped", "crashed"));
        assert!(list.iter().all(|run| VERDICTS.contains(&&*run.verdict)), "{list:?}");
        assert!(stopped.shape.ends_with(". Interrupted by SIGINT"), "{}", stopped.shape);
        assert!(crashed.shape.ends_with(". n3 died after 2 s"), "{}", crashed.shape);
    }

    #[test]
    fn a_run_can_be_served_alone() {
        let dir = store();
        let run = dir.path().join("broadcast/20261122").canonicalize().unwrap();
        let list = Runs::new(run).list();
        assert_eq!((list.len(), &*list[0].path), (1, ""));
    }

    #[test]
    fn filters_go_by_verdict_program_and_words() {
        let dir = store();
        let list = Runs::new(dir.path().canonicalize().unwrap()).list();
        let count = |verdict: &str, program: &str, text: &str| {
            let filter = Filter {
                verdict: verdict.to_owned(),
                program: program.to_owned(),
                text: text.to_owned(),
            };
            list.iter().filter(|run| filter.admits(run)).count()
        };
        assert_eq!(count("", "", ""), 4);
        assert_eq!(count("no results", "", ""), 2);
        assert_eq!(count("", "maelstrom", ""), 1);
        assert_eq!(count("", "", "2 NODES Line"), 1);
        assert_eq!(count("", "sim", "elsewhere"), 0);
        assert_eq!(count("passed", "", "") + count("failed", "", "") + count("unknown", "", ""), 2);
    }
}
