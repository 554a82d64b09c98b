//! The report in a real browser: it works with the keyboard, fits on a phone, is legible in the dark,
//! says the same without scripting, and runs nothing that a node has written.

mod browser;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use browser::Browser;
use serde_json::json;

const DESK: (u32, u32) = (1440, 900);
const PHONE: (u32, u32) = (390, 844);

/// A simulated run with partitions; the path of its report.
fn report(dir: &Path) -> PathBuf {
    let done = Command::new(env!("CARGO_BIN_EXE_lab"))
        .args("sim --node-count 9 --rate 40 --time-limit 5 --latency 50 --seed 3".split(' '))
        .args("--nemesis partition --nemesis-interval 1 --store".split(' '))
        .arg(dir)
        .output()
        .expect("the lab");
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && said.contains("\nreport  "), "{said}");
    dir.join("latest/report.html").canonicalize().expect("a report")
}

#[test]
fn the_report_works_in_a_browser() {
    let Some(mut browser) = Browser::start() else { return };
    let dir = tempfile::tempdir().expect("a directory");
    let report = report(dir.path());
    browser.open(&report, DESK, "light");
    everything_is_drawn(&mut browser);
    filters_leave_what_they_should(&mut browser);
    keys_zoom_and_move(&mut browser);
    a_message_is_followed_to_its_cause(&mut browser);
    a_value_is_chosen(&mut browser);
    tables_sort(&mut browser);
    fits(&mut browser, DESK);
    for scheme in ["light", "dark"] {
        browser.open(&report, PHONE, scheme);
        fits(&mut browser, PHONE);
        is_legible(&mut browser);
    }
    the_theme_can_be_chosen(&mut browser);
    is_readable_without_scripting(&mut browser, &report);
    hostile_text_does_nothing(&mut browser, &report);
    assert_eq!(browser.complaints, Vec::<String>::new());
}

fn everything_is_drawn(browser: &mut Browser) {
    browser.wait_until_drawn();
    assert_eq!(browser.eval("document.querySelectorAll('figure svg').length > 6"), true);
    assert_eq!(browser.eval("$('space-time-live').hidden"), false);
    assert_eq!(browser.eval("$('space-time-still').hidden"), true);
    assert_eq!(browser.eval("diagram.visible > 100"), true);
    // There is ink on the canvas.
    let ink = "(() => { const { width, height } = diagram.canvas; \
               const pixels = diagram.canvas.getContext('2d').getImageData(0, 0, width, height).data; \
               return pixels.filter((part, i) => i % 4 === 3 && part > 0).length > 5000; })()";
    assert_eq!(browser.eval(ink), true);
}

fn type_into(browser: &mut Browser, id: &str, text: &str) {
    browser.eval(&format!("$('{id}').focus(); $('{id}').select()"));
    browser.call("Input.insertText", &json!({"text": text}));
    browser.press("Enter");
    browser.eval(&format!("$('{id}').dispatchEvent(new Event('change'))"));
    browser.wait_until_drawn();
}

fn filters_leave_what_they_should(browser: &mut Browser) {
    let all = browser.eval("diagram.shown.length");
    type_into(browser, "filter-node", "n4");
    assert_eq!(
        browser
            .eval("diagram.shown.every((i) => [diagram.m.src[i], diagram.m.dest[i]].includes(4))"),
        true
    );
    assert_ne!(browser.eval("diagram.shown.length"), all);
    type_into(browser, "filter-node", "nobody");
    let said = browser.eval("$('diagram-said').textContent");
    assert!(said.as_str().is_some_and(|said| said.contains("There is no node nobody")), "{said}");
    type_into(browser, "filter-node", " ");
    browser.eval("diagram.canvas.focus()");
    browser.press("Escape");
    assert_eq!(browser.eval("diagram.shown.length"), all);
    browser.eval("[...document.querySelectorAll('.kinds label')].find((label) => label.textContent === 'rumormill').click()");
    browser.wait_until_drawn();
    assert_eq!(
        browser.eval("diagram.shown.every((i) => data.kinds[diagram.m.kind[i]] === 'broadcast')"),
        true
    );
    browser.eval("[...document.querySelectorAll('.kinds label')].find((label) => label.textContent === 'rumormill').click()");
    assert_eq!(browser.eval("diagram.shown.length"), all);
}

