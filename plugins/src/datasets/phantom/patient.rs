//! One patient of a phantom: the arrangement of the organs, then everything in which patients differ.

use super::Arrangement;
use super::anatomy::{Anatomy, Girth, MIRROR, Part, other_side};
use super::shape::{Placing, bounds_of};
use situs_core::digest::Draw;
use situs_core::space::Point;
use std::collections::BTreeSet;

/// A patient's parts and body, ready to be painted.
pub(super) struct Patient {
    pub(super) anatomy: Anatomy,
    /// Size of the whole patient against the anatomy, per axis.
    scale: Point,
    /// Where the patient lies in the field, in mm.
    shift: Point,
}

/// Most the whole patient differs in size, as a share.
const SIZE: f64 = 0.05;
/// Most the whole patient lies off centre, in mm.
const OFF_CENTRE: f64 = 4.0;
/// Most a structure with a wobble differs in size, as a share.
const STRUCTURE_SIZE: f64 = 0.08;
/// Most a structure's mean grey value differs between patients.
const VALUE: f64 = 4.0;
/// Tubes of shuffled organs never get thinner than this share of the field's smaller width.
const THINNEST: f64 = 0.015;
/// Smaller shuffled organs grow toward this share of their place.
const LEAST_FILLED: f64 = 0.3;

impl Patient {
    /// Draws a patient; the draw alone decides.
    pub(super) fn draw(mut anatomy: Anatomy, arrangement: Arrangement, draw: &Draw) -> Self {
        match arrangement {
            Arrangement::Anatomical => {}
            Arrangement::Inversus => mirror(&mut anatomy.parts),
            Arrangement::Shuffled => shuffle(&mut anatomy, &draw.of("places")),
        }
        let body = draw.of("body");
        let scale = std::array::from_fn(|axis| 1.0 + SIZE * signed(&body.of("scale").of(axis)));
        let shift = std::array::from_fn(|axis| OFF_CENTRE * signed(&body.of("shift").of(axis)));
        let mut patient = Self { anatomy, scale, shift };
        let whole = patient.placing();
        for part in &mut patient.anatomy.parts {
            vary(part, &draw.of("part").of(&part.name));
            for shape in &mut part.shapes {
                *shape = shape.placed(&whole, 0.0);
            }
        }
        patient
    }

    /// Scaling about the middle of the field.
    fn placing(&self) -> Placing {
        let middle = [0.0, 0.0, self.anatomy.extent[2] / 2.0];
        let to = std::array::from_fn(|axis| middle[axis] + self.shift[axis]);
        Placing { from: middle, scale: self.scale, to }
    }

    /// Height within the anatomy of a height in the field.
    pub(super) fn girth(&self, z: f64) -> Girth {
        let middle = self.anatomy.extent[2] / 2.0;
        self.anatomy.girth((z - middle - self.shift[2]) / self.scale[2] + middle)
    }

    /// [`Girth::level`] at a place of the field.
    pub(super) fn level(&self, girth: &Girth, x: f64, y: f64) -> f64 {
        girth.level((x - self.shift[0]) / self.scale[0], (y - self.shift[1]) / self.scale[1])
    }
}

/// Uniform in (-1, 1).
fn signed(draw: &Draw) -> f64 {
    2.0 * draw.unit() - 1.0
}

fn vary(part: &mut Part, draw: &Draw) {
    part.value += VALUE * signed(&draw.of("value"));
    let Some((low, high)) = bounds_of(&part.shapes).filter(|_| part.wobble > 0.0) else { return };
    let size = 1.0 + STRUCTURE_SIZE * signed(&draw.of("size"));
    let from: Point = std::array::from_fn(|axis| (low[axis] + high[axis]) / 2.0);
    let to = std::array::from_fn(|axis| from[axis] + part.wobble * signed(&draw.of("move").of(axis)));
    let placing = Placing { from, scale: [size; 3], to };
    for shape in &mut part.shapes {
        *shape = shape.placed(&placing, 0.0);
    }
}

