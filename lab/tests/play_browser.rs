//! `/play` in a real browser: settings lead to a scene and into the address, the keyboard reaches all,
//! it fits on a phone, and a saved page needs no server.

mod browser;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use browser::Browser;
use serde_json::json;

const DESK: (u32, u32) = (1440, 900);
const PHONE: (u32, u32) = (390, 844);

/// `lab serve` without a store, at a port of its own.
struct Server {
    process: Child,
    port: u16,
    dir: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut process = Command::new(env!("CARGO_BIN_EXE_lab"))
            .args(["serve", "--port", "0"])
            .current_dir(dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the lab");
        let mut line = String::new();
        let mut said = BufReader::new(process.stdout.take().expect("a pipe"));
        said.read_line(&mut line).expect("a line");
        let port = line.split("127.0.0.1:").nth(1).and_then(|rest| rest.split('/').next());
        let port = port.and_then(|port| port.parse().ok()).expect("a port");
        Self { process, port, dir }
    }

    fn url(&self, query: &str) -> String {
        format!("http://127.0.0.1:{}/play{query}", self.port)
    }

    /// The body of an answer.
    fn get(&self, target: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("a server");
        let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("a request");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        text.split_once("\r\n\r\n").expect("a body").1.to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_page_works_in_a_browser() {
    let Some(mut browser) = Browser::start() else { return };
    let server = Server::start();
    browser.allow(&format!("http://127.0.0.1:{}/", server.port));
    open(&mut browser, &server.url("?nodes=36&loss=0.1&seed=2"), DESK, "light");
    a_scene_is_drawn(&mut browser);
    a_change_goes_into_the_address_and_back(&mut browser, &server);
    time_goes_by_keys(&mut browser);
    a_pin_stays_while_one_thing_changes(&mut browser, &server);
    wrong_settings_are_told(&mut browser);
    files_have_the_curves(&mut browser);
    for (size, scheme) in [(DESK, "dark"), (PHONE, "light"), (PHONE, "dark")] {
        let both =
            "?protocol=rumor&versus=flood&nodes=25&crash=3@50ms%2B100ms&partition=0ms..200ms";
        open(&mut browser, &server.url(both), size, scheme);
        fits(&mut browser, size);
        assert_eq!(browser.eval("page.stages.length"), 2);
        assert_eq!(browser.eval(INK), true);
    }
    a_saved_page_needs_no_server(&mut browser, server);
    assert_eq!(browser.complaints, Vec::<String>::new());
}

/// There is paint on each canvas, in more than one colour.
const INK: &str = "[...document.querySelectorAll('canvas')].every((canvas) => {
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    const colours = new Set();
    for (let i = 0; i < pixels.length; i += 4) if (pixels[i + 3] === 255) colours.add(pixels.slice(i, i + 3).join());
    return colours.size > 3;
  })";

/// Waits until the page has shown what was asked for last.
fn shown(browser: &mut Browser) {
    browser.eval(
        "new Promise((done) => { const look = () => { \
         if (+document.body.dataset.shown === page.asked && page.asked) done(true); \
         else setTimeout(look, 20); }; setTimeout(look, 350); })",
    );
    browser.wait_until_drawn();
}

fn open(browser: &mut Browser, url: &str, size: (u32, u32), scheme: &str) {
    browser.open_url(url, size, scheme);
    shown(browser);
}

/// Types into a field as a user would.
fn fill(browser: &mut Browser, name: &str, text: &str) {
    browser.eval(&format!("form.fields['{name}'].focus(); form.fields['{name}'].select()"));
    browser.call("Input.insertText", &json!({"text": text}));
    shown(browser);
}

fn a_scene_is_drawn(browser: &mut Browser) {
    assert_eq!(browser.eval("page.played.places.length"), 36);
    assert_eq!(browser.eval(INK), true);
    assert_eq!(browser.eval("document.querySelectorAll('#curve path, #curve polyline').length"), 2);
    let row = browser.eval("$('figures').rows[1].textContent");
    assert!(row.as_str().is_some_and(|row| row.contains("rumor") && row.contains(" ms")), "{row}");
    let command = browser.eval("$('command').textContent");
    assert_eq!(
        command,
        "lab spread rumor --nodes 36 --topology grid --latency 20ms --loss 0.1 --runs 1 --seed 2"
    );
    // The figures are those that the command prints.
    let line = command.as_str().expect("text").to_owned();
    let printed = Command::new(env!("CARGO_BIN_EXE_lab"))
        .args(line.split(' ').skip(1))
        .output()
        .expect("the lab");
    let printed = String::from_utf8(printed.stdout).expect("text");
    for (label, figure) in [
        ("50 % of the nodes after (ms)", "page.played.runs[0].reached_after_ms[0]"),
        ("messages per node, of any kind", "page.played.runs[0].messages_per_node"),
        ("redundancy", "page.played.runs[0].redundancy"),
    ] {
        let row = printed.lines().find(|line| line.starts_with(label)).expect("a row");
        let shown = browser.eval(figure).as_f64().expect("a number");
        let parts = row.split_whitespace().filter_map(|word| word.parse::<f64>().ok());
        assert!(parts.into_iter().any(|part| (part - shown).abs() < 0.06), "{row}: {shown}");
    }
}

