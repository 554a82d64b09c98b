//! Requests of a browser: paths and queries, taken apart and put together.

use percent_encoding::percent_decode_str;

/// A path and a query, decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Target {
    /// The parts of the path between its slashes; the last one is empty if the path ends in one.
    pub path: Vec<String>,
    /// Names and values, in order.
    pub query: Vec<(String, String)>,
}

impl Target {
    /// Takes a request's target apart; `None` if it is not a path on this server, or what is
    /// encoded in the path is no text.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix('/')?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let decode = |part| Some(percent_decode_str(part).decode_utf8().ok()?.into_owned());
        Some(Self {
            path: path.split('/').map(decode).collect::<Option<_>>()?,
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        })
    }

    /// The first value of that name in the query; empty if there is none.
    pub(super) fn get<'a>(&'a self, name: &'a str) -> &'a str {
        self.all(name).next().unwrap_or_default()
    }

    /// All values of that name in the query.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.query.iter().filter(move |(key, _)| key == name).map(|(_, value)| &**value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::html::url;

    #[test]
    fn targets_are_taken_apart() {
        let target = Target::parse("/run/a%20b/c+d/?q=x+%26y&run=1&run=2&&z").unwrap();
        assert_eq!(target.path, ["run", "a b", "c+d", ""]);
        assert_eq!((target.get("q"), target.get("z"), target.get("none")), ("x &y", "", ""));
        assert_eq!(target.all("run").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(Target::parse("/").unwrap().path, [""]);
        for bad in ["", "run", "http://localhost/", "*", "/%ff"] {
            assert_eq!(Target::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_encoded_comes_back() {
        for text in ["broadcast/20261121T100035.717+0000", "a b&c=d?e#f%", "\u{e9}\"<>"] {
            let target = Target::parse(&format!("/?run={}", url(text))).unwrap();
            assert_eq!(target.get("run"), text);
        }
    }
}
