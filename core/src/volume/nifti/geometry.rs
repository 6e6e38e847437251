//! The affine of a file: sform before qform before a guess, and what there is to remark on it.

use super::fields::Fields;
use crate::fault::Fault;
use crate::space::{Affine, Point};
use crate::structure::Warning;

/// Two forms that carry some corner further apart than this are in conflict.
const FORMS_TOLERANCE_MM: f64 = 0.1;
/// Spacings of `pixdim` and affine that differ by more than this share disagree.
const SPACING_TOLERANCE: f64 = 1e-3;
/// Axes whose |cosine| is above this are not orthogonal.
const SHEAR_TOLERANCE: f64 = 1e-4;
/// Distances between voxels that can be meant.
const SPACING_RANGE_MM: std::ops::RangeInclusive<f64> = 1e-6..=1e6;
/// Farthest a first voxel may lie from the origin.
const FARTHEST_MM: f64 = 1e9;
/// Voxel volume over the product of the spacings: below this the axes are as good as dependent.
const FLATTEST: f64 = 1e-6;
/// A sum of squares beyond 1 by up to this is a unit quaternion rounded to f32; as nibabel's.
const QUATERNION_TOLERANCE: f64 = 3.0 * f32::EPSILON as f64;

/// The affine in RAS+ mm of a volume with the given shape. Remarks go to `warnings`.
///
/// # Errors
/// When no form gives finite numbers and three independent axes.
pub(crate) fn affine(
    fields: &Fields,
    shape: [usize; 3],
    warnings: &mut Vec<Warning>,
) -> Result<Affine, Fault> {
    let to_mm = millimetres(fields, warnings);
    let sform = (fields.sform_code > 0).then(|| scaled(sform(fields), to_mm));
    let qform = if fields.qform_code > 0 { Some(qform(fields)) } else { None };
    let affine = match (sform, qform) {
        (Some(sform), qform) if is_usable(&sform) => {
            if let Some(qform) = qform.and_then(Result::ok) {
                compare(&sform, &scaled(qform, to_mm), shape, warnings);
            }
            sform
        }
        (Some(sform), Some(Ok(qform))) if is_usable(&scaled(qform, to_mm)) => {
            warnings.push(Warning::new(
                "sform_singular",
                format!("the sform {:?} is singular or not finite; the qform is used", sform.0),
            ));
            scaled(qform, to_mm)
        }
        (Some(sform), _) => {
            return Err(Fault::data(format!("the sform {:?} is singular or not finite", sform.0))
                .help("set a valid sform or qform; without one no direction is known"));
        }
        (None, Some(qform)) => scaled(qform?, to_mm),
        (None, None) => scaled(guess(fields, shape, warnings), to_mm),
    };
    if !is_usable(&affine) {
        return Err(Fault::data(format!("the affine {:?} is singular or out of range", affine.0))
            .help("set a valid sform or qform and pixdim above zero"));
    }
    remark_spacing(fields, &affine, to_mm, warnings);
    let shear = affine.shear();
    if shear > SHEAR_TOLERANCE {
        warnings.push(Warning::new(
            "sheared",
            format!("the axes are not orthogonal: largest |cosine| between two of them is {shear:.6}"),
        ));
    }
    Ok(affine)
}

/// Three independent axes, with lengths and a place that a scanner could have.
fn is_usable(affine: &Affine) -> bool {
    let spacing = affine.spacing();
    let box_volume: f64 = spacing.iter().product();
    affine.is_regular()
        && spacing.iter().all(|length| SPACING_RANGE_MM.contains(length))
        && (0..3).all(|row| affine.0[row][3].abs() <= FARTHEST_MM)
        && affine.voxel_volume() > FLATTEST * box_volume
}

/// Millimetres of one unit of the header. Unknown units are taken as mm, which is what writers mean.
fn millimetres(fields: &Fields, warnings: &mut Vec<Warning>) -> f64 {
    let (name, factor) = match fields.xyzt_units & 7 {
        1 => ("metres", 1000.0),
        3 => ("micrometres", 0.001),
        0 | 2 => return 1.0,
        other => {
            let message =
                format!("xyzt_units names the unknown length unit {other}; millimetres are assumed");
            warnings.push(Warning::new("units_unknown", message));
            return 1.0;
        }
    };
    warnings.push(Warning::new("units_converted", format!("lengths are in {name} and were converted to mm")));
    factor
}

