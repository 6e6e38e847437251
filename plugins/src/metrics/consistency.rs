//! Whether answers agree with each other.

mod relations;

use relations::Claims;
use situs_core::prelude::*;
use situs_core::stats;
use std::collections::BTreeMap;

/// What has to agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Check {
    /// All forms of one question (closed and inverted) are answered right. Replies without an answer count as wrong.
    Joint,
    /// The forms of one question are answered as if by one belief: all right, or all wrong.
    Antisymmetry,
    /// If A lies superior to B, and B to C, then A to C. Guessing passes three times in four.
    Transitivity,
}

situs_core::component! {
    /// Whether answers agree with each other: jointly right pairs, antisymmetry, or transitivity over triples.
    metric "consistency";
    pub struct Consistency {
        /// `joint`, `antisymmetry` or `transitivity`.
        pub check: Check = Check::Joint,
    }
}

#[typetag::serde(name = "consistency")]
impl MetricSpec for Consistency {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Metric>, Fault> {
        Ok(Box::new(self.clone()))
    }
}

impl Metric for Consistency {
    /// One record alone is neither consistent nor inconsistent.
    fn score(&self, _: &Record, _: &Replies) -> Result<Option<Score>, Fault> {
        Ok(None)
    }

    fn summarise(&self, scored: &Scored<'_>) -> Result<Option<Summary>, Fault> {
        let records: Vec<&Record> = scored.records.iter().map(|scored| scored.record).collect();
        let (verdicts, values) = match self.check {
            Check::Joint => by_bundle(&records, jointly_right),
            Check::Antisymmetry => by_bundle(&records, one_belief),
            Check::Transitivity => (Claims::of(&records).triples(), None),
        };
        let mut summary = summarised(&verdicts);
        summary.values = values;
        Ok(Some(summary))
    }
}

/// A yes or no about several records, and the cluster they belong to.
struct Verdict {
    passed: bool,
    cluster: String,
}

/// Judges all records of each bundle and trial together; also gives each record its bundle's value.
fn by_bundle(
    records: &[&Record],
    judge: fn(&[&Record]) -> Option<bool>,
) -> (Vec<Verdict>, Option<Vec<Option<f64>>>) {
    let mut bundles: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (index, record) in records.iter().enumerate() {
        let question = &record.question;
        if !question.bundle.is_empty() {
            bundles.entry((&question.cases, &question.bundle, record.trial)).or_default().push(index);
        }
    }
    let mut verdicts = Vec::new();
    let mut values = vec![None; records.len()];
    for members in bundles.into_values() {
        let of: Vec<&Record> = members.iter().map(|index| records[*index]).collect();
        if of.len() < 2 {
            continue;
        }
        let Some(passed) = judge(&of) else { continue };
        for index in members {
            values[index] = Some(f64::from(u8::from(passed)));
        }
        verdicts.push(Verdict { passed, cluster: cluster(of[0]) });
    }
    (verdicts, Some(values))
}

fn cluster(record: &Record) -> String {
    match record.question.cluster.as_str() {
        "" => record.question.cases.join("+"),
        cluster => cluster.to_owned(),
    }
}

/// `None` when infrastructure failed for one of them.
fn jointly_right(records: &[&Record]) -> Option<bool> {
    let complete = records.iter().all(|record| record.answer.state != AnswerState::Failed);
    complete.then(|| records.iter().all(|record| record.is_right()))
}

/// `None` unless each chose one of two allowed answers.
fn one_belief(records: &[&Record]) -> Option<bool> {
    let first = records.first()?.is_right();
    records
        .iter()
        .all(|record| chose_one_of_two(record))
        .then(|| records.iter().all(|it| it.is_right() == first))
}

/// Whether an answer was read, it is an allowed one, and there were two.
fn chose_one_of_two(record: &Record) -> bool {
    let options = &record.question.options;
    record.answer.state == AnswerState::Answered
        && options.len() == 2
        && record.answer.value.as_ref().is_some_and(|value| options.contains(value))
}

fn summarised(verdicts: &[Verdict]) -> Summary {
    let values: Vec<f64> = verdicts.iter().map(|verdict| f64::from(u8::from(verdict.passed))).collect();
    let clusters: Vec<&str> = verdicts.iter().map(|verdict| verdict.cluster.as_str()).collect();
    stats::mean_estimate(&values, &clusters).map_or_else(Summary::nothing, Summary::from)
}
