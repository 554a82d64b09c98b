//! Pages from templates, which are in `html/`. Text of nodes and users stays text: every value is
//! escaped where it stands, unless the template says that it is HTML.

use std::fmt::Write as _;
use std::sync::LazyLock;

use minijinja::value::Value;
use minijinja::{Environment, Error, Output, State, UndefinedBehavior};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

pub(crate) use crate::draw::svg::escape as text;

/// The colours, type and elements that all pages of the lab share.
pub(crate) const BASE_CSS: &str = include_str!("html/base.css");

macro_rules! templates {
    ($($name:literal)*) => { [$(($name, include_str!(concat!("html/", $name)))),*] };
}

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut all = Environment::new();
    all.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    all.set_trim_blocks(true);
    all.set_lstrip_blocks(true);
    all.set_keep_trailing_newline(true);
    all.set_formatter(put);
    all.add_filter("url", url);
    all.add_global("base_css", Value::from_safe_string(BASE_CSS.to_owned()));
    let sources = templates![
        "base.html" "compared.html" "parts.html" "play.html" "report.html" "table.html"
        "serve/base.html" "serve/compare.html" "serve/directory.html" "serve/list.html"
        "serve/problem.html" "serve/run.html"
    ];
    for (name, source) in sources {
        all.add_template(name, source).expect("a template of the lab parses");
    }
    all
});

/// Writes a value as text. Unlike minijinja's own formatter, it leaves slashes and writes nothing for
/// `none`.
fn put(out: &mut Output<'_>, _: &State<'_, '_>, value: &Value) -> Result<(), Error> {
    if value.is_none() {
        return Ok(());
    }
    let shown = value.to_string();
    Ok(out.write_str(&if value.is_safe() { shown } else { text(&shown) })?)
}

/// The text of a template with these values in it.
pub(crate) fn render(template: &str, values: impl Serialize) -> String {
    let page = TEMPLATES.get_template(template).and_then(|page| page.render(values));
    page.unwrap_or_else(|error| format!("<pre>{}</pre>", text(&format!("{error:#}"))))
}

/// Characters that are escaped in an address: all but the unreserved ones of RFC 3986, and slashes.
const ESCAPED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// Text as a part of an address or as a value in its query.
pub(crate) fn url(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// JSON for the inside of a `<script>`: nothing in it can end the element, begin a comment, or be
/// a line break to a script.
pub(crate) fn json(value: &impl Serialize) -> String {
    // Numbers and strings serialise; without them the script shows nothing, the page does.
    let json = serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned());
    let mut out = String::with_capacity(json.len());
    for char in json.chars() {
        match char {
            // These only stand inside of strings.
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(char));
            }
            other => out.push(other),
        }
    }
    out
}

/// A cell of a table.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Cell {
    inside: Value,
    /// It stands to the right.
    is_number: bool,
}

impl Cell {
    pub(crate) fn text(text: impl Into<Value>) -> Self {
        Self { inside: text.into(), is_number: false }
    }

    /// A number, or other text that stands to the right.
    pub(crate) fn number(text: impl Into<Value>) -> Self {
        Self { inside: text.into(), is_number: true }
    }

    /// HTML that was made here.
    pub(crate) fn html(html: String) -> Self {
        Self::text(Value::from_safe_string(html))
    }

    pub(crate) fn ms(ms: Option<f64>) -> Self {
        Self::number(ms.map_or_else(|| "never".to_owned(), rumormill_judge::format::number::number))
    }
}

/// A table that can scroll by itself; the first cell of each row is its header. Columns are given
/// with whether they are of numbers.
pub(crate) fn table(caption: &str, columns: &[(&str, bool)], rows: &[Vec<Cell>]) -> String {
    render("table.html", minijinja::context! { caption, columns, rows })
}

/// Details that are shown only when asked for.
pub(crate) fn details(summary: &str, inside: &str) -> String {
    format!("<details><summary>{}</summary>\n{inside}</details>\n", text(summary))
}
