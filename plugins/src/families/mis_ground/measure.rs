//! What a slice or a stack shows of each structure: centres, boxes, and whether it may be asked about.

use super::classes::Classes;
use super::factors::Dim;
use super::spec::{Eligibility, MisGround};
use situs_core::fault::Fault;
use situs_core::question::Reasons;
use situs_core::space::{Affine, BodyAxis, Canvas, Plane, Point, Preset};
use situs_core::structure::{Grid, Measured, Section};
use situs_core::volume::{Segmentation, swap_sides};
use std::cell::OnceCell;

/// Voxels and summed indices of a structure per slice: `(slice, count, sum)`.
type Profile = Vec<(usize, u64, [f64; 3])>;

/// What the family asks of a segmentation.
pub(super) trait Anatomy {
    /// Structures within one slice.
    fn sections(&self, axis: usize, index: usize) -> Result<Vec<Section>, Fault>;
    /// Voxels and summed indices of a structure per slice.
    fn profile(&self, structure: usize, axis: usize) -> Profile;
    /// Share of the largest 26-connected part.
    fn largest_part_share(&self, structure: usize) -> f64;
    /// Number of 26-connected parts.
    fn parts(&self, structure: usize) -> u64;
    /// Whether a voxel belongs to a structure.
    fn contains(&self, structure: usize, index: [usize; 3]) -> bool;
    /// Shared voxels of two structures as a share of the smaller one.
    fn overlap_share(&self, a: usize, b: usize) -> f64;
    /// Measurements of the whole volume.
    fn measured(&self) -> &Measured;
    /// Whether the structures are boxes.
    fn boxes_only(&self) -> bool;
}

impl Anatomy for Segmentation {
    fn sections(&self, axis: usize, index: usize) -> Result<Vec<Section>, Fault> {
        Segmentation::sections(self, axis, index)
    }

    fn profile(&self, structure: usize, axis: usize) -> Profile {
        Segmentation::profile(self, structure, axis)
    }

    fn largest_part_share(&self, structure: usize) -> f64 {
        Segmentation::largest_part_share(self, structure)
    }

    fn parts(&self, structure: usize) -> u64 {
        Segmentation::parts(self, structure)
    }

    fn contains(&self, structure: usize, index: [usize; 3]) -> bool {
        self.masks.get(structure).and_then(Option::as_ref).is_some_and(|mask| mask.contains(index))
    }

    fn overlap_share(&self, a: usize, b: usize) -> f64 {
        Segmentation::overlap_share(self, a, b)
    }

    fn measured(&self) -> &Measured {
        &self.measured
    }

    fn boxes_only(&self) -> bool {
        self.boxes_only
    }
}

/// How a centre is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Basis {
    /// Mean position of the mask's voxels.
    Centroid,
    /// The same, for a dot that must lie on its own structure.
    Dot,
    /// Centre of the box.
    BoxCentre,
}

impl Basis {
    pub(super) const ALL: [Basis; 3] = [Self::Centroid, Self::Dot, Self::BoxCentre];
}

/// A structure that may be asked about somewhere in the case.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// Index in `Measured::structures`.
    pub(super) index: usize,
    pub(super) name: String,
    pub(super) display: String,
    pub(super) truncated: bool,
    /// Volume centroid in RAS+ mm.
    pub(super) volume_centroid: Point,
}

/// A structure on one stage. Positions are canonical voxel indices.
#[derive(Debug, Clone)]
pub(super) struct Site {
    /// Index into [`Body::candidates`].
    pub(super) candidate: usize,
    pub(super) centroid: Point,
    pub(super) bbox_min: [usize; 3],
    pub(super) bbox_max: [usize; 3],
    /// Whether the centroid lies on the structure.
    pub(super) dot_holds: bool,
    /// Centroid over the frames that are sent; `None` for a slice.
    pub(super) seen_centroid: Option<Point>,
    /// Box centre with the through-plane component taken over the frames that are sent; `None` for a slice.
    pub(super) seen_box: Option<Point>,
    /// Area in mm2 in the slice, or on the frame that shows most.
    pub(super) area_mm2: f64,
    /// Voxels in the slice; 0 in a stack.
    pub(super) voxels: u64,
    /// 8-connected parts in the slice; `None` in a stack.
    pub(super) slice_parts: Option<u64>,
}

