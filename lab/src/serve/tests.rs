use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use rumormill_judge::results::RunInfo;
use rumormill_judge::verdict::{judge, sample};

use super::answer::{Answer, Body, Question, answer};
use super::*;

/// A store with two runs, one of them with a report, and something beside it.
fn store() -> (tempfile::TempDir, Runs) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    let info = RunInfo {
        program: "sim".to_owned(),
        shape: "2 nodes & <b>line</b>".to_owned(),
        ..RunInfo::default()
    };
    let results = judge(&sample::settings(), &sample::outcome(), &sample::notices(), info).unwrap();
    for name in ["20261122T1+0000", "20261123T1+0000"] {
        let run = root.join("broadcast").join(name);
        fs::create_dir_all(run.join("node-logs")).unwrap();
        fs::write(run.join("results.json"), results.to_json().unwrap()).unwrap();
        fs::write(run.join("node-logs/n1.log"), "<script>alert(1)</script>\n").unwrap();
    }
    fs::write(root.join("broadcast/20261123T1+0000/report.html"), "<p>report").unwrap();
    fs::write(dir.path().join("secret"), "secret").unwrap();
    let runs = Runs::new(root.canonicalize().unwrap());
    (dir, runs)
}

fn ask(runs: &Runs, method: &str, host: Option<&str>, target: &str) -> Answer {
    answer(runs, &Question { method, host, target })
}

/// Status and text of a GET.
fn get(runs: &Runs, target: &str) -> (u16, String) {
    let answer = ask(runs, "GET", Some("localhost:8080"), target);
    let text = match answer.body {
        Body::Text(text) => text,
        Body::File(mut file, _) => {
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            text
        }
    };
    (answer.status, text)
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
}

#[test]
fn the_list_leads_to_runs_and_those_to_their_files() {
    let (_dir, runs) = store();
    let (status, list) = get(&runs, "/");
    assert_eq!(status, 200);
    assert!(list.contains("2 runs, the newest first"), "{list}");
    assert!(list.find("20261123").unwrap() < list.find("20261122").unwrap());
    assert!(list.contains("2 nodes &amp; &lt;b&gt;line"), "{list}");
    let link = "/run/broadcast/20261123T1%2B0000/";
    assert!(list.contains(link), "{list}");
    let (status, run) = get(&runs, link);
    assert_eq!(status, 200);
    let files = "/files/broadcast/20261123T1%2B0000";
    for link in ["/report.html", "/results.json", "/node-logs"] {
        assert!(run.contains(&format!("{files}{link}")), "{link}: {run}");
        assert_eq!(get(&runs, &format!("{files}{link}")).0, 200);
    }
    assert!(run.contains("/compare?run=broadcast/20261122T1%2B0000&amp;run="), "{run}");
    let (_, logs) = get(&runs, &format!("{files}/node-logs"));
    assert!(logs.contains(&format!("{files}/node-logs/n1.log")), "{logs}");
    let (status, none) = get(&runs, "/?text=elsewhere&verdict=passed&program=test");
    assert!(status == 200 && none.contains("None of 2 runs"), "{none}");
    assert_eq!(get(&runs, "/?from=99999999999999999999").0, 200);
    assert_eq!(get(&runs, "/?from=50").0, 200);
    for nothing in ["/run/broadcast/", "/run/none/", "/files/none", "/none", "/run", "/compare/x"] {
        assert_eq!(get(&runs, nothing).0, 404, "{nothing}");
    }
    assert_eq!(get(&runs, "/style.css").0, 200);
}

#[test]
fn runs_are_compared_oldest_first() {
    let (_dir, runs) = store();
    let (new, old) = ("run=broadcast/20261123T1%2B0000", "run=broadcast/20261122T1%2B0000");
    let (status, page) = get(&runs, &format!("/compare?{new}&{old}"));
    assert_eq!(status, 200);
    assert!(page.find("20261122").unwrap() < page.find("20261123").unwrap());
    assert!(page.contains("msgs-per-op") && page.contains("B - A"), "{page}");
    assert_eq!(get(&runs, &format!("/compare?{new}")).0, 400);
    assert_eq!(get(&runs, "/compare").0, 400);
    assert_eq!(get(&runs, &format!("/compare?{new}&run=none")).0, 404);
    assert_eq!(get(&runs, &format!("/compare?{new}&run=broadcast")).0, 404);
    assert_eq!(get(&runs, &format!("/compare?{new}&run=../secret")).0, 403);
}

#[test]
fn nothing_outside_the_store_is_shown() {
    let (dir, runs) = store();
    for way_out in [
        "/files/../secret",
        "/files/%2e%2e/secret",
        "/files/..%2fsecret",
        "/files/%2e%2e%2fsecret",
        "/files/broadcast/..%2f..%2f..%2fsecret",
        "/files/..%5csecret",
        "/files//../secret",
        "/run/../",
    ] {
        let (status, text) = get(&runs, way_out);
        assert_eq!(status, 403, "{way_out}");
        assert!(!text.contains("secret"), "{way_out}");
    }
    let absolute = format!("/files/{}", dir.path().join("secret").display());
    assert_eq!(get(&runs, &absolute).0, 404);
    // Decoded once, not twice.
    assert_eq!(get(&runs, "/files/%252e%252e%252fsecret").0, 404);
    #[cfg(unix)]
    {
        let store = dir.path().join("store");
        std::os::unix::fs::symlink("../secret", store.join("leak")).unwrap();
        std::os::unix::fs::symlink("broadcast/20261123T1+0000", store.join("latest")).unwrap();
        assert_eq!(get(&runs, "/files/leak").0, 403);
        assert_eq!(get(&runs, "/files/latest/report.html"), (200, "<p>report".to_owned()));
        let latest = ask(&runs, "GET", Some("localhost"), "/run/latest/");
        assert_eq!(latest.status, 302);
        assert_eq!(header(&latest, "Location"), "/run/broadcast/20261123T1%2B0000/");
    }
}

