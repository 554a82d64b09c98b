//! A small writer of SVG: a card with shapes and texts, by coordinates.

use std::fmt::{Display, Write as _};

const FONT: &str = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', Helvetica, Arial, \
                    sans-serif";

/// A picture that is being drawn. Later shapes cover earlier ones.
#[derive(Debug)]
pub(crate) struct Svg {
    text: String,
}

/// A colour and how it is applied.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    pub(crate) fill: &'static str,
    pub(crate) stroke: &'static str,
    pub(crate) width: f64,
}

impl Paint {
    pub(crate) const fn stroke(colour: &'static str, width: f64) -> Self {
        Self { fill: "none", stroke: colour, width }
    }
}

/// Where a text stands relative to its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// How a text looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Font {
    pub(crate) size: f64,
    pub(crate) colour: &'static str,
    pub(crate) bold: bool,
}

impl Svg {
    /// A white card, so that it is legible on any page.
    pub(crate) fn new(width: f64, height: f64, title: &str, description: &str) -> Self {
        let (title, description) = (escape(title), escape(description));
        let mut svg = Self { text: String::new() };
        svg.put(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" role=\"img\" font-family=\"{FONT}\">"
        ));
        svg.put(format_args!("<title>{title}</title>"));
        svg.put(format_args!("<desc>{description}</desc>"));
        svg.put(format_args!(
            "<rect x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"8\" fill=\"#ffffff\" \
             stroke=\"#d0d0d0\"/>",
            width - 1.0,
            height - 1.0
        ));
        svg
    }

    /// Without a card: for a page that has its own colours. Texts have the page's sizes, if its
    /// style sheet says so.
    pub(crate) fn plain(width: f64, height: f64, label: &str) -> Self {
        let label = escape(label);
        let mut svg = Self { text: String::new() };
        svg.put(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             role=\"img\" aria-label=\"{label}\">"
        ));
        svg
    }

    fn put(&mut self, element: impl Display) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{element}");
    }

    /// A line through points; `dashes` is SVG's pattern, empty for none.
    pub(crate) fn line(&mut self, points: &[(f64, f64)], paint: Paint, dashes: &str) {
        let points = join(points);
        let Paint { fill, stroke, width } = paint;
        let dashes = dashed(dashes);
        self.put(format_args!(
            "<polyline points=\"{points}\" fill=\"{fill}\" stroke=\"{stroke}\" \
             stroke-width=\"{width}\" stroke-linejoin=\"round\"{dashes}/>"
        ));
    }

    /// A closed shape; the title is shown when it is pointed at.
    pub(crate) fn polygon(&mut self, points: &[(f64, f64)], paint: Paint, title: &str) {
        let points = join(points);
        let Paint { fill, stroke, width } = paint;
        let title = titled(title);
        self.put(format_args!(
            "<polygon points=\"{points}\" fill=\"{fill}\" stroke=\"{stroke}\" \
             stroke-width=\"{width}\">{title}</polygon>"
        ));
    }

    /// A shape in SVG's path notation, such as [`dots`] makes.
    pub(crate) fn path(&mut self, path: &str, paint: Paint, dashes: &str, title: &str) {
        let Paint { fill, stroke, width } = paint;
        let dashes = dashed(dashes);
        let title = titled(title);
        self.put(format_args!(
            "<path d=\"{path}\" fill=\"{fill}\" stroke=\"{stroke}\" stroke-width=\"{width}\" \
             stroke-linecap=\"round\" stroke-linejoin=\"round\"{dashes}>{title}</path>"
        ));
    }

    pub(crate) fn circle(&mut self, centre: (f64, f64), radius: f64, paint: Paint, title: &str) {
        let (x, y) = centre;
        let Paint { fill, stroke, width } = paint;
        let title = titled(title);
        self.put(format_args!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{fill}\" \
             stroke=\"{stroke}\" stroke-width=\"{width}\">{title}</circle>"
        ));
    }

    pub(crate) fn text(&mut self, at: (f64, f64), anchor: Anchor, font: Font, text: &str) {
        self.put_text(at, anchor, font, "", text);
    }

    /// From below upwards.
    pub(crate) fn vertical_text(&mut self, at: (f64, f64), font: Font, text: &str) {
        let (x, y) = at;
        let turn = format!(" transform=\"rotate(-90 {x:.1} {y:.1})\"");
        self.put_text(at, Anchor::Middle, font, &turn, text);
    }

    fn put_text(&mut self, at: (f64, f64), anchor: Anchor, font: Font, turn: &str, text: &str) {
        let (x, y) = at;
        let Font { size, colour, bold } = font;
        let weight = if bold { " font-weight=\"bold\"" } else { "" };
        let (anchor, text) = (anchor.name(), escape(text));
        self.put(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" fill=\"{colour}\" \
             text-anchor=\"{anchor}\"{weight}{turn}>{text}</text>"
        ));
    }

    pub(crate) fn finish(mut self) -> String {
        self.put("</svg>");
        self.text
    }
}

/// A path of points: with a round line end, each is a dot as wide as the line.
pub(crate) fn dots(points: &[(f64, f64)]) -> String {
    points.iter().map(|(x, y)| format!("M{x:.1} {y:.1}h0")).collect()
}

/// The width that a text takes at most, in any of the usual fonts.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * size * 0.6
}

fn dashed(dashes: &str) -> String {
    if dashes.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{dashes}\"") }
}

fn join(points: &[(f64, f64)]) -> String {
    let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    points.join(" ")
}

fn titled(title: &str) -> String {
    if title.is_empty() { String::new() } else { format!("<title>{}</title>", escape(title)) }
}

/// Text for XML and HTML, attributes too. Characters that XML has no place for are replaced.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(char),
            '\0'..'\u{20}' | '\u{7f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}
