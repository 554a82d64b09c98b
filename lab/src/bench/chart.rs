//! The picture: messages per operation against the greatest latency, both logarithmic.

use rumormill_judge::figures::{Sample, figure};
use rumormill_judge::format::number::number;
use rumormill_judge::results::Results;

use super::cases::REFERENCE;
use super::labels::{Area, Labels};
use super::measure::Measured;
use super::peers::{By, Keeps, Peer, PeerFigures, Place};
use crate::draw::svg::{Anchor, Font, Paint, Svg};

const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 680.0;
const PLOT: Area = Area { left: 70.0, top: 70.0, right: 975.0, bottom: 620.0 };

/// Milliseconds at the left and right edges.
const X_RANGE: (f64, f64) = (80.0, 3000.0);
/// Messages per operation at the bottom and the top.
const Y_RANGE: (f64, f64) = (0.2, 40.0);
const X_TICKS: [f64; 9] = [100.0, 150.0, 200.0, 300.0, 400.0, 600.0, 1000.0, 2000.0, 3000.0];
const Y_TICKS: [f64; 8] = [0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0];

// Okabe and Ito's palette, which colour-blind people can tell apart; shapes differ as well.
const OURS: &str = "#0072b2";
const KEEPS: &str = "#009e73";
const LOSES: &str = "#d55e00";
const UNKNOWN: &str = "#8a8a8a";
const INK: &str = "#222222";
const FAINT: &str = "#666666";
const GRID: &str = "#e8e8e8";

const SMALL: f64 = 10.5;
const MIDDLE: f64 = 12.0;
const LEGEND_ROW: f64 = 19.0;
/// Half of a marker's width.
const MARKER: f64 = 4.5;
const DOTS: &str = "2 4";
const DASHES: &str = "6 4";
/// Pieces that a curve is made of.
const CURVE_STEPS: u32 = 240;

/// Points that are drawn.
#[derive(Clone, Copy, Debug)]
pub struct Points<'a> {
    /// From the simulator.
    pub simulated: &'a [Measured],
    /// From real processes.
    pub real: &'a [Measured],
    /// Solutions by others.
    pub peers: &'a [Peer],
    /// Runs of the reader's own.
    pub mine: &'a [Mine],
}

/// A run of the reader's own.
#[derive(Clone, Debug, PartialEq)]
pub struct Mine {
    /// Its name in the picture.
    pub name: String,
    /// Its figures.
    pub place: Place,
}

