//! From scored records to table cells: every figure with n, clusters and intervals.

use super::desk::{Desk, guarded};
use super::score::ArmScores;
use super::summary::{ArmSummary, Cell, Comparison, Contrast, FacetTable};
use crate::config::{Composite, Intervals, MissingCells, RunTable, Slice};
use crate::fault::{Cause, Fault};
use crate::metric::Metric;
use crate::record::{AnswerState, Record, Score, Scored, ScoredRecord, Summary};
use crate::stats::{self, WeightedPart};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Levels that a facet may have to get a table of its own when the config names none.
const MOST_LEVELS: usize = 24;
/// Arms that are compared pair by pair; beyond, only with the first.
const MOST_PAIRED: usize = 8;

/// Name under which composites ask for the column that every table has.
const ABOVE_CHANCE: &str = "above_chance";
/// Levels beyond which a facet's levels are not compared pair by pair.
const MOST_CONTRASTED: usize = 8;
/// Pairs below which nothing is said of two levels.
const FEWEST_PAIRS: usize = 10;

/// Makes the cells of one run.
pub struct Tables<'a> {
    /// Components and seed.
    pub desk: &'a Desk<'a>,
    /// Facets, slices, replicates.
    pub run: &'a RunTable,
}

impl Tables<'_> {
    /// All tables of one arm.
    ///
    /// # Errors
    /// When a metric is broken.
    pub fn arm(&self, name: &str, scores: &ArmScores) -> Result<ArmSummary, Fault> {
        let parts = self.desk.parts;
        let arm = parts
            .arms
            .iter()
            .find(|arm| arm.name == name)
            .ok_or_else(|| Fault::internal(format!("there is no arm {name}")))?;
        let card = parts.models[arm.model].backend.card();
        let all: Vec<usize> = (0..scores.records.len()).collect();
        let mut slices = BTreeMap::new();
        for (slice, filter) in &self.run.slices {
            slices.insert(slice.clone(), self.cell(scores, &filtered(scores, filter))?);
        }
        let mut facets = Vec::new();
        for (facet, levels) in self.levels(&scores.records) {
            let mut rows = Vec::new();
            for level in levels {
                let of_level: Vec<usize> = all
                    .iter()
                    .copied()
                    .filter(|index| scores.records[*index].question.facet(&facet) == level)
                    .collect();
                rows.push((level, self.cell(scores, &of_level)?));
            }
            facets.push(FacetTable { facet, rows });
        }
        let mut stamps = Vec::new();
        if card.reads_answers {
            stamps.push("reads answers".to_owned());
        }
        stamps.extend(arm.control.map(|control| format!("control: {control}")));
        Ok(ArmSummary {
            name: name.to_owned(),
            model: card.name.clone(),
            sampler: arm.sampler_identity.name.clone(),
            control: arm.control,
            stamps,
            missing: 0,
            overall: self.cell(scores, &all)?,
            slices,
            facets,
            contrasts: self.contrasts(scores),
        })
    }

    fn levels(&self, records: &[Record]) -> Vec<(String, Vec<String>)> {
        let mut levels: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for record in records {
            for (facet, level) in &record.question.facets {
                levels.entry(facet.clone()).or_default().insert(level.clone());
            }
        }
        let named = &self.run.facets;
        levels
            .into_iter()
            .filter(|(facet, levels)| {
                if named.is_empty() {
                    (2..=MOST_LEVELS).contains(&levels.len())
                } else {
                    named.contains(facet)
                }
            })
            .map(|(facet, levels)| (facet, levels.into_iter().collect()))
            .collect()
    }

    /// Gives records the values that a metric can only tell for the whole corpus.
    ///
    /// # Errors
    /// When a metric is broken.
    pub fn fill_values(&self, arm: &mut ArmScores) -> Result<(), Fault> {
        for (name, (metric, _)) in &self.desk.parts.metrics {
            let scores = arm.scores.get(name).map(Vec::as_slice).unwrap_or_default();
            let records = arm.records.iter().zip(scores);
            let scored = Scored {
                records: records
                    .map(|(record, score)| ScoredRecord { record, score: score.clone() })
                    .collect(),
                seed: self.desk.seed,
                replicates: self.run.bootstrap,
            };
            let own = guarded("the metric", Cause::Internal, || metric.summarise(&scored))?;
            let Some(values) = own.and_then(|own| own.values) else { continue };
            let filled = scored
                .records
                .iter()
                .zip(values)
                .map(|(one, value)| one.score.clone().or_else(|| value.map(Score::mean)))
                .collect();
            arm.scores.insert(name.clone(), filled);
        }
        Ok(())
    }

    /// One cell over some records.
    ///
    /// # Errors
    /// When a metric is broken.
    pub fn cell(&self, scores: &ArmScores, indices: &[usize]) -> Result<Cell, Fault> {
        let records: Vec<&Record> = indices.iter().map(|index| &scores.records[*index]).collect();
        let mut states: BTreeMap<String, usize> = BTreeMap::new();
        for record in &records {
            *states.entry(record.answer.state.word().to_owned()).or_default() += 1;
        }
        let count = |state: AnswerState| states.get(state.word()).copied().unwrap_or(0);
        let replied = records.len() - count(AnswerState::Failed);
        let share = |part: usize| (replied > 0).then(|| part as f64 / replied as f64);
        let clusters: BTreeSet<&str> =
            records.iter().map(|record| record.question.cluster.as_str()).collect();
        let chance: f64 = records.iter().map(|record| record.question.chance).sum();
        let of_replies: f64 = records
            .iter()
            .filter(|record| record.answer.state != AnswerState::Failed)
            .map(|record| record.question.chance)
            .sum();
        let expected = of_replies / replied as f64;
        let mut figures = BTreeMap::new();
        for (name, (metric, _)) in &self.desk.parts.metrics {
            let figure = self
                .figure(metric.as_ref(), &scores.scores[name], scores, indices)
                .map_err(|fault| fault.within(format!("metric '{name}'")))?;
            figures.insert(name.clone(), figure);
        }
        Ok(Cell {
            n: records.len(),
            clusters: clusters.len(),
            parse_rate: share(count(AnswerState::Answered)),
            chance: (!records.is_empty()).then(|| chance / records.len() as f64),
            above_chance: share(records.iter().filter(|record| record.is_right()).count())
                .map(|right| right - expected),
            states,
            figures,
        })
    }

    fn figure(
        &self,
        metric: &dyn Metric,
        scores: &[Option<Score>],
        arm: &ArmScores,
        indices: &[usize],
    ) -> Result<Summary, Fault> {
        let scored = Scored {
            records: indices
                .iter()
                .map(|index| ScoredRecord { record: &arm.records[*index], score: scores[*index].clone() })
                .collect(),
            seed: self.desk.seed,
            replicates: self.run.bootstrap,
        };
        if let Some(own) = guarded("the metric", Cause::Internal, || metric.summarise(&scored))? {
            // Values of single records belong into the scores file, not into every cell of the summary.
            return Ok(Summary { values: None, ..own });
        }
        let of: Vec<(&Record, &Score)> = indices
            .iter()
            .filter_map(|index| scores[*index].as_ref().map(|score| (&arm.records[*index], score)))
            .collect();
        if !is_plain_mean(&of) {
            return self.bootstrapped(metric, &of);
        }
        if self.run.intervals == Intervals::Robust {
            return Ok(mean(&of));
        }
        let drawn = self.bootstrapped(metric, &of)?;
        // Replicates that are all alike say that nothing varied, not that nothing is uncertain.
        let varied = drawn.interval.is_some_and(|[low, high]| high > low);
        Ok(if varied { drawn } else { mean(&of) })
    }

    fn bootstrapped(&self, metric: &dyn Metric, of: &[(&Record, &Score)]) -> Result<Summary, Fault> {
        let mut sums: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for (record, score) in of {
            let sum = sums.entry(&record.question.cluster).or_insert_with(|| vec![0.0; score.stats.len()]);
            if sum.len() != score.stats.len() {
                return Err(Fault::internal("scores have statistics of different widths"));
            }
            sum.iter_mut().zip(&score.stats).for_each(|(sum, stat)| *sum += stat);
        }
        let rows: Vec<Vec<f64>> = sums.into_values().collect();
        let finish = |sums: &[f64]| metric.finish(sums).ok().filter(|value| value.is_finite());
        let result = stats::bootstrap_clusters(&rows, &finish, self.run.bootstrap as usize, self.desk.seed);
        Ok(Summary {
            value: result.map(|result| result.estimate),
            n: of.len(),
            clusters: rows.len(),
            standard_error: result.and_then(|result| result.se),
            interval: result.and_then(|result| result.interval).map(|(low, high)| [low, high]),
            estimator: format!("cluster bootstrap, percentile, {} replicates", self.run.bootstrap),
            others: Vec::new(),
            values: None,
        })
    }

    /// Paired differences between arms for every metric, adjusted by Holm over all of them.
    pub fn comparisons(&self, arms: &[(String, PairedValues)]) -> Vec<Comparison> {
        let mut list = Vec::new();
        let mut raw = Vec::new();
        for (first, (name_a, a)) in arms.iter().enumerate() {
            for (name_b, b) in arms.iter().skip(first + 1) {
                if arms.len() > MOST_PAIRED && first > 0 {
                    continue;
                }
                for metric in self.desk.parts.metrics.keys() {
                    let Some((comparison, p)) = compare(metric, (name_a, a), (name_b, b), self.desk.seed)
                    else {
                        continue;
                    };
                    raw.push(p.unwrap_or(1.0));
                    list.push(comparison);
                }
            }
        }
        if let Some(adjusted) = stats::holm(&raw) {
            for (comparison, p) in list.iter_mut().zip(adjusted) {
                comparison.p_holm = Some(p);
            }
        }
        list
    }

    /// A composite figure of one arm, with the error of the whole where every part is a plain mean.
    ///
    /// # Errors
    /// When a metric is broken.
    pub fn composite(&self, composite: &Composite, scores: &ArmScores) -> Result<Summary, Fault> {
        let above = above_chance(scores);
        let mut parts = Vec::new();
        let (mut sum, mut weights, mut plain, mut n) = (0.0, 0.0, true, 0);
        for part in &composite.parts {
            let indices = filtered(scores, &part.filter);
            let cell = self.cell(scores, &indices)?;
            let known = scores.scores.get(&part.metric);
            let corrected = known.is_none() && part.metric == ABOVE_CHANCE;
            let of = scored(if corrected { Some(&above) } else { known }, scores, &indices);
            let figure = cell.figures.get(&part.metric).and_then(|figure| figure.value);
            let value = if corrected { cell.above_chance } else { figure };
            match (value, composite.missing) {
                (None, MissingCells::Void) => return Ok(Summary::nothing()),
                (None, MissingCells::Skip) => continue,
                (value, _) => sum += part.weight * value.unwrap_or(0.0),
            }
            weights += part.weight;
            plain &= is_plain_mean(&of);
            n += of.len();
            let questions = by_question(&of);
            parts.push(WeightedPart {
                weight: part.weight,
                values: questions.values().map(|(value, ..)| *value).collect(),
                clusters: questions.into_values().map(|(.., cluster)| cluster).collect(),
            });
        }
        let whole = plain.then(|| stats::weighted_means(&parts)).flatten();
        Ok(match whole {
            Some(whole) => whole.into(),
            None if weights > 0.0 => Summary {
                value: Some(sum / weights),
                n,
                estimator: "weighted mean of figures".to_owned(),
                ..Summary::nothing()
            },
            None => Summary::nothing(),
        })
    }

    /// What each facet changes on questions that are alike in everything else.
    fn contrasts(&self, scores: &ArmScores) -> Vec<Contrast> {
        let mut contrasts = Vec::new();
        for (facet, levels) in self.levels(&scores.records) {
            if levels.len() > MOST_CONTRASTED {
                continue;
            }
            let keys: Vec<String> =
                scores.records.par_iter().map(|record| record.question.pair_key(&facet)).collect();
            for (metric, values) in &scores.scores {
                contrasts.extend(of_facet(&facet, metric, &keys, &scores.records, values));
            }
        }
        contrasts
    }
}