impl Site {
    /// Centre by a definition.
    pub(super) fn centre(&self, basis: Basis) -> Point {
        match basis {
            Basis::Centroid | Basis::Dot => self.centroid,
            Basis::BoxCentre => {
                std::array::from_fn(|axis| (self.bbox_min[axis] + self.bbox_max[axis]) as f64 / 2.0)
            }
        }
    }

    /// Centre as the frames that are sent show it.
    pub(super) fn seen(&self, basis: Basis) -> Option<Point> {
        match basis {
            Basis::Centroid | Basis::Dot => self.seen_centroid,
            Basis::BoxCentre => self.seen_box,
        }
    }
}

/// A slice or a stack with the structures it shows.
#[derive(Debug, Clone)]
pub(super) struct Stage {
    pub(super) dim: Dim,
    pub(super) plane: Plane,
    /// Slice indices that are shown, ascending.
    pub(super) frames: Vec<usize>,
    /// Mean distance between frames in mm; 0 for a slice.
    pub(super) step_mm: f64,
    /// Sites in the order of candidates.
    pub(super) sites: Vec<Site>,
}

/// The case as the family sees it: geometry and candidates.
pub(super) struct Body<'a> {
    pub(super) anatomy: &'a dyn Anatomy,
    pub(super) grid: Grid,
    pub(super) spacing: Point,
    pub(super) knee: bool,
    /// In an order that a mirror keeps.
    pub(super) candidates: Vec<Candidate>,
    rules: &'a Eligibility,
    long_side: u32,
    part_shares: Vec<OnceCell<f64>>,
    profiles: Vec<[OnceCell<Profile>; 3]>,
}

impl<'a> Body<'a> {
    /// Picks the structures that may be asked about; the others are counted in `left_out`.
    pub(super) fn new(
        anatomy: &'a dyn Anatomy,
        spec: &'a MisGround,
        classes: &Classes,
        is_ct: bool,
        knee: bool,
        left_out: &mut Reasons,
    ) -> Self {
        let measured = anatomy.measured();
        let mut candidates = Vec::new();
        let mut displays = std::collections::BTreeSet::new();
        let mut leave = |reason: &str| *left_out.entry(reason.to_owned()).or_default() += 1;
        for (index, structure) in measured.structures.iter().enumerate() {
            let (Some(centroid), Some(_), Some(_)) =
                (structure.centroid_ras_mm, structure.bbox_min, structure.bbox_max)
            else {
                continue;
            };
            if !classes.asks_about(&structure.name, is_ct) {
                leave(&classes.outside());
                continue;
            }
            let Some(display) = classes.display(&structure.name) else {
                leave("structure: its name cannot be printed");
                continue;
            };
            if structure.border_voxels as f64 >= spec.eligibility.border * structure.voxels as f64
                && structure.touches_border
            {
                leave("structure: cut by the scan edge");
                continue;
            }
            if !displays.insert(display.to_lowercase()) {
                leave("structure: its name is taken twice");
                continue;
            }
            candidates.push(Candidate {
                index,
                name: structure.name.clone(),
                display,
                truncated: structure.touches_border,
                volume_centroid: centroid,
            });
        }
        // The same order whichever side is called left, so that a mirrored case draws the mirrored items.
        candidates.sort_by_cached_key(|candidate| {
            let structure = &measured.structures[candidate.index];
            let [_, y, z] = structure.centroid_index.unwrap_or_default();
            let place = [z, y].map(|index| (index * 1e6).round() as i64);
            (neutral(&candidate.name), structure.voxels, place, candidate.name.clone())
        });
        let count = candidates.len();
        Self {
            anatomy,
            grid: measured.grid,
            spacing: measured.grid.affine.spacing(),
            knee,
            candidates,
            rules: &spec.eligibility,
            long_side: spec.long_side,
            part_shares: vec![OnceCell::new(); count],
            profiles: (0..count).map(|_| std::array::from_fn(|_| OnceCell::new())).collect(),
        }
    }

    pub(super) fn affine(&self) -> &Affine {
        &self.grid.affine
    }

    /// The picture's pixel grid in one preset; its scale is the same in all presets of a plane.
    pub(super) fn canvas(&self, plane: Plane, preset: Preset) -> Canvas {
        preset.view(plane).canvas(self.grid.shape, self.spacing, self.long_side)
    }

