//! Boxes in a stated convention to canonical RAS+ voxel indices.

use super::OaiKnee;
use situs_core::prelude::*;

/// Where the start and the end of an axis stand in a box, and what the end means.
#[derive(Debug, Clone)]
struct Span {
    start: usize,
    end: usize,
    is_size: bool,
    /// The box counts from the far end of the stored axis.
    reversed: bool,
}

/// A stated convention: one span per stored axis.
#[derive(Debug, Clone)]
pub(super) struct Convention {
    spans: [Span; 3],
    inclusive: bool,
    first_index: u64,
    numbers: usize,
}

impl Convention {
    /// The convention of a spec.
    ///
    /// # Errors
    /// Config faults at `schema`, `axis_order`, `inclusive` or `first_index`: nothing is guessed.
    pub(super) fn stated(spec: &OaiKnee) -> Result<Self, Fault> {
        if spec.schema.is_empty() {
            return Err(Fault::config("what do the numbers of a box mean?")
                .help("e.g. schema = [\"start_slice\", \"end_slice\", \"x_min\", \"x_max\", \"y_min\", \"y_max\"]")
                .at("schema"));
        }
        let [i, j, k] = spec.axis_order.as_slice() else {
            return Err(Fault::config("which axes of the stored array do the boxes' axes run along?")
                .help("three names in order of the stored axes, e.g. axis_order = [\"slice\", \"y\", \"x\"]")
                .at("axis_order"));
        };
        let inclusive = spec.inclusive.ok_or_else(|| {
            Fault::config("is the end of an axis inside the box?").help("set true or false").at("inclusive")
        })?;
        if spec.first_index > 1 {
            return Err(Fault::config(format!("expected 0 or 1, found {}", spec.first_index)).at("first_index"));
        }
        if spec.schema.len() != 6 {
            return Err(Fault::config(format!("expected 6 numbers a box, found {}", spec.schema.len())).at("schema"));
        }
        let spans = [span(spec, i)?, span(spec, j)?, span(spec, k)?];
        let mut used: Vec<usize> = spans.iter().flat_map(|span| [span.start, span.end]).collect();
        used.sort_unstable();
        used.dedup();
        if used.len() != 6 {
            return Err(Fault::config(format!("{:?} names an axis twice", spec.axis_order)).at("axis_order"));
        }
        Ok(Self { spans, inclusive, first_index: u64::from(spec.first_index), numbers: spec.schema.len() })
    }
}

/// Finds `start_AXIS` or `AXIS_min` or `AXIS_start`, and `end_AXIS`, `AXIS_max`, `AXIS_end` or `AXIS_size`.
fn span(spec: &OaiKnee, written: &str) -> Result<Span, Fault> {
    let (axis, reversed) = written.strip_prefix('-').map_or((written, false), |axis| (axis, true));
    let find = |forms: &[String]| spec.schema.iter().position(|own| forms.contains(own));
    let start = find(&[format!("start_{axis}"), format!("{axis}_start"), format!("{axis}_min")]);
    let end = find(&[format!("end_{axis}"), format!("{axis}_end"), format!("{axis}_max")]);
    let size = find(&[format!("{axis}_size"), format!("size_{axis}")]);
    match (start, end, size) {
        (Some(start), Some(end), None) => Ok(Span { start, end, is_size: false, reversed }),
        (Some(start), None, Some(end)) => Ok(Span { start, end, is_size: true, reversed }),
        _ => Err(Fault::config(format!("the schema has no start and end of axis {axis:?}"))
            .help(format!("write {axis}_min and {axis}_max, or {axis}_min and {axis}_size"))
            .at("schema")),
    }
}

/// Smallest and largest canonical index of a box. `stored` is the shape of the stored array, `shape` that of the
/// canonical one, `axes` say per canonical axis which stored axis it is and whether it is flipped.
///
/// # Errors
/// Data faults for boxes of another length, ends before starts, and boxes that leave the volume.
pub(super) fn canonical(
    convention: &Convention,
    numbers: &[u64],
    stored: [usize; 3],
    shape: [usize; 3],
    axes: [(usize, bool); 3],
) -> Result<([usize; 3], [usize; 3]), Fault> {
    if numbers.len() != convention.numbers {
        return Err(Fault::data(format!("expected {} numbers, found {numbers:?}", convention.numbers)));
    }
    let mut low = [0; 3];
    let mut high = [0; 3];
    for (axis, span) in convention.spans.iter().enumerate() {
        (low[axis], high[axis]) = extent(convention, span, numbers, stored[axis])
            .ok_or_else(|| Fault::data(format!("{numbers:?} does not lie in an array of {stored:?}"))
                .help("check `axis_order`, `inclusive` and `first_index` against the stored array"))?;
    }
    let mut min = [0; 3];
    let mut max = [0; 3];
    for (world, (axis, flipped)) in axes.into_iter().enumerate() {
        (min[world], max[world]) = if flipped {
            let last = shape[world] - 1;
            (last - high[axis], last - low[axis])
        } else {
            (low[axis], high[axis])
        };
    }
    Ok((min, max))
}

/// First and last stored index inside the box along one axis of `length` voxels.
fn extent(convention: &Convention, span: &Span, numbers: &[u64], length: usize) -> Option<(usize, usize)> {
    let start = numbers.get(span.start)?.checked_sub(convention.first_index)?;
    let end = *numbers.get(span.end)?;
    let last = if span.is_size {
        start.checked_add(end)?.checked_sub(1)?
    } else {
        end.checked_sub(convention.first_index)?.checked_sub(u64::from(!convention.inclusive))?
    };
    let (low, high) = (usize::try_from(start).ok()?, usize::try_from(last).ok()?);
    if low > high || high >= length {
        return None;
    }
    Some(if span.reversed { (length - 1 - high, length - 1 - low) } else { (low, high) })
}
