//! One case as the questions see it: structures that may be asked about, with their measurements in the world.

use super::anatomy::{Anatomy, Tumour};
use super::spec::SpatialMed;
use super::templates::Templates;
use crate::families::mis_ground::classes::Classes;
use situs_core::case::StructureSource;
use situs_core::fault::Fault;
use situs_core::prelude::*;
use situs_core::space::{BodyAxis, Direction, Point};
use situs_core::volume::{
    OBLIQUE_DEGREES, VoxelBox, WorldBox, distance, side_of, surface_distance_mm, swap_sides,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// A tumour farther from every host than so many mm lies outside its organ.
const OUTSIDE_MM: f64 = 5.0;
/// Shared voxels, as a share of the smaller structure, from which one structure counts as part of the other.
const NESTED_FROM: f64 = 0.5;

/// What is measured of a structure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Measure {
    /// Middle of the box, RAS+ mm.
    pub(super) centre: Point,
    /// Mean of the voxels, RAS+ mm.
    pub(super) centroid: Point,
    /// Box in mm along right-left, anterior-posterior, superior-inferior, outer faces.
    pub(super) size: Point,
    /// cm³.
    pub(super) volume: f64,
    /// Box in voxels.
    pub(super) voxel_box: VoxelBox,
    /// Whether the scan's edge leaves it whole.
    pub(super) whole: bool,
}

impl Measure {
    /// Measurements from a table entry; `None` for an empty structure.
    pub(super) fn of(structure: &Structure, grid: &Grid) -> Option<Self> {
        let voxel_box = VoxelBox::of(structure)?;
        Some(Self {
            centre: structure.bbox_center_ras_mm?,
            centroid: structure.centroid_ras_mm?,
            size: voxel_box.size_mm(grid),
            volume: structure.volume_ml,
            voxel_box,
            whole: !structure.touches_border,
        })
    }

    /// Coordinate of the box centre along a direction.
    pub(super) fn along(&self, direction: Direction) -> f64 {
        direction.component(self.centre)
    }
}

/// A structure that may be asked about.
#[derive(Debug, Clone)]
pub(super) struct Site {
    /// Class name.
    pub(super) name: String,
    /// As printed, with its article.
    pub(super) display: String,
    /// Organ in tables.
    pub(super) organ: String,
    /// Body region.
    pub(super) region: String,
    /// Kind of tumour in tables.
    pub(super) tumour: Option<String>,
    /// Site that holds this tumour.
    pub(super) host: Option<usize>,
    /// Measurements.
    pub(super) measure: Measure,
    /// Plausible volumes in cm³ and longest sides in mm.
    limits: [[f64; 2]; 2],
    /// Place among all structures of the case.
    structure: usize,
}

impl Site {
    /// `small`, `medium` or `large`.
    pub(super) fn size_bucket(&self) -> &'static str {
        match self.measure.volume {
            volume if volume < 10.0 => "small",
            volume if volume < 200.0 => "medium",
            _ => "large",
        }
    }
}

/// One case.
pub(super) struct Body<'a> {
    pub(super) sites: Vec<Site>,
    pub(super) grid: Grid,
    /// Whether structures are boxes, whose volumes mean nothing.
    pub(super) boxes_only: bool,
    margin_mm: f64,
    overlaps: BTreeMap<(&'a str, &'a str), u64>,
    entry: &'a CatalogueEntry,
    case: &'a Case,
    media: &'a dyn Media,
    masks: OnceLock<Result<Arc<Segmentation>, Fault>>,
    gaps: Mutex<BTreeMap<(usize, usize), f64>>,
}

