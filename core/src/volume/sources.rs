//! Segmentations from a label map, from one mask a structure, or from boxes.

use super::mask::Mask;
use super::measure::{TABLE_LABELS, Tally, measure_labels, measure_mask};
use super::runs::{LabelWord, for_each_run};
use super::segmentation::{Form, Segmentation};
use super::{LabelReader, LabelSlice, LabelView, LabelVolume};
use crate::case::{Case, NamedBox, NamedMask, StructureSource, VolumeRef, VolumeSource};
use crate::fault::Fault;
use crate::structure::{Grid, Measured, Warning};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Corners of an image's and a mask's grid may lie this far apart in millimetres: writers round affines.
pub const GRID_TOLERANCE_MM: f64 = 0.1;

/// Bytes that all masks of a case may take, so that scattered labels with boxes as large as the volume cannot fill
/// the memory. A full-body map of 117 structures takes about 250 MB.
pub const MAX_MASK_BYTES: usize = 1 << 30;

/// Reads the label maps and masks of cases, one after the other.
pub trait LabelSource {
    /// The label map or mask behind a reference, in canonical RAS+.
    ///
    /// # Errors
    /// Those of [`LabelReader::read`], and Unsupported for a kind of reference that this source does not know.
    fn labels(&mut self, volume: &VolumeRef) -> Result<LabelView<'_>, Fault>;
}

impl LabelSource for LabelReader {
    fn labels(&mut self, volume: &VolumeRef) -> Result<LabelView<'_>, Fault> {
        match &volume.source {
            VolumeSource::File { path } => self.read(path),
            VolumeSource::Dataset { key } => {
                Err(Fault::unsupported(format!("volume {key:?} lies in a data set and not in a file")))
            }
        }
    }
}

impl LabelVolume {
    /// The label map, borrowed.
    pub fn view(&self) -> LabelView<'_> {
        LabelView {
            grid: self.grid,
            labels: self.labels.as_slice(),
            names: self.names.clone(),
            warnings: self.warnings.clone(),
        }
    }
}

impl Segmentation {
    /// Structures of a label map, ascending label. Names come from `names`, else from the file's own table, else
    /// `label_N`; labels that a given map leaves unnamed are reported as a warning.
    ///
    /// # Errors
    /// Data: too many labels, or masks above [`MAX_MASK_BYTES`].
    pub fn from_labels(volume: &LabelView<'_>, names: Option<&BTreeMap<u32, String>>) -> Result<Self, Fault> {
        let tallies = measure_labels(&volume.grid, volume.labels)?;
        let measured = named(&tallies, volume, names);
        let labels: Vec<u32> = tallies.iter().map(|(label, _)| *label).collect();
        let mut bytes = 0;
        let mut masks = Vec::with_capacity(tallies.len());
        for (_, tally) in &tallies {
            masks.push(empty_mask(tally, &mut bytes)?);
        }
        match volume.labels {
            LabelSlice::U8(map) => pack(map, volume.grid.shape, &labels, &mut masks),
            LabelSlice::U16(map) => pack(map, volume.grid.shape, &labels, &mut masks),
            LabelSlice::U32(map) => pack(map, volume.grid.shape, &labels, &mut masks),
        }
        Ok(Self::assemble(measured, masks, Form::LabelMap, BTreeMap::new()))
    }

    /// Only the measurements of [`Segmentation::from_labels`], without the masks: one pass.
    ///
    /// # Errors
    /// Data: too many labels.
    pub fn measure(volume: &LabelView<'_>, names: Option<&BTreeMap<u32, String>>) -> Result<Measured, Fault> {
        let tallies = measure_labels(&volume.grid, volume.labels)?;
        Ok(named(&tallies, volume, names))
    }