/// Sum and count over trials and draws, by level.
type Levels<'a> = BTreeMap<&'a str, (f64, f64)>;

/// Pairs of levels of one facet that share enough questions.
fn of_facet(
    facet: &str,
    metric: &str,
    keys: &[String],
    records: &[Record],
    values: &[Option<Score>],
) -> Vec<Contrast> {
    let mut pairs: BTreeMap<&str, (Levels<'_>, &str)> = BTreeMap::new();
    for ((key, record), score) in keys.iter().zip(records).zip(values) {
        let Some(score) = score else { continue };
        let (levels, _) =
            pairs.entry(key).or_insert_with(|| (Levels::new(), record.question.cluster.as_str()));
        let sum = levels.entry(record.question.facet(facet)).or_default();
        *sum = (sum.0 + score.value, sum.1 + 1.0);
    }
    let names: BTreeSet<&str> = pairs.values().flat_map(|(levels, _)| levels.keys().copied()).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let mut contrasts = Vec::new();
    for (position, a) in names.iter().enumerate() {
        for b in &names[position + 1..] {
            let (mut first, mut second, mut clusters) = (Vec::new(), Vec::new(), Vec::new());
            for (levels, cluster) in pairs.values() {
                if let (Some((sum_a, n_a)), Some((sum_b, n_b))) = (levels.get(a), levels.get(b)) {
                    first.push(sum_a / n_a);
                    second.push(sum_b / n_b);
                    clusters.push(*cluster);
                }
            }
            if first.len() < FEWEST_PAIRS {
                continue;
            }
            let Some(paired) = stats::paired_difference(&first, &second, &clusters) else { continue };
            contrasts.push(Contrast {
                facet: facet.to_owned(),
                a: (*a).to_owned(),
                b: (*b).to_owned(),
                metric: metric.to_owned(),
                difference: paired.difference,
                interval: paired.interval.filter(|(low, high)| high > low).map(|(low, high)| [low, high]),
                n: first.len(),
                clusters: paired.clusters,
            });
        }
    }
    contrasts
}

/// What each record is above its question's chance level; `None` for those that failed.
fn above_chance(arm: &ArmScores) -> Vec<Option<Score>> {
    let above = |record: &Record| f64::from(u8::from(record.is_right())) - record.question.chance;
    arm.records
        .iter()
        .map(|record| (record.answer.state != AnswerState::Failed).then(|| Score::mean(above(record))))
        .collect()
}

/// Records with a score among `indices`.
fn scored<'a>(
    scores: Option<&'a Vec<Option<Score>>>,
    arm: &'a ArmScores,
    indices: &[usize],
) -> Vec<(&'a Record, &'a Score)> {
    let Some(scores) = scores else { return Vec::new() };
    indices
        .iter()
        .filter_map(|index| scores[*index].as_ref().map(|score| (&arm.records[*index], score)))
        .collect()
}

