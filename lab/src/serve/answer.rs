//! The answer to a request: a pure function of the request and the files.

use std::fs::File;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::files::{self, Place, below};
use super::pages;
use super::play::{self, Scene};
use super::runs::{Filter, Runs, Summary};
use super::url::Target;
use crate::compare::Run;
use crate::html::{BASE_CSS, url};

/// Runs that are compared at once: what a screen has room for.
const MAX_COMPARED: usize = 8;

const CSS: &str = include_str!("serve.css");

/// Of the page that plays scenes. Its scripts are here and ask here; a picture is made in it.
const PLAY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
     img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// One scene is played at a time: a browser that asks for many must not take all processors.
static STAGE: Mutex<()> = Mutex::new(());

/// Of pages that are made here. They load a stylesheet and send a form, both here.
const PAGE: &str = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'";

/// As much of a request as matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Question<'a> {
    pub method: &'a str,
    pub host: Option<&'a str>,
    /// Path and query, as sent.
    pub target: &'a str,
}

/// The answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Body,
}

#[derive(Debug)]
pub(super) enum Body {
    Text(String),
    File(File, u64),
}

impl Answer {
    fn new(status: u16, content_type: &str, policy: &str, body: Body) -> Self {
        let headers = vec![
            ("Content-Type", content_type.to_owned()),
            ("Content-Security-Policy", policy.to_owned()),
            ("X-Content-Type-Options", "nosniff".to_owned()),
            ("Referrer-Policy", "no-referrer".to_owned()),
            ("Cross-Origin-Resource-Policy", "same-origin".to_owned()),
            // Runs go on, and reports are made again.
            ("Cache-Control", "no-cache".to_owned()),
        ];
        Self { status, headers, body }
    }

    fn page(html: String) -> Self {
        Self::new(200, "text/html; charset=utf-8", PAGE, Body::Text(html))
    }

    pub(super) fn problem(status: u16, title: &str, text: &str) -> Self {
        let html = pages::problem(title, text);
        Self { status, ..Self::page(html) }
    }

    fn nothing() -> Self {
        Self::problem(404, "Not found", "There is nothing of this name in the store.")
    }

    fn redirect(to: String) -> Self {
        let mut answer = Self::problem(302, "Elsewhere", &to);
        answer.headers.push(("Location", to));
        answer
    }
}

/// Answers a request.
pub(super) fn answer(runs: &Runs, question: &Question<'_>) -> Answer {
    if !question.host.is_some_and(is_here) {
        return Answer::problem(403, "Refused", "This server answers to localhost and 127.0.0.1.");
    }
    if !matches!(question.method, "GET" | "HEAD") {
        let mut answer = Answer::problem(405, "Refused", "There is nothing to be changed here.");
        answer.headers.push(("Allow", "GET, HEAD".to_owned()));
        return answer;
    }
    let Some(target) = Target::parse(question.target) else {
        return Answer::problem(400, "Bad request", "This is no address of a page.");
    };
    let Some((first, rest)) = target.path.split_first() else { return Answer::nothing() };
    match (&**first, rest) {
        ("", []) => list(runs, &target),
        ("style.css", []) => {
            let css = format!("{BASE_CSS}{CSS}");
            Answer::new(200, "text/css; charset=utf-8", files::STATIC, Body::Text(css))
        }
        ("compare", []) => compare(runs, &target).unwrap_or_else(|problem| problem),
        ("play", parts) => play(parts, &target, question.target),
        ("run", parts) => run(runs, parts).unwrap_or_else(|problem| problem),
        ("files", parts) => file(runs, parts).unwrap_or_else(|problem| problem),
        _ => Answer::nothing(),
    }
}

/// True for the names of this machine, whatever the port: it may have been forwarded.
fn is_here(host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        // The last colon may be one inside of an IPv6 address.
        Some((name, port)) if !port.ends_with(']') => (name, port),
        _ => (host, ""),
    };
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
    is_port
        && ["localhost", "127.0.0.1", "[::1]"].iter().any(|here| name.eq_ignore_ascii_case(here))
}

fn list(runs: &Runs, target: &Target) -> Answer {
    let filter = Filter {
        verdict: target.get("verdict").to_owned(),
        program: target.get("program").to_owned(),
        text: target.get("text").to_owned(),
    };
    let from = target.get("from").parse().unwrap_or(0);
    let root = runs.root().display().to_string();
    Answer::page(pages::list(&root, &runs.recent(), &filter, from))
}

