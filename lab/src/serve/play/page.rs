//! The page, live and as a single file.

use minijinja::context;
use rumormill::config::{Setting, Settings as _};
use rumormill::family::{ProtocolName as _, Visitor};
use rumormill::protocol::Protocol;
use rumormill::protocols::{Name, Promise};
use rumormill::wire::Wire;
use serde_json::{Value, json};

use crate::html;

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

/// The page as the server has it: it asks for what it shows.
pub(crate) fn live() -> String {
    page(&Value::Null)
}

/// The page with a scene in it, without a server. `query` is the scene's, `played` what came of it.
pub(crate) fn single_file(query: &str, played: &Value) -> String {
    page(&json!({ "query": query, "played": played }))
}

fn page(film: &Value) -> String {
    let family = family();
    let values = context! {
        title => "Play: a rumour in a cluster",
        css => CSS,
        scripts => ASSETS,
        is_film => !film.is_null(),
        family,
        family_json => html::json(&family),
        film_json => html::json(film),
    };
    html::render("play.html", values)
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
