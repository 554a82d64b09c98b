//! The page, live and as a single file.

use std::fmt::Write as _;

use rumormill::config::{Setting, Settings as _};
use rumormill::family::{ProtocolName as _, Visitor};
use rumormill::protocol::Protocol;
use rumormill::protocols::{Name, Promise};
use rumormill::wire::Wire;
use serde_json::{Value, json};

use crate::draw::svg::escape;
use crate::report::BASE_CSS;

/// The stylesheet, beside the base of all pages.
pub(crate) const CSS: &str = include_str!("assets/play.css");

/// The scripts, in the order in which they are loaded.
pub(crate) const ASSETS: [(&str, &str); 8] = [
    ("tools.js", include_str!("assets/tools.js")),
    ("form.js", include_str!("assets/form.js")),
    ("curves.js", include_str!("assets/curves.js")),
    ("stage.js", include_str!("assets/stage.js")),
    ("clock.js", include_str!("assets/clock.js")),
    ("figures.js", include_str!("assets/figures.js")),
    ("files.js", include_str!("assets/files.js")),
    ("play.js", include_str!("assets/play.js")),
];

const BODY: &str = include_str!("assets/play.html");

/// The page as the server has it: it asks for what it shows.
pub(crate) fn live() -> String {
    let mut head = "<link rel=\"stylesheet\" href=\"/play/play.css\">\n".to_owned();
    for (name, _) in ASSETS {
        let _ = writeln!(head, "<script defer src=\"/play/{name}\"></script>");
    }
    page(&head, &Value::Null)
}

/// The page with a scene in it, without a server. `query` is the scene's, `played` what came of it.
pub(crate) fn single_file(query: &str, played: &Value) -> String {
    let mut head = format!("<style>\n{BASE_CSS}{CSS}</style>\n<script>\n'use strict';\n");
    head += "addEventListener('DOMContentLoaded', () => {\n";
    for (_, script) in ASSETS {
        head += script;
    }
    head += "});\n</script>\n";
    page(&head, &json!({ "query": query, "played": played }))
}

fn page(head: &str, film: &Value) -> String {
    let options: String = Name::ALL
        .iter()
        .map(|name| {
            let (name, summary) = (name.as_str(), escape(name.summary()));
            format!("<option value=\"{name}\" title=\"{summary}\">{name}</option>")
        })
        .collect();
    let body = BODY.replace("{protocols}", &options);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Play: a rumour in a cluster</title>\n{head}</head>\n<body>\n{body}\
         <script type=\"application/json\" id=\"family\">{}</script>\n\
         <script type=\"application/json\" id=\"film\">{}</script>\n</body>\n</html>\n",
        data(&family()),
        data(film),
    )
}

/// JSON inside of a page: no tag can begin in it.
fn data(value: &Value) -> String {
    value.to_string().replace('<', "\\u003c")
}

/// The protocols, with the flags that they have of their own.
fn family() -> Value {
    let member = |name: &Name| {
        let promise = match name.promise() {
            Promise::Delivers => "Reaches all nodes while nothing is lost; repairs nothing.",
            Promise::Repairs => "Reaches all nodes in the end, whatever is lost.",
            Promise::Most => "Reaches all nodes but for a few.",
            Promise::Aggregates => {
                "Computes something of all nodes' values; a rumour does not spread."
            }
        };
        json!({
            "name": name.as_str(),
            "summary": name.summary(),
            "promise": promise,
            "flags": name.visit(Flags),
        })
    };
    Name::ALL.iter().map(member).collect()
}

struct Flags;

impl Visitor for Flags {
    type Output = Vec<Value>;

    fn visit<P: Protocol<Message: Wire>>(self) -> Vec<Value> {
        let mut config = P::Config::default();
        let flags = P::Config::FLAGS.iter();
        flags
            .map(|flag| {
                // A bare rumour's own, as for `lab spread`.
                let default = match flag.name {
                    "--backup" => "0".to_owned(),
                    "--judge" => "now".to_owned(),
                    _ => flag.setting.show(&mut config),
                };
                let choices = match &flag.setting {
                    Setting::Choice { names, .. } => names(),
                    _ => Vec::new(),
                };
                json!({
                    "name": flag.name,
                    "help": flag.help,
                    "form": flag.setting.placeholder(),
                    "default": default,
                    "choices": choices,
                })
            })
            .collect()
    }
}
