//! What other patients say of a question: each votes for the option that is right in it; numbers go by their median.

use super::patient::Patient;
use super::reading::{Asked, Quantity, between, directions, name};
use crate::printed_number::read_all;
use situs_core::space::{Direction, Point};
use situs_core::volume::distance;

/// Volumes that differ by less than this factor count as alike.
const ALIKE: f64 = 1.1;

impl Quantity {
    /// Its value in one patient; `None` when a structure is missing.
    fn of(&self, patient: &Patient) -> Option<f64> {
        let volume = |name: &str| Some(patient.structure(name)?.volume);
        Some(match self {
            Self::Volume(a) => volume(a)?,
            Self::Joint(a, b) => volume(a)? + volume(b)?,
            Self::Share(a, b) => 100.0 * volume(a)? / (volume(a)? + volume(b)?),
            Self::Ratio(a, b) => volume(a)? / volume(b)?,
            Self::Percentage(a, b) => 100.0 * volume(a)? / volume(b)?,
            Self::Distance(a, b) => distance(patient.structure(a)?.centre, patient.structure(b)?.centre),
            Self::Extent(a, axis) => *patient.structure(a)?.size.get(*axis)?,
        })
    }

    fn in_all(&self, patients: &[Patient], fewest: usize) -> Option<Vec<f64>> {
        let values: Vec<f64> =
            patients.iter().filter_map(|patient| self.of(patient)).filter(|value| value.is_finite()).collect();
        (values.len() >= fewest).then_some(values)
    }
}

/// The number that most patients are near to.
pub(super) fn number(asked: &Asked, patients: &[Patient], fewest: usize) -> Option<f64> {
    match asked {
        Asked::Number(quantity) => median(quantity.in_all(patients, fewest)?),
        _ => None,
    }
}

/// Index of the option that the other patients support; `None` where too few can tell, or they tell nothing.
pub(super) fn option(
    asked: &Asked,
    options: &[String],
    patients: &[Patient],
    fewest: usize,
) -> Option<usize> {
    match asked {
        Asked::Number(quantity) => nearest(median(quantity.in_all(patients, fewest)?)?, options),
        Asked::Reaches(quantity, limit) => {
            let reaches = median(quantity.in_all(patients, fewest)?)? >= *limit;
            let word = if reaches { "yes" } else { "no" };
            options.iter().position(|option| option.eq_ignore_ascii_case(word))
        }
        _ => {
            let mut votes = vec![0usize; options.len()];
            for place in patients.iter().filter_map(|patient| vote(asked, options, patient)) {
                *votes.get_mut(place)? += 1;
            }
            if votes.iter().sum::<usize>() < fewest.max(1) {
                return None;
            }
            let most = votes.iter().max()?;
            votes.iter().position(|count| count == most)
        }
    }
}

/// The option that holds a number, or the one nearest to it.
fn nearest(value: f64, options: &[String]) -> Option<usize> {
    let printed = read_all(options)?;
    if printed.iter().all(|one| one.is_number()) {
        let apart = |place: &usize| (printed[*place].low - value).abs();
        return (0..printed.len()).min_by(|a, b| apart(a).total_cmp(&apart(b)));
    }
    printed.iter().position(|one| one.holds(value))
}

/// The option that is right in one patient.
fn vote(asked: &Asked, options: &[String], patient: &Patient) -> Option<usize> {
    let centre = |name: &str| Some(patient.structure(name)?.centre);
    let apart = |a: &str, b: &str| -> Option<Point> {
        let (a, b) = (centre(a)?, centre(b)?);
        Some([a[0] - b[0], a[1] - b[1], a[2] - b[2]])
    };
    match asked {
        Asked::Number(_) | Asked::Reaches(..) => None,
        Asked::Extreme { of, largest } => {
            let sign = if *largest { 1.0 } else { -1.0 };
            let values: Vec<f64> =
                of.iter().map(|quantity| Some(sign * quantity.of(patient)?)).collect::<Option<_>>()?;
            highest(&values)
        }
        Asked::Farthest(names, toward) => {
            let along: Vec<f64> =
                names.iter().map(|name| Some(toward.component(centre(name)?))).collect::<Option<_>>()?;
            highest(&along)
        }
        Asked::Displacement(a, b) => {
            let apart = apart(a, b)?;
            // An option of two directions holds where both do; of one, the longest way counts.
            let along = |option: &String| {
                let ways = directions(option);
                let least = ways.iter().map(|way| way.component(apart)).fold(f64::INFINITY, f64::min);
                if ways.is_empty() { f64::NEG_INFINITY } else { least }
            };
            highest(&options.iter().map(along).collect::<Vec<_>>())
        }
        Asked::LongestAxis(a) => {
            let size = patient.structure(a)?.size;
            let along = |option: &String| Some(*size.get(super::reading::axis(option)?)?);
            highest(&options.iter().map(along).collect::<Option<Vec<_>>>()?)
        }
        Asked::Statement => options.iter().position(|option| {
            let said = || -> Option<bool> {
                let (a, relation) =
                    between(option, "The centre of ", " than the centre of ")?.split_once(" lies farther ")?;
                let (_, b) = option.trim_end_matches('.').split_once(" than the centre of ")?;
                let way = directions(relation).first().copied()?;
                Some(way.component(apart(&name(a), &name(b))?) > 0.0)
            };
            said() == Some(true)
        }),
        Asked::Larger => larger(options, patient),
        Asked::VolumeOrder => in_order(options, &|name| Some(patient.structure(name)?.volume)),
        Asked::OrderFrom(side) => {
            let side: Direction = *side;
            in_order(options, &|name| Some(side.component(centre(name)?)))
        }
    }
}

/// "the liver by more than 10 %", "neither by more than 10 %".
fn larger(options: &[String], patient: &Patient) -> Option<usize> {
    let volumes: Vec<Option<f64>> = options
        .iter()
        .map(|option| Some(patient.structure(&name(option.split_once(" by more than ")?.0))?.volume))
        .collect();
    let known: Vec<(usize, f64)> =
        volumes.iter().enumerate().filter_map(|(place, volume)| Some((place, (*volume)?))).collect();
    let [(a, first), (b, second)] = known[..] else { return None };
    let neither = || options.iter().position(|option| option.starts_with("neither"));
    match (first > second * ALIKE, second > first * ALIKE) {
        (true, _) => Some(a),
        (_, true) => Some(b),
        _ => neither(),
    }
}

/// The option whose names come in falling order of a value: "the liver, the spleen, the left kidney".
fn in_order(options: &[String], value: &dyn Fn(&str) -> Option<f64>) -> Option<usize> {
    options.iter().position(|option| {
        let values: Option<Vec<f64>> =
            option.split([',', '>', '\u{2192}']).map(|part| value(&name(part))).collect();
        values.is_some_and(|values| values.len() > 1 && values.windows(2).all(|pair| pair[0] >= pair[1]))
    })
}

fn highest(values: &[f64]) -> Option<usize> {
    (0..values.len()).max_by(|a, b| values[*a].total_cmp(&values[*b]).then(b.cmp(a)))
}

/// The middle of some numbers; the mean of the two in the middle of an even count.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = values.len() / 2;
    let high = *values.get(upper)?;
    match upper.checked_sub(1).filter(|_| values.len().is_multiple_of(2)) {
        Some(lower) => Some((values[lower] + high) / 2.0),
        None => Some(high),
    }
}
