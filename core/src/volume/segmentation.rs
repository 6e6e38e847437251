//! The structures of a case as masks on the image grid, for measuring slices and drawing overlays.

use super::mask::{Mask, PlaneMask};
use super::measure::Tally;
use super::names::swap_sides;
use super::parts::{Connected, connected, connected_in_plane};
use crate::digest::Digest;
use crate::fault::Fault;
use crate::structure::{Grid, Measured, Overlap, Section, Structure};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// What a segmentation was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    LabelMap,
    Masks,
    Boxes,
}

/// All structures of a case on the image grid.
#[derive(Debug, Clone)]
pub struct Segmentation {
    /// Measurements, in the order of `masks`.
    pub measured: Measured,
    /// Masks; `None` for empty structures. For a case with boxes only, the box filled.
    pub masks: Vec<Option<Mask>>,
    /// Whether the structures are boxes rather than masks.
    pub boxes_only: bool,
    form: Form,
    /// Shared voxels by pair of structure indices, the smaller index first.
    shared: BTreeMap<(usize, usize), u64>,
    /// Parts of each structure, found when first asked for.
    connected: Vec<OnceLock<Connected>>,
}

/// What has been found out lazily does not count.
impl PartialEq for Segmentation {
    fn eq(&self, other: &Self) -> bool {
        self.form == other.form && self.measured == other.measured && self.masks == other.masks
    }
}

impl Segmentation {
    /// Puts a segmentation together; `shared` holds the overlapping pairs, the smaller index first.
    pub(crate) fn assemble(
        mut measured: Measured,
        masks: Vec<Option<Mask>>,
        form: Form,
        shared: BTreeMap<(usize, usize), u64>,
    ) -> Self {
        measured.overlaps = shared
            .iter()
            .map(|(&(a, b), &voxels)| Overlap {
                a: measured.structures[a].name.clone(),
                b: measured.structures[b].name.clone(),
                voxels,
            })
            .collect();
        let connected = masks.iter().map(|_| OnceLock::new()).collect();
        Self { measured, masks, boxes_only: form == Form::Boxes, form, shared, connected }
    }

    /// What it was made from, and the voxels that pairs of structures share, the smaller index first.
    #[cfg(feature = "engine")]
    pub(crate) fn origin(&self) -> (Form, &BTreeMap<(usize, usize), u64>) {
        (self.form, &self.shared)
    }

    /// A segmentation without structures.
    pub fn empty(grid: Grid) -> Self {
        let measured = Measured { grid, structures: Vec::new(), overlaps: Vec::new(), warnings: Vec::new() };
        Self::assemble(measured, Vec::new(), Form::Masks, BTreeMap::new())
    }

    /// Grid of the masks.
    pub fn grid(&self) -> &Grid {
        &self.measured.grid
    }