    fn profile(&self, candidate: usize, axis: usize) -> &[(usize, u64, [f64; 3])] {
        self.profiles[candidate][axis]
            .get_or_init(|| self.anatomy.profile(self.candidates[candidate].index, axis))
    }

    fn part_share(&self, candidate: usize) -> f64 {
        *self.part_shares[candidate].get_or_init(|| {
            if self.anatomy.boxes_only() {
                return 1.0;
            }
            self.anatomy.largest_part_share(self.candidates[candidate].index)
        })
    }

    /// Area in mm2 of one voxel in a slice of this plane.
    fn voxel_area(&self, plane: Plane) -> f64 {
        BodyAxis::ALL
            .into_iter()
            .filter(|axis| *axis != plane.through())
            .map(|axis| self.spacing[axis.index()])
            .product()
    }

    fn is_visible(&self, plane: Plane, voxels: u64) -> bool {
        let area = voxels as f64 * self.voxel_area(plane);
        let canvas = self.canvas(plane, Preset::StandardRadiological);
        area >= self.rules.area_mm2 && area / canvas.pixel_area() >= self.rules.area_px
    }

    /// How many structures are large enough in each slice of a plane, before any other rule.
    pub(super) fn visible_counts(&self, plane: Plane) -> Vec<usize> {
        let axis = plane.through().index();
        let mut counts = vec![0; self.grid.shape[axis]];
        for candidate in 0..self.candidates.len() {
            for (slice, voxels, _) in self.profile(candidate, axis) {
                if let Some(count) = counts.get_mut(*slice).filter(|_| self.is_visible(plane, *voxels)) {
                    *count += 1;
                }
            }
        }
        counts
    }

    /// One slice with the structures that may be asked about in it.
    ///
    /// # Errors
    /// When the slice cannot be measured.
    pub(super) fn slice(&self, plane: Plane, index: usize) -> Result<Stage, Fault> {
        let through = plane.through().index();
        let sections = self.anatomy.sections(through, index)?;
        let mut sites = Vec::new();
        for (candidate, facts) in self.candidates.iter().enumerate() {
            let Some(section) = sections.iter().find(|section| section.structure == facts.index) else {
                continue;
            };
            let whole = section.largest_part as f64 >= self.rules.part * section.voxels as f64;
            if !self.is_visible(plane, section.voxels) || !whole || !self.in_box_middle(facts, through, index)
            {
                continue;
            }
            let mut centroid = section.centroid_index;
            centroid[through] = index as f64;
            sites.push(Site {
                candidate,
                centroid,
                bbox_min: section.bbox_min,
                bbox_max: section.bbox_max,
                dot_holds: self.holds_dot(facts.index, centroid),
                seen_centroid: None,
                seen_box: None,
                area_mm2: section.voxels as f64 * self.voxel_area(plane),
                voxels: section.voxels,
                slice_parts: Some(section.parts),
            });
        }
        Ok(Stage { dim: Dim::Slice, plane, frames: vec![index], step_mm: 0.0, sites })
    }

    /// A stack of `frames` slices, spread uniformly over the whole volume; all slices when there are fewer.
    pub(super) fn stack(&self, plane: Plane, frames: usize) -> Stage {
        let through = plane.through().index();
        let frames = uniform_frames(self.grid.shape[through], frames);
        let step_mm = match (frames.first(), frames.last()) {
            (Some(first), Some(last)) if frames.len() > 1 => {
                (last - first) as f64 * self.spacing[through] / (frames.len() - 1) as f64
            }
            _ => 0.0,
        };
        let sites = (0..self.candidates.len())
            .filter_map(|candidate| self.stack_site(plane, &frames, candidate))
            .collect();
        Stage { dim: Dim::Stack, plane, frames, step_mm, sites }
    }

