//! What a cell draws: the structures, their marks, the axis and the direction asked for.

use super::factors::{Asks, Dim, Visual, Words};
use super::grid::Cell;
use super::measure::{Basis, Body, Stage};
use super::pairs::{Gap, Pairs, axes, gap};
use super::spec::MisGround;
use situs_core::case::Modality;
use situs_core::digest::Draw;
use situs_core::scene::Colour;
use situs_core::space::{
    Anatomical, BodyAxis, Colloquial, Direction, Plane, Point, Preset, ScreenAxis, View,
};

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

/// Draws for a cell, or `None` when the stage holds no valid pair for it. `root` is the draw of the case: with the cell's
/// name it decides alone, so that no cell depends on which others there are.
pub(super) fn draw(
    spec: &MisGround,
    body: &Body<'_>,
    set: &Set,
    cell: &Cell<'_>,
    root: &Draw,
) -> Option<Drawn> {
    let root = root.of(cell.draw_key());
    let drawn = Drawn {
        basis: basis(cell),
        pair: None,
        marks: Vec::new(),
        axis: None,
        gap: None,
        toward_a: root.of("toward").coin(),
        other_plane: other_plane(cell.plane, root.of("plane").coin()),
        rest: root.of("order"),
    };
    match cell.template.asks {
        Asks::Plane => Some(drawn),
        Asks::NameOfMark | Asks::MarkOfName => draw_pair(spec, body, set, cell, &root, drawn),
        Asks::MarkFarthest => {
            let axes = axis_order(set, cell, drawn.basis, &root);
            let turns = axes.iter().cycle().take(if axes.is_empty() { 0 } else { MOST_ATTEMPTS });
            turns.enumerate().find_map(|(attempt, axis)| {
                let drawn = Drawn { axis: Some(*axis), ..drawn.clone() };
                draw_pair(spec, body, set, cell, &root.of(attempt), drawn)
            })
        }
        _ => {
            let axis = axis_order(set, cell, drawn.basis, &root).first().copied()?;
            draw_pair(spec, body, set, cell, &root, Drawn { axis: Some(axis), ..drawn })
        }
    }
}

/// Adds to what is drawn the pair, by a fair coin which of the two is A, and the marks.
fn draw_pair(
    spec: &MisGround,
    body: &Body<'_>,
    set: &Set,
    cell: &Cell<'_>,
    root: &Draw,
    mut drawn: Drawn,
) -> Option<Drawn> {
    let pairs = askable(set, cell, drawn.basis, drawn.axis);
    let position = *pairs.get(root.of("pair").below(pairs.len()))?;
    let (first, second) = *set.pairs.all.get(position)?;
    let (a, b) = if root.of("swap").coin() { (second, first) } else { (first, second) };
    drawn.pair = Some((a, b));
    drawn.gap = drawn.axis.map(|axis| {
        let sites = (&set.stage.sites[a], &set.stage.sites[b]);
        gap(body, &set.stage, spec, drawn.basis, cell.words, sites, axis)
    });
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

/// The axes along which a cell may ask, in the order in which they are tried, before any pair.
fn axis_order(set: &Set, cell: &Cell<'_>, basis: Basis, root: &Draw) -> Vec<BodyAxis> {
    let mut axes = axes(&set.stage, cell.words);
    axes.retain(|axis| !askable(set, cell, basis, Some(*axis)).is_empty());
    root.of("axis").order(axes.len()).into_iter().map(|place| axes[place]).collect()
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
            let voxels =
                sites.0.centre(drawn.basis)[axis.index()] - sites.1.centre(drawn.basis)[axis.index()];
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
            let inside =
                a.iter().zip(sides).all(|(at, side)| (DOT_REACH_PX..=side - DOT_REACH_PX).contains(at));
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
        for other in [
            [[120.0, 180.0], [70.0, 130.0]],
            [[300.0, 400.0], [50.0, 150.0]],
            [[150.0, 250.0], [20.0, 120.0]],
        ] {
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
        for (at, place) in [
            (0.0, 0.0),
            (1.0, 0.5),
            (2.0, 1.0),
            (2.5, 1.5),
            (3.0, 2.0),
            (4.0, 2.5),
            (5.0, 3.0),
            (7.0, 4.0),
            (-2.0, -1.0),
        ] {
            assert_eq!(place_among(&frames, at), place, "{at}");
        }
    }
}
