//! Scanning a patient: tissue codes, then labels or grey values with noise.

use super::patient::Patient;
use super::shape::{Canvas, Shape};
use situs_core::digest::Draw;
use situs_core::space::Point;

const AIR: u16 = 0;
const TABLE: u16 = 1;
const FAT: u16 = 2;
const MUSCLE: u16 = 3;
const INNER: u16 = 4;
/// Code of the patient's first part; the others follow. Parts lie within muscle or other parts, so skin is all around.
const PARTS: u16 = 5;

/// [`super::anatomy::Girth::level`] above which the body is fat under the skin, without structures.
const SKIN_DEPTH: f64 = 0.84;
/// Level above which the body is the muscle of its wall.
const WALL_DEPTH: f64 = 0.7;

/// A tumour that can grow in one of several structures.
struct Tumour {
    name: &'static str,
    label: u32,
    hosts: &'static [&'static str],
    value: f64,
}

/// Labels above those of TotalSegmentator.
const TUMOURS: [Tumour; 4] = [
    Tumour { name: "liver_tumor", label: 201, hosts: &["liver"], value: 62.0 },
    Tumour { name: "kidney_tumor", label: 202, hosts: &["kidney_right", "kidney_left"], value: 105.0 },
    Tumour { name: "pancreas_tumor", label: 203, hosts: &["pancreas"], value: 52.0 },
    Tumour {
        name: "lung_tumor",
        label: 204,
        hosts: &["lung_upper_lobe_right", "lung_upper_lobe_left", "lung_lower_lobe_right", "lung_lower_lobe_left"],
        value: 45.0,
    },
];

/// Labels and names of all tumours.
pub(super) fn tumour_names() -> impl Iterator<Item = (u32, &'static str)> {
    TUMOURS.iter().map(|tumour| (tumour.label, tumour.name))
}

/// A patient on a grid.
pub(super) struct Scan {
    canvas: Canvas,
    /// Mean grey value by code.
    values: Vec<f64>,
    /// Label by code; 0: none.
    labels: Vec<u32>,
    magnitude: bool,
}

impl Scan {
    /// Paints body, table, parts and tumours; `label` gives the label of a part's name.
    pub(super) fn new(
        patient: &Patient,
        shape: [usize; 3],
        tumours: bool,
        draw: &Draw,
        label: impl Fn(&str) -> u32,
    ) -> Self {
        let anatomy = &patient.anatomy;
        let spacing = std::array::from_fn(|axis| anatomy.extent[axis] / shape[axis] as f64);
        let mut canvas = Canvas::new(shape, spacing, AIR);
        paint_body(&mut canvas, patient);
        let tissue = anatomy.tissue;
        let mut values = vec![tissue.air, tissue.table, tissue.fat, tissue.muscle, tissue.inner];
        let mut labels = vec![0; usize::from(PARTS)];
        for (code, part) in (PARTS..).zip(&anatomy.parts) {
            for shape in &part.shapes {
                canvas.paint(shape, code, |present| present >= MUSCLE);
            }
            values.push(part.value);
            labels.push(if part.labelled { label(&part.name) } else { 0 });
        }
        let mut scan = Self { canvas, values, labels, magnitude: anatomy.magnitude };
        if tumours {
            for tumour in &TUMOURS {
                scan.grow(tumour, patient, &draw.of("tumour").of(tumour.name));
            }
        }
        scan
    }

    /// Grows a tumour about a random voxel of its host and within it.
    fn grow(&mut self, tumour: &Tumour, patient: &Patient, draw: &Draw) {
        let Some(host) = tumour.hosts.get(draw.of("host").below(tumour.hosts.len())) else { return };
        let Some(index) = patient.anatomy.parts.iter().position(|part| part.labelled && part.name == *host) else {
            return;
        };
        let Some(host) = (PARTS..).nth(index) else { return };
        let count = self.canvas.codes.iter().filter(|code| **code == host).count();
        let chosen = draw.of("seed").below(count);
        let mut of_host = self.canvas.codes.iter().enumerate().filter(|(_, code)| **code == host);
        let Some((offset, _)) = of_host.nth(chosen) else { return };
        let centre = self.canvas.place(offset);
        // A quarter of the radius of a ball as large as the host, so that the host always outlives its tumour.
        let volume = count as f64 * self.canvas.spacing.iter().product::<f64>();
        let radius = (0.25 * (0.75 / std::f64::consts::PI * volume).cbrt()).clamp(4.0, 18.0);
        let radii: Point = std::array::from_fn(|axis| radius * (0.8 + 0.4 * draw.of("radius").of(axis).unit()));
        let Ok(code) = u16::try_from(self.values.len()) else { return };
        self.values.push(tumour.value);
        self.labels.push(tumour.label);
        self.canvas.paint(&Shape::Ellipsoid { centre, radii }, code, |present| present == host);
    }