fn compare(runs: &Runs, target: &Target) -> Result<Answer, Answer> {
    let mut chosen = Vec::new();
    for path in target.all("run") {
        let parts: Vec<String> = path.split('/').map(str::to_owned).collect();
        let dir = inside(runs, &parts)?;
        let run = Run::load(&dir).map_err(|error| {
            Answer::problem(404, "No results", &format!("{path}: {}", error.root_cause()))
        })?;
        chosen.push((path.to_owned(), run));
    }
    if !(2..=MAX_COMPARED).contains(&chosen.len()) {
        let text = format!("Mark 2 to {MAX_COMPARED} runs in the list.");
        return Err(Answer::problem(400, "Nothing to compare", &text));
    }
    // The oldest first, so that differences are what has changed since.
    chosen.sort_by(|(a, _), (b, _)| name(a).cmp(name(b)));
    Ok(Answer::page(pages::compare(&chosen)))
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// The file or directory in the store that a path leads to; the answer if it leads to none.
fn inside(runs: &Runs, parts: &[String]) -> Result<PathBuf, Answer> {
    match files::resolve(runs.root(), parts) {
        Place::Inside(path) => Ok(path),
        Place::Outside => Err(Answer::problem(403, "Refused", "This leads out of the store.")),
        Place::Nowhere => Err(Answer::nothing()),
    }
}

/// The page of scenes, its scripts, and scenes.
fn play(parts: &[String], target: &Target, address: &str) -> Answer {
    let text = |kind: &str, text: &str| {
        Answer::new(200, &format!("{kind}; charset=utf-8"), PLAY, Body::Text(text.to_owned()))
    };
    match parts {
        [] => text("text/html", &play::live()),
        [name] if name == "play.css" => text("text/css", &format!("{BASE_CSS}{}", play::CSS)),
        [name] if name == "run.json" => {
            let (status, json) = match scene(target) {
                Ok(played) => (200, played),
                Err(error) => (400, serde_json::json!({ "error": error })),
            };
            Answer { status, ..text("application/json", &json.to_string()) }
        }
        [name] if name == "film.html" => match scene(target) {
            Ok(played) => {
                let query = address.split_once('?').map_or("", |(_, query)| query);
                let mut answer = text("text/html", &play::single_file(query, &played));
                let name = "attachment; filename=\"rumour.html\"".to_owned();
                answer.headers.push(("Content-Disposition", name));
                answer
            }
            Err(error) => Answer::problem(400, "This cannot be played", &error),
        },
        [name] => match play::ASSETS.iter().find(|(asset, _)| asset == name) {
            Some((_, script)) => text("text/javascript", script),
            None => Answer::nothing(),
        },
        _ => Answer::nothing(),
    }
}

fn scene(target: &Target) -> Result<serde_json::Value, String> {
    let scene = Scene::parse(&target.query)?;
    let _stage = STAGE.lock().unwrap_or_else(PoisonError::into_inner);
    play::play(&scene)
}

/// The page of a run; `latest` and its like lead to the run's own.
fn run(runs: &Runs, parts: &[String]) -> Result<Answer, Answer> {
    let dir = inside(runs, parts)?;
    let path = below(runs.root(), &dir);
    let list = runs.recent();
    let at = list.iter().position(|run| run.path == path).ok_or_else(Answer::nothing)?;
    let asked: Vec<&str> =
        parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    if asked.join("/") != path {
        return Ok(Answer::redirect(format!("/run/{}/", url(&path))));
    }
    let summary = &list[at];
    Ok(Answer::page(pages::run(&dir, summary, before(&list, at))))
}

/// The run before this one that did the same, for a comparison.
fn before(list: &[Summary], at: usize) -> Option<&Summary> {
    let run = list.get(at)?;
    list[at + 1..].iter().find(|other| other.program == run.program && other.shape == run.shape)
}

fn file(runs: &Runs, parts: &[String]) -> Result<Answer, Answer> {
    let path = inside(runs, parts)?;
    if path.is_dir() {
        return Ok(Answer::page(pages::directory(&path, &below(runs.root(), &path))));
    }
    // Only files: to open a pipe or a device could take for ever.
    let opened = path.is_file().then(|| File::open(&path).ok()).flatten();
    let opened = opened.and_then(|file| file.metadata().ok().map(|meta| (file, meta)));
    let (file, meta) =
        opened.ok_or_else(|| Answer::problem(403, "Refused", "This cannot be read."))?;
    let kind = files::kind(&path);
    Ok(Answer::new(200, kind.content_type, kind.policy, Body::File(file, meta.len())))
}