fn scaled(affine: Affine, factor: f64) -> Affine {
    let mut rows = affine.0;
    for row in rows.iter_mut().take(3) {
        *row = row.map(|value| value * factor);
    }
    Affine(rows)
}

fn sform(fields: &Fields) -> Affine {
    let [x, y, z] = fields.srow;
    Affine([x, y, z, [0.0, 0.0, 0.0, 1.0]])
}

/// Quaternion, pixdim and offset to a matrix, as nibabel's `get_qform`: qfac 0 counts as 1, lengths by magnitude.
fn qform(fields: &Fields) -> Result<Affine, Fault> {
    let [b, c, d] = fields.quatern;
    let rest = 1.0 - (b * b + c * c + d * d);
    if rest.is_nan() || rest < -QUATERNION_TOLERANCE {
        return Err(Fault::data(format!("the qform's quaternion ({b}, {c}, {d}) is longer than 1"))
            .help("the qform is damaged; set a valid sform or qform"));
    }
    let a = rest.max(0.0).sqrt();
    let twice = 2.0 / (a * a + b * b + c * c + d * d);
    let rotation = [
        [1.0 - twice * (c * c + d * d), twice * (b * c - a * d), twice * (b * d + a * c)],
        [twice * (b * c + a * d), 1.0 - twice * (b * b + d * d), twice * (c * d - a * b)],
        [twice * (b * d - a * c), twice * (c * d + a * b), 1.0 - twice * (b * b + c * c)],
    ];
    let handedness = if fields.pixdim[0] < 0.0 { -1.0 } else { 1.0 };
    let lengths = [fields.pixdim[1].abs(), fields.pixdim[2].abs(), handedness * fields.pixdim[3].abs()];
    let mut rows = Affine::IDENTITY.0;
    for (row, (turned, offset)) in rows.iter_mut().zip(rotation.iter().zip(fields.qoffset)) {
        for axis in 0..3 {
            row[axis] = turned[axis] * lengths[axis];
        }
        row[3] = offset;
    }
    Ok(Affine(rows))
}

/// nibabel's affine for a file without any form: centred, first index toward the left. Only a guess.
fn guess(fields: &Fields, shape: [usize; 3], warnings: &mut Vec<Warning>) -> Affine {
    warnings.push(Warning::new(
        "orientation_unknown",
        "neither sform nor qform is set: directions are not known; a centred LAS grid is assumed, so left and right \
         may be swapped",
    ));
    let spacing: Point = std::array::from_fn(|axis| {
        let length = fields.pixdim[axis + 1].abs();
        let length = if length == 0.0 { 1.0 } else { length };
        if axis == 0 { -length } else { length }
    });
    let origin = std::array::from_fn(|axis| -(shape[axis] as f64 - 1.0) / 2.0 * spacing[axis]);
    Affine::scaled(spacing, origin)
}

fn compare(sform: &Affine, qform: &Affine, shape: [usize; 3], warnings: &mut Vec<Warning>) {
    let mut largest: f64 = 0.0;
    for corner in 0..8_usize {
        let index =
            std::array::from_fn(|axis| if corner >> axis & 1 == 1 { shape[axis] as f64 - 1.0 } else { 0.0 });
        let (a, b) = (sform.apply(index), qform.apply(index));
        let distance = (0..3).map(|axis| (a[axis] - b[axis]).powi(2)).sum::<f64>().sqrt();
        // A qform that is not finite is as far away as can be.
        largest = if distance.is_nan() { f64::INFINITY } else { largest.max(distance) };
    }
    if largest > FORMS_TOLERANCE_MM {
        warnings.push(Warning::new(
            "forms_conflict",
            format!("sform and qform place a corner {largest:.3} mm apart; the sform is used"),
        ));
    }
}

fn remark_spacing(fields: &Fields, affine: &Affine, to_mm: f64, warnings: &mut Vec<Warning>) {
    let stated: Point = std::array::from_fn(|axis| fields.pixdim[axis + 1] * to_mm);
    let spacing = affine.spacing();
    let listed = format!("pixdim gives {stated:?} mm, the affine {spacing:?} mm; the affine is used");
    let code = if stated.contains(&0.0) {
        "pixdim_zero"
    } else if stated.iter().any(|length| *length < 0.0) {
        "pixdim_negative"
    } else if (0..3)
        .any(|axis| (stated[axis] / spacing[axis] - 1.0).abs() > SPACING_TOLERANCE || stated[axis].is_nan())
    {
        "pixdim_disagrees"
    } else {
        return;
    };
    warnings.push(Warning::new(code, listed));
}
