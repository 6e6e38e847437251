//! Pairs of structures whose relation along an axis is beyond doubt.

use super::factors::{Dim, Words};
use super::measure::{Basis, Body, Site, Stage};
use super::spec::{Margin, MisGround};
use situs_core::space::{BodyAxis, Preset};
use std::collections::BTreeMap;

/// The distance of two centres along one body axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Gap {
    /// A minus B in RAS+ mm along the world axis: its sign is the answer.
    pub(super) world_mm: f64,
    /// Smaller of the distance along the world axis and along the array's axis.
    pub(super) mm: f64,
    /// Distance in picture pixels, for an axis in the plane of the picture.
    pub(super) px: Option<f64>,
    /// Distance in frames, for the axis through the frames of a stack.
    pub(super) frames: Option<f64>,
    /// Smallest distance that was required, in mm.
    pub(super) required_mm: f64,
    /// Whether both definitions of the centre, the world, the array and the frames sent agree, and the margin is kept.
    pub(super) holds: bool,
}

/// All pairs of a stage that may be asked about.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    /// Pairs of sites that do not lie over each other, first and second in site order, ascending.
    pub(super) all: Vec<(usize, usize)>,
    /// Pairs by definition of the centre that do not contain each other.
    pub(super) apart: BTreeMap<Basis, Vec<usize>>,
    along: BTreeMap<(Basis, Words, BodyAxis), Vec<usize>>,
    dominant: BTreeMap<(Basis, Words), Vec<(usize, BodyAxis)>>,
}

impl Pairs {
    /// Pairs whose relation along an axis may be asked in these words.
    pub(super) fn along(&self, basis: Basis, words: Words, axis: BodyAxis) -> &[usize] {
        self.along.get(&(basis, words, axis)).map_or(&[], Vec::as_slice)
    }

    /// Pairs with one direction of largest displacement, with its axis.
    pub(super) fn dominant(&self, basis: Basis, words: Words) -> &[(usize, BodyAxis)] {
        self.dominant.get(&(basis, words)).map_or(&[], Vec::as_slice)
    }

    /// Whether two sites may both be marked: neither lies over the other.
    pub(super) fn are_clear(&self, a: usize, b: usize) -> bool {
        self.all.binary_search(&(a.min(b), a.max(b))).is_ok()
    }

    /// Pairs that may be asked about along any axis of the picture's plane, or of the stack.
    pub(super) fn askable(&self, basis: Basis) -> usize {
        let mut pairs: Vec<usize> = BodyAxis::ALL
            .into_iter()
            .flat_map(|axis| self.along(basis, Words::Anat, axis).iter().copied())
            .collect();
        pairs.sort_unstable();
        pairs.dedup();
        pairs.len()
    }
}

/// Axes that may be asked on a stage in these words: in a slice only those in its plane, on the screen only those of
/// the screen, in frames only the one through them.
pub(super) fn axes(stage: &Stage, words: Words) -> Vec<BodyAxis> {
    let through = stage.plane.through();
    BodyAxis::ALL
        .into_iter()
        .filter(|axis| match words {
            Words::Anat => stage.dim == Dim::Stack || *axis != through,
            Words::Coll => *axis != through,
            Words::Frame => stage.dim == Dim::Stack && *axis == through,
            Words::None => false,
        })
        .collect()
}

/// Works out all pairs of a stage.
pub(super) fn find(body: &Body<'_>, stage: &Stage, spec: &MisGround) -> Pairs {
    let mut pairs = Pairs::default();
    for a in 0..stage.sites.len() {
        for b in a + 1..stage.sites.len() {
            if body.overlap_share(stage, &stage.sites[a], &stage.sites[b]) <= spec.eligibility.overlap {
                pairs.all.push((a, b));
            }
        }
    }
    for basis in Basis::ALL {
        for (position, (a, b)) in pairs.all.iter().enumerate() {
            let (a, b) = (&stage.sites[*a], &stage.sites[*b]);
            let dots_hold = basis != Basis::Dot || (a.dot_holds && b.dot_holds);
            if !dots_hold || contains(stage, basis, a, b) || contains(stage, basis, b, a) {
                continue;
            }
            pairs.apart.entry(basis).or_default().push(position);
            for words in [Words::Anat, Words::Coll, Words::Frame] {
                let gaps: Vec<(BodyAxis, Gap)> = axes(stage, words)
                    .into_iter()
                    .map(|axis| (axis, gap(body, stage, spec, basis, words, (a, b), axis)))
                    .collect();
                for (axis, _) in gaps.iter().filter(|(_, gap)| gap.holds) {
                    pairs.along.entry((basis, words, *axis)).or_default().push(position);
                }
                if let Some(axis) = largest(&gaps, words, spec.eligibility.dominance) {
                    pairs.dominant.entry((basis, words)).or_default().push((position, axis));
                }
            }
        }
    }
    pairs
}

