//! A metric on the other side.

use super::super::abi::method;
use super::super::tensor::{Owned, View};
use super::super::wire;
use super::collector::{Collector, Limits};
use super::handle::{Called, Handle};
use crate::fault::Fault;
use crate::metric::{Metric, mean};
use crate::record::{Record, Score, Scored, Summary};
use crate::reply::{Consultation, Replies};
use std::borrow::Cow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) struct ForeignMetric {
    handle: Handle,
    /// Width of the statistics, as the first score had it.
    width: OnceLock<usize>,
    /// What the other side leaves to the defaults, once it said so.
    no_consult: AtomicBool,
    no_summarise: AtomicBool,
    no_figure: AtomicBool,
}

impl ForeignMetric {
    pub(super) fn new(handle: Handle) -> Self {
        Self {
            handle,
            width: OnceLock::new(),
            no_consult: AtomicBool::new(false),
            no_summarise: AtomicBool::new(false),
            no_figure: AtomicBool::new(false),
        }
    }

    fn checked(&self, record: &Record, score: Score) -> Result<Score, Fault> {
        let width = *self.width.get_or_init(|| score.stats.len());
        let wrong = |what: String| {
            Err(self.handle.row().broken(&format!("score of question {}: {what}", record.question.id)))
        };
        if score.stats.len() != width {
            return wrong(format!("{} statistics, {width} before", score.stats.len()));
        }
        if !score.value.is_finite() || score.stats.iter().any(|stat| !stat.is_finite()) {
            return wrong(format!("{} with statistics {:?} is not finite", score.value, score.stats));
        }
        Ok(score)
    }
}

impl Metric for ForeignMetric {
    fn consult(&self, batch: &[Record], replies: &Replies) -> Result<Vec<Consultation>, Fault> {
        if self.no_consult.load(Ordering::Relaxed) {
            return Ok(Vec::new());
        }
        let wire::Given { replies, failed } = wire::Given::all(replies);
        let request = wire::write(&wire::Consult { records: Cow::Borrowed(batch), replies, failed })?;
        let needs: Option<Vec<wire::Need>> = self.handle.ask(
            (method::CONSULT, "consult"),
            &request,
            &[],
            &mut Collector::new(Limits::JSON),
        )?;
        self.no_consult.store(needs.is_none(), Ordering::Relaxed);
        Ok(needs.unwrap_or_default().into_iter().map(Consultation::from).collect())
    }

    fn score(&self, record: &Record, replies: &Replies) -> Result<Option<Score>, Fault> {
        let wire::Given { replies, failed } = wire::Given::about(replies, &record.question.id);
        let request = wire::write(&wire::ScoreOf { record: Cow::Borrowed(record), replies, failed })?;
        let score: Option<Score> =
            self.handle.must((method::SCORE, "score"), &request, &[], &mut Collector::new(Limits::JSON))?;
        score.map(|score| self.checked(record, score)).transpose()
    }

    fn finish(&self, sums: &[f64]) -> Result<f64, Fault> {
        if self.no_figure.load(Ordering::Relaxed) {
            return mean(sums);
        }
        let mut collector = Collector::new(Limits::tensors(1, size_of::<f64>()));
        match self.handle.call((method::FIGURE, "figure"), &[], &[View::f64(sums)], &mut collector)? {
            Called::Missing => {
                self.no_figure.store(true, Ordering::Relaxed);
                mean(sums)
            }
            Called::Done => match collector.one_tensor("figure") {
                Ok(Owned::F64(_, figure)) if figure.len() == 1 => Ok(figure[0]),
                Ok(other) => Err(self
                    .handle
                    .row()
                    .broken(&format!("figure gave {}, expected f64 [1]", other.describe()))),
                Err(fault) => Err(self.handle.row().broken(&fault.what)),
            },
        }
    }

    fn summarise(&self, scored: &Scored<'_>) -> Result<Option<Summary>, Fault> {
        if self.no_summarise.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let request = wire::write(&wire::Summarise {
            records: scored.records.iter().map(|one| Cow::Borrowed(one.record)).collect(),
            scores: scored.records.iter().map(|one| one.score.as_ref().map(Cow::Borrowed)).collect(),
            seed: wire::Bits(scored.seed),
            replicates: scored.replicates,
        })?;
        let summary: Option<Option<Summary>> = self.handle.ask(
            (method::SUMMARISE, "summarise"),
            &request,
            &[],
            &mut Collector::new(Limits::JSON),
        )?;
        self.no_summarise.store(summary.is_none(), Ordering::Relaxed);
        Ok(summary.flatten())
    }
}
