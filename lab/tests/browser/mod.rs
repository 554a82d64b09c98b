//! A headless Chromium, driven over a pipe by its DevTools protocol: JSON messages with a zero byte
//! after each.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A browser that hangs must not hang the tests.
const PATIENCE: Duration = Duration::from_secs(90);

/// No network, no sandbox (CI runs as root), nothing of a user's profile.
const FLAGS: &str = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
                     --disable-background-networking --disable-component-update --disable-sync \
                     --disable-dev-shm-usage --remote-debugging-pipe";

/// A running browser with one page.
pub(crate) struct Browser {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    session: Option<String>,
    calls: u64,
    /// Errors of scripts, refused fetches, dialogs: nothing of that should ever be.
    pub(crate) complaints: Vec<String>,
    /// Besides files, addresses that begin so may be fetched.
    allowed: Option<String>,
    is_loaded: bool,
    /// Dropped when all is over.
    _over: Sender<()>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts one. Without a browser on the machine there is none, and the reason is printed;
    /// `RUMORMILL_BROWSER=required` makes that a failure.
    pub(crate) fn start() -> Option<Self> {
        let found = find();
        if found.is_none() {
            let required =
                std::env::var("RUMORMILL_BROWSER").is_ok_and(|value| value == "required");
            assert!(!required, "RUMORMILL_BROWSER=required, but there is none of {NAMES:?}");
            // Not with a macro: the output of tests that pass would not be shown.
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED: there is no browser to look at the report with (apt-get install chromium)"
            );
        }
        Some(Self::launch(&found?))
    }

    fn launch(program: &Path) -> Self {
        let profile = tempfile::tempdir().expect("a directory for the profile");
        // The protocol is spoken on the descriptors 3 and 4.
        let script = format!(
            "exec \"$1\" {FLAGS} --user-data-dir=\"$2\" about:blank 3<&0 4>&1 >&2 </dev/null"
        );
        let mut process = Command::new("sh")
            .args(["-c", &script, "sh"])
            .args([program, profile.path()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let to = process.stdin.take().expect("a pipe");
        let from = BufReader::new(process.stdout.take().expect("a pipe"));
        let (over, is_over) = mpsc::channel();
        let pid = process.id().to_string();
        thread::spawn(move || {
            if is_over.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = Command::new("kill").args(["-KILL", &pid]).status();
            }
        });
        let mut browser = Self {
            process,
            to,
            from,
            session: None,
            calls: 0,
            complaints: Vec::new(),
            allowed: None,
            is_loaded: false,
            _over: over,
            _profile: profile,
        };
        let page = browser.call("Target.createTarget", &json!({"url": "about:blank"}));
        let target = json!({"targetId": page["targetId"], "flatten": true});
        let session = browser.call("Target.attachToTarget", &target);
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    /// Calls a method of the protocol.
    pub(crate) fn call(&mut self, method: &str, params: &Value) -> Value {
        self.calls += 1;
        let mut message = json!({"id": self.calls, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        self.to.write_all(format!("{message}\0").as_bytes()).expect("a browser that listens");
        loop {
            let mut answer = self.read();
            if answer["id"] == self.calls {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].take();
            }
            self.note(&answer);
        }
    }

    fn read(&mut self) -> Value {
        let mut text = Vec::new();
        self.from.read_until(0, &mut text).expect("a browser that talks");
        assert!(text.pop() == Some(0), "the browser is gone");
        serde_json::from_slice(&text).expect("JSON")
    }

    fn note(&mut self, event: &Value) {
        match event["method"].as_str().unwrap_or_default() {
            "Page.loadEventFired" => self.is_loaded = true,
            "Network.requestWillBeSent" => {
                let url = event["params"]["request"]["url"].as_str().unwrap_or_default();
                let is_allowed =
                    self.allowed.as_ref().is_some_and(|allowed| url.starts_with(allowed));
                // A picture that a page makes of itself is no fetch.
                if !url.starts_with("file:///") && !url.starts_with("data:") && !is_allowed {
                    self.complaints.push(format!("fetched {url}"));
                }
            }
            "Runtime.exceptionThrown" | "Log.entryAdded" | "Page.javascriptDialogOpening" => {
                self.complaints.push(event.to_string());
            }
            _ => {}
        }
    }

    /// Lets pages fetch what is at addresses that begin so.
    #[allow(dead_code, reason = "not every test has a server")]
    pub(crate) fn allow(&mut self, prefix: &str) {
        self.allowed = Some(prefix.to_owned());
    }

    /// Opens a file in a window of this size, in the light or in the dark.
    pub(crate) fn open(&mut self, file: &Path, size: (u32, u32), scheme: &str) {
        self.open_url(&format!("file://{}", file.display()), size, scheme);
    }

    /// The same for an address.
    pub(crate) fn open_url(&mut self, url: &str, (width, height): (u32, u32), scheme: &str) {
        let is_phone = width < 600;
        self.call(
            "Emulation.setDeviceMetricsOverride",
            &json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone}),
        );
        let scheme = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", &json!({"features": scheme}));
        self.is_loaded = false;
        self.call("Page.navigate", &json!({"url": url}));
        while !self.is_loaded {
            let event = self.read();
            self.note(&event);
        }
    }

    /// The value of an expression in the page.
    pub(crate) fn eval(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let mut answer = self.call("Runtime.evaluate", &params);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].take()
    }

    /// Presses a key where the focus is, and waits for the next picture.
    pub(crate) fn press(&mut self, key: &str) {
        for kind in ["rawKeyDown", "keyUp"] {
            self.call("Input.dispatchKeyEvent", &json!({"type": kind, "key": key}));
        }
        self.wait_until_drawn();
    }

    /// Waits until what was changed is drawn.
    pub(crate) fn wait_until_drawn(&mut self) {
        self.eval("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => drawn(true))))");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Only this one; its own children go with it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let candidates = NAMES.iter().flat_map(|name| dirs.iter().map(move |dir| dir.join(name)));
    candidates.into_iter().find(|program| program.is_file())
}