/// The axis of the largest displacement, when it is clear of the next and may be asked.
fn largest(gaps: &[(BodyAxis, Gap)], words: Words, dominance: f64) -> Option<BodyAxis> {
    if gaps.len() < 2 {
        return None;
    }
    let size = |gap: &Gap| match words {
        Words::Coll => gap.px.unwrap_or(0.0),
        _ => gap.world_mm.abs(),
    };
    let (axis, top) = gaps.iter().max_by(|(_, a), (_, b)| size(a).total_cmp(&size(b)))?;
    let next =
        gaps.iter().filter(|(other, _)| other != axis).map(|(_, gap)| size(gap)).fold(0.0_f64, f64::max);
    (top.holds && size(top) >= dominance * next).then_some(*axis)
}

/// Whether the box of A holds the centre of B on all axes that the stage shows.
fn contains(stage: &Stage, basis: Basis, a: &Site, b: &Site) -> bool {
    let centre = b.centre(basis);
    BodyAxis::ALL
        .into_iter()
        .filter(|axis| stage.dim == Dim::Stack || *axis != stage.plane.through())
        .map(BodyAxis::index)
        .all(|axis| {
            centre[axis] >= a.bbox_min[axis] as f64 - 0.5 && centre[axis] <= a.bbox_max[axis] as f64 + 0.5
        })
}

/// The distance of A from B along one body axis, and whether it may be asked.
pub(super) fn gap(
    body: &Body<'_>,
    stage: &Stage,
    spec: &MisGround,
    basis: Basis,
    words: Words,
    (a, b): (&Site, &Site),
    axis: BodyAxis,
) -> Gap {
    let at = axis.index();
    let spacing = body.spacing[at];
    let other = if basis == Basis::BoxCentre { Basis::Centroid } else { Basis::BoxCentre };
    let world = |basis: Basis| {
        let (a, b) = (body.affine().apply(a.centre(basis)), body.affine().apply(b.centre(basis)));
        a[at] - b[at]
    };
    let (centre_a, centre_b) = (a.centre(basis), b.centre(basis));
    let voxels = centre_a[at] - centre_b[at];
    let world_mm = world(basis);
    let mm = world_mm.abs().min(voxels.abs() * spacing);

    let canvas = body.canvas(stage.plane, Preset::StandardRadiological);
    let in_plane = axis != stage.plane.through();
    let px = in_plane.then(|| {
        let column = usize::from(canvas.view.right.axis() != axis);
        (canvas.project(centre_a)[column] - canvas.project(centre_b)[column]).abs()
    });
    let frames = (!in_plane && stage.step_mm > 0.0).then(|| voxels.abs() * spacing / stage.step_mm);

    let first = a.bbox_min[at].min(b.bbox_min[at]);
    let last = a.bbox_max[at].max(b.bbox_max[at]);
    let union_mm = (last - first + 1) as f64 * spacing;
    let mut required_mm: f64 = 0.0;
    let mut required_px: f64 = 0.0;
    for margin in margins(body, stage, spec, words) {
        required_mm =
            required_mm.max(margin.mm).max(margin.voxels * spacing).max(margin.extent_share * union_mm);
        if in_plane {
            required_px = required_px.max(margin.px);
            required_mm = required_mm.max(margin.px * canvas.mm_per_pixel);
        }
    }
    if !in_plane {
        required_mm = required_mm.max(spec.eligibility.frame_steps * stage.step_mm);
    }

    let agrees = |value: f64| value * world_mm > 0.0;
    let seen = match (a.seen(basis), b.seen(basis)) {
        (Some(a), Some(b)) => {
            let difference = a[at] - b[at];
            agrees(difference) && difference.abs() * spacing >= required_mm / 2.0
        }
        _ => stage.dim == Dim::Slice,
    };
    let holds = agrees(voxels)
        && agrees(world(other))
        && mm >= required_mm
        && px.is_none_or(|px| px >= required_px)
        && seen;
    Gap { world_mm, mm, px, frames, required_mm, holds }
}

fn margins<'s>(body: &Body<'_>, stage: &Stage, spec: &'s MisGround, words: Words) -> Vec<&'s Margin> {
    let margins = &spec.margins;
    match (body.knee, stage.dim, words) {
        (true, _, _) => vec![&margins.knee],
        (false, Dim::Slice, _) => vec![&margins.slice],
        (false, Dim::Stack, Words::Coll) => vec![&margins.stack, &margins.slice],
        (false, Dim::Stack, _) => vec![&margins.stack],
    }
}