/// Mirrors the anatomy while every name keeps telling the patient's side: what lies on the left is called left. A
/// structure that has a side but no partner (the middle lobe of the right lung) stays where it is.
fn mirror(parts: &mut [Part]) {
    let names: BTreeSet<String> = parts.iter().map(|part| part.name.clone()).collect();
    for part in parts {
        match other_side(&part.name) {
            Some(partner) if names.contains(&partner) => part.name = partner,
            Some(_) => continue,
            None => {}
        }
        for shape in &mut part.shapes {
            *shape = shape.placed(&MIRROR, 0.0);
        }
    }
}

/// Gives every structure a place of its own, drawn uniformly from places that are alike, at its own size where
/// that fits, pressed together along the axes where it does not, and grown when it would be lost in its place. Each is turned over at random along each axis, so that not even the lopsidedness of a
/// shape makes one relation likelier than its opposite.
fn shuffle(anatomy: &mut Anatomy, draw: &Draw) {
    anatomy.parts.retain(|part| part.labelled);
    let trunk = anatomy.girth(0.6 * anatomy.extent[2]);
    anatomy.outline = vec![trunk];
    let places = Places::new(anatomy.parts.len(), &trunk, anatomy.extent[2]);
    let order = draw.order(places.centres.len());
    let thinnest = THINNEST * anatomy.extent[0].min(anatomy.extent[1]);
    for (part, place) in anatomy.parts.iter_mut().zip(order) {
        let draw = draw.of(&part.name);
        let (Some((low, high)), Some(centre)) = (bounds_of(&part.shapes), places.centres.get(place)) else {
            continue;
        };
        let from: Point = std::array::from_fn(|axis| (low[axis] + high[axis]) / 2.0);
        let filled: f64 = (0..3).map(|axis| (high[axis] - from[axis]) / places.half[axis]).product();
        let grown = (LEAST_FILLED / filled).cbrt().max(1.0);
        let size = 0.85 + 0.15 * draw.of("size").unit();
        let scale = std::array::from_fn(|axis| {
            let fit = (places.half[axis] / (high[axis] - from[axis])).min(grown);
            if draw.of("turn").of(axis).coin() { size * fit } else { -size * fit }
        });
        let to = std::array::from_fn(|axis| {
            centre[axis] + 0.12 * places.half[axis] * signed(&draw.of("jitter").of(axis))
        });
        let placing = Placing { from, scale, to };
        for shape in &mut part.shapes {
            *shape = shape.placed(&placing, thinnest);
        }
        part.wobble = 0.0;
    }
}

/// Places for shuffled organs: layers of nine, three around the middle and six around those, apart from each other.
struct Places {
    centres: Vec<Point>,
    /// Half the box that an organ may fill.
    half: Point,
}

impl Places {
    fn new(count: usize, trunk: &Girth, height: f64) -> Self {
        const INNER: usize = 3;
        const OUTER: usize = 6;
        let layers = count.div_ceil(INNER + OUTER).max(1);
        let layer = height / layers as f64;
        let ring = |count: usize, radius: f64, lift: f64, turn: f64, index: usize| {
            // Neighbours are lifted by turns, so that slices between layers hold structures too.
            let lifts = [lift, -lift];
            (0..count).map(move |step| {
                // Every layer is turned a little further, so that no two columns of places line up.
                let angle = std::f64::consts::TAU * (step as f64 / count as f64 + turn * index as f64);
                [
                    radius * trunk.width * angle.cos(),
                    trunk.middle + radius * trunk.depth * angle.sin(),
                    layer * (index as f64 + 0.5 + lifts[step % 2]),
                ]
            })
        };
        let centres = (0..layers)
            .flat_map(|index| ring(INNER, 0.25, 0.1, 0.07, index).chain(ring(OUTER, 0.66, 0.13, 0.03, index)))
            .collect();
        Self { centres, half: [0.2 * trunk.width, 0.2 * trunk.depth, 0.34 * layer] }
    }
}
