//! What a validator said of each pair.

use crate::datasets::ct_rate::pairs::Pair;
use crate::judging::objects;
use std::collections::BTreeMap;

/// Criteria that a pair fails, by the pair's place; a pair that is not here has no verdict.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    failed: BTreeMap<usize, Vec<&'static str>>,
}

impl Verdicts {
    /// Reads a reply about a batch, whose pairs were numbered from 1. A verdict counts when it bears the number of a pair
    /// and answers every criterion with true or false; two verdicts on one pair count as none, and a number that no pair
    /// has makes the whole reply unreadable, since then the validator counted in another way.
    pub(super) fn read(&mut self, text: &str, batch: &[&Pair], criteria: &'static [&'static str]) {
        let mut read: BTreeMap<usize, Option<Vec<&'static str>>> = BTreeMap::new();
        for object in objects(text) {
            let Some(number) = object.get("index").and_then(serde_json::Value::as_u64) else { continue };
            let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
            let Some(pair) = place.and_then(|place| batch.get(place)) else { return };
            let answers: Option<Vec<bool>> =
                criteria.iter().map(|name| object.get(*name).and_then(serde_json::Value::as_bool)).collect();
            let failed = answers.map(|answers| {
                criteria.iter().zip(answers).filter(|(_, met)| !met).map(|(name, _)| *name).collect()
            });
            let twice = read.contains_key(&pair.index);
            read.insert(pair.index, failed.filter(|_| !twice));
        }
        self.failed.extend(read.into_iter().filter_map(|(index, failed)| Some((index, failed?))));
    }

    /// Criteria that the pair at that place fails; `None` without a verdict.
    pub(super) fn of(&self, index: usize) -> Option<&[&'static str]> {
        self.failed.get(&index).map(Vec::as_slice)
    }
}