/// Whether a figure over these scores is the mean of their values.
fn is_plain_mean(of: &[(&Record, &Score)]) -> bool {
    of.iter().all(|(_, score)| matches!(score.stats[..], [value, one] if one == 1.0 && value == score.value))
}

fn filtered(scores: &ArmScores, filter: &Slice) -> Vec<usize> {
    (0..scores.records.len()).filter(|index| filter.holds(&scores.records[*index].question.facets)).collect()
}

/// Values of one arm per metric and question, trials averaged, with the question's cluster.
pub type PairedValues = BTreeMap<String, BTreeMap<String, (f64, String)>>;

/// Reduces an arm's scores to what paired comparison needs.
pub fn paired_values(scores: &ArmScores) -> PairedValues {
    scores
        .scores
        .iter()
        .map(|(metric, values)| {
            let of: Vec<(&Record, &Score)> = scores
                .records
                .iter()
                .zip(values)
                .filter_map(|(record, score)| score.as_ref().map(|score| (record, score)))
                .collect();
            let per_question = by_question(&of)
                .into_iter()
                .map(|(question, (value, _, cluster))| (question.to_owned(), (value, cluster.to_owned())))
                .collect();
            (metric.clone(), per_question)
        })
        .collect()
}

/// Mean over trials per question, number of trials, cluster.
fn by_question<'a>(of: &[(&'a Record, &Score)]) -> BTreeMap<&'a str, (f64, usize, &'a str)> {
    let mut questions: BTreeMap<&str, (f64, usize, &str)> = BTreeMap::new();
    for (record, score) in of {
        let entry =
            questions.entry(&record.question.id).or_insert((0.0, 0, record.question.cluster.as_str()));
        entry.0 += score.value;
        entry.1 += 1;
    }
    for value in questions.values_mut() {
        value.0 /= value.1 as f64;
    }
    questions
}

