//! Two numeric options lie no more than a voxel apart: no picture of this volume can decide between them.

use super::ItemLint;
use crate::printed_number::{Dimension, Printed, read_all};
use situs_core::question::Question;
use situs_core::structure::Grid;

pub(super) struct DistractorGap;

impl ItemLint for DistractorGap {
    fn name(&self) -> &'static str {
        "distractor-gap"
    }

    fn summary(&self) -> &'static str {
        "two options lie no more than one voxel apart"
    }

    fn find(&self, question: &Question, grids: &[Grid]) -> Option<String> {
        let in_voxels = question.text.to_lowercase().contains("voxel");
        match read_all(&question.options) {
            Some(printed) if printed.iter().all(Printed::is_number) => {
                numbers(question, &printed, grids, in_voxels)
            }
            Some(_) => None,
            None if in_voxels => tuples(question),
            None => None,
        }
    }
}

fn numbers(question: &Question, printed: &[Printed], grids: &[Grid], in_voxels: bool) -> Option<String> {
    let sides = || grids.iter().map(|grid| grid.affine.spacing());
    let (voxel, unit) = match printed.first()?.dimension {
        Dimension::Length => (sides().flatten().fold(0.0, f64::max), "mm"),
        Dimension::Volume => {
            (sides().map(|sides| sides.iter().product::<f64>() / 1000.0).fold(0.0, f64::max), "cm\u{b3}")
        }
        Dimension::Voxels => (1.0, "voxels"),
        Dimension::Bare if in_voxels => (1.0, "voxels"),
        Dimension::Bare | Dimension::Percent => return None,
    };
    let mut values: Vec<f64> = printed.iter().map(|one| one.low).collect();
    values.sort_by(f64::total_cmp);
    let gap = values.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
    // Equal options are another lint's.
    (gap > 0.0 && gap <= voxel + 1e-9).then(|| {
        format!("{gap:.3} {unit} between two of {}, one voxel is {voxel:.3}", question.options.join(", "))
    })
}

/// Options of several numbers each in the same words: "z_min: 157, z_max: 574".
fn tuples(question: &Question) -> Option<String> {
    let split: Vec<(String, Vec<f64>)> = question.options.iter().map(|option| skeleton(option)).collect();
    for (place, (words, numbers)) in split.iter().enumerate() {
        for (other_words, others) in split.iter().skip(place + 1) {
            let alike = words == other_words && numbers.len() == others.len() && !numbers.is_empty();
            let apart = numbers.iter().zip(others).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            if alike && apart > 0.0 && apart <= 1.0 {
                return Some(format!("two of {} are {apart} voxels apart", question.options.join(" | ")));
            }
        }
    }
    None
}

/// The text between the numbers, and the numbers.
fn skeleton(text: &str) -> (String, Vec<f64>) {
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    let mut words = String::new();
    let mut numbers = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c| !is_number(c)).unwrap_or(from.len());
        let (number, after) = from.split_at(end);
        words.push_str(before);
        words.push('#');
        numbers.extend(number.trim_end_matches('.').parse::<f64>().ok());
        rest = after;
    }
    words.push_str(rest);
    (words, numbers)
}
