//! Documents that cannot rot: each `lab …` line in a block of code is read by the real argument parser,
//! and the commands of the lessons are run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::{CommandFactory as _, Parser as _};
use rumormill_lab::cli::Cli;

const LAB: &str = env!("CARGO_BIN_EXE_lab");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository").to_owned()
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// All documents that show commands.
fn documents() -> Vec<String> {
    let mut names = vec!["README.md".to_owned(), "exercises/README.md".to_owned()];
    for entry in fs::read_dir(root().join("docs")).expect("docs") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        if name.ends_with(".md") {
            names.push(format!("docs/{name}"));
        }
    }
    names.sort();
    names
}

/// The lines of blocks of code, indented or fenced; a line that ends in a backslash goes on.
fn code(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut is_fenced = false;
    let mut goes_on = false;
    for line in text.lines() {
        if line.starts_with("```") {
            is_fenced = !is_fenced;
            continue;
        }
        let inside = if is_fenced { Some(line) } else { line.strip_prefix("    ") };
        let Some(inside) = inside else { continue };
        let (inside, more) = match inside.strip_suffix('\\') {
            Some(inside) => (inside, true),
            None => (inside, false),
        };
        match lines.last_mut().filter(|_| goes_on) {
            Some(last) => last.push_str(inside.trim_start()),
            None => lines.push(inside.to_owned()),
        }
        goes_on = more;
    }
    lines
}

/// The words of a command line, without a comment and what its output goes into.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#' | '>' | '|' | ';' | '&') if word.is_none() => break,
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// The command of a line, if it is one of the lab: `lab …` or `cargo lab …`.
fn command(line: &str) -> Option<Vec<String>> {
    let line = line.trim_start();
    let line = line.strip_prefix("cargo ").unwrap_or(line);
    let words = words(line);
    // `…` stands for what is left out, and a variable for what only a shell knows.
    let is_whole = !words.iter().any(|word| word.contains(['…', '$']));
    (words.first().is_some_and(|word| word == "lab") && words.len() > 1 && is_whole)
        .then_some(words)
}

/// Why the parser does not read it; asking for help or the version is no mistake.
fn problem(words: &[String]) -> Option<String> {
    // A shell makes several files of a pattern.
    let files = |word: &String| vec![word.clone(); if word.contains('*') { 2 } else { 1 }];
    let error = Cli::try_parse_from(words.iter().flat_map(files)).err()?;
    let is_fine = matches!(
        error.kind(),
        clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion
    );
    (!is_fine).then(|| error.to_string())
}

#[test]
fn every_command_in_the_documents_is_read_by_the_lab() {
    let mut count = 0;
    let mut wrong = Vec::new();
    for name in documents() {
        for line in code(&read(&name)) {
            let Some(words) = command(&line) else { continue };
            count += 1;
            // `lab ablate` is there with its feature only.
            if words[1] == "ablate" {
                continue;
            }
            if let Some(why) = problem(&words) {
                wrong.push(format!("{name}: {line}\n{why}"));
            }
        }
    }
    assert!(count > 60, "only {count} commands were found");
    assert_eq!(wrong, Vec::<String>::new(), "{}", wrong.join("\n"));
}

#[test]
fn every_example_in_the_help_is_read_by_the_lab() {
    let mut count = 0;
    let mut wrong = Vec::new();
    let mut commands: Vec<clap::Command> = Cli::command().get_subcommands().cloned().collect();
    while let Some(of) = commands.pop() {
        commands.extend(of.get_subcommands().cloned());
        let help = of.get_after_long_help().map(ToString::to_string).unwrap_or_default();
        for line in help.lines().filter_map(|line| line.strip_prefix("  lab ")) {
            let Some(words) = command(&format!("lab {line}")) else { continue };
            count += 1;
            wrong.extend(problem(&words).map(|why| format!("lab {line}\n{why}")));
        }
    }
    assert!(count > 60, "only {count} examples were found");
    assert_eq!(wrong, Vec::<String>::new(), "{}", wrong.join("\n"));
}

/// The commands of a document, in order, that a test can run.
fn lessons(name: &str) -> Vec<Vec<String>> {
    code(&read(name)).iter().filter_map(|line| command(line)).collect()
}

/// Runs a command in a directory, as a shell would: `*` stands for files.
fn run(words: &[String], dir: &Path) -> (Option<i32>, String) {
    let line: Vec<String> = words[1..]
        .iter()
        .map(|word| match word.contains('*') {
            true => word.clone(),
            false => format!("'{}'", word.replace('\'', r"'\''")),
        })
        .collect();
    let script = format!("exec \"$0\" {}", line.join(" "));
    let output =
        Command::new("sh").args(["-c", &script, LAB]).current_dir(dir).output().expect("a shell");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn the_commands_of_the_lessons_run_and_say_what_they_are_said_to() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut count = 0;
    for words in lessons("docs/TEACHING.md") {
        if words[1] == "grade" {
            continue;
        }
        count += 1;
        let (code, said) = run(&words, dir.path());
        let loses = words[1] == "explain" || (words[1] == "sim" && words.contains(&"flood".into()));
        assert_eq!(code, Some(i32::from(loses)), "{}:\n{said}", words.join(" "));
    }
    assert!(count > 10, "{count}");
    assert!(dir.path().join("compared.html").is_file());
}

#[test]
fn the_first_node_goes_as_its_page_says() {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("no python3: the page was not followed");
        return;
    }
    let dir = tempfile::tempdir().expect("temporary directory");
    let made = dir.path().join("my-node");
    let lessons = lessons("docs/FIRST-NODE.md");
    let [new, plain, lossy, explain, ..] = &lessons[..] else { panic!("{lessons:?}") };
    assert_eq!(run(new, dir.path()).0, Some(0));
    let (code, said) = run(plain, &made);
    assert!(code == Some(0) && said.contains("PASSED"), "{said}");
    let (code, said) = run(lossy, &made);
    assert!(code == Some(1) && said.contains("FAILED"), "{said}");
    let (code, said) = run(explain, &made);
    assert!(code == Some(1) && said.contains("was dropped"), "{said}");
    // The part of the page goes where the comment of the node says.
    let page = read("docs/FIRST-NODE.md");
    let part = page.split("```python\n").nth(1).and_then(|rest| rest.split("```").next());
    let node = made.join("node.py");
    let text = fs::read_to_string(&node).expect("the node");
    let (before, after) = text.split_once("    def on_tick").expect("a place for it");
    let (_, after) = after.split_once("\n\n").expect("the end of it");
    let part = part.expect("the part that is missing");
    fs::write(&node, format!("{before}{part}\n{after}")).expect("the node");
    let (code, said) = run(lossy, &made);
    assert!(code == Some(0) && said.contains("PASSED"), "{said}");
}
