//! What the other patients of a data set are like: for distractors, and for a reader who knows books and no picture.

use super::body::{Body, Measure};
use super::draft::Textbook;
use super::options::{Choice, Place};
use situs_core::prelude::*;
use std::collections::HashMap;

/// A structure in another patient.
#[derive(Clone, Copy)]
struct Seen {
    case: usize,
    measure: Measure,
}

/// All other patients of the same modality.
pub(super) struct Population<'a> {
    seen: HashMap<&'a str, Vec<Seen>>,
    catalogue: &'a Catalogue,
    /// Places in the catalogue of cases of other patients with the same modality.
    pub(super) others: Vec<usize>,
    fewest: usize,
    trivial_from: f64,
}

/// What the textbook reader says of an item.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Verdict {
    /// Right in nearly all patients: the item is trivial.
    Trivial,
    /// Right here.
    Right,
    /// Wrong here.
    Wrong,
    /// Too few patients to tell.
    Unknown,
}

impl<'a> Population<'a> {
    /// The other patients of a case.
    pub(super) fn new(cx: &AskContext<'a>, fewest: usize, trivial_from: f64) -> Self {
        let others: Vec<usize> = cx
            .catalogue
            .cases
            .iter()
            .enumerate()
            .filter(|(_, other)| other.cluster != cx.entry.cluster && other.modality == cx.entry.modality)
            .map(|(place, _)| place)
            .collect();
        let mut seen: HashMap<&str, Vec<Seen>> = HashMap::new();
        for case in &others {
            let measured = &cx.catalogue.cases[*case].measured;
            for structure in &measured.structures {
                if let Some(measure) = Measure::of(structure, &measured.grid) {
                    seen.entry(&structure.name).or_default().push(Seen { case: *case, measure });
                }
            }
        }
        Self { seen, catalogue: cx.catalogue, others, fewest, trivial_from }
    }

    /// Entry of a case by its place.
    pub(super) fn entry(&self, case: usize) -> Option<&'a CatalogueEntry> {
        self.catalogue.cases.get(case)
    }

    /// Patients other than this one.
    pub(super) fn is_empty(&self) -> bool {
        self.others.is_empty()
    }

    /// A whole structure in one other case.
    pub(super) fn measure(&self, case: usize, structure: &str) -> Option<Measure> {
        let seen = self.seen.get(structure)?;
        // Cases were gone through in order.
        seen.binary_search_by_key(&case, |seen| seen.case).ok().and_then(|place| seen.get(place)).map(|seen| seen.measure)
    }

    /// Values of a structure in patients that hold it whole, ascending; `None` below the number that is asked for.
    pub(super) fn values(&self, structure: &str, value: impl Fn(&Measure) -> f64) -> Option<Vec<f64>> {
        let mut values: Vec<f64> = self
            .seen
            .get(structure)?
            .iter()
            .filter(|seen| seen.measure.whole)
            .map(|seen| value(&seen.measure))
            .filter(|value| value.is_finite() && *value > 0.0)
            .collect();
        // The patient at hand holds it too.
        (values.len() + 1 >= self.fewest).then(|| {
            values.sort_by(f64::total_cmp);
            values
        })
    }

    /// All these structures in every other patient that holds them.
    fn tuples(&self, names: &[&str]) -> Vec<Vec<Measure>> {
        let Some((first, rest)) = names.split_first() else { return Vec::new() };
        let Some(firsts) = self.seen.get(first) else { return Vec::new() };
        firsts
            .iter()
            .filter_map(|seen| {
                let mut tuple = vec![seen.measure];
                for name in rest {
                    tuple.push(self.measure(seen.case, name)?);
                }
                Some(tuple)
            })
            .collect()
    }

    /// What a reader who knows the other patients says of an item with options.
    pub(super) fn verdict(&self, body: &Body<'_>, sites: &[usize], textbook: &Textbook, options: &[Choice], truth: usize) -> Verdict {
        let names: Vec<&str> = sites.iter().map(|site| body.sites[*site].name.as_str()).collect();
        let tuples = self.tuples(&names);
        if tuples.len() + 1 < self.fewest {
            return Verdict::Unknown;
        }
        let told = match textbook {
            Textbook::Majority(outcome) => {
                let mut votes = vec![0usize; options.len()];
                for tuple in &tuples {
                    if let Some(vote) = outcome(tuple).and_then(|option| votes.get_mut(option)) {
                        *vote += 1;
                    }
                }
                let Some((option, most)) = votes.iter().enumerate().max_by_key(|(place, vote)| (**vote, usize::MAX - *place)) else {
                    return Verdict::Unknown;
                };
                // The patient at hand counts among those in whom the reader is right.
                let right = most + usize::from(option == truth);
                if right as f64 >= self.trivial_from * (tuples.len() + 1) as f64 {
                    return Verdict::Trivial;
                }
                Some(option)
            }
            Textbook::Median(number, place) => {
                let own: Vec<Measure> = sites.iter().map(|site| body.sites[*site].measure).collect();
                let numbers: Vec<f64> = tuples.iter().map(|tuple| number(tuple)).collect();
                let Some(median) = median(numbers.clone()) else { return Verdict::Unknown };
                let told = place.of(median, options);
                let scale = number(&own) * median;
                let tells = |theirs: &&f64| match place {
                    Place::Limits(_) => place.of(**theirs, options) == told,
                    // Options are made around each patient's own number: the reader is as far off theirs as the median is.
                    _ => place.of(scale / **theirs, options) == Some(truth),
                };
                let right = numbers.iter().filter(tells).count() + usize::from(told == Some(truth));
                if right as f64 >= self.trivial_from * (numbers.len() + 1) as f64 {
                    return Verdict::Trivial;
                }
                told
            }
            Textbook::Value(_) | Textbook::Nothing => return Verdict::Unknown,
        };
        if told == Some(truth) { Verdict::Right } else { Verdict::Wrong }
    }

    /// The other patients' median of a number.
    pub(super) fn median(&self, body: &Body<'_>, sites: &[usize], number: &dyn Fn(&[Measure]) -> f64) -> Option<f64> {
        let names: Vec<&str> = sites.iter().map(|site| body.sites[*site].name.as_str()).collect();
        let tuples = self.tuples(&names);
        if tuples.len() + 1 < self.fewest {
            return None;
        }
        median(tuples.iter().map(|tuple| number(tuple)).collect())
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => values.get(middle).copied(),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}