    fn stack_site(&self, plane: Plane, frames: &[usize], candidate: usize) -> Option<Site> {
        let through = plane.through().index();
        let facts = &self.candidates[candidate];
        let structure = &self.anatomy.measured().structures[facts.index];
        let (centroid, bbox_min, bbox_max) =
            (structure.centroid_index?, structure.bbox_min?, structure.bbox_max?);
        let (mut visible, mut most, mut count, mut sum) = (0, 0_u64, 0_u64, [0.0; 3]);
        for (slice, voxels, total) in self.profile(candidate, through) {
            if frames.binary_search(slice).is_err() {
                continue;
            }
            visible += usize::from(self.is_visible(plane, *voxels));
            most = most.max(*voxels);
            count += voxels;
            for (sum, part) in sum.iter_mut().zip(total) {
                *sum += part;
            }
        }
        if visible < self.rules.frames || count == 0 || self.part_share(candidate) < self.rules.part {
            return None;
        }
        let inside: Vec<f64> = frames
            .iter()
            .filter(|frame| (bbox_min[through]..=bbox_max[through]).contains(*frame))
            .map(|frame| *frame as f64)
            .collect();
        let mut seen_box: Point = std::array::from_fn(|axis| (bbox_min[axis] + bbox_max[axis]) as f64 / 2.0);
        seen_box[through] = inside.iter().sum::<f64>() / inside.len().max(1) as f64;
        Some(Site {
            candidate,
            centroid,
            bbox_min,
            bbox_max,
            dot_holds: self.holds_dot(facts.index, centroid),
            seen_centroid: Some(sum.map(|sum| sum / count as f64)),
            seen_box: Some(seen_box),
            area_mm2: most as f64 * self.voxel_area(plane),
            voxels: 0,
            slice_parts: None,
        })
    }

    /// Shared voxels of two sites as a share of the smaller one: in the slice that is shown, or in the volume of a stack.
    pub(super) fn overlap_share(&self, stage: &Stage, a: &Site, b: &Site) -> f64 {
        let [first, second] = [a, b].map(|site| self.candidates[site.candidate].index);
        let whole = self.anatomy.overlap_share(first, second);
        if stage.dim == Dim::Stack || whole == 0.0 {
            return whole;
        }
        let [xs, ys, zs] = [0, 1, 2].map(|axis| {
            a.bbox_min[axis].max(b.bbox_min[axis])..=a.bbox_max[axis].min(b.bbox_max[axis])
        });
        let shared = zs
            .flat_map(|z| ys.clone().map(move |y| (y, z)))
            .flat_map(|(y, z)| xs.clone().map(move |x| [x, y, z]))
            .filter(|index| self.anatomy.contains(first, *index) && self.anatomy.contains(second, *index))
            .count();
        shared as f64 / a.voxels.min(b.voxels).max(1) as f64
    }

    /// A box is asked about in a slice only where the slice passes through its middle part.
    fn in_box_middle(&self, facts: &Candidate, through: usize, index: usize) -> bool {
        if !self.anatomy.boxes_only() {
            return true;
        }
        let structure = &self.anatomy.measured().structures[facts.index];
        let (Some(min), Some(max)) = (structure.bbox_min, structure.bbox_max) else { return false };
        let length = (max[through] - min[through] + 1) as f64;
        let edge = (1.0 - self.rules.box_middle) / 2.0 * length;
        let from_start = index as f64 + 0.5 - min[through] as f64;
        from_start >= edge && from_start <= length - edge
    }

    fn holds_dot(&self, structure: usize, centroid: Point) -> bool {
        let index = centroid.map(|value| value.round().max(0.0) as usize);
        self.anatomy.contains(structure, index)
    }
}

/// `count` slice indices spread over `0..slices` (round half to even), or all of them.
fn uniform_frames(slices: usize, count: usize) -> Vec<usize> {
    if slices <= count || count < 2 {
        return (0..slices).collect();
    }
    (0..count)
        .map(|frame| ((frame * (slices - 1)) as f64 / (count - 1) as f64).round_ties_even() as usize)
        .collect()
}

/// A name that does not tell left from right.
fn neutral(name: &str) -> String {
    let other = swap_sides(name);
    if other.as_str() < name { other } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_cover_the_whole_extent_and_round_half_to_even() {
        assert_eq!(uniform_frames(5, 32), [0, 1, 2, 3, 4]);
        // 0, 1.5, 3, 4.5, 6
        assert_eq!(uniform_frames(7, 5), [0, 2, 3, 4, 6]);
        let many = uniform_frames(400, 32);
        assert_eq!((many.len(), many[0], many[31]), (32, 0, 399));
    }

    #[test]
    fn exchanging_sides_keeps_the_neutral_name() {
        assert_eq!(neutral("kidney_right"), neutral("kidney_left"));
        assert_eq!(neutral("Precentral_R"), neutral("Precentral_L"));
        assert_eq!(neutral("liver"), "liver");
    }
}
