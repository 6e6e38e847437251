//! From the journal to records and scores: replies are read again from scratch every time.

use super::consult;
use super::control;
use super::desk::{Desk, guarded};
use super::journal::Line;
use super::parts::Arm;
use super::plan::{Item, ItemReader};
use crate::config::Control;
use crate::fault::{Cause, Fault};
use crate::prompt::Prompt;
use crate::question::{Question, Reasons};
use crate::record::{Answer, AnswerState, Record, Score};
use crate::reply::{Finish, Key, Replies, Reply};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::PoisonError;

/// Questions read together.
const CHUNK: usize = 256;

/// Everything known of one arm.
pub struct ArmScores {
    /// Records ordered by question id, then trial.
    pub records: Vec<Record>,
    /// Per metric name: one score a record; `None` where it does not apply or the record failed.
    pub scores: BTreeMap<String, Vec<Option<Score>>>,
    /// Questions that could not be drawn, by reason.
    pub dropped: Reasons,
    /// Requests that have no outcome yet.
    pub missing: u64,
    /// Requests of metrics to other models that got no reply.
    pub unanswered: u64,
}

/// Whose prompts stand in the records: they are large, and scoring rarely looks at them.
pub enum Prompts<'a> {
    /// Everybody's.
    All,
    /// Those of some questions.
    Of(&'a BTreeSet<String>),
}

impl Prompts<'_> {
    fn hold(&self, question: &str) -> bool {
        match self {
            Self::All => true,
            Self::Of(ids) => ids.contains(question),
        }
    }
}

/// Reads all outcomes of an arm and scores them.
///
/// # Errors
/// When files are damaged or a component is broken.
pub fn score_arm(
    desk: &Desk<'_>,
    folder: &Path,
    arm: &Arm,
    prompts: &Prompts<'_>,
) -> Result<ArmScores, Fault> {
    let mut scored = ArmScores {
        records: Vec::new(),
        scores: BTreeMap::new(),
        dropped: Reasons::new(),
        missing: 0,
        unanswered: 0,
    };
    let mut items = ItemReader::open(folder, arm.control == Some(Control::Mirror))?;
    loop {
        let chunk: Vec<Item> = items.by_ref().take(CHUNK).collect::<Result<_, _>>()?;
        if chunk.is_empty() {
            break;
        }
        let read: Vec<Result<Outcome, Fault>> =
            chunk.into_par_iter().map(|item| outcomes(desk, arm, &item, prompts)).collect();
        for outcome in read {
            match outcome? {
                Outcome::Dropped(reason) => *scored.dropped.entry(reason).or_default() += 1,
                Outcome::Records { records, missing } => {
                    scored.records.extend(records);
                    scored.missing += missing;
                }
            }
        }
    }
    scored.records.sort_by(|a, b| a.question.id.cmp(&b.question.id).then(a.trial.cmp(&b.trial)));
    let mut unanswered = BTreeSet::new();
    for name in desk.parts.metrics.keys() {
        let scores = score_metric(desk, name, &scored.records, &mut unanswered)?;
        scored.scores.insert(name.clone(), scores);
    }
    scored.unanswered = unanswered.len() as u64;
    Ok(scored)
}

enum Outcome {
    Dropped(String),
    Records { records: Vec<Record>, missing: u64 },
}

fn outcomes(desk: &Desk<'_>, arm: &Arm, item: &Item, prompts: &Prompts<'_>) -> Result<Outcome, Fault> {
    let mut places = Vec::new();
    {
        let index = desk.index.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(reason) = index.dropped(&arm.drawing, &item.plain.id) {
            return Ok(Outcome::Dropped(reason.to_owned()));
        }
        for trial in 0..desk.trials {
            places.push((trial, index.outcome(&arm.name, &item.plain.id, trial)));
        }
    }
    // What cannot be asked under the control is known before it is on record.
    let question = match control::question(item, arm.control, desk.seed) {
        Ok(question) => question,
        Err(fault) if fault.cause == Cause::Rejected => return Ok(Outcome::Dropped(fault.what)),
        Err(fault) => return Err(fault),
    };
    let mut records = Vec::new();
    let mut missing = 0;
    for (trial, place) in places {
        let Some(place) = place else {
            missing += 1;
            continue;
        };
        let (prompt, reply, fault) = match desk.journal.read(place)? {
            Line::Reply { prompt, reply, .. } => (prompt, Some(reply), None),
            Line::Failed { prompt, fault, .. } => (prompt, None, Some(fault)),
            _ => return Err(Fault::internal("the journal's index points at another line")),
        };
        let answer = match &reply {
            Some(reply) => read(desk, &question, reply)?,
            None => Answer::without_value(AnswerState::Failed),
        };
        records.push(Record {
            arm: arm.name.clone(),
            question: question.clone(),
            trial,
            prompt: if prompts.hold(&question.id) {
                stored_prompt(desk, &prompt)?
            } else {
                Prompt::default()
            },
            reply,
            fault,
            answer,
        });
    }
    Ok(Outcome::Records { records, missing })
}

fn stored_prompt(desk: &Desk<'_>, digest: &str) -> Result<Prompt, Fault> {
    let place = desk.index.read().unwrap_or_else(PoisonError::into_inner).prompt(digest);
    match place.map(|place| desk.journal.read(place)).transpose()? {
        Some(Line::Prompt { parts, .. }) => Ok(Prompt { parts }),
        _ => Ok(Prompt::default()),
    }
}

/// Reads a reply; a family that panics fails the item, not the run.
fn read(desk: &Desk<'_>, question: &Question, reply: &Reply) -> Result<Answer, Fault> {
    if reply.finish == Finish::Refused {
        return Ok(Answer::without_value(AnswerState::Refused));
    }
    guarded("the family", Cause::Internal, || desk.parts.family.read(question, reply))
        .map_err(|fault| fault.within(format!("reading the reply to {}", question.id)))
}

fn score_metric(
    desk: &Desk<'_>,
    name: &str,
    records: &[Record],
    unanswered: &mut BTreeSet<(String, Key)>,
) -> Result<Vec<Option<Score>>, Fault> {
    let (metric, _) = &desk.parts.metrics[name];
    let asker = metric.pool().map_or_else(|| format!("metric:{name}"), |pool| format!("metrics:{pool}"));
    let mut replies = Replies::default();
    let mut rounds = 0;
    loop {
        let needs = guarded("the metric", Cause::Internal, || metric.consult(records, &replies))?;
        if needs.is_empty() {
            break;
        }
        if rounds == consult::MAX_ROUNDS {
            return Err(Fault::internal(format!("metric '{name}' still consults after {rounds} rounds")));
        }
        match consult::open(desk, &asker, &needs, &replies)? {
            0 => {}
            open => desk.progress.stage("consult", open),
        }
        if !consult::answer(desk, &asker, needs, &mut replies, &|| desk.progress.advance(1))? {
            break;
        }
        rounds += 1;
    }
    unanswered.extend(replies.without_reply().map(|key| (asker.clone(), key.clone())));
    records
        .par_iter()
        .map(|record| {
            if record.answer.state == AnswerState::Failed {
                return Ok(None);
            }
            let score = guarded("the metric", Cause::Internal, || metric.score(record, &replies))
                .map_err(|fault| fault.within(format!("metric '{name}'")))?;
            match &score {
                Some(score)
                    if !score.value.is_finite() || score.stats.iter().any(|stat| !stat.is_finite()) =>
                {
                    Err(Fault::internal(format!(
                        "metric '{name}' gave {} for question {}",
                        score.value, record.question.id
                    )))
                }
                _ => Ok(score),
            }
        })
        .collect()
}
