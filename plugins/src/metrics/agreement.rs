//! Whether judges agree with each other, and with people.

use crate::judging::{Asking, Join, Panel, Rater, Vote};
use situs_core::prelude::*;
use situs_core::stats;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What is said of the raters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Statistic {
    /// Krippendorff's alpha for names: any number of raters, gaps allowed.
    Krippendorff,
    /// Fleiss' kappa, over items that every rater voted on.
    Fleiss,
    /// Cohen's kappa of two raters.
    Cohen,
    /// Share of pairs of raters who say the same, chance or not.
    Share,
    /// Share of votes that were given at all.
    Coverage,
}

situs_core::component! {
    /// Agreement of judges with each other, or with verdicts of people in a file.
    metric "agreement";
    pub struct Agreement {
        /// `krippendorff`, `fleiss`, `cohen` (two raters), `share` (without correction for chance) or `coverage` (share of
        /// votes that were given).
        pub statistic: Statistic = Statistic::Krippendorff,
        /// Judges: models bound by tables `[models.<role>]`. What they were asked for `judge` or `jury` with the same
        /// settings is not asked again.
        pub roles: Vec<String> = Vec::new(),
        /// Further raters, people among them, by name: files of verdicts, a JSON list, JSON lines or CSV with
        /// `is_correct` and `item`, or `case_id` and `question`. `{arm}` in a path stands for the arm's name.
        pub files: BTreeMap<String, PathBuf> = BTreeMap::new(),
        /// Take the majority of the roles for one rater, beside the files.
        pub pooled: bool = false,
        /// How the judges are asked.
        pub asking: Asking = Asking::default(),
    }
}

#[typetag::serde(name = "agreement")]
impl MetricSpec for Agreement {
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn Metric>, Fault> {
        let panel = Panel::of(&self.roles, &self.files, &self.asking, Join::Item, cx)?;
        let roles = panel.raters().iter().filter(|rater| matches!(rater, Rater::Role(_))).count();
        let raters = if self.pooled { 1.min(roles) + self.files.len() } else { roles + self.files.len() };
        let wanted = match self.statistic {
            Statistic::Cohen => 2..=2,
            Statistic::Coverage => 1..=usize::MAX,
            _ => 2..=usize::MAX,
        };
        if !wanted.contains(&raters) {
            let what = format!("{:?} cannot be told of {raters} raters", self.statistic).to_lowercase();
            return Err(Fault::config(what).at("roles").help("name judges in roles, people in files"));
        }
        Ok(Box::new(Compared { panel, roles, pooled: self.pooled, statistic: self.statistic }))
    }
}

struct Compared {
    panel: Panel,
    roles: usize,
    pooled: bool,
    statistic: Statistic,
}

impl Compared {
    fn verdicts(&self, record: &Record) -> Vec<Option<bool>> {
        let votes: Vec<Option<bool>> =
            self.panel.votes(record).unwrap_or_default().into_iter().map(Vote::verdict).collect();
        if !self.pooled || self.roles == 0 {
            return votes;
        }
        let (roles, files) = votes.split_at(self.roles.min(votes.len()));
        let count = |wanted: bool| roles.iter().filter(|vote| **vote == Some(wanted)).count();
        let majority = match (count(true) * 2 > roles.len(), count(false) * 2 > roles.len()) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        };
        std::iter::once(majority).chain(files.iter().copied()).collect()
    }
}

impl Metric for Compared {
    fn signature(&self) -> Option<String> {
        let statistic = format!("{:?}", self.statistic).to_lowercase();
        let pooled = if self.pooled { "|roles:pooled" } else { "" };
        Some(format!("statistic:{statistic}{pooled}|{}", self.panel.signature()))
    }

    fn pool(&self) -> Option<&str> {
        Some(Panel::POOL)
    }

    fn consult(&self, batch: &[Record], replies: &Replies) -> Result<Vec<Consultation>, Fault> {
        self.panel.consult(batch, replies)
    }

    /// The item's value is the share of pairs of raters who say the same; the statistics add up to the figure.
    fn score(&self, record: &Record, _: &Replies) -> Result<Option<Score>, Fault> {
        let verdicts = self.verdicts(record);
        let (yes, no) = verdicts.iter().flatten().fold((0.0, 0.0), |(yes, no), verdict| {
            if *verdict { (yes + 1.0, no) } else { (yes, no + 1.0) }
        });
        let given = yes + no;
        if self.statistic == Statistic::Coverage {
            let share = given / verdicts.len() as f64;
            return Ok((!verdicts.is_empty()).then(|| Score::mean(share)));
        }
        let complete = given as usize == verdicts.len();
        let gaps_allowed = matches!(self.statistic, Statistic::Krippendorff | Statistic::Share);
        if given < 2.0 || !complete && !gaps_allowed {
            return Ok(None);
        }
        let same = (yes * (yes - 1.0) + no * (no - 1.0)) / (given * (given - 1.0));
        let stats = match self.statistic {
            Statistic::Share | Statistic::Coverage => return Ok(Some(Score::mean(same))),
            Statistic::Krippendorff => {
                let of = |pairs: f64| pairs / (given - 1.0);
                vec![of(no * (no - 1.0)), of(no * yes), of(no * yes), of(yes * (yes - 1.0))]
            }
            Statistic::Fleiss => vec![1.0, same, no, yes],
            Statistic::Cohen => {
                let cell = match verdicts.as_slice() {
                    [Some(first), Some(second)] => 2 * usize::from(*first) + usize::from(*second),
                    _ => return Ok(None),
                };
                (0..4).map(|at| f64::from(u8::from(at == cell))).collect()
            }
        };
        Ok(Some(Score { value: same, stats }))
    }

    fn finish(&self, sums: &[f64]) -> Result<f64, Fault> {
        let figure = match (self.statistic, sums) {
            (Statistic::Krippendorff, sums) => stats::krippendorff_of_coincidences(sums),
            (Statistic::Fleiss, sums) => stats::fleiss_of_sums(sums),
            (Statistic::Cohen, sums) => stats::cohen_of_table(sums),
            (_, [sum, count, ..]) => Some(sum / count),
            _ => None,
        };
        figure.ok_or_else(|| Fault::data("agreement beyond chance is undefined: all votes are alike"))
    }
}