impl<'a> Body<'a> {
    pub(super) fn new(
        cx: &AskContext<'a>,
        spec: &SpatialMed,
        parts: (&Anatomy, &Classes, &Templates),
        left_out: &mut Reasons,
    ) -> Result<Self, Fault> {
        let measured = &cx.entry.measured;
        if measured.grid.shape != cx.entry.grid.shape {
            return Err(Fault::data(format!(
                "{}: the structures' grid has {:?} voxels, the image {:?}",
                cx.case.name, measured.grid.shape, cx.entry.grid.shape
            ))
            .help("resample the masks to the image's grid"));
        }
        let overlaps = measured
            .overlaps
            .iter()
            .map(|overlap| (ordered(&overlap.a, &overlap.b), overlap.voxels))
            .collect();
        let mut body = Self {
            sites: Vec::new(),
            grid: measured.grid,
            boxes_only: matches!(cx.case.structures, StructureSource::Boxes { .. }),
            margin_mm: spec.margin_mm,
            overlaps,
            entry: cx.entry,
            case: cx.case,
            media: cx.media,
            masks: OnceLock::new(),
            gaps: Mutex::default(),
        };
        body.find_sites(cx, spec, parts, left_out)?;
        body.find_hosts(cx, parts.0, left_out)?;
        Ok(body)
    }

    fn find_sites(
        &mut self,
        cx: &AskContext<'_>,
        spec: &SpatialMed,
        (anatomy, classes, templates): (&Anatomy, &Classes, &Templates),
        left_out: &mut Reasons,
    ) -> Result<(), Fault> {
        let structures = &cx.entry.measured.structures;
        let present = |name: &str| {
            structures.iter().any(|structure| structure.voxels > 0 && structure.name.eq_ignore_ascii_case(name))
        };
        let mut leave = |reason: &str| *left_out.entry(format!("1 structure: {reason}")).or_default() += 1;
        let oblique = self.grid.affine.obliquity() > OBLIQUE_DEGREES;
        for (place, structure) in structures.iter().enumerate() {
            let Some(mut measure) = Measure::of(structure, &self.grid) else {
                leave("empty mask");
                continue;
            };
            if structure.voxels < spec.fewest_voxels || measure.voxel_box.voxels().contains(&1) {
                leave("too small or one voxel thin");
                continue;
            }
            if oblique
                && let Some((loaded, at)) = self.mask(place)?
                && let Some(Some(mask)) = loaded.masks.get(at)
            {
                let world = WorldBox::of(mask, &self.grid);
                (measure.size, measure.centre) = (world.size_mm(), world.centre_mm());
            }
            let known = anatomy.known(&structure.name);
            let tumour = anatomy.tumour(&structure.name, &cx.card.name, &present);
            let (volume_limits, length_limits) = match tumour {
                Some(_) => anatomy.tumour_limits(),
                None => (known.volume_cm3, known.length_mm),
            };
            let longest = measure.size.iter().copied().fold(0.0, f64::max);
            // What the scan's edge cuts may be as small as it likes: its size is not asked about.
            if measure.whole
                && (!within(measure.volume, volume_limits) && !self.boxes_only || !within(longest, length_limits))
            {
                leave("size outside the plausible range");
                continue;
            }
            let display = match tumour {
                Some(tumour) => templates.tumour(&tumour.kind)?,
                None => match classes.display(&structure.name) {
                    Some(display) => format!("the {display}"),
                    None => {
                        leave("name that cannot be printed");
                        continue;
                    }
                },
            };
            self.sites.push(Site {
                name: structure.name.clone(),
                display,
                organ: known.organ,
                region: known.region,
                tumour: tumour.map(|tumour| tumour.facet().to_owned()),
                host: None,
                measure,
                limits: [volume_limits, length_limits],
                structure: place,
            });
        }
        // In a mirror the organs keep their places in the order, so that the same are drawn.
        let mirrored = cx.case.facts.get("mirrored").is_some_and(|mirrored| mirrored == "yes");
        let key = |site: &Site| if mirrored { swap_sides(&site.name) } else { site.name.clone() };
        self.sites.sort_by_cached_key(key);
        Ok(())
    }

