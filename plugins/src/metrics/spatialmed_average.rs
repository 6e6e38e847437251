//! SpatialMed's AVG: six tasks of equal weight, with a named policy for models that give no numbers.

use super::mra_vsi10::{NumberBy, mra_vsi10, none_committed, numbers};
use situs_core::prelude::*;
use situs_core::stats::{WeightedPart, weighted_means};

/// What becomes of the volume score of a model that never commits to a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WithoutNumber {
    /// It counts as 0 (strict).
    Zero,
    /// The mean is taken over the five choice tasks.
    Skip,
    /// There is no mean.
    Void,
}

situs_core::component! {
    /// SpatialMed's AVG: mean of five choice tasks (accuracy) and volume (`mra_vsi10`), each of weight one sixth.
    metric "spatialmed_average";
    pub struct SpatialMedAverage {
        /// Volume score of a model that gives no number at all: "zero" (strict), "skip" or "void". The paper mixes the first two.
        pub without_number: WithoutNumber = WithoutNumber::Zero,
    }
}

#[typetag::serde(name = "spatialmed_average")]
impl MetricSpec for SpatialMedAverage {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Metric>, Fault> {
        Ok(Box::new(self.clone()))
    }
}

/// Levels of the facet `task` behind each column; the last one is volume.
const COLUMNS: [&[&str]; 6] = [&["dir"], &["dist"], &["ext"], &["vol"], &["comp"], &["absolute", "ratio", "cross"]];

fn column(record: &Record) -> Option<usize> {
    let task = record.question.facet("task");
    COLUMNS.iter().position(|tasks| tasks.contains(&task))
}

impl Metric for SpatialMedAverage {
    fn score(&self, record: &Record, _: &Replies) -> Result<Option<Score>, Fault> {
        if column(record).is_none() {
            return Ok(None);
        }
        let value = match numbers(record, NumberBy::Family) {
            Some((target, given)) => given.map_or(0.0, |given| mra_vsi10(given, target)),
            None => f64::from(u8::from(record.is_right())),
        };
        Ok(Some(Score::mean(value)))
    }

    fn summarise(&self, scored: &Scored<'_>) -> Result<Option<Summary>, Fault> {
        let silent = self.without_number != WithoutNumber::Zero && none_committed(scored, NumberBy::Family);
        if silent && self.without_number == WithoutNumber::Void {
            return Ok(Some(Summary::nothing()));
        }
        let count = if silent { COLUMNS.len() - 1 } else { COLUMNS.len() };
        let mut parts: Vec<WeightedPart<&str>> = (0..count)
            .map(|_| WeightedPart { weight: 1.0, values: Vec::new(), clusters: Vec::new() })
            .collect();
        for one in &scored.records {
            let place = column(one.record).and_then(|place| parts.get_mut(place));
            if let (Some(part), Some(score)) = (place, &one.score) {
                part.values.push(score.value);
                part.clusters.push(&one.record.question.cluster);
            }
        }
        // A task that was not asked leaves no mean of six.
        if parts.iter().any(|part| part.values.is_empty()) {
            return Ok(Some(Summary::nothing()));
        }
        Ok(Some(weighted_means(&parts).map_or_else(Summary::nothing, Summary::from)))
    }
}