    /// Index of a structure by class name.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.measured.structures.iter().position(|structure| structure.name == name)
    }

    /// Bytes held by the masks.
    pub fn bytes(&self) -> usize {
        self.masks.iter().flatten().map(Mask::bytes).sum()
    }

    /// Structures within one slice, in the order of [`Measured::structures`], absent ones left out: `axis` is the
    /// through-plane axis (0 x, 1 y, 2 z), `index` the slice.
    ///
    /// # Errors
    /// Data, when the slice does not exist.
    pub fn sections(&self, axis: usize, index: usize) -> Result<Vec<Section>, Fault> {
        let shape = self.grid().shape;
        if shape.get(axis).is_none_or(|length| index >= *length) {
            return Err(Fault::data(format!("no slice {index} along axis {axis} in a grid of {shape:?}")));
        }
        let planes = self.masks.iter().enumerate();
        Ok(planes
            .filter_map(|(structure, mask)| {
                section(structure, &mask.as_ref()?.plane(axis, index)?, axis, index)
            })
            .collect())
    }

    /// Voxels of a structure per slice along an axis, with their summed canonical indices: `(slice, count, sum)`, in
    /// order of slice, empty slices left out.
    pub fn profile(&self, structure: usize, axis: usize) -> Vec<(usize, u64, [f64; 3])> {
        let Some(Some(mask)) = self.masks.get(structure) else { return Vec::new() };
        let Some(first) = mask.min.get(axis) else { return Vec::new() };
        let slices = mask.profile(axis).into_iter().enumerate();
        slices
            .filter(|(_, (count, _))| *count > 0)
            .map(|(offset, (count, sum))| (first + offset, count, sum.map(|sum| sum as f64)))
            .collect()
    }

    /// Share of a structure's voxels in its largest 26-connected part, 0 for an empty one. Found once, when first
    /// asked for.
    pub fn largest_part_share(&self, structure: usize) -> f64 {
        let voxels = self.measured.structures.get(structure).map_or(0, |structure| structure.voxels);
        self.connected(structure).map_or(0.0, |found| found.largest as f64 / voxels.max(1) as f64)
    }

    /// Number of 26-connected parts of a structure, 0 for an empty one. Found once, when first asked for.
    pub fn parts(&self, structure: usize) -> u64 {
        self.connected(structure).map_or(0, |found| found.parts)
    }

    fn connected(&self, structure: usize) -> Option<Connected> {
        let (mask, found) = (self.masks.get(structure)?.as_ref()?, self.connected.get(structure)?);
        let voxels = self.measured.structures.get(structure)?.voxels;
        let whole = Connected { parts: 1, largest: voxels };
        Some(*found.get_or_init(|| if self.boxes_only { whole } else { connected(mask) }))
    }

    /// Shared voxels of two structures as a share of the smaller one. 0 where one is empty, and for boxes: a box
    /// claims no voxel as its own.
    pub fn overlap_share(&self, a: usize, b: usize) -> f64 {
        let Some(shared) = self.shared.get(&(a.min(b), a.max(b))) else { return 0.0 };
        let voxels =
            |index: usize| self.measured.structures.get(index).map_or(0, |structure| structure.voxels);
        match voxels(a).min(voxels(b)) {
            0 => 0.0,
            smaller => *shared as f64 / smaller as f64,
        }
    }

    /// The same structures seen in a mirror across the canonical x axis: voxels and boxes change sides, and so do the
    /// side words of the names. The affine stays. Masks and boxes are put in order of name again, labels keep theirs.
    #[must_use]
    pub fn mirrored(&self) -> Self {
        let shape = self.grid().shape;
        let mut sides: Vec<(Structure, Option<Mask>, usize)> = self
            .measured
            .structures
            .iter()
            .zip(&self.masks)
            .enumerate()
            .map(|(place, (structure, mask))| {
                let mask = mask.as_ref().map(|mask| mask.mirrored(shape[0]));
                let tally = mask.as_ref().map_or_else(Tally::default, |mask| mask.tally(shape));
                let name = swap_sides(&structure.name);
                (tally.structure(&name, structure.label, self.grid()), mask, place)
            })
            .collect();
        if self.form != Form::LabelMap {
            sides.sort_by(|(a, ..), (b, ..)| a.name.cmp(&b.name));
        }
        let mut place_of = vec![0; sides.len()];
        for (new, (_, _, old)) in sides.iter().enumerate() {
            place_of[*old] = new;
        }
        let moved = |(&(a, b), &voxels): (&(usize, usize), &u64)| {
            let (a, b) = (place_of[a], place_of[b]);
            ((a.min(b), a.max(b)), voxels)
        };
        let shared = self.shared.iter().map(moved).collect();
        let (structures, masks) = sides.into_iter().map(|(structure, mask, _)| (structure, mask)).unzip();
        let warnings = self.measured.warnings.clone();
        let measured = Measured { grid: *self.grid(), structures, overlaps: Vec::new(), warnings };
        Self::assemble(measured, masks, self.form, shared)
    }

    /// Identity of the structures: names, labels, boxes and every voxel. Independent of how they were stored.
    pub fn digest(&self) -> String {
        let mut digest = Digest::new("situs-segmentation-1");
        digest.json(&self.grid().shape).json(&self.boxes_only);
        for (structure, mask) in self.measured.structures.iter().zip(&self.masks) {
            digest.text(&structure.name).json(&structure.label);
            match mask {
                Some(mask) => mask.add_to(&mut digest),
                None => {
                    digest.text("empty");
                }
            }
        }
        digest.hex()
    }
}

fn section(structure: usize, plane: &PlaneMask, axis: usize, index: usize) -> Option<Section> {
    let mut voxels = 0u64;
    let mut sum = [0u64; 2];
    let (mut min, mut max) = ([usize::MAX; 2], [0; 2]);
    plane.for_each_run(|row, start, end| {
        let count = (end - start) as u64;
        voxels += count;
        sum[0] += count * (start + end - 1) as u64 / 2;
        sum[1] += count * row as u64;
        min = [min[0].min(start), min[1].min(row)];
        max = [max[0].max(end - 1), max[1].max(row)];
    });
    if voxels == 0 {
        return None;
    }
    let [across, down] = plane.origin;
    // Puts the in-plane pair back around the through-plane axis.
    let place = |[u, v]: [usize; 2]| match axis {
        0 => [index, across + u, down + v],
        1 => [across + u, index, down + v],
        _ => [across + u, down + v, index],
    };
    let [u, v] = sum.map(|sum| sum as f64 / voxels as f64);
    let (u, v) = (across as f64 + u, down as f64 + v);
    let through = index as f64;
    let Connected { parts, largest } = connected_in_plane(plane);
    Some(Section {
        structure,
        voxels,
        parts,
        largest_part: largest,
        centroid_index: match axis {
            0 => [through, u, v],
            1 => [u, through, v],
            _ => [u, v, through],
        },
        bbox_min: place(min),
        bbox_max: place(max),
    })
}