    /// Structures from one binary mask each, in order of name; non-zero is inside. The masks are loaded one after the
    /// other, so that only one is held unpacked. Without a grid, the first mask's is taken.
    ///
    /// # Errors
    /// Data: no mask, two masks of one name, a mask on another grid, masks above [`MAX_MASK_BYTES`].
    pub fn from_masks(
        grid: Option<&Grid>,
        masks: &[NamedMask],
        source: &mut dyn LabelSource,
    ) -> Result<Self, Fault> {
        let mut sorted: Vec<&NamedMask> = masks.iter().collect();
        sorted.sort_by(|a, b| a.name.cmp(&b.name));
        if let Some([one, _]) = sorted.array_windows().find(|[one, other]| one.name == other.name) {
            return Err(Fault::data(format!("two masks are named {:?}", one.name)));
        }
        let mut gathering = grid.map(|grid| Gathering::on(*grid));
        for named in sorted {
            let volume = source
                .labels(&named.volume)
                .map_err(|fault| fault.within(format!("mask {:?}", named.name)))?;
            let gathering = gathering.get_or_insert_with(|| Gathering::on(volume.grid));
            gathering.add(named, &volume)?;
        }
        let gathered = gathering.ok_or_else(|| Fault::data("no masks, and no image to say on which grid"))?;
        Ok(gathered.finish())
    }

    /// Structures from boxes, in order of name: the box filled.
    ///
    /// # Errors
    /// Data: a box outside the grid or with its ends swapped, two boxes of one name, boxes above [`MAX_MASK_BYTES`].
    pub fn from_boxes(grid: &Grid, boxes: &[NamedBox]) -> Result<Self, Fault> {
        let mut sorted: Vec<&NamedBox> = boxes.iter().collect();
        sorted.sort_by(|a, b| a.name.cmp(&b.name));
        let (mut structures, mut masks, mut bytes) = (Vec::new(), Vec::new(), 0);
        for (place, named) in sorted.iter().enumerate() {
            let NamedBox { name, min, max } = named;
            if place > 0 && sorted[place - 1].name == *name {
                return Err(Fault::data(format!("two boxes are named {name:?}")));
            }
            if (0..3).any(|axis| min[axis] > max[axis] || max[axis] >= grid.shape[axis]) {
                let what = format!("box {name:?} from {min:?} to {max:?} does not lie in {}", describe(grid));
                return Err(
                    Fault::data(what).help("boxes are canonical RAS+ voxel indices, both ends inclusive")
                );
            }
            reserve(*min, *max, &mut bytes)?;
            let mask = Mask::filled(*min, *max);
            structures.push(mask.tally(grid.shape).structure(name, None, grid));
            masks.push(Some(mask));
        }
        let measured = Measured { grid: *grid, structures, overlaps: Vec::new(), warnings: Vec::new() };
        Ok(Self::assemble(measured, masks, Form::Boxes, BTreeMap::new()))
    }

    /// The structures of a case on its image's grid; without an image, on their own.
    ///
    /// # Errors
    /// Those of the loader and of the form at hand; Data when a label map or mask lies on another grid than the image.
    pub fn load(case: &Case, image: Option<&Grid>, source: &mut dyn LabelSource) -> Result<Self, Fault> {
        let missing = || Fault::data("no image to say on which grid the structures lie");
        match &case.structures {
            StructureSource::LabelMap { volume, names } => {
                let mut labels = source.labels(volume)?;
                if let Some(image) = image {
                    same_grid("the label map", &labels.grid, image)?;
                    labels.grid = *image;
                }
                Self::from_labels(&labels, Some(names).filter(|names| !names.is_empty()))
            }
            StructureSource::Masks { masks } => Self::from_masks(image, masks, source),
            StructureSource::Boxes { boxes } => Self::from_boxes(image.ok_or_else(missing)?, boxes),
            StructureSource::None => image.map(|image| Self::empty(*image)).ok_or_else(missing),
        }
        .map_err(|fault| fault.within(format!("case {}", case.name)))
    }
}

/// Masks collected one by one.
struct Gathering {
    grid: Grid,
    named: Vec<(String, Option<u32>, Tally)>,
    masks: Vec<Option<Mask>>,
    /// All voxels inside any mask so far; made when a mask has been read, so that its size is no mere claim.
    seen: Option<Mask>,
    shared: BTreeMap<(usize, usize), u64>,
    warnings: BTreeSet<Warning>,
    bytes: usize,
}