#[test]
fn only_this_machines_names_are_answered() {
    let (_dir, runs) = store();
    let status = |host: Option<&str>| ask(&runs, "GET", host, "/").status;
    for here in ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "[::1]", "[::1]:8080"] {
        assert_eq!(status(Some(here)), 200, "{here}");
    }
    let elsewhere = [
        "example.com",
        "example.com:8080",
        "localhost.example.com",
        "127.0.0.1.example.com:80",
        "localhost@example.com",
        "localhost:8080.example.com",
        "[::1].example.com",
        "127.0.0.2",
        "",
        ":8080",
    ];
    for host in elsewhere {
        assert_eq!(status(Some(host)), 403, "{host}");
    }
    assert_eq!(status(None), 403);
}

#[test]
fn nothing_can_be_changed_and_nothing_is_guessed() {
    let (_dir, runs) = store();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "get"] {
        let answer = ask(&runs, method, Some("localhost"), "/");
        assert_eq!((answer.status, header(&answer, "Allow")), (405, "GET, HEAD"), "{method}");
    }
    assert_eq!(ask(&runs, "HEAD", Some("localhost"), "/").status, 200);
    for target in ["http://localhost/", "*", "", "/files/%ff"] {
        assert_eq!(ask(&runs, "GET", Some("localhost"), target).status, 400, "{target}");
    }
    let log = "/files/broadcast/20261122T1%2B0000/node-logs/n1.log";
    let log = ask(&runs, "GET", Some("localhost"), log);
    assert_eq!(header(&log, "Content-Type"), "text/plain; charset=utf-8");
    for target in ["/", "/none", "/style.css", "/files/broadcast/20261123T1%2B0000/report.html"] {
        let answer = ask(&runs, "GET", Some("localhost"), target);
        assert_eq!(header(&answer, "X-Content-Type-Options"), "nosniff", "{target}");
        assert!(header(&answer, "Content-Security-Policy").contains("frame-ancestors 'none'"));
    }
}

#[test]
fn it_speaks_http_on_loopback() {
    let (dir, _) = store();
    let serving = start(&dir.path().join("store"), 0).unwrap();
    assert!(serving.address.ip().is_loopback());
    assert_eq!(serving.runs, 2);
    let speak = |request: &str| {
        let mut stream = TcpStream::connect(serving.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    };
    let end = "Host: localhost\r\nConnection: close\r\n\r\n";
    let page = speak(&format!("GET / HTTP/1.1\r\n{end}"));
    assert!(page.starts_with("HTTP/1.1 200 ") && page.ends_with("</html>\n"), "{page}");
    let head = speak(&format!("HEAD / HTTP/1.1\r\n{end}"));
    assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
    let raw = speak(&format!("GET /files/../secret HTTP/1.1\r\n{end}"));
    assert!(raw.starts_with("HTTP/1.1 403 "), "{raw}");
    let elsewhere = "GET / HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n";
    assert!(speak(elsewhere).starts_with("HTTP/1.1 403 "));
    // The port is taken now.
    let error =
        format!("{:#}", start(&dir.path().join("store"), serving.address.port()).unwrap_err());
    assert!(error.contains("cannot listen on port") && error.lines().count() == 1, "{error}");
    let error = format!("{:#}", start(&dir.path().join("none"), 0).unwrap_err());
    assert!(error.contains("none"), "{error}");
}

#[test]
fn clients_that_do_nothing_or_too_much_do_not_keep_others_out() {
    let (dir, _) = store();
    let big = dir.path().join("store/broadcast/20261122T1+0000/node-logs/n2.log");
    fs::write(big, vec![b'x'; 8 << 20]).unwrap();
    let serving = start(&dir.path().join("store"), 0).unwrap();
    let open = |request: &str| {
        let mut stream = TcpStream::connect(serving.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    };
    let read = |mut stream: TcpStream| {
        let mut text = Vec::new();
        // A connection that is refused may be reset.
        let _ = stream.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    };
    // Some say nothing, some do not read what they asked for.
    let log = "GET /files/broadcast/20261122T1%2B0000/node-logs/n2.log HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let idle: Vec<TcpStream> = (0..15).map(|_| open("")).collect();
    let deaf: Vec<TcpStream> = (0..15).map(|_| open(log)).collect();
    let page = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert!(read(open(page)).starts_with("HTTP/1.1 200 "));
    let body = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300000000\r\n\r\n";
    assert!(read(open(body)).starts_with("HTTP/1.1 413 "));
    let head = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}", "x".repeat(20_000));
    assert!(read(open(&head)).starts_with("HTTP/1.1 431 "));
    // Beyond the most connections, the next ones are told so at once.
    let more: Vec<TcpStream> = (0..60).map(|_| open("")).collect();
    assert!(read(open(page)).starts_with("HTTP/1.1 503 "));
    drop((idle, deaf, more));
}
