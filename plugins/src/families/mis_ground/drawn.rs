//! What a cell draws: the structures, their marks, the axis and the direction asked for.

use super::factors::{Asks, Visual, Words};
use super::grid::Cell;
use super::measure::{Basis, Body, Stage};
use super::pairs::{Gap, Pairs, axes, gap};
use super::spec::MisGround;
use situs_core::case::Modality;
use situs_core::digest::Draw;
use situs_core::scene::Colour;
use situs_core::space::{Anatomical, BodyAxis, Colloquial, Direction, Plane, Point, ScreenAxis, View};

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
) -> Option<Drawn> {
    let root = root.of(cell.draw_key());
    if cell.template.asks == Asks::MarkFarthest {
        return (0..MOST_ATTEMPTS).find_map(|attempt| draw_once(spec, body, set, cell, &root.of(attempt)));
    }
    draw_once(spec, body, set, cell, &root)
}

fn draw_once(
    spec: &MisGround,
    body: &Body<'_>,
    set: &Set,
    cell: &Cell<'_>,
    root: &Draw,
) -> Option<Drawn> {
    let basis = basis(cell);
    let mut drawn = Drawn {
        basis,
        pair: None,
        marks: Vec::new(),
        axis: None,
        gap: None,
        toward_a: root.of("toward").coin(),
        other_plane: other_plane(cell.plane, root.of("plane").coin()),
        rest: root.of("order"),
    };
    if cell.template.asks == Asks::Plane {
        return Some(drawn);
    }
    let (position, axis) = draw_pair(set, cell, basis, root)?;
    let (first, second) = *set.pairs.all.get(position)?;
    let (a, b) = if root.of("swap").coin() { (second, first) } else { (first, second) };
    drawn.pair = Some((a, b));
    drawn.axis = axis;
    drawn.gap = axis.map(|axis| {
        let sites = (&set.stage.sites[a], &set.stage.sites[b]);
        gap(body, &set.stage, spec, basis, cell.words, sites, axis)
    });
    if cell.visual != Visual::None {
        let sites = marked_sites(spec, body, set, cell, &drawn, (a, b), root);
        if cell.template.asks == Asks::MarkFarthest && sites.len() < 3 {
            return None;
        }
        let letters = root.of("letters").order(sites.len());
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

/// A pair, by its place in the list of all pairs, and the axis where the question has one.
fn draw_pair(set: &Set, cell: &Cell<'_>, basis: Basis, root: &Draw) -> Option<(usize, Option<BodyAxis>)> {
    let draw = root.of("pair");
    match cell.template.asks {
        Asks::NameOfMark | Asks::MarkOfName => {
            let pairs = set.pairs.apart.get(&basis)?;
            pairs.get(draw.below(pairs.len())).map(|position| (*position, None))
        }
        Asks::Dominant => {
            let pairs = set.pairs.dominant(basis, cell.words);
            pairs.get(draw.below(pairs.len())).map(|(position, axis)| (*position, Some(*axis)))
        }
        Asks::Plane => None,
        Asks::Relation | Asks::NameFarther | Asks::MarkFarther | Asks::MarkFarthest => {
            let mut axes = axes(&set.stage, cell.words);
            axes.retain(|axis| !set.pairs.along(basis, cell.words, *axis).is_empty());
            let axis = *axes.get(root.of("axis").below(axes.len()))?;
            let pairs = set.pairs.along(basis, cell.words, axis);
            pairs.get(draw.below(pairs.len())).map(|position| (*position, Some(axis)))
        }
    }
}

/// The pair and up to four more structures; where the farthest is asked for, only such as lie behind the runner-up.
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
    let order = root.of("distractors").order(others.len());
    let more = order.into_iter().map(|place| others[place]).take(spec.most_marks.saturating_sub(2));
    [a, b].into_iter().chain(more).collect()
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
    let frame = match (stage.frames.first(), stage.frames.last()) {
        (Some(first), Some(last)) if last > first => {
            let step = (last - first) as f64 / (stage.frames.len() - 1) as f64;
            let at = index[stage.plane.through().index()];
            let from = if view.frame.sign() > 0.0 { at - *first as f64 } else { *last as f64 - at };
            Some(1.0 + from / step)
        }
        _ => None,
    };
    OnScreen { px: canvas.project(index), frame }
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
