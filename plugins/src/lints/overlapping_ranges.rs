//! Two ranges share values: one number, two right answers.

use super::ItemLint;
use crate::printed_number::{Printed, read_all};
use situs_core::question::Question;
use situs_core::structure::Grid;

pub(super) struct OverlappingRanges;

impl ItemLint for OverlappingRanges {
    fn name(&self) -> &'static str {
        "overlapping-ranges"
    }

    fn summary(&self) -> &'static str {
        "two ranges share values"
    }

    fn find(&self, question: &Question, _: &[Grid]) -> Option<String> {
        let mut ranges: Vec<(Printed, &String)> = read_all(&question.options)?
            .into_iter()
            .zip(&question.options)
            .filter(|(printed, _)| !printed.is_number())
            .collect();
        ranges.sort_by(|(a, _), (b, _)| a.low.total_cmp(&b.low).then(a.high.total_cmp(&b.high)));
        ranges
            .windows(2)
            .find(|pair| pair[1].0.low < pair[0].0.high)
            .map(|pair| format!("{:?} and {:?}", pair[0].1, pair[1].1))
    }
}
