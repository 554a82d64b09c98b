//! Writing HTML so that what others wrote stays text.

use std::fmt::Write as _;

use serde::Serialize;

pub(super) use crate::draw::svg::escape as text;

/// JSON for the inside of a `<script>`: nothing in it can end the element, begin a comment, or be
/// a line break to a script.
pub(super) fn json(value: &impl Serialize) -> String {
    // Numbers and strings serialise; without them the script shows nothing, the page does.
    let json = serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned());
    let mut out = String::with_capacity(json.len());
    for char in json.chars() {
        match char {
            // These only stand inside of strings.
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(char));
            }
            other => out.push(other),
        }
    }
    out
}

/// A relative link to a file of the run, whatever its name is.
pub(super) fn file_link(folder: &str, name: &str) -> String {
    let mut path = format!("./{folder}");
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            path.push(char::from(byte));
        } else {
            let _ = write!(path, "%{byte:02X}");
        }
    }
    format!("<a href=\"{path}\">{}</a>", text(name))
}

/// A cell of a table.
#[derive(Clone, Debug)]
pub(super) enum Cell {
    /// Text, which is escaped.
    Text(String),
    /// A number or other text that stands to the right.
    Number(String),
    /// HTML that was made here.
    Html(String),
}

impl Cell {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn count(count: u64) -> Self {
        Self::Number(count.to_string())
    }

    pub(super) fn ms(ms: Option<f64>) -> Self {
        Self::Number(ms.map_or_else(|| "never".to_owned(), rumormill_judge::format::number::number))
    }
}

/// A table that can scroll by itself; the first cell of each row is its header. Columns are given
/// with whether they are of numbers.
pub(super) fn table(caption: &str, columns: &[(&str, bool)], rows: &[Vec<Cell>]) -> String {
    let caption = text(caption);
    let mut out = format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\"><table>\
         <caption>{caption}</caption><thead><tr>"
    );
    for (name, is_number) in columns {
        let class = if *is_number { " class=\"number\"" } else { "" };
        let _ = write!(out, "<th scope=\"col\"{class}>{}</th>", text(name));
    }
    out += "</tr></thead>\n<tbody>";
    for row in rows {
        out += "<tr>";
        for (at, cell) in row.iter().enumerate() {
            let (class, inside) = match cell {
                Cell::Text(inside) => ("", text(inside)),
                Cell::Number(inside) => (" class=\"number\"", text(inside)),
                Cell::Html(inside) => ("", inside.clone()),
            };
            let (tag, scope) = if at == 0 { ("th", " scope=\"row\"") } else { ("td", "") };
            let _ = write!(out, "<{tag}{scope}{class}>{inside}</{tag}>");
        }
        out += "</tr>\n";
    }
    out + "</tbody></table></div>\n"
}

/// Details that are shown only when asked for.
pub(super) fn details(summary: &str, inside: &str) -> String {
    format!("<details><summary>{}</summary>\n{inside}</details>\n", text(summary))
}

/// A part of the page with a headline.
pub(super) fn section(id: &str, title: &str, inside: &str) -> String {
    format!(
        "<section class=\"card\" id=\"{id}\" aria-labelledby=\"{id}-title\">\
         <h2 id=\"{id}-title\">{}</h2>\n{inside}</section>\n",
        text(title)
    )
}