impl Gathering {
    fn on(grid: Grid) -> Self {
        Self {
            grid,
            named: Vec::new(),
            masks: Vec::new(),
            seen: None,
            shared: BTreeMap::new(),
            warnings: BTreeSet::new(),
            bytes: 0,
        }
    }

    fn add(&mut self, named: &NamedMask, volume: &LabelView<'_>) -> Result<(), Fault> {
        let place = || format!("mask {:?}", named.name);
        same_grid(&place(), &volume.grid, &self.grid)?;
        let tally = measure_mask(&volume.grid, volume.labels).map_err(|fault| fault.within(place()))?;
        if tally.mixed {
            let message =
                format!("{} holds several values, as a label map does; all of them count as inside", place());
            self.warnings.insert(Warning::new("mask_not_binary", message));
        }
        let mut mask = empty_mask(&tally, &mut self.bytes).map_err(|fault| fault.within(place()))?;
        if let Some(mask) = &mut mask {
            let last = volume.grid.shape.map(|length| length - 1);
            let seen = self.seen.get_or_insert_with(|| Mask::over([0; 3], last));
            match volume.labels {
                LabelSlice::U8(labels) => pack_mask(labels, volume.grid.shape, mask),
                LabelSlice::U16(labels) => pack_mask(labels, volume.grid.shape, mask),
                LabelSlice::U32(labels) => pack_mask(labels, volume.grid.shape, mask),
            }
            if let Some(met) = mask.merge_into(seen) {
                let number = self.masks.len();
                for (other, earlier) in self.masks.iter().enumerate() {
                    let shared = earlier.as_ref().map_or(0, |earlier| mask.shared(earlier, met));
                    if shared > 0 {
                        self.shared.insert((other, number), shared);
                    }
                }
            }
        }
        self.named.push((named.name.clone(), named.label, tally));
        self.masks.push(mask);
        self.warnings.extend(volume.warnings.iter().cloned());
        Ok(())
    }

    fn finish(self) -> Segmentation {
        let structures =
            self.named.iter().map(|(name, label, tally)| tally.structure(name, *label, &self.grid)).collect();
        let warnings = self.warnings.into_iter().collect();
        let measured = Measured { grid: self.grid, structures, overlaps: Vec::new(), warnings };
        Segmentation::assemble(measured, self.masks, Form::Masks, self.shared)
    }
}

/// An empty mask over the box of a tally, `None` for an empty structure; its bytes are added to `bytes`.
fn empty_mask(tally: &Tally, bytes: &mut usize) -> Result<Option<Mask>, Fault> {
    let Some((min, max)) = tally.bounds() else { return Ok(None) };
    reserve(min, max, bytes)?;
    Ok(Some(Mask::over(min, max)))
}

fn reserve(min: [usize; 3], max: [usize; 3], bytes: &mut usize) -> Result<(), Fault> {
    let total = Mask::bytes_over(min, max).and_then(|more| bytes.checked_add(more));
    *bytes = total.filter(|total| *total <= MAX_MASK_BYTES).ok_or_else(|| {
        Fault::data(format!("the masks of one case would take more than {MAX_MASK_BYTES} bytes"))
            .help("structures are kept as bits inside their boxes; labels scattered over the whole volume do not fit")
    })?;
    Ok(())
}

/// Packs all structures of a label map; `labels` are ascending and every non-zero label of the map is among them.
fn pack<T: LabelWord>(map: &[T], [nx, ny, _]: [usize; 3], labels: &[u32], masks: &mut [Option<Mask>]) {
    let mut table = vec![usize::MAX; TABLE_LABELS as usize];
    let mut sparse = HashMap::new();
    for (place, &label) in labels.iter().enumerate() {
        match table.get_mut(label as usize) {
            Some(slot) => *slot = place,
            None => {
                sparse.insert(label, place);
            }
        }
    }
    for (number, row) in map.chunks_exact(nx.max(1)).enumerate() {
        let (y, z) = (number % ny, number / ny);
        for_each_run(row, |label, start, end| {
            if label == T::ZERO {
                return;
            }
            let label: u32 = label.into();
            let place = if label < TABLE_LABELS { table.get(label as usize) } else { sparse.get(&label) };
            if let Some(Some(mask)) = place.and_then(|place| masks.get_mut(*place)) {
                mask.set_run(y, z, start, end);
            }
        });
    }
}