fn keys_zoom_and_move(browser: &mut Browser) {
    browser.eval("diagram.canvas.focus()");
    browser.press("0");
    assert_eq!(browser.eval("diagram.to - diagram.from === diagram.m.last"), true);
    browser.press("+");
    assert_eq!(browser.eval("Math.round((diagram.to - diagram.from) / diagram.m.last * 100)"), 50);
    browser.press("Home");
    assert_eq!(browser.eval("diagram.from"), 0);
    browser.press("ArrowRight");
    assert_eq!(browser.eval("diagram.from > 0"), true);
    for _ in 0..40 {
        browser.press("+");
    }
    assert_eq!(browser.eval("diagram.to - diagram.from"), 20, "µs are the least");
    browser.press("0");
}

/// From some late message by its causes to a client's request.
fn a_message_is_followed_to_its_cause(browser: &mut Browser) {
    browser.eval("diagram.choose(diagram.shown.findLast((i) => diagram.m.values(i).length && !diagram.m.isClient(i))); diagram.canvas.focus()");
    let chain = browser.eval("diagram.m.chain(diagram.chosen, -1).length");
    let steps = chain.as_u64().expect("a number");
    assert!(steps >= 1, "{steps}");
    for _ in 0..steps {
        let before = browser.eval("diagram.chosen");
        browser.press("c");
        let expected = browser.eval(&format!("diagram.m.causeOf({before}, -1)[0]"));
        assert_eq!(browser.eval("diagram.chosen"), expected);
        assert_eq!(
            browser.eval(&format!("diagram.m.end[{expected}] <= diagram.m.sent[{before}]")),
            true,
            "a cause is earlier"
        );
        assert_eq!(browser.eval("diagram.isVisible(diagram.chosen)"), true);
    }
    assert_eq!(browser.eval("diagram.m.isNode(diagram.m.src[diagram.chosen])"), false);
    let told = browser.eval("$('diagram-message').textContent");
    assert!(told.as_str().is_some_and(|told| told.contains("here it begins")), "{told}");
    let first = browser.eval("diagram.chosen");
    browser.press("e");
    assert_eq!(browser.eval("diagram.m.causeOf(diagram.chosen, -1)[0]"), first, "and back");
    browser.press("n");
    assert_ne!(browser.eval("diagram.chosen"), first);
}

fn a_value_is_chosen(browser: &mut Browser) {
    browser.eval("document.querySelector('#latency details').open = true; document.querySelector('#latency button.value').click()");
    browser.wait_until_drawn();
    assert_eq!(browser.eval("data.values[diagram.value] === document.querySelector('#latency button.value').textContent"), true);
    assert_eq!(
        browser.eval("diagram.shown.every((i) => diagram.m.values(i).includes(diagram.value))"),
        true
    );
    assert_eq!(browser.eval("Boolean(document.querySelector('#chosen-curve'))"), true);
    // It came to every node that does hold it, each in one step of the curve.
    assert_eq!(browser.eval("diagram.m.holds(diagram.value).length"), 9);
    browser.eval("diagram.canvas.focus()");
    browser.press("Escape");
    assert_eq!(browser.eval("Boolean(document.querySelector('#chosen-curve'))"), false);
}

fn tables_sort(browser: &mut Browser) {
    browser.eval("document.querySelectorAll('#nodes th button')[1].click()");
    let sorted = "[...document.querySelectorAll('#nodes tbody tr')].map((row) => +row.cells[1].textContent)\
                  .every((sent, i, all) => !i || all[i - 1] >= sent)";
    assert_eq!(browser.eval(sorted), true);
    assert_eq!(
        browser.eval("document.querySelectorAll('#nodes th')[1].getAttribute('aria-sort')"),
        "descending"
    );
}

fn fits(browser: &mut Browser, (width, _): (u32, u32)) {
    browser.wait_until_drawn();
    assert_eq!(browser.eval("innerWidth"), width);
    let beyond = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(browser.eval(beyond), 0, "nothing sticks out");
    // All that can be pressed can be reached with the keyboard, too, and has a name.
    let nameless = "[...document.querySelectorAll('button, a, input, summary, [tabindex]')].filter((element) => \
                    element.tabIndex < 0 || !(element.textContent.trim() || element.labels?.length || \
                    element.getAttribute('aria-label'))).map((element) => element.outerHTML)";
    assert_eq!(browser.eval(nameless), json!([]));
}