    /// Labels as whole numbers, x fastest.
    pub(super) fn labels(&self) -> Vec<f32> {
        self.canvas.codes.iter().map(|code| self.label(*code) as f32).collect()
    }

    fn label(&self, code: u16) -> u32 {
        self.labels.get(usize::from(code)).copied().unwrap_or(0)
    }

    /// Smallest and largest index of every label, inclusive.
    pub(super) fn boxes(&self) -> std::collections::BTreeMap<u32, ([usize; 3], [usize; 3])> {
        let [nx, ny, _] = self.canvas.shape;
        let mut boxes = std::collections::BTreeMap::new();
        for (offset, code) in self.canvas.codes.iter().enumerate() {
            let label = self.label(*code);
            if label > 0 {
                let index = [offset % nx, offset / nx % ny, offset / (nx * ny)];
                let (min, max) = boxes.entry(label).or_insert((index, index));
                for axis in 0..3 {
                    min[axis] = min[axis].min(index[axis]);
                    max[axis] = max[axis].max(index[axis]);
                }
            }
        }
        boxes
    }

    /// Grey values with noise of the given standard deviation, rounded to whole numbers, x fastest.
    pub(super) fn grey(&self, deviation: f64, draw: &Draw) -> Vec<f32> {
        let [nx, ny, _] = self.canvas.shape;
        let mut voxels = Vec::with_capacity(self.canvas.codes.len());
        for (slice, codes) in self.canvas.codes.chunks(nx * ny).enumerate() {
            let mut noise = Noise(draw.of(slice).bits());
            voxels.extend(codes.iter().map(|code| {
                let mean = self.values.get(usize::from(*code)).copied().unwrap_or(0.0);
                let value = (mean + deviation * noise.next()).round();
                let value = if self.magnitude { value.abs() } else { value.clamp(-1024.0, 3071.0) };
                value as f32
            }));
        }
        voxels
    }
}

fn paint_body(canvas: &mut Canvas, patient: &Patient) {
    let [nx, ny, nz] = canvas.shape;
    let table = patient.anatomy.table;
    let mut codes = std::mem::take(&mut canvas.codes);
    let mut voxels = codes.iter_mut();
    for k in 0..nz {
        let girth = patient.girth(canvas.position(2, k));
        for j in 0..ny {
            let y = canvas.position(1, j);
            for (i, voxel) in (0..nx).zip(&mut voxels) {
                let x = canvas.position(0, i);
                let level = patient.level(&girth, x, y);
                *voxel = if level <= WALL_DEPTH {
                    INNER
                } else if level <= SKIN_DEPTH {
                    MUSCLE
                } else if level <= 1.0 {
                    FAT
                } else if table && on_table(x, y) {
                    TABLE
                } else {
                    AIR
                };
            }
        }
    }
    canvas.codes = codes;
}

/// A trough under the back.
fn on_table(x: f64, y: f64) -> bool {
    const HALF_WIDTH: f64 = 150.0;
    const THICKNESS: f64 = 11.0;
    let top = -125.0 + x * x / 2500.0;
    x.abs() <= HALF_WIDTH && y <= top && y >= top - THICKNESS
}

/// Noise close to normal, with unit deviation: sums of eight uniform numbers from a SplitMix64 stream (Steele, Lea and
/// Flood 2014), exact on every machine because it needs no transcendental function.
struct Noise(u64);

impl Noise {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    fn next(&mut self) -> f64 {
        /// Mean of eight uniform 16-bit numbers' sum.
        const MEAN: f64 = 4.0 * 65_535.0;
        /// Its deviation: sqrt(8 / 12) * 65536.
        const DEVIATION: f64 = 53_509.884_301_1;
        let (a, b) = (self.bits(), self.bits());
        let sum: u64 = [a, b].iter().flat_map(|bits| (0..4).map(move |part| bits >> (16 * part) & 0xFFFF)).sum();
        (sum as f64 - MEAN) / DEVIATION
    }
}
