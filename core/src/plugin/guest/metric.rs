//! Serves a metric.

use super::super::abi::method;
use super::super::tensor::View;
use super::super::wire;
use super::reply::{Out, Request, Served};
use crate::fault::Fault;
use crate::metric::{Metric, left_to_default};
use crate::record::{Record, Scored, ScoredRecord};
use std::borrow::Cow;

pub(super) fn serve(
    metric: &dyn Metric,
    method: u32,
    request: &Request<'_>,
    out: Out<'_>,
) -> Result<Served, Fault> {
    match method {
        method::CONSULT => {
            let wire::Consult { records, replies, failed } = request.json()?;
            let replies = wire::Given { replies, failed }.into_replies();
            let (needs, default) = left_to_default(metric, || metric.consult(&records, &replies));
            if default {
                return Ok(Served::Missing);
            }
            let needs: Vec<wire::Need> = needs?.into_iter().map(wire::Need::from).collect();
            out.json(&needs)
        }
        method::SCORE => {
            let wire::ScoreOf { record, replies, failed } = request.json()?;
            let replies = wire::Given { replies, failed }.into_replies();
            out.json(&metric.score(&record, &replies)?)
        }
        method::FIGURE => {
            out.tensor(&View::f64(&[metric.finish(request.f64(0)?)?]));
            Ok(Served::Done)
        }
        method::SUMMARISE => {
            let wire::Summarise { records, scores, seed, replicates } = request.json()?;
            if records.len() != scores.len() {
                return Err(Fault::internal(format!(
                    "{} scores for {} records",
                    scores.len(),
                    records.len()
                )));
            }
            let records: Vec<Record> = records.into_iter().map(Cow::into_owned).collect();
            let scored = Scored {
                records: records
                    .iter()
                    .zip(scores)
                    .map(|(record, score)| ScoredRecord { record, score: score.map(Cow::into_owned) })
                    .collect(),
                seed: seed.0,
                replicates,
            };
            let (summary, default) = left_to_default(metric, || metric.summarise(&scored));
            if default {
                return Ok(Served::Missing);
            }
            out.json(&summary?)
        }
        _ => Ok(Served::Missing),
    }
}
