//! The pages, as HTML that needs no script.

mod compare;
mod list;
mod run;

use super::runs::Verdict;
use super::url::encode;
use crate::draw::svg::escape;
pub(super) use compare::compare;
pub(super) use list::list;
pub(super) use run::{directory, run};

/// The frame of all pages. `title` is text, `inside` is HTML.
fn page(title: &str, inside: &str) -> String {
    let title = escape(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<link rel=\"stylesheet\" href=\"/style.css\">\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#main\">To the content</a>\n\
         <main class=\"page\" id=\"main\">\n{inside}</main>\n</body>\n</html>\n"
    )
}

/// A page that says why there is no other.
pub(super) fn problem(title: &str, text: &str) -> String {
    let (heading, text) = (escape(title), escape(text));
    let inside = format!("<h1>{heading}</h1>\n<p>{text}</p>\n<p><a href=\"/\">All runs</a></p>\n");
    page(title, &inside)
}

/// The address of a run's page.
fn run_link(path: &str) -> String {
    if path.is_empty() { "/run/".to_owned() } else { format!("/run/{}/", encode(path)) }
}

/// The address of a file, given below the store.
fn file_link(path: &str) -> String {
    format!("/files/{}", encode(path))
}

/// Parts of a path, of which the first may be empty.
fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}

fn verdict(verdict: Verdict) -> String {
    let class = match verdict {
        Verdict::Passed => "good",
        Verdict::Failed | Verdict::Crashed => "bad",
        Verdict::Unknown | Verdict::Stopped => "warn",
        Verdict::None => return "<span class=\"faint\">no results</span>".to_owned(),
    };
    format!("<span class=\"badge {class}\">{}</span>", verdict.word().to_uppercase())
}

/// A length for people.
fn bytes(length: u64) -> String {
    match length {
        0..10_000 => format!("{length} B"),
        10_000..10_000_000 => format!("{} kB", length.div_ceil(1_000)),
        _ => format!("{} MB", length.div_ceil(1_000_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_stays_text() {
        let page = problem("<script>", "\"' & <b>");
        assert!(!page.contains("<script") && !page.contains("<b>"), "{page}");
        assert!(page.contains("&quot;&#39; &amp; &lt;b&gt;"), "{page}");
        assert_eq!(run_link("a b/\"x"), "/run/a%20b/%22x/");
    }
}
