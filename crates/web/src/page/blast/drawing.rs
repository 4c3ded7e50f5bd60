//! The graph of a blast radius: where each box and each line of it is.

use super::Place;

/// The left edges of the three columns, and how wide a box is.
const COLUMNS: [u32; 3] = [10, 300, 590];
const WIDTH: u32 = 240;
const HEIGHT: u32 = 52;
const STEP: u32 = 68;
const TOP: u32 = 10;
/// Characters that fit into a box.
const FITS: usize = 30;

/// A graph, laid out.
#[derive(Debug, Default)]
pub(crate) struct Drawing {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) boxes: Vec<Node>,
    pub(crate) lines: Vec<Edge>,
}

/// A box of a graph.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) x: u32,
    pub(crate) y: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) kind: &'static str,
    pub(crate) title: String,
    pub(crate) more: String,
    /// Where it leads, and what it is called in full.
    pub(crate) place: Option<String>,
    pub(crate) label: String,
}

/// A line between two boxes.
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) path: String,
    pub(crate) is_stopped: bool,
}

impl Node {
    /// Where its lines of text begin.
    pub(crate) fn text(&self) -> (u32, u32, u32) {
        (self.x + 10, self.y + 21, self.y + 41)
    }
}

impl Drawing {
    /// Lays out the places of one record or dataset; they come sorted by their boundary.
    pub(crate) fn of(kind: &'static str, name: &str, places: &[Place]) -> Self {
        let [first, second, third] = COLUMNS;
        let mut drawing = Self { width: third + WIDTH + 10, ..Self::default() };
        let mut centres = Vec::new();
        let mut y = TOP;
        for group in places.chunk_by(|one, other| one.boundary == other.boundary) {
            let top = y;
            let mut leaves = Vec::new();
            for place in group {
                drawing.leaf(third, y, place);
                leaves.push((middle(y), place.is_stopped()));
                y += STEP;
            }
            let centre = top + (y - STEP - top) / 2;
            let Some(boundary) = group.first().map(|place| place.boundary.as_str()) else { continue };
            let is_stopped = group.iter().all(Place::is_stopped);
            drawing.boxes.push(node(second, centre, "boundary", boundary, "boundary"));
            for (leaf, is_stopped) in leaves {
                drawing.join((second + WIDTH, middle(centre)), (third, leaf), is_stopped);
            }
            centres.push((middle(centre), is_stopped));
        }
        drawing.height = y.max(TOP + STEP);
        let centre = (drawing.height - STEP - TOP) / 2 + TOP;
        drawing.boxes.push(node(first, centre, "source", name, kind));
        for (boundary, is_stopped) in centres {
            drawing.join((first + WIDTH, middle(centre)), (second, boundary), is_stopped);
        }
        drawing
    }

    fn leaf(&mut self, x: u32, y: u32, place: &Place) {
        let kind = if place.is_stopped() { "stopped" } else { "reached" };
        let title = format!("{} × {}", place.many, place.what);
        let mut leaf = node(x, y, kind, &title, &place.detail);
        // What is read aloud begins with what is seen.
        let label =
            format!("{} {}, at {}, last {}: its proof", leaf.title, leaf.more, place.boundary, place.at);
        leaf.place = Some(place.proof.clone());
        leaf.label = label;
        self.boxes.push(leaf);
    }

    fn join(&mut self, from: (u32, u32), to: (u32, u32), is_stopped: bool) {
        let bend = u32::midpoint(from.0, to.0);
        let path = format!("M{} {} C{bend} {} {bend} {} {} {}", from.0, from.1, from.1, to.1, to.0, to.1);
        self.lines.push(Edge { path, is_stopped });
    }
}

fn node(x: u32, y: u32, kind: &'static str, title: &str, more: &str) -> Node {
    Node {
        x,
        y,
        width: WIDTH,
        height: HEIGHT,
        kind,
        title: fitting(title),
        more: fitting(more),
        place: None,
        label: title.to_owned(),
    }
}

fn middle(y: u32) -> u32 {
    y + HEIGHT / 2
}

/// As much of a text as fits, and a sign that there is more.
fn fitting(text: &str) -> String {
    if text.chars().count() <= FITS {
        return text.to_owned();
    }
    let begin: String = text.chars().take(FITS - 1).collect();
    format!("{begin}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(boundary: &str, what: &'static str) -> Place {
        Place {
            boundary: boundary.to_owned(),
            what,
            detail: "create, Patient".to_owned(),
            many: 2,
            at: "2026-11-22 08:00:00 UTC".to_owned(),
            proof: "/transaction?entry=1".to_owned(),
            entry: "log#1".to_owned(),
        }
    }

    #[test]
    fn every_place_has_a_box_and_every_box_a_line_and_none_overlap() {
        let places = [place("crm", "copies"), place("crm", "stopped"), place("feed", "stopped")];
        let drawing = Drawing::of("record", &"x".repeat(99), &places);
        assert_eq!((drawing.boxes.len(), drawing.lines.len()), (3 + 2 + 1, 3 + 2));
        for (at, one) in drawing.boxes.iter().enumerate() {
            assert!(one.x + one.width <= drawing.width && one.y + one.height <= drawing.height, "{one:?}");
            assert!(one.title.chars().count() <= FITS);
            for other in drawing.boxes.iter().skip(at + 1) {
                assert!(one.x != other.x || one.y.abs_diff(other.y) >= HEIGHT, "{one:?} {other:?}");
            }
        }
        let linked = drawing.boxes.iter().filter(|one| one.place.is_some()).count();
        assert_eq!(linked, 3, "each place leads to its proof");
        assert_eq!(drawing.lines.iter().filter(|line| line.is_stopped).count(), 3);
        assert_eq!(Drawing::of("record", "x", &[]).boxes.len(), 1);
    }
}