/// Shape, colour, and whether it is filled.
type Look = (Shape, &'static str, bool);

/// The colour of the reader's own runs.
const MINE: &str = "#d55e00";

#[derive(Clone, Copy, Debug)]
enum Shape {
    Circle,
    Cross,
    Square,
    Triangle,
    Diamond,
}

/// Draws it.
#[must_use]
pub fn draw(points: Points<'_>) -> String {
    let description = "Messages between nodes per operation against the greatest stable latency, \
                       both logarithmic: our points, other people's, and the theoretical frontier.";
    let mut chart = Chart {
        svg: Svg::new(WIDTH, HEIGHT, "The frontier of broadcast", description),
        labels: Labels::new(PLOT),
    };
    chart.axes();
    chart.curves();
    chart.best_of_peers(points.peers);
    chart.legend(!points.real.is_empty(), !points.mine.is_empty());
    chart.markers(points);
    chart.label_all(points);
    chart.footnote(points.peers);
    chart.svg.finish()
}

struct Chart {
    svg: Svg,
    labels: Labels,
}

fn font(size: f64, colour: &'static str) -> Font {
    Font { size, colour, bold: false }
}

fn share(value: f64, (first, last): (f64, f64)) -> f64 {
    (value / first).ln() / (last / first).ln()
}

fn x(ms: f64) -> f64 {
    PLOT.left + share(ms, X_RANGE) * (PLOT.right - PLOT.left)
}

fn y(msgs_per_op: f64) -> f64 {
    PLOT.bottom - share(msgs_per_op, Y_RANGE) * (PLOT.bottom - PLOT.top)
}

/// Place in the picture; none if it is beyond the edges.
fn at(Place { max_ms, msgs_per_op }: Place) -> Option<(f64, f64)> {
    let inside = |value, (first, last)| (first..=last).contains(&value);
    (inside(max_ms, X_RANGE) && inside(msgs_per_op, Y_RANGE)).then(|| (x(max_ms), y(msgs_per_op)))
}

impl Chart {
    fn axes(&mut self) {
        let headline = Font { size: 17.0, colour: INK, bold: true };
        let svg = &mut self.svg;
        svg.text((PLOT.left, 32.0), Anchor::Start, headline, "Fewer messages, less delay");
        let what = "25 nodes, 100 ms between nodes, 100 operations per second for 20 s, no faults; \
                    everything counted, acknowledgements too";
        svg.text((PLOT.left, 53.0), Anchor::Start, font(MIDDLE, FAINT), what);
        let thin = Paint::stroke(GRID, 1.0);
        for ms in X_TICKS {
            svg.line(&[(x(ms), PLOT.top), (x(ms), PLOT.bottom)], thin, "");
            let at = (x(ms), PLOT.bottom + 17.0);
            svg.text(at, Anchor::Middle, font(MIDDLE, INK), &ms.to_string());
        }
        for messages in Y_TICKS {
            svg.line(&[(PLOT.left, y(messages)), (PLOT.right, y(messages))], thin, "");
            let at = (PLOT.left - 8.0, y(messages) + 4.0);
            svg.text(at, Anchor::End, font(MIDDLE, INK), &messages.to_string());
        }
        let middle = ((PLOT.left + PLOT.right) / 2.0, (PLOT.top + PLOT.bottom) / 2.0);
        let what = "greatest stable latency, ms (as Maelstrom measures it)";
        svg.text((middle.0, PLOT.bottom + 38.0), Anchor::Middle, font(MIDDLE, INK), what);
        svg.vertical_text((24.0, middle.1), font(MIDDLE, INK), "messages per operation");
    }

    /// A curve over the latency, where there is one; labels keep away from it.
    fn curve(&mut self, of: impl Fn(f64) -> Option<f64>, paint: Paint, dashes: &str) {
        let (first, last) = X_RANGE;
        let latencies = (0..=CURVE_STEPS)
            .map(|step| first * (last / first).powf(f64::from(step) / f64::from(CURVE_STEPS)));
        let points: Vec<(f64, f64)> = latencies
            .filter_map(|max_ms| at(Place { max_ms, msgs_per_op: of(max_ms / 1e3)? }))
            .collect();
        self.svg.line(&points, paint, dashes);
        for point in &points {
            self.labels.take(Area::around(*point, 2.0));
        }
    }

    fn curves(&mut self) {
        let (least, frontier) = (Paint::stroke(FAINT, 1.2), Paint::stroke(INK, 2.0));
        self.curve(|bound_s| REFERENCE.least(bound_s), least, DOTS);
        self.curve(|bound_s| REFERENCE.frontier(bound_s), frontier, "");
    }

    /// The steps down of the peers that lose nothing: what one had to put up with so far.
    fn best_of_peers(&mut self, peers: &[Peer]) {
        let keeping = all(peers).filter(|(peer, _)| peer.keeps == Keeps::All);
        let mut places: Vec<Place> = keeping.map(|(_, figures)| figures.place()).collect();
        places.sort_by(|a, b| a.max_ms.total_cmp(&b.max_ms));
        let mut least = f64::INFINITY;
        let mut steps = Vec::new();
        for place in places {
            let Some(point) = at(place).filter(|_| place.msgs_per_op < least) else { continue };
            if least.is_finite() {
                steps.push((point.0, y(least)));
            }
            least = place.msgs_per_op;
            steps.push(point);
        }
        if least.is_finite() {
            steps.push((PLOT.right, y(least)));
        }
        self.svg.line(&steps, Paint::stroke(KEEPS, 1.2), DASHES);
        for ends in steps.windows(2) {
            if let [(from_x, from_y), (to_x, to_y)] = *ends {
                let area = Area { left: from_x, top: from_y, right: to_x, bottom: to_y };
                self.labels.take(area.grown(1.0));
            }
        }
    }

    /// In the corner that no design can reach.
    fn legend(&mut self, has_real: bool, has_mine: bool) {
        /// Entries about the others.
        const OTHERS: usize = 4;
        let entries = [
            (Some((Shape::Square, KEEPS, true)), "others that lose nothing under partitions"),
            (Some((Shape::Triangle, LOSES, true)), "others without retransmission"),
            (Some((Shape::Diamond, UNKNOWN, true)), "others, not known what they lose"),
            (None, "filled: measured; hollow: as published"),
            (Some((Shape::Circle, OURS, true)), "Rumormill by Maelstrom's rules, as the others"),
            (Some((Shape::Circle, OURS, false)), "Rumormill, messages on time, as the curves"),
            (Some((Shape::Cross, OURS, true)), "Rumormill, real processes"),
            (Some((Shape::Cross, MINE, true)), "your runs"),
        ];
        let shown = entries.into_iter().filter(|(marker, _)| match marker {
            Some((Shape::Cross, MINE, _)) => has_mine,
            Some((Shape::Cross, ..)) => has_real,
            _ => true,
        });
        let mut entries: Vec<_> = shown.collect();
        entries.rotate_left(OTHERS);
        let lines = [
            ("frontier of the known designs, each message on time", INK, 2.0, ""),
            ("bound that no design can pass, likewise", FAINT, 1.2, DOTS),
            ("best of the others that lose nothing", KEEPS, 1.2, DASHES),
        ];
        let height = (entries.len() + lines.len()) as f64 * LEGEND_ROW;
        let (left, mut row) = (PLOT.left + 14.0, PLOT.bottom - 14.0 - height + LEGEND_ROW);
        self.labels.take(Area {
            left: PLOT.left,
            top: PLOT.bottom - height - 14.0,
            right: left + 350.0,
            bottom: PLOT.bottom,
        });
        for (marker, text) in entries {
            if let Some(look) = marker {
                self.marker(look, (left + 12.0, row - 4.0), "");
            }
            self.svg.text((left + 32.0, row), Anchor::Start, font(MIDDLE, INK), text);
            row += LEGEND_ROW;
        }
        for (text, colour, width, dashes) in lines {
            let ends = [(left, row - 4.0), (left + 24.0, row - 4.0)];
            self.svg.line(&ends, Paint::stroke(colour, width), dashes);
            self.svg.text((left + 32.0, row), Anchor::Start, font(MIDDLE, INK), text);
            row += LEGEND_ROW;
        }
    }

    fn markers(&mut self, points: Points<'_>) {
        for (peer, figures) in all(points.peers) {
            let (shape, colour) = match peer.keeps {
                Keeps::All => (Shape::Square, KEEPS),
                Keeps::Some => (Shape::Triangle, LOSES),
                Keeps::Unknown => (Shape::Diamond, UNKNOWN),
            };
            let look = (shape, colour, figures.by != By::Author);
            self.point(figures.place(), look, 1.0, &describe_peer(peer, figures));
        }
        // Hollow, and tied to the point under Maelstrom's rules.
        for point in points.simulated {
            let Some(place) = medians(&point.on_time) else { continue };
            if let (Some(centre), Some(other)) = (at(place), medians(&point.runs).and_then(at)) {
                self.svg.line(&[centre, other], Paint::stroke(OURS, 0.8), "");
            }
            let title = format!("{}, on time", describe(point, place));
            self.point(place, (Shape::Circle, OURS, false), 2.0, &title);
        }
        for (measured, shape) in [(points.simulated, Shape::Circle), (points.real, Shape::Cross)] {
            for point in measured {
                let Some(place) = medians(&point.runs) else { continue };
                self.point(place, (shape, OURS, true), 2.0, &describe(point, place));
            }
        }
        for Mine { name, place } in points.mine {
            let title = format!("{name}: {} at {:.0} ms", number(place.msgs_per_op), place.max_ms);
            self.point(*place, (Shape::Cross, MINE, true), 2.0, &title);
        }
    }

    /// A marker, if it is in the picture; labels keep away from it.
    fn point(&mut self, place: Place, look: Look, room: f64, title: &str) {
        if let Some(centre) = at(place) {
            self.marker(look, centre, title);
            self.labels.take(Area::around(centre, MARKER + room));
        }
    }

    fn marker(&mut self, (shape, colour, filled): Look, centre: (f64, f64), title: &str) {
        let paint =
            Paint { fill: if filled { colour } else { "#ffffff" }, stroke: colour, width: 1.3 };
        let (x, y) = centre;
        let polygon = |corners: &[(f64, f64)]| -> Vec<(f64, f64)> {
            corners.iter().map(|(right, down)| (x + right * MARKER, y + down * MARKER)).collect()
        };
        let points = match shape {
            Shape::Circle => return self.svg.circle(centre, MARKER + 1.0, paint, title),
            Shape::Square => polygon(&[(-0.8, -0.8), (0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)]),
            Shape::Triangle => polygon(&[(-1.0, -0.8), (1.0, -0.8), (0.0, 1.0)]),
            Shape::Diamond => polygon(&[(0.0, -1.1), (1.1, 0.0), (0.0, 1.1), (-1.1, 0.0)]),
            Shape::Cross => polygon(&[
                (-0.4, -1.6),
                (0.4, -1.6),
                (0.4, -0.4),
                (1.6, -0.4),
                (1.6, 0.4),
                (0.4, 0.4),
                (0.4, 1.6),
                (-0.4, 1.6),
                (-0.4, 0.4),
                (-1.6, 0.4),
                (-1.6, -0.4),
                (-0.4, -0.4),
            ]),
        };
        self.svg.polygon(&points, paint, title);
    }

    /// The reader's own first, then ours; then the others, the best ones first, as far as there is room.
    fn label_all(&mut self, points: Points<'_>) {
        let bold = Font { size: MIDDLE, colour: OURS, bold: true };
        for Mine { name, place } in points.mine {
            let text = format!("{name}: {}", number(place.msgs_per_op));
            self.label(&text, Font { colour: MINE, ..bold }, *place, true);
        }
        for point in points.simulated {
            let Some(place) = medians(&point.runs) else { continue };
            let text = format!("{}: {}", point.case.label, number(place.msgs_per_op));
            self.label(&text, bold, place, true);
        }
        let mut others: Vec<(&Peer, Place)> = points
            .peers
            .iter()
            .filter(|peer| is_named(peer))
            .filter_map(|peer| Some((peer, peer.figures.last()?.place())))
            .collect();
        others.sort_by(|(_, a), (_, b)| a.msgs_per_op.total_cmp(&b.msgs_per_op));
        for (peer, place) in others {
            self.label(&peer.name, font(SMALL, FAINT), place, false);
        }
    }

    fn label(&mut self, text: &str, font: Font, place: Place, must: bool) {
        let room = at(place).and_then(|centre| self.labels.place(text, font.size, centre, must));
        if let Some(room) = room {
            self.svg.text(room.at, room.anchor, font, text);
        }
    }

    /// Names the points beyond the edges.
    fn footnote(&mut self, peers: &[Peer]) {
        let outside: Vec<String> = all(peers)
            .filter(|(peer, _)| is_named(peer))
            .filter(|(_, figures)| at(figures.place()).is_none())
            .map(|(peer, figures)| {
                format!("{} ({} at {} ms)", peer.name, figures.msgs_per_op, figures.max_ms)
            })
            .collect();
        if !outside.is_empty() {
            let text = format!(
                "Others: lab/src/bench/peers.toml. Beyond the edge: {}.",
                outside.join(", ")
            );
            let at = (PLOT.right, HEIGHT - 8.0);
            self.svg.text(at, Anchor::End, font(SMALL, FAINT), &text);
        }
    }
}

fn all(peers: &[Peer]) -> impl Iterator<Item = (&Peer, &PeerFigures)> {
    peers.iter().flat_map(|peer| peer.figures.iter().map(move |figures| (peer, figures)))
}

/// False for those that lose values: no person is shown as doing that.
fn is_named(peer: &Peer) -> bool {
    peer.keeps != Keeps::Some
}

fn describe_peer(peer: &Peer, figures: &PeerFigures) -> String {
    let by = match figures.by {
        By::Author => "published",
        By::Maelstrom => "measured under Maelstrom",
        By::StandIn => "measured under a stand-in for Maelstrom",
    };
    let PeerFigures { msgs_per_op, max_ms, .. } = figures;
    let language = peer.language.as_deref().map(|one| format!(" ({one})")).unwrap_or_default();
    let name = if peer.keeps == Keeps::Some { "a published solution" } else { &*peer.name };
    format!("{name}{language}: {msgs_per_op} at {max_ms} ms, {by}")
}

fn describe(point: &Measured, Place { max_ms, msgs_per_op }: Place) -> String {
    format!("Rumormill, {}: {} at {max_ms:.0} ms", point.case.name, number(msgs_per_op))
}

/// Medians over the seeds: greatest stable latency and messages per operation.
fn medians(runs: &[Results]) -> Option<Place> {
    let median = |figure| Sample::of(figure, runs).median();
    let max_ms = median(const { figure("max") })?;
    Some(Place { max_ms, msgs_per_op: median(const { figure("msgs-per-op") })? })
}

#[cfg(test)]
mod tests {
    use super::super::cases::Case;
    use super::super::peers;
    use super::*;

    fn picture(mine: &[Mine]) -> String {
        let mut results = rumormill_judge::verdict::sample::results();
        results.maelstrom.net.servers.msgs_per_op = Some(2.6);
        let latencies =
            results.maelstrom.workload.set_mut().unwrap().stable_latencies.as_mut().unwrap();
        latencies.max = 310;
        let runs = vec![results];
        let on_time = runs.clone();
        let simulated = [Measured { case: Case::budget(300), runs, on_time }];
        let peers = peers::load().unwrap();
        draw(Points { simulated: &simulated, real: &simulated, peers: &peers, mine })
    }

    #[test]
    fn the_picture_is_well_formed_and_has_every_point() {
        let text = picture(&[]);
        let document = roxmltree::Document::parse(&text).unwrap();
        assert_eq!(document.root_element().tag_name().name(), "svg");
        let titles: Vec<&str> = document
            .descendants()
            .filter(|node| node.has_tag_name("title"))
            .filter_map(|node| node.text())
            .collect();
        for peer in peers::load().unwrap().iter().filter(|peer| peer.name != "Ryon49") {
            let found = titles.iter().filter(|title| title.starts_with(&peer.name)).count();
            if peer.keeps == Keeps::Some {
                assert!(!text.contains(&peer.name), "{} is shown as losing values", peer.name);
                continue;
            }
            assert!(found >= peer.figures.len(), "{}", peer.name);
        }
        assert_eq!(titles.iter().filter(|title| title.starts_with("Rumormill")).count(), 3);
        assert!(text.contains("Beyond the edge: Ryon49"));
    }

    #[test]
    fn a_run_of_the_readers_own_is_in_the_picture_and_in_its_legend() {
        assert!(!picture(&[]).contains("your runs"));
        let mine = Mine {
            name: "my <node>".to_owned(),
            place: Place { max_ms: 520.0, msgs_per_op: 12.5 },
        };
        let text = picture(&[mine]);
        roxmltree::Document::parse(&text).unwrap();
        assert!(text.contains("your runs"));
        assert!(text.contains("my &lt;node&gt;: 12.5 at 520 ms"), "{text}");
    }

    #[test]
    fn everything_is_on_the_card() {
        let text = picture(&[]);
        let document = roxmltree::Document::parse(&text).unwrap();
        for node in document.descendants() {
            for (name, size) in [("x", WIDTH), ("cx", WIDTH), ("y", HEIGHT), ("cy", HEIGHT)] {
                let value = node.attribute(name).and_then(|value| value.parse::<f64>().ok());
                assert!(value.is_none_or(|value| (0.0..=size).contains(&value)), "{node:?}");
            }
        }
    }
}
