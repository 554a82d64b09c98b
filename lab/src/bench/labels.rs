//! Labels that do not overlap: each is put where there is room beside its point, or left out.

use crate::draw::svg::{Anchor, text_width};

/// A rectangle: left, top, right, bottom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl Area {
    pub(super) const fn around(centre: (f64, f64), radius: f64) -> Self {
        let (x, y) = centre;
        Self { left: x - radius, top: y - radius, right: x + radius, bottom: y + radius }
    }

    /// The same with a margin.
    pub(super) const fn grown(self, by: f64) -> Self {
        let Self { left, top, right, bottom } = self;
        Self { left: left - by, top: top - by, right: right + by, bottom: bottom + by }
    }

    /// Area that the two share.
    fn overlap(&self, other: &Self) -> f64 {
        let width = self.right.min(other.right) - self.left.max(other.left);
        let height = self.bottom.min(other.bottom) - self.top.max(other.top);
        width.max(0.0) * height.max(0.0)
    }

    fn contains(&self, other: &Self) -> bool {
        self.left <= other.left
            && self.top <= other.top
            && self.right >= other.right
            && self.bottom >= other.bottom
    }
}

/// Place of a text: its baseline's point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) at: (f64, f64),
    pub(super) anchor: Anchor,
    pub(super) area: Area,
}

/// Areas that are taken already.
#[derive(Debug)]
pub(super) struct Labels {
    bounds: Area,
    taken: Vec<Area>,
}

impl Labels {
    pub(super) const fn new(bounds: Area) -> Self {
        Self { bounds, taken: Vec::new() }
    }

    pub(super) fn take(&mut self, area: Area) {
        self.taken.push(area);
    }

    /// Finds room for a text beside a point, and takes it. If there is none, only a text that
    /// `must` be shown gets a place: the least bad one.
    pub(super) fn place(
        &mut self,
        text: &str,
        size: f64,
        point: (f64, f64),
        must: bool,
    ) -> Option<Place> {
        let places = candidates(text, size, point);
        let inside = places.filter(|place| self.bounds.contains(&place.area));
        let rated = inside.map(|place| {
            let overlap: f64 = self.taken.iter().map(|area| area.overlap(&place.area)).sum();
            (overlap, place)
        });
        // Of equals the first: candidates come in order of preference.
        let (overlap, place) = rated.min_by(|(a, _), (b, _)| a.total_cmp(b))?;
        if overlap > 0.0 && !must {
            return None;
        }
        self.take(place.area);
        Some(place)
    }
}

/// Right of the point, left, above, below, and askew; near first.
fn candidates(text: &str, size: f64, point: (f64, f64)) -> impl Iterator<Item = Place> {
    let (width, (x, y)) = (text_width(text, size), point);
    let directions = [
        (1.0, 0.0),
        (-1.0, 0.0),
        (0.0, -1.0),
        (0.0, 1.0),
        (1.0, -1.0),
        (1.0, 1.0),
        (-1.0, -1.0),
        (-1.0, 1.0),
    ];
    [8.0, 12.0, 17.0].into_iter().flat_map(move |distance| {
        directions.into_iter().map(move |(right, down)| {
            let anchor = match right {
                1.0 => Anchor::Start,
                -1.0 => Anchor::End,
                _ => Anchor::Middle,
            };
            let sideways = if down == 0.0 { distance } else { distance * 0.6 };
            let at_x = x + right * sideways;
            // The baseline is a third of the size below the middle.
            let middle = y + down * (distance + size * 0.25);
            let left = match anchor {
                Anchor::Start => at_x,
                Anchor::Middle => at_x - width / 2.0,
                Anchor::End => at_x - width,
            };
            let area = Area {
                left,
                top: middle - size * 0.5,
                right: left + width,
                bottom: middle + size * 0.5,
            };
            Place { at: (at_x, middle + size * 0.35), anchor, area }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_give_way_or_stay_away() {
        let bounds = Area { left: 0.0, top: 0.0, right: 200.0, bottom: 40.0 };
        let mut labels = Labels::new(bounds);
        let first = labels.place("abcdef", 10.0, (100.0, 20.0), false).unwrap();
        let second = labels.place("abcdef", 10.0, (100.0, 20.0), false).unwrap();
        assert_eq!((first.anchor, second.anchor), (Anchor::Start, Anchor::End));
        assert_eq!(first.area.overlap(&second.area), 0.0);
        labels.take(bounds);
        assert_eq!(labels.place("abcdef", 10.0, (100.0, 20.0), false), None);
        assert!(labels.place("abcdef", 10.0, (100.0, 20.0), true).is_some());
        let outside = labels.place("abcdef", 10.0, (500.0, 20.0), true);
        assert_eq!(outside, None);
    }
}
