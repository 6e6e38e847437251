//! What a cell draws: the structures, their marks, the axis and the direction asked for.

use super::factors::{Asks, Dim, Visual, Words};
use super::grid::Cell;
use super::measure::{Basis, Body, Stage};
use super::pairs::{Gap, Pairs, axes, gap};
use super::spec::MisGround;
use situs_core::case::Modality;
use situs_core::digest::Draw;
use situs_core::scene::Colour;
use situs_core::space::{Anatomical, BodyAxis, Colloquial, Direction, Plane, Point, Preset, ScreenAxis, View};
use std::collections::BTreeMap;

/// Letters of marks.
const LETTERS: [char; 6] = ['A', 'B', 'C', 'D', 'E', 'F'];

/// One mark of a picture: a site with what identifies it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marked {
    pub(super) site: usize,
    pub(super) letter: char,
    pub(super) colour: Colour,
}

/// Everything that is drawn once for all cells with the same draw key.
#[derive(Debug, Clone)]
pub(super) struct Drawn {
    pub(super) basis: Basis,
    /// The structures asked about, A then B; for the farthest mark the winner and the runner-up. Empty for planes.
    pub(super) pair: Option<(usize, usize)>,
    /// All marks, the pair's first; empty without marks.
    pub(super) marks: Vec<Marked>,
    /// The axis asked about.
    pub(super) axis: Option<BodyAxis>,
    /// Distance of A from B along that axis.
    pub(super) gap: Option<Gap>,
    /// Whether a superlative asks for the end at which A lies.
    pub(super) toward_a: bool,
    /// Another plane than the one shown.
    pub(super) other_plane: Plane,
    /// Draws that are left: order of options.
    pub(super) rest: Draw,
}

/// A stage with its pairs.
pub(super) struct Set {
    pub(super) stage: Stage,
    pub(super) pairs: Pairs,
}

/// Whose turn it is: the words of an axis, and the two ends of a superlative, come up in rotation, template by template,
/// from a start that the case draws.
pub(super) struct Turns {
    root: Draw,
    mirrored: bool,
    taken: BTreeMap<(String, &'static str), usize>,
}

/// What the next pair of a template along an axis is asked.
#[derive(Debug, Clone, Copy)]
struct Turn {
    /// Where A lies from B.
    toward: Direction,
    /// Whether a superlative asks for the end at which A lies.
    toward_a: bool,
}

impl Turns {
    /// No turn taken yet. In a mirror the same pairs are asked about, so their right-left words turn round.
    pub(super) fn new(root: Draw, mirrored: bool) -> Self {
        Self { root, mirrored, taken: BTreeMap::new() }
    }

    /// A cell has drawn.
    pub(super) fn take(&mut self, cell: &Cell<'_>, drawn: &Drawn) {
        if let Some(axis) = drawn.axis {
            *self.taken.entry(Self::key(cell, axis)).or_default() += 1;
        }
    }

    fn key(cell: &Cell<'_>, axis: BodyAxis) -> (String, &'static str) {
        let axis = match (cell.words, screen_axis(&cell.view, axis)) {
            (Words::Anat | Words::None, _) => axis.name(),
            (_, ScreenAxis::Horizontal) => "horizontal",
            (_, ScreenAxis::Vertical) => "vertical",
            (_, ScreenAxis::Frames) => "frames",
        };
        (cell.template.group.clone(), axis)
    }

    fn taken(&self, cell: &Cell<'_>, axis: BodyAxis) -> usize {
        self.taken.get(&Self::key(cell, axis)).copied().unwrap_or(0)
    }