fn a_change_goes_into_the_address_and_back(browser: &mut Browser, server: &Server) {
    fill(browser, "nodes", "50");
    assert_eq!(browser.eval("page.played.nodes"), 50);
    fill(browser, "crash-nodes", "5");
    fill(browser, "cut-until", "300");
    let search = browser.eval("location.search");
    let search = search.as_str().expect("a query").to_owned();
    for part in ["nodes=50", "loss=0.1", "seed=2", "crash=5%400ms", "partition=0ms..300ms"] {
        assert!(search.contains(part), "{part}: {search}");
    }
    let figures = browser.eval("$('figures').textContent");
    open(browser, &server.url(&search), DESK, "light");
    assert_eq!(browser.eval("$('figures').textContent"), figures);
    assert_eq!(browser.eval("form.fields['crash-nodes'].value"), "5");
    assert_eq!(browser.eval("form.fields['loss'].value"), "10");
    // A setting of the protocol's own.
    browser.eval("$('flags-a').parentElement.open = true; const mode = $('flags-a').querySelector('[name=\"--mode\"]'); \
                  mode.value = 'pull'; mode.dispatchEvent(new Event('input', { bubbles: true }))");
    shown(browser);
    assert_eq!(browser.eval("page.played.runs[0].protocol"), "rumor --mode pull");
}

fn time_goes_by_keys(browser: &mut Browser) {
    browser.eval("document.activeElement.blur(); clock.set(0)");
    browser.press(".");
    let first = browser.eval("clock.now").as_f64().expect("a time");
    browser.press(".");
    let second = browser.eval("clock.now").as_f64().expect("a time");
    assert!(second > first, "{first} {second}");
    browser.press(",");
    assert_eq!(browser.eval("clock.now").as_f64(), Some(first));
    let said = browser.eval("$('said').textContent");
    assert!(said.as_str().is_some_and(|said| said.contains("of 50 nodes know after")), "{said}");
    browser.press(" ");
    assert_eq!(browser.eval("clock.frame !== null && $('run').textContent === 'Pause'"), true);
    browser.wait_until_drawn();
    browser.press(" ");
    assert_eq!(browser.eval("clock.frame === null && clock.now > 0"), true);
    // The scrubber has the keys of a slider.
    browser.eval("clock.set(0); $('time').focus()");
    browser.call(
        "Input.dispatchKeyEvent",
        &json!({"type": "rawKeyDown", "key": "ArrowRight", "windowsVirtualKeyCode": 39}),
    );
    browser.wait_until_drawn();
    assert_eq!(browser.eval("clock.now > 0"), true);
}

fn a_pin_stays_while_one_thing_changes(browser: &mut Browser, server: &Server) {
    browser.eval("$('pin').click()");
    browser.wait_until_drawn();
    fill(browser, "loss", "50");
    assert_eq!(browser.eval("curves.lines.length"), 2);
    let name = browser.eval("curves.lines[1].name");
    assert_eq!(name, "pin 1: loss 0.1");
    let search = browser.eval("location.search");
    let figures = browser.eval("$('figures').textContent");
    open(browser, &server.url(search.as_str().expect("a query")), DESK, "light");
    assert_eq!(browser.eval("$('figures').textContent"), figures, "pins are in the address");
    browser.eval("$('unpin').click()");
    assert_eq!(browser.eval("curves.lines.length"), 1);
}

fn wrong_settings_are_told(browser: &mut Browser) {
    let before = browser.complaints.len();
    fill(browser, "nodes", "100000");
    let told = browser.eval("$('problem').textContent");
    assert_eq!(told, "nodes: expected a number from 2 to 400, got \"100000\"");
    assert_eq!(browser.eval("$('problem').hidden"), false);
    fill(browser, "nodes", "30");
    assert_eq!(browser.eval("$('problem').hidden"), true);
    // The browser itself notes that the answer was an error.
    let noted = browser.complaints.split_off(before);
    assert!(noted.iter().all(|note| note.contains("400 (Bad Request)")), "{noted:?}");
}

fn files_have_the_curves(browser: &mut Browser) {
    let csv = browser.eval("files.csv()");
    let csv = csv.as_str().expect("text");
    assert!(csv.starts_with("protocol,ms,known\n\"rumor --mode pull\",0,"), "{csv}");
    let svg = browser.eval("files.svg()");
    roxmltree::Document::parse(svg.as_str().expect("text")).expect("a drawing");
    assert!(!svg.as_str().expect("text").contains("var("), "it stands alone");
    assert_eq!(
        browser.eval("files.png().then((png) => png.type + (png.size > 5000))"),
        "image/pngtrue"
    );
}

fn fits(browser: &mut Browser, (width, _): (u32, u32)) {
    assert_eq!(browser.eval("innerWidth"), width);
    let beyond = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(browser.eval(beyond), 0, "nothing sticks out");
    let nameless = "[...document.querySelectorAll('button, a, input, select, summary, [tabindex]')].filter((element) => \
                    element.tabIndex < 0 || !(element.textContent.trim() || element.labels?.length || \
                    element.getAttribute('aria-label'))).map((element) => element.outerHTML)";
    assert_eq!(browser.eval(nameless), json!([]));
}

fn a_saved_page_needs_no_server(browser: &mut Browser, server: Server) {
    let page = server.get("/play/film.html?protocol=rumor&versus=flood&nodes=20&seed=4");
    let path: PathBuf = server.dir.path().join("rumour.html");
    fs::write(&path, page).expect("a file");
    let dir = tempfile::tempdir().expect("a directory");
    let kept = dir.path().join("rumour.html");
    fs::rename(&path, &kept).or_else(|_| fs::copy(&path, &kept).map(drop)).expect("a file");
    drop(server);
    browser.open(&kept, DESK, "light");
    browser.eval("new Promise((done) => setTimeout(done, 300))");
    browser.wait_until_drawn();
    assert_eq!(browser.eval("document.querySelectorAll('canvas').length"), 2);
    assert_eq!(browser.eval(INK), true);
    assert_eq!(browser.eval("document.querySelector('[name=nodes]').value"), "20");
    assert_eq!(browser.eval("document.querySelector('[name=nodes]').disabled"), true);
    assert_eq!(browser.eval("document.getElementById('save-page').hidden"), true);
}
