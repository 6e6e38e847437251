//! Options of numeric items: gaps, ranks, ranges and thresholds, and how lengths and volumes are printed.

use situs_core::digest::Draw;

/// Options differ by at least this share of the larger one.
const GAP_SHARE: f64 = 0.2;
/// Lengths also by so many mm, and by so many voxels of the coarsest asked axis.
const GAP_MM: f64 = 5.0;
const GAP_VOXELS: f64 = 2.0;
/// Volumes also by so many cm³.
const GAP_CM3: f64 = 1.0;
/// A step from one option to the next is a factor between these.
const STEP: [f64; 2] = [1.25, 1.9];
/// Each range is so many times as wide as the one below.
const RANGE_FACTOR: f64 = 1.6;
/// A truth keeps so much of its range from either edge.
const RANGE_EDGE: f64 = 0.1;
/// Tries at drawing distractors.
const TRIES: usize = 16;

/// One option.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice {
    /// As printed, without its letter.
    pub(super) text: String,
    /// What it stands for, in mm or cm³, where it is a number; a range stands for its lower limit.
    pub(super) value: Option<f64>,
}

impl Choice {
    /// An option that is no number.
    pub(super) fn words(text: impl Into<String>) -> Self {
        Self { text: text.into(), value: None }
    }
}

/// Where a number falls among options.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Place {
    /// The option with the nearest value.
    Nearest,
    /// Ranges between ascending limits that were drawn around the truth.
    Ranges(Vec<f64>),
    /// Ranges between ascending limits that are the same for every patient.
    Limits(Vec<f64>),
    /// "yes" above the limit; the first option is "yes".
    Above(f64),
}

impl Place {
    /// Index of the option that holds a number.
    pub(super) fn of(&self, number: f64, options: &[Choice]) -> Option<usize> {
        match self {
            Self::Nearest => options
                .iter()
                .enumerate()
                .filter_map(|(place, option)| Some((place, (option.value? - number).abs())))
                .min_by(|(_, a), (_, b)| a.total_cmp(b))
                .map(|(place, _)| place),
            Self::Ranges(limits) | Self::Limits(limits) => Some(limits.iter().filter(|limit| number >= **limit).count()),
            Self::Above(limit) => Some(usize::from(number <= *limit)),
        }
    }
}

/// What a number measures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Quantity {
    /// mm; the coarsest voxel side asked about in mm.
    Length(f64),
    /// cm³.
    Volume,
}

impl Quantity {
    /// Whether two options are far enough apart.
    pub(super) fn apart(self, a: f64, b: f64) -> bool {
        let least = match self {
            Self::Length(voxel) => GAP_MM.max(GAP_VOXELS * voxel),
            Self::Volume => GAP_CM3,
        };
        // Binary rounding must not turn a factor of 1.25 away.
        (a - b).abs() >= (GAP_SHARE * a.abs().max(b.abs())).max(least) - 1e-9
    }

    /// Numbers with one unit and the same decimals: lengths above 1 cm in cm with one decimal, others in mm; volumes with
    /// three significant digits, decimals as the number at `lead` needs them.
    pub(super) fn print(self, values: &[f64], lead: usize) -> Vec<String> {
        match self {
            Self::Length(_) if values.iter().all(|mm| *mm >= 10.0) => {
                values.iter().map(|mm| format!("{:.1} cm", mm / 10.0)).collect()
            }
            Self::Length(_) => values.iter().map(|mm| format!("{mm:.0} mm")).collect(),
            Self::Volume => {
                let decimals = decimals(values.get(lead).copied().unwrap_or(1.0));
                values.iter().map(|value| format!("{} cm³", three_digits(*value, decimals))).collect()
            }
        }
    }
}

/// Decimals that show three significant digits.
fn decimals(value: f64) -> usize {
    match value.abs() {
        large if large >= 100.0 => 0,
        middle if middle >= 10.0 => 1,
        _ => 2,
    }
}

/// A number with three significant digits, or fewer where the decimals end.
fn three_digits(value: f64, decimals: usize) -> String {
    let magnitude = value.abs().max(1e-12).log10().floor();
    let step = 10f64.powf(magnitude - 2.0).max(10f64.powi(-(decimals as i32)));
    format!("{:.decimals$}", (value / step).round() * step)
}