/// Packs one binary mask, looking only inside its box.
fn pack_mask<T: LabelWord>(labels: &[T], [nx, ny, _]: [usize; 3], mask: &mut Mask) {
    let (min, max) = (mask.min, mask.max);
    for z in min[2]..=max[2] {
        for y in min[1]..=max[1] {
            let row = nx * (y + ny * z);
            for_each_run(&labels[row + min[0]..=row + max[0]], |label, start, end| {
                if label != T::ZERO {
                    mask.set_run(y, z, min[0] + start, min[0] + end);
                }
            });
        }
    }
}

fn named(
    tallies: &[(u32, Tally)],
    volume: &LabelView<'_>,
    names: Option<&BTreeMap<u32, String>>,
) -> Measured {
    let mut warnings = volume.warnings.clone();
    let labels: Vec<u32> = tallies.iter().map(|(label, _)| *label).collect();
    let structures = tallies
        .iter()
        .zip(name_labels(&labels, names, &volume.names, &mut warnings))
        .map(|((label, tally), name)| tally.structure(&name, Some(*label), &volume.grid))
        .collect();
    Measured { grid: volume.grid, structures, overlaps: Vec::new(), warnings }
}

/// A name for each label: from the given map, else from the file's table, else `label_N`. Names are made unique.
fn name_labels(
    labels: &[u32],
    given: Option<&BTreeMap<u32, String>>,
    own: &BTreeMap<u32, String>,
    warnings: &mut Vec<Warning>,
) -> Vec<String> {
    let table = given.unwrap_or(own);
    let unnamed: Vec<String> =
        labels.iter().filter(|label| !table.contains_key(label)).map(u32::to_string).collect();
    if given.is_some() && !unnamed.is_empty() {
        const SHOWN: usize = 20;
        let more = if unnamed.len() > SHOWN { ", ..." } else { "" };
        let list = unnamed[..unnamed.len().min(SHOWN)].join(", ");
        let message = format!("{} labels have no name in the name map: {list}{more}", unnamed.len());
        warnings.push(Warning::new("unnamed_labels", message));
    }
    let mut used = BTreeSet::new();
    let mut names = Vec::with_capacity(labels.len());
    for label in labels {
        let mut name = table.get(label).cloned().unwrap_or_else(|| format!("label_{label}"));
        if !used.insert(name.clone()) {
            let message =
                format!("label {label} is named {name:?} as another label is; it is called label_{label}");
            warnings.push(Warning::new("name_used_twice", message));
            name = format!("label_{label}");
            used.insert(name.clone());
        }
        names.push(name);
    }
    names
}

/// Refuses voxels on another grid, naming both.
pub(crate) fn same_grid(what: &str, grid: &Grid, image: &Grid) -> Result<(), Fault> {
    if grid.matches(image, GRID_TOLERANCE_MM) {
        return Ok(());
    }
    let what =
        format!("{what} lies on another grid: {}, but the image on {}", describe(grid), describe(image));
    Err(Fault::data(what).help("resample the segmentation onto the image's grid, label by label, before use"))
}

/// Shape, spacing and corners of a grid in words.
fn describe(grid: &Grid) -> String {
    let [nx, ny, nz] = grid.shape;
    let [sx, sy, sz] = grid.affine.spacing();
    let first = grid.affine.apply([0.0; 3]);
    let last = grid.affine.apply(grid.shape.map(|length| length as f64 - 1.0));
    let point = |[x, y, z]: [f64; 3]| format!("({x:.3}, {y:.3}, {z:.3})");
    format!(
        "{nx} x {ny} x {nz} voxels of {sx:.3} x {sy:.3} x {sz:.3} mm from {} to {} mm",
        point(first),
        point(last)
    )
}