/// Contrast of all tones of text, by the rule of the WCAG.
fn is_legible(browser: &mut Browser) {
    let contrasts = "(() => {
        const light = (colour) => {
          const parts = colour.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255)
            .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
          return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
        };
        const probe = document.body.appendChild(document.createElement('p'));
        const colour = (name) => { probe.style.color = `var(--${name})`; return light(getComputedStyle(probe).color); };
        const card = colour('card');
        const contrast = (name) => (Math.max(colour(name), card) + 0.05) / (Math.min(colour(name), card) + 0.05);
        const texts = ['ink', 'faint', 'accent', 'good', 'bad', 'warn'].filter((name) => contrast(name) < 4.5);
        const lines = ['blue', 'orange', 'green', 'purple', 'grey'].filter((name) => contrast(name) < 3);
        probe.remove();
        return [...texts, ...lines];
      })()";
    assert_eq!(browser.eval(contrasts), json!([]));
}

fn the_theme_can_be_chosen(browser: &mut Browser) {
    let page = "getComputedStyle(document.body).backgroundColor";
    let dark = browser.eval(page);
    assert_eq!(browser.eval("$('theme').textContent"), "Light");
    browser.eval("$('theme').click()");
    assert_ne!(browser.eval(page), dark);
    browser.eval("$('theme').click()");
    assert_eq!(browser.eval(page), dark);
    browser.eval("localStorage.clear()");
}

fn is_readable_without_scripting(browser: &mut Browser, report: &Path) {
    browser.call("Emulation.setScriptExecutionDisabled", &json!({"value": true}));
    browser.open(report, PHONE, "light");
    // Asked from outside of the page.
    let root = browser.call("DOM.getDocument", &json!({}))["root"]["nodeId"].clone();
    let mut box_of = |selector: &str| {
        let node =
            browser.call("DOM.querySelector", &json!({"nodeId": root, "selector": selector}));
        browser.call("DOM.getBoxModel", &json!({"nodeId": node["nodeId"]}))["model"].clone()
    };
    for selector in
        ["#latency svg", "#infection svg", "#space-time-still svg", "#nodes table", "h1 .badge"]
    {
        let shown = box_of(selector);
        assert!(
            shown["height"].as_f64().is_some_and(|height| height > 20.0),
            "{selector}: {shown}"
        );
    }
    assert_eq!(box_of("body")["width"], 390);
    browser.call("Emulation.setScriptExecutionDisabled", &json!({"value": false}));
}

/// The same run, with a node and a type that try to be more than names.
fn hostile_text_does_nothing(browser: &mut Browser, report: &Path) {
    let dir = tempfile::tempdir().expect("a directory");
    let store = report.parent().expect("a store");
    let evil = r#"\u003c/script\u003e\u003cimg src=x onerror=alert(1)\u003e\u003cscript\u003ealert(2)\u003c/script\u003e"#;
    for name in ["messages.jsonl", "history.edn", "results.json"] {
        let text = fs::read_to_string(store.join(name)).expect("a file of the run");
        let mut text = text.replace("\"n3\"", &format!("\"{evil}\""));
        // In the results it is a key, too, that is no type of a message.
        if name == "messages.jsonl" {
            text = text.replace("\"rumormill\"", &format!("\"{evil}\""));
        }
        fs::write(dir.path().join(name), text).expect("a copy");
    }
    let done = Command::new(env!("CARGO_BIN_EXE_lab"))
        .arg("report")
        .arg(dir.path())
        .status()
        .expect("the lab");
    assert!(done.success());
    browser.open(&dir.path().join("report.html"), DESK, "light");
    browser.wait_until_drawn();
    assert_eq!(
        browser.eval("document.images.length + document.querySelectorAll('main script').length"),
        0
    );
    assert_eq!(
        browser.eval(
            "data.names.some((name) => name.startsWith('</script><img')) && diagram.visible > 0"
        ),
        true
    );
    browser.eval("diagram.choose(diagram.shown[0]); diagram.filterNode(data.names[3])");
    browser.wait_until_drawn();
    assert_eq!(browser.eval("document.images.length"), 0);
}