/// Four numbers in ascending order, the truth at `rank`, far enough apart. Distractors are other patients' values, the
/// nearest that obey the gaps, where `others` (ascending) are given, else the truth times drawn factors.
pub(super) fn numbers(
    truth: f64,
    rank: usize,
    quantity: Quantity,
    others: Option<&[f64]>,
    draw: &Draw,
) -> Option<(Vec<f64>, bool)> {
    const COUNT: usize = 4;
    if let Some(values) = others.and_then(|others| nearest_values(truth, rank, COUNT, quantity, others)) {
        return Some((values, true));
    }
    (0..TRIES).find_map(|attempt| {
        let draw = draw.of("factors").of(attempt);
        let step = |place: usize| {
            let [least, most] = STEP;
            least * (most / least).powf(draw.of(place).unit())
        };
        let mut values = vec![truth];
        for place in 0..rank {
            values.insert(0, values.first()? / step(place));
        }
        for place in rank + 1..COUNT {
            values.push(values.last()? * step(place));
        }
        well_apart(&values, quantity).then_some((values, false))
    })
}

/// Whether ascending numbers keep their gaps.
pub(super) fn well_apart(values: &[f64], quantity: Quantity) -> bool {
    values.windows(2).all(|pair| quantity.apart(pair[0], pair[1]))
}

/// The first values that keep the gap from each other and from where the walk begins.
fn walk(
    start: f64,
    mut from: impl Iterator<Item = f64>,
    wanted: usize,
    quantity: Quantity,
) -> Option<Vec<f64>> {
    let mut taken = Vec::with_capacity(wanted);
    let mut last = start;
    while taken.len() < wanted {
        last = from.find(|value| quantity.apart(*value, last))?;
        taken.push(last);
    }
    Some(taken)
}

fn nearest_values(
    truth: f64,
    rank: usize,
    count: usize,
    quantity: Quantity,
    others: &[f64],
) -> Option<Vec<f64>> {
    let below = walk(truth, others.iter().rev().copied().filter(|value| *value < truth), rank, quantity)?;
    let above =
        walk(truth, others.iter().copied().filter(|value| *value > truth), count - 1 - rank, quantity)?;
    Some(below.into_iter().rev().chain([truth]).chain(above).collect())
}

/// Printed numbers as options.
pub(super) fn printed(values: &[f64], rank: usize, quantity: Quantity) -> Option<Vec<Choice>> {
    let texts = quantity.print(values, rank);
    let distinct: std::collections::BTreeSet<&String> = texts.iter().collect();
    (distinct.len() == texts.len()).then(|| {
        texts
            .iter()
            .zip(values)
            .map(|(text, value)| Choice { text: text.clone(), value: Some(*value) })
            .collect()
    })
}

/// Four touching ranges that cover the line, the truth in the one at `rank`; with their three limits as printed.
pub(super) fn ranges(
    truth: f64,
    rank: usize,
    quantity: Quantity,
    draw: &Draw,
) -> Option<(Vec<Choice>, Vec<f64>)> {
    (0..TRIES).find_map(|attempt| {
        let within = 0.15 + 0.7 * draw.of("range").of(attempt).unit();
        let low = truth / RANGE_FACTOR.powf(within);
        let limits: Vec<f64> = (1..4).map(|place| low * RANGE_FACTOR.powi(place - rank as i32)).collect();
        let texts = quantity.print(&limits, 0);
        let limits: Vec<f64> = texts.iter().map(|text| read_back(text)).collect::<Option<_>>()?;
        let rising = limits.windows(2).all(|pair| pair[0] < pair[1]) && limits[0] > 0.0;
        let inside = rising && limits.iter().filter(|limit| truth >= **limit).count() == rank;
        (inside && keeps_from_edges(truth, rank, &limits)).then(|| (range_options(&texts, &limits), limits))
    })
}

/// mm or cm³ of a number with its unit, as a person or a model may write it.
pub(super) fn read_length_or_volume(text: &str) -> Option<f64> {
    let number: String = text.trim().chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    let unit = text.trim().get(number.len()..)?.trim().to_lowercase();
    let value: f64 = number.parse().ok().filter(|value: &f64| value.is_finite() && *value > 0.0)?;
    match unit.as_str() {
        "cm" => Some(value * 10.0),
        "mm" | "cm³" | "cm3" | "cm^3" | "ml" | "cc" => Some(value),
        _ => None,
    }
}

/// mm or cm³ of a printed number.
fn read_back(text: &str) -> Option<f64> {
    let (number, unit) = text.split_once(' ')?;
    let number: f64 = number.parse().ok()?;
    Some(if unit == "cm" { number * 10.0 } else { number })
}

/// Open ranges count as wide as their neighbour's factor makes them.
fn keeps_from_edges(truth: f64, rank: usize, limits: &[f64]) -> bool {
    let low = if rank == 0 { limits[0] / RANGE_FACTOR } else { limits[rank - 1] };
    let high = limits.get(rank).copied().unwrap_or(low * RANGE_FACTOR);
    let share = (truth - low) / (high - low);
    (RANGE_EDGE..=1.0 - RANGE_EDGE).contains(&share)
}