    /// Links tumours to the organs that hold them; a tumour outside of them is left out.
    fn find_hosts(
        &mut self,
        cx: &AskContext<'_>,
        anatomy: &Anatomy,
        left_out: &mut Reasons,
    ) -> Result<(), Fault> {
        let structures = &cx.entry.measured.structures;
        let present = |name: &str| {
            structures.iter().any(|structure| structure.voxels > 0 && structure.name.eq_ignore_ascii_case(name))
        };
        let mut hosts: Vec<Option<usize>> = vec![None; self.sites.len()];
        let mut outside = Vec::new();
        for (place, host) in hosts.iter_mut().enumerate() {
            let site = &self.sites[place];
            let Some(kind) = site.tumour.as_ref().and(anatomy.tumour(&site.name, &cx.card.name, &present)) else {
                continue;
            };
            match self.nearest_host(place, kind, structures)? {
                Nearest::Site(found) => *host = Some(found),
                Nearest::Elsewhere => {}
                Nearest::Outside => outside.push(place),
            }
        }
        for (site, host) in self.sites.iter_mut().zip(hosts) {
            if let Some(host) = host {
                site.host = Some(host);
            }
        }
        if !outside.is_empty() {
            *left_out.entry("1 structure: tumour outside its organ".to_owned()).or_default() +=
                outside.len() as u64;
            let kept: Vec<usize> = (0..self.sites.len()).filter(|place| !outside.contains(place)).collect();
            let new_place = |old: usize| kept.iter().position(|place| *place == old);
            self.sites = kept
                .iter()
                .map(|place| {
                    let site = self.sites[*place].clone();
                    Site { host: site.host.and_then(new_place), ..site }
                })
                .collect();
            self.gaps.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
        }
        Ok(())
    }

    fn nearest_host(&self, place: usize, kind: &Tumour, structures: &[Structure]) -> Result<Nearest, Fault> {
        let is_host = |name: &str| kind.hosts.iter().any(|host| host.eq_ignore_ascii_case(name));
        let mut nearest: Option<(f64, usize)> = None;
        for (other, structure) in structures.iter().enumerate() {
            if structure.voxels == 0 || !is_host(&structure.name) {
                continue;
            }
            let gap = self.structure_gap(self.sites[place].structure, other)?;
            if nearest.is_none_or(|(best, _)| gap < best) {
                nearest = Some((gap, other));
            }
        }
        let Some((gap, structure)) = nearest else { return Ok(Nearest::Elsewhere) };
        if gap > OUTSIDE_MM && !kind.apart {
            return Ok(Nearest::Outside);
        }
        let site = self.sites.iter().position(|site| site.structure == structure);
        Ok(site.filter(|_| !kind.apart).map_or(Nearest::Elsewhere, Nearest::Site))
    }

    /// Segmentation and place of a structure's mask, loaded when first needed.
    fn mask(&self, structure: usize) -> Result<Option<(Arc<Segmentation>, usize)>, Fault> {
        let loaded = self.masks.get_or_init(|| self.media.segmentation(self.case)).clone()?;
        let name = self.entry.measured.structures.get(structure).map(|structure| structure.name.as_str());
        let place = name.and_then(|name| loaded.find(name));
        Ok(place.filter(|place| loaded.masks.get(*place).is_some_and(Option::is_some)).map(|place| (loaded, place)))
    }

    fn structure_gap(&self, a: usize, b: usize) -> Result<f64, Fault> {
        let key = (a.min(b), a.max(b));
        let lock = || self.gaps.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().get(&key).copied();
        if let Some(gap) = known {
            return Ok(gap);
        }
        let (one, other) = (self.mask(key.0)?, self.mask(key.1)?);
        let (Some((masks, one)), Some((_, other))) = (one, other) else { return Ok(f64::INFINITY) };
        let (Some(Some(one)), Some(Some(other))) = (masks.masks.get(one), masks.masks.get(other)) else {
            return Ok(f64::INFINITY);
        };
        let gap = surface_distance_mm(one, other, self.grid.affine.spacing());
        lock().insert(key, gap);
        Ok(gap)
    }

    /// Shortest distance between two surfaces in mm.
    pub(super) fn gap(&self, a: usize, b: usize) -> Result<f64, Fault> {
        self.structure_gap(self.sites[a].structure, self.sites[b].structure)
    }

    /// Distance of two box centres in mm.
    pub(super) fn centre_distance(&self, a: usize, b: usize) -> f64 {
        distance(self.sites[a].measure.centre, self.sites[b].measure.centre)
    }

