//! What one model thinks of the answers.

use crate::judging::{Asking, Join, Panel, Vote};
use situs_core::prelude::*;
use std::collections::BTreeMap;

/// What an answer without a verdict is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WithoutVerdict {
    /// Left out of the figure, and counted by its n.
    LeftOut,
    /// Wrong.
    Wrong,
}

situs_core::component! {
    /// Share of free-text answers that a model, asked as a judge, calls correct.
    metric "judge";
    pub struct Judge {
        /// The judge: a model bound by a table `[models.<role>]`.
        pub role: String = "judge".to_owned(),
        /// What an answer is on which there is no verdict after all tries: `left_out` or `wrong`.
        pub null: WithoutVerdict = WithoutVerdict::LeftOut,
        /// How the judge is asked.
        pub asking: Asking = Asking::default(),
    }
}

#[typetag::serde(name = "judge")]
impl MetricSpec for Judge {
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn Metric>, Fault> {
        let roles = [self.role.clone()];
        let panel = Panel::of(&roles, &BTreeMap::new(), &self.asking, Join::Item, cx)?;
        Ok(Box::new(OneJudge { panel, null: self.null }))
    }
}

struct OneJudge {
    panel: Panel,
    null: WithoutVerdict,
}

impl Metric for OneJudge {
    fn signature(&self) -> Option<String> {
        let null = match self.null {
            WithoutVerdict::LeftOut => "left_out",
            WithoutVerdict::Wrong => "wrong",
        };
        Some(format!("null:{null}|{}", self.panel.signature()))
    }

    fn pool(&self) -> Option<&str> {
        Some(Panel::POOL)
    }

    fn consult(&self, batch: &[Record], replies: &Replies) -> Result<Vec<Consultation>, Fault> {
        self.panel.consult(batch, replies)
    }

    fn score(&self, record: &Record, _: &Replies) -> Result<Option<Score>, Fault> {
        let votes = self.panel.votes(record).unwrap_or_default();
        let correct = match (votes.first(), self.null) {
            (None | Some(Vote::Absent), _) | (Some(Vote::Unknown), WithoutVerdict::LeftOut) => return Ok(None),
            (Some(vote), _) => *vote == Vote::Yes,
        };
        Ok(Some(Score::mean(f64::from(u8::from(correct)))))
    }
}