/// "below a", "a to below b", ..., "c or more".
pub(super) fn range_options(texts: &[String], limits: &[f64]) -> Vec<Choice> {
    let bare = |text: &str| text.split(' ').next().unwrap_or_default().to_owned();
    (0..=limits.len())
        .map(|place| {
            let lower = place.checked_sub(1).and_then(|below| texts.get(below));
            let text = match (lower, texts.get(place)) {
                (None, Some(upper)) => format!("below {upper}"),
                (Some(lower), Some(upper)) => format!("{} to below {upper}", bare(lower)),
                (Some(lower), None) => format!("{lower} or more"),
                (None, None) => String::new(),
            };
            let value = place.checked_sub(1).and_then(|below| limits.get(below)).copied();
            Choice { text, value: Some(value.unwrap_or(0.0)) }
        })
        .collect()
}

/// "yes" and "no".
pub(super) fn yes_or_no() -> Vec<Choice> {
    vec![Choice::words("yes"), Choice::words("no")]
}

/// A limit that makes the answer "yes" (below the truth) or "no" (above it), as printed.
pub(super) fn threshold(truth: f64, yes: bool, quantity: Quantity) -> Option<(String, f64)> {
    let limit = truth * if yes { 0.7 } else { 1.4 };
    let text = quantity.print(&[limit], 0).pop()?;
    let limit = read_back(&text)?;
    ((truth > limit) == yes && quantity.apart(truth, limit)).then_some((text, limit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn options_keep_their_gaps_and_the_truth_its_rank(truth in 2.0f64..3000.0, rank in 0usize..4, seed: u64) {
            for quantity in [Quantity::Volume, Quantity::Length(3.0)] {
                let Some((values, false)) = numbers(truth, rank, quantity, None, &Draw::new(seed)) else { continue };
                prop_assert_eq!(values.len(), 4);
                prop_assert_eq!(values[rank], truth);
                for (place, a) in values.iter().enumerate() {
                    for b in &values[place + 1..] {
                        // Any two: 20 % of the larger, and the absolute gap.
                        prop_assert!((b - a) >= 0.2 * b - 1e-6);
                        let least = if quantity == Quantity::Volume { 1.0 } else { 6.0 };
                        prop_assert!(b - a >= least - 1e-6);
                    }
                }
            }
        }

        #[test]
        fn ranges_touch_and_hold_the_truth_well_inside(truth in 1.0f64..5000.0, rank in 0usize..4, seed: u64) {
            let Some((options, limits)) = ranges(truth, rank, Quantity::Volume, &Draw::new(seed)) else { return Ok(()) };
            prop_assert_eq!((options.len(), limits.len()), (4, 3));
            prop_assert_eq!(Place::Ranges(limits.clone()).of(truth, &options), Some(rank));
            prop_assert!(limits.iter().all(|limit| (limit - truth).abs() > 0.03 * truth));
            prop_assert!(options[0].text.starts_with("below ") && options[3].text.ends_with(" or more"));
        }
    }

    #[test]
    fn other_patients_values_are_taken_nearest_first() {
        let others = [80.0, 90.0, 100.0, 119.0, 126.0, 140.0, 160.0, 210.0];
        let (values, known) = numbers(100.0, 1, Quantity::Volume, Some(&others), &Draw::new(0)).unwrap();
        // 90 is within 20 % of 100; 126 is the first at 20 % of itself above, 160 the next.
        assert!(known);
        assert_eq!(values, [80.0, 100.0, 126.0, 160.0]);
        // Nobody is smaller by enough twice: factors instead.
        assert!(!numbers(100.0, 2, Quantity::Volume, Some(&others), &Draw::new(0)).unwrap().1);
    }

    #[test]
    fn no_room_is_no_options() {
        assert!(numbers(6.0, 3, Quantity::Length(3.0), None, &Draw::new(0)).is_none());
    }

    #[test]
    fn numbers_are_printed_alike() {
        assert_eq!(Quantity::Length(1.0).print(&[104.0, 98.6], 0), ["10.4 cm", "9.9 cm"]);
        assert_eq!(Quantity::Length(1.0).print(&[104.0, 8.6], 0), ["104 mm", "9 mm"]);
        assert_eq!(Quantity::Volume.print(&[1483.0, 921.4], 0), ["1480 cm³", "921 cm³"]);
        assert_eq!(Quantity::Volume.print(&[12.34, 8.999], 0), ["12.3 cm³", "9.0 cm³"]);
    }

    #[test]
    fn thresholds_lie_on_the_side_that_was_asked_for() {
        assert_eq!(threshold(100.0, true, Quantity::Volume), Some(("70.0 cm³".to_owned(), 70.0)));
        assert_eq!(threshold(100.0, false, Quantity::Volume), Some(("140 cm³".to_owned(), 140.0)));
        assert_eq!(Place::Above(70.0).of(100.0, &yes_or_no()), Some(0));
    }
}