    /// Whether one structure is part of the other, or a tumour in its organ.
    pub(super) fn nested(&self, a: usize, b: usize) -> bool {
        let (one, other) = (&self.sites[a], &self.sites[b]);
        if one.host == Some(b) || other.host == Some(a) {
            return true;
        }
        // Two tumour regions of one case (whole tumour, enhancing tumour) lie within each other.
        if one.tumour.is_some() && other.tumour.is_some() && one.organ == other.organ {
            return true;
        }
        let smaller = self.voxels(a).min(self.voxels(b)).max(1);
        self.shared(a, b) as f64 >= NESTED_FROM * smaller as f64
    }

    fn voxels(&self, site: usize) -> u64 {
        self.entry.measured.structures.get(self.sites[site].structure).map_or(0, |structure| structure.voxels)
    }

    fn shared(&self, a: usize, b: usize) -> u64 {
        self.overlaps.get(&ordered(&self.sites[a].name, &self.sites[b].name)).copied().unwrap_or(0)
    }

    /// Volume in cm³ of two structures together: voxels of both count once.
    pub(super) fn joint_volume(&self, a: usize, b: usize) -> f64 {
        let shared = self.shared(a, b) as f64 * self.grid.affine.voxel_volume() / 1000.0;
        self.sites[a].measure.volume + self.sites[b].measure.volume - shared
    }

    /// Patient, else case.
    pub(super) fn cluster(&self) -> &str {
        &self.entry.cluster
    }

    /// Whether this case stands before another by name.
    pub(super) fn comes_before(&self, other: &str) -> bool {
        self.case.name.as_str() < other
    }

    /// Whether another patient's measurements of the same structure lie within its limits.
    pub(super) fn is_plausible(&self, site: usize, there: &Measure) -> bool {
        let longest = there.size.iter().copied().fold(0.0, f64::max);
        let [volumes, lengths] = self.sites[site].limits;
        within(there.volume, volumes) && within(longest, lengths)
    }

    /// Spacing in mm.
    pub(super) fn spacing(&self) -> Point {
        self.grid.affine.spacing()
    }

    /// Smallest distance along an axis at which a direction may be asked: 10 mm, 2 voxels, 5 % of the common extent.
    pub(super) fn margin(&self, a: usize, b: usize, axis: BodyAxis) -> f64 {
        let at = axis.index();
        let ends = |site: usize| {
            let measure = &self.sites[site].measure;
            let half = measure.size[at] / 2.0;
            (measure.centre[at] - half, measure.centre[at] + half)
        };
        let ((low_a, high_a), (low_b, high_b)) = (ends(a), ends(b));
        let union = high_a.max(high_b) - low_a.min(low_b);
        self.margin_mm.max(2.0 * self.spacing()[at]).max(0.05 * union)
    }

    /// Where A lies from B along an axis, where box centre and centroid agree and the distance reaches the margin.
    pub(super) fn direction(&self, a: usize, b: usize, axis: BodyAxis) -> Option<Direction> {
        let at = axis.index();
        let (one, other) = (&self.sites[a].measure, &self.sites[b].measure);
        let by_box = one.centre[at] - other.centre[at];
        let by_mean = one.centroid[at] - other.centroid[at];
        (by_box * by_mean > 0.0 && by_box.abs() >= self.margin(a, b, axis))
            .then(|| Direction::along(axis, by_box))
    }

    /// Whether two structures are the left and the right one of a pair.
    pub(super) fn twins(&self, a: usize, b: usize) -> bool {
        let (one, other) = (&self.sites[a].name, &self.sites[b].name);
        side_of(one).is_some() && swap_sides(one) == *other
    }
}

enum Nearest {
    /// This site holds it.
    Site(usize),
    /// No host is labelled, or it cannot be asked about.
    Elsewhere,
    /// It lies outside of every host.
    Outside,
}

fn within(value: f64, [least, most]: [f64; 2]) -> bool {
    (least..=most).contains(&value)
}

fn ordered<'n>(a: &'n str, b: &'n str) -> (&'n str, &'n str) {
    if a <= b { (a, b) } else { (b, a) }
}