    fn next(&self, cell: &Cell<'_>, axis: BodyAxis) -> Turn {
        let (group, name) = Self::key(cell, axis);
        let turn = self.taken(cell, axis) + self.root.of(group).of(name).below(4);
        let positive = match (cell.words, screen_axis(&cell.view, axis)) {
            (Words::Anat | Words::None, _) => axis.positive(),
            (_, ScreenAxis::Horizontal) => cell.view.right,
            (_, ScreenAxis::Vertical) => cell.view.down,
            (_, ScreenAxis::Frames) => cell.view.frame,
        };
        let turned = self.mirrored && axis == BodyAxis::RightLeft;
        let toward = if turn.is_multiple_of(2) == turned { positive.opposite() } else { positive };
        Turn { toward, toward_a: (turn / 2).is_multiple_of(2) }
    }
}

/// How the centres of a cell are taken: MR volumes and box prompts by boxes, everything else by masks.
pub(super) fn basis(cell: &Cell<'_>) -> Basis {
    match (cell.modality, cell.visual) {
        (Modality::Mr, _) | (_, Visual::Box) => Basis::BoxCentre,
        (_, Visual::Point) => Basis::Dot,
        (_, Visual::None | Visual::Mask) => Basis::Centroid,
    }
}

/// Draws of a pair before the farthest of all marks is given up: not every winner has two structures behind it.
const MOST_ATTEMPTS: usize = 24;

/// Draws for a cell, or `None` when the stage holds no valid pair for it.
pub(super) fn draw(
    spec: &MisGround,
    body: &Body<'_>,
    set: &Set,
    cell: &Cell<'_>,
    root: &Draw,
    turns: &Turns,
) -> Option<Drawn> {
    let root = root.of(cell.draw_key());
    let attempts = if cell.template.asks == Asks::MarkFarthest { MOST_ATTEMPTS } else { 1 };
    (0..attempts).find_map(|attempt| {
        let root = if attempts > 1 { root.of(attempt) } else { root.clone() };
        draw_once(spec, body, set, cell, &root, turns, attempt)
    })
}

fn draw_once(
    spec: &MisGround,
    body: &Body<'_>,
    set: &Set,
    cell: &Cell<'_>,
    root: &Draw,
    turns: &Turns,
    attempt: usize,
) -> Option<Drawn> {
    let basis = basis(cell);
    let mut drawn = Drawn {
        basis,
        pair: None,
        marks: Vec::new(),
        axis: None,
        gap: None,
        toward_a: true,
        other_plane: other_plane(cell.plane, root.of("plane").coin()),
        rest: root.of("order"),
    };
    if cell.template.asks == Asks::Plane {
        return Some(drawn);
    }
    let axis = match cell.template.asks {
        Asks::NameOfMark | Asks::MarkOfName => None,
        _ => Some(draw_axis(set, cell, basis, root, turns, attempt)?),
    };
    let pairs = askable(set, cell, basis, axis);
    let position = *pairs.get(root.of("pair").below(pairs.len()))?;
    let (first, second) = *set.pairs.all.get(position)?;
    let measure = |a: usize, b: usize, axis: BodyAxis| {
        let sites = (&set.stage.sites[a], &set.stage.sites[b]);
        gap(body, &set.stage, spec, basis, cell.words, sites, axis)
    };
    let swap = match axis {
        Some(axis) => {
            let turn = turns.next(cell, axis);
            drawn.toward_a = turn.toward_a;
            Direction::along(axis, measure(first, second, axis).world_mm) != turn.toward
        }
        None => root.of("swap").coin(),
    };
    let (a, b) = if swap { (second, first) } else { (first, second) };
    drawn.pair = Some((a, b));
    drawn.axis = axis;
    drawn.gap = axis.map(|axis| measure(a, b, axis));
    if cell.visual != Visual::None {
        let sites = marked_sites(spec, body, set, cell, &drawn, (a, b), root);
        if cell.template.asks == Asks::MarkFarthest && sites.len() < 3 {
            return None;
        }
        // All letters and colours are drawn from, however few marks there are: none is asked about more than others.
        let letters = root.of("letters").order(LETTERS.len());
        let colours = root.of("colours").order(Colour::ALL.len());
        drawn.marks = sites
            .into_iter()
            .zip(letters)
            .zip(colours)
            .map(|((site, letter), colour)| Marked {
                site,
                letter: LETTERS[letter],
                colour: Colour::ALL[colour],
            })
            .collect();
    }
    Some(drawn)
}

/// The axis of a question, before any pair: the one that the template has had least often in this case, else by chance.
/// Further attempts go through the others.
fn draw_axis(
    set: &Set,
    cell: &Cell<'_>,
    basis: Basis,
    root: &Draw,
    turns: &Turns,
    attempt: usize,
) -> Option<BodyAxis> {
    let mut axes = axes(&set.stage, cell.words);
    axes.retain(|axis| !askable(set, cell, basis, Some(*axis)).is_empty());
    let mut order: Vec<BodyAxis> =
        root.of("axis").order(axes.len()).into_iter().map(|place| axes[place]).collect();
    order.sort_by_key(|axis| turns.taken(cell, *axis));
    order.get(attempt % order.len().max(1)).copied()
}

/// Pairs, by their place in the list of all, that a cell may ask about along an axis.
fn askable(set: &Set, cell: &Cell<'_>, basis: Basis, axis: Option<BodyAxis>) -> Vec<usize> {
    match (cell.template.asks, axis) {
        (Asks::Dominant, Some(axis)) => set
            .pairs
            .dominant(basis, cell.words)
            .iter()
            .filter(|(_, largest)| *largest == axis)
            .map(|(position, _)| *position)
            .collect(),
        (_, Some(axis)) => set.pairs.along(basis, cell.words, axis).to_vec(),
        (_, None) => set.pairs.apart.get(&basis).cloned().unwrap_or_default(),
    }
}

/// The pair and up to four more structures that leave all marks to be told apart; where the farthest is asked for, only
/// such as lie behind the runner-up.
fn marked_sites(
    spec: &MisGround,
    body: &Body<'_>,
    set: &Set,
    cell: &Cell<'_>,
    drawn: &Drawn,
    (a, b): (usize, usize),
    root: &Draw,
) -> Vec<usize> {
    let stage = &set.stage;
    let behind = |site: usize| match (cell.template.asks, drawn.axis, drawn.gap) {
        (Asks::MarkFarthest, Some(axis), Some(gap)) => {
            let sites = (&stage.sites[b], &stage.sites[site]);
            let from_runner_up = self::gap(body, stage, spec, drawn.basis, cell.words, sites, axis);
            let voxels = sites.0.centre(drawn.basis)[axis.index()] - sites.1.centre(drawn.basis)[axis.index()];
            from_runner_up.world_mm * gap.world_mm >= 0.0 && voxels * gap.world_mm >= 0.0
        }
        _ => true,
    };
    let others: Vec<usize> = (0..stage.sites.len())
        .filter(|site| *site != a && *site != b)
        .filter(|site| drawn.basis != Basis::Dot || stage.sites[*site].dot_holds)
        .filter(|site| behind(*site))
        .collect();
    let mut marked = vec![a, b];
    for place in root.of("distractors").order(others.len()) {
        if marked.len() >= spec.most_marks {
            break;
        }
        let site = others[place];
        let is_free = |other: &usize| {
            set.pairs.are_clear(site, *other) && stay_apart(body, stage, cell.visual, site, *other)
        };
        if marked.iter().all(is_free) {
            marked.push(site);
        }
    }
    marked
}

/// Pixels that a dot of the default size needs around its centre, with its rim.
const DOT_REACH_PX: f64 = 6.5;
/// Pixels within which the lines of two boxes run over each other.
const LINE_REACH_PX: f64 = 3.0;
/// Share of a box's side from which a line along it takes the side away.
const SIDE_SHARE: f64 = 0.6;

/// Whether a further mark and one that is there can both be seen whole. Masks may touch; overlap is judged elsewhere.
fn stay_apart(body: &Body<'_>, stage: &Stage, visual: Visual, further: usize, there: usize) -> bool {
    let canvas = body.canvas(stage.plane, Preset::StandardRadiological);
    let [further, there] = [&stage.sites[further], &stage.sites[there]];
    match visual {
        Visual::None | Visual::Mask => true,
        Visual::Point => {
            let [a, b] = [further, there].map(|site| canvas.project(site.centre(Basis::Dot)));
            let sides = [canvas.width, canvas.height].map(f64::from);
            let inside = a.iter().zip(sides).all(|(at, side)| (DOT_REACH_PX..=side - DOT_REACH_PX).contains(at));
            inside && (a[0] - b[0]).hypot(a[1] - b[1]) >= 2.0 * DOT_REACH_PX
        }
        Visual::Box => {
            let [a, b] = [further, there].map(|site| {
                let low = canvas.project(site.bbox_min.map(|index| index as f64 - 0.5));
                let high = canvas.project(site.bbox_max.map(|index| index as f64 + 0.5));
                [0, 1].map(|way| [low[way].min(high[way]), low[way].max(high[way])])
            });
            boxes_apart(a, b)
        }
    }
}

/// Whether neither of two rectangles, each `[columns, rows]` of `[low, high]`, runs along most of a side of the other.
fn boxes_apart(a: [[f64; 2]; 2], b: [[f64; 2]; 2]) -> bool {
    [0, 1].into_iter().all(|along| {
        // A side along one way lies at either end of the other way.
        let across = 1 - along;
        let near = a[across].iter().any(|x| b[across].iter().any(|y| (x - y).abs() <= LINE_REACH_PX));
        let shared = a[along][1].min(b[along][1]) - a[along][0].max(b[along][0]);
        let longer = (a[along][1] - a[along][0]).max(b[along][1] - b[along][0]);
        !near || shared < SIDE_SHARE * longer
    })
}

fn other_plane(plane: Plane, second: bool) -> Plane {
    let mut others = Plane::ALL.into_iter().filter(|other| *other != plane);
    let other = if second { others.nth(1) } else { others.next() };
    other.unwrap_or(plane)
}

/// Picture and frame position of a centre in one view.
#[derive(Debug, Clone, Copy)]
pub(super) struct OnScreen {
    pub(super) px: [f64; 2],
    /// 1 for the first frame; `None` for a slice.
    pub(super) frame: Option<f64>,
}

/// Where a canonical index lies on the picture of a stage.
pub(super) fn on_screen(body: &Body<'_>, stage: &Stage, view: &View, index: Point) -> OnScreen {
    let canvas = body.canvas(stage.plane, view.preset);
    let frame = (stage.dim == Dim::Stack).then(|| {
        let at = place_among(&stage.frames, index[stage.plane.through().index()]);
        1.0 + if view.frame.sign() > 0.0 { at } else { stage.frames.len() as f64 - 1.0 - at }
    });
    OnScreen { px: canvas.project(index), frame }
}

/// Place of a slice coordinate among the frames that are sent, 0 at the first; between two frames by their distance,
/// beyond the ends by the last step.
fn place_among(frames: &[usize], at: f64) -> f64 {
    let after = frames.partition_point(|frame| (*frame as f64) < at);
    let start = after.saturating_sub(1).min(frames.len().saturating_sub(2));
    match frames.get(start..start + 2) {
        Some([low, high]) => start as f64 + (at - *low as f64) / (high - low).max(1) as f64,
        _ => 0.0,
    }
}

/// The word for where A lies along an axis, and the word for the other end.
pub(super) fn relation_words(
    words: Words,
    view: &View,
    axis: BodyAxis,
    world_mm: f64,
    (a, b): (OnScreen, OnScreen),
) -> (&'static str, &'static str) {
    if words == Words::Anat || words == Words::None {
        let relation = Anatomical(Direction::along(axis, world_mm));
        return (relation.word(), relation.opposite().word());
    }
    let relation = if axis == view.plane.through() {
        let difference = a.frame.unwrap_or(0.0) - b.frame.unwrap_or(0.0);
        Colloquial::along(ScreenAxis::Frames, difference)
    } else if axis == view.right.axis() {
        Colloquial::along(ScreenAxis::Horizontal, a.px[0] - b.px[0])
    } else {
        Colloquial::along(ScreenAxis::Vertical, a.px[1] - b.px[1])
    };
    (relation.word(), relation.opposite().word())
}

/// The axis of the screen on which a body axis is seen.
pub(super) fn screen_axis(view: &View, axis: BodyAxis) -> ScreenAxis {
    if axis == view.plane.through() {
        ScreenAxis::Frames
    } else if axis == view.right.axis() {
        ScreenAxis::Horizontal
    } else {
        ScreenAxis::Vertical
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_along_a_side_of_another_hides_it() {
        let large = [[100.0, 200.0], [50.0, 150.0]];
        // Inside, with a gap; far away; crossing.
        for other in [[[120.0, 180.0], [70.0, 130.0]], [[300.0, 400.0], [50.0, 150.0]], [[150.0, 250.0], [20.0, 120.0]]] {
            assert!(boxes_apart(large, other) && boxes_apart(other, large), "{other:?}");
        }
        // The same, along the upper side, along the left one from outside.
        for other in [large, [[110.0, 190.0], [52.0, 100.0]], [[40.0, 98.0], [60.0, 140.0]]] {
            assert!(!boxes_apart(large, other) && !boxes_apart(other, large), "{other:?}");
        }
    }

    #[test]
    fn a_place_among_uneven_frames_follows_their_own_steps() {
        let frames = [0, 2, 3, 5];
        for (at, place) in [(0.0, 0.0), (1.0, 0.5), (2.0, 1.0), (2.5, 1.5), (3.0, 2.0), (4.0, 2.5), (5.0, 3.0), (7.0, 4.0), (-2.0, -1.0)] {
            assert_eq!(place_among(&frames, at), place, "{at}");
        }
    }
}
