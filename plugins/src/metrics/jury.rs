//! What several judges think of the answers together.

use crate::judging::{Asking, Join, Panel, Vote};
use situs_core::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What a vote is that a judge did not give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MissingVote {
    /// A vote against the answer: what published code does.
    Against,
    /// None: the votes that were cast decide; an answer without any is left out.
    Abstain,
    /// An answer on which a judge is silent is left out.
    Void,
}

situs_core::component! {
    /// Share of free-text answers that the majority of several judges calls correct.
    metric "jury";
    pub struct Jury {
        /// The judges: models bound by tables `[models.<role>]`.
        pub roles: Vec<String> = Vec::new(),
        /// Further judges, by name: files of verdicts, a JSON list, JSON lines or CSV with `is_correct` and `item`, or
        /// `case_id` and `question`. `{arm}` in a path stands for the arm's name.
        pub files: BTreeMap<String, PathBuf> = BTreeMap::new(),
        /// What a vote is that a judge did not give, after all tries: `against`, `abstain` or `void`.
        pub null: MissingVote = MissingVote::Against,
        /// Votes that make an answer correct. Not set: more than half of those that count.
        pub quorum: Option<usize> = None,
        /// Votes that must have been given: an answer with fewer is left out, as its n shows.
        pub fewest: usize = 0,
        /// `item`: votes on one item are counted together. `row`: votes in one row of the judges' lists, whatever items
        /// they are about; items beyond the shortest list are left out. Published figures were made so.
        pub join: Join = Join::Item,
        /// How the judges are asked.
        pub asking: Asking = Asking::default(),
    }
}

#[typetag::serde(name = "jury")]
impl MetricSpec for Jury {
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn Metric>, Fault> {
        let panel = Panel::of(&self.roles, &self.files, &self.asking, self.join, cx)?;
        let judges = panel.raters().len();
        if judges == 0 {
            return Err(Fault::config("a jury needs judges").at("roles").help(
                "write roles = [\"judge-a\", \"judge-b\", \"judge-c\"] and a table [models.judge-a] for each",
            ));
        }
        if self.quorum.is_some_and(|quorum| !(1..=judges).contains(&quorum)) {
            return Err(Fault::config(format!("must be 1 to the number of judges, {judges}")).at("quorum"));
        }
        if self.fewest > judges {
            return Err(Fault::config(format!("must be at most the number of judges, {judges}")).at("fewest"));
        }
        let Self { null, quorum, fewest, join, .. } = *self;
        Ok(Box::new(Sitting { panel, null, quorum, fewest, join }))
    }
}

struct Sitting {
    panel: Panel,
    null: MissingVote,
    quorum: Option<usize>,
    fewest: usize,
    join: Join,
}

impl Sitting {
    /// Whether an answer is correct; `None` when it is left out.
    fn verdict(&self, votes: &[Vote]) -> Option<bool> {
        let count = |vote: Vote| votes.iter().filter(|own| **own == vote).count();
        let (yes, silent) = (count(Vote::Yes), count(Vote::Unknown) + count(Vote::Absent));
        let too_few = votes.is_empty() || votes.len() - silent < self.fewest;
        if too_few || self.join == Join::Row && count(Vote::Absent) > 0 {
            return None;
        }
        let counting = match self.null {
            MissingVote::Against => votes.len(),
            MissingVote::Abstain => votes.len() - silent,
            MissingVote::Void if silent > 0 => 0,
            MissingVote::Void => votes.len(),
        };
        (counting > 0).then(|| yes >= self.quorum.unwrap_or(counting / 2 + 1))
    }
}

impl Metric for Sitting {
    fn signature(&self) -> Option<String> {
        let null = match self.null {
            MissingVote::Against => "against",
            MissingVote::Abstain => "abstain",
            MissingVote::Void => "void",
        };
        let rule = match self.quorum {
            Some(quorum) => format!("{quorum} of {}", self.panel.raters().len()),
            None => "majority".to_owned(),
        };
        let fewest = if self.fewest > 0 { format!("|fewest:{}", self.fewest) } else { String::new() };
        Some(format!("rule:{rule}|null:{null}{fewest}|{}", self.panel.signature()))
    }

    fn pool(&self) -> Option<&str> {
        Some(Panel::POOL)
    }

    fn consult(&self, batch: &[Record], replies: &Replies) -> Result<Vec<Consultation>, Fault> {
        self.panel.consult(batch, replies)
    }

    fn score(&self, record: &Record, _: &Replies) -> Result<Option<Score>, Fault> {
        let votes = self.panel.votes(record).unwrap_or_default();
        Ok(self.verdict(&votes).map(|correct| Score::mean(f64::from(u8::from(correct)))))
    }
}