/// The mean over questions, trials averaged first.
fn mean(of: &[(&Record, &Score)]) -> Summary {
    let questions = by_question(of);
    let values: Vec<f64> = questions.values().map(|(value, ..)| *value).collect();
    let clusters: Vec<&str> = questions.values().map(|(.., cluster)| *cluster).collect();
    stats::mean_estimate(&values, &clusters).map_or_else(Summary::nothing, Summary::from)
}

fn compare(
    metric: &str,
    (name_a, a): (&str, &PairedValues),
    (name_b, b): (&str, &PairedValues),
    seed: u64,
) -> Option<(Comparison, Option<f64>)> {
    let (a, b) = (a.get(metric)?, b.get(metric)?);
    let both: Vec<(f64, f64, &str)> = a
        .iter()
        .filter_map(|(question, (value, cluster))| Some((*value, b.get(question)?.0, cluster.as_str())))
        .collect();
    let first: Vec<f64> = both.iter().map(|(a, ..)| *a).collect();
    let second: Vec<f64> = both.iter().map(|(_, b, _)| *b).collect();
    let clusters: Vec<&str> = both.iter().map(|(.., cluster)| *cluster).collect();
    let difference = stats::paired_difference(&first, &second, &clusters)?;
    let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
    for (a, b, cluster) in &both {
        *sums.entry(cluster).or_default() += a - b;
    }
    let p = stats::sign_flip_test(&sums.into_values().collect::<Vec<_>>(), seed);
    let comparison = Comparison {
        metric: metric.to_owned(),
        a: name_a.to_owned(),
        b: name_b.to_owned(),
        difference: difference.difference,
        // Where no question differs there is no spread to take an interval from.
        interval: difference.interval.filter(|(low, high)| high > low).map(|(low, high)| [low, high]),
        n: both.len(),
        clusters: difference.clusters,
        p_holm: None,
    };
    Some((comparison, p))
}
