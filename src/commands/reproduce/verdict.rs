//! How a figure of ours stands to a published one.

use super::ours::Ours;
use crate::published::PublishedCell;
use serde::Serialize;
use situs_core::stats;

/// Questions (on either side of a difference) below which nothing is said of a cell.
const FEWEST_QUESTIONS: usize = 30;
/// Patients below which nothing is said of a cell: an error by cluster needs clusters.
const FEWEST_CLUSTERS: usize = 10;

/// How ours stands to the published figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    /// The 95 % interval of ours minus published holds zero.
    Agrees,
    /// It does not.
    Differs,
    /// Too few questions or patients here for either word, or answers so much alike that no interval can be given.
    #[serde(rename = "too few")]
    TooFew,
    /// Nothing to compare: no such records here.
    #[serde(rename = "not run")]
    NotRun,
}

impl Verdict {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::Differs => "differs",
            Self::TooFew => "too few",
            Self::NotRun => "not run",
        }
    }
}

/// The verdict on a figure, with the interval of its difference from the published one.
pub(super) fn verdict(ours: Option<&Ours>, difference: Option<[f64; 2]>) -> Verdict {
    match (ours, difference) {
        (None, _) => Verdict::NotRun,
        (Some(ours), _) if ours.fewest < FEWEST_QUESTIONS || ours.clusters < FEWEST_CLUSTERS => {
            Verdict::TooFew
        }
        (_, None) => Verdict::TooFew,
        (_, Some([low, high])) if (low..=high).contains(&0.0) => Verdict::Agrees,
        (_, Some(_)) => Verdict::Differs,
    }
}

/// What the verdicts mean.
pub(super) fn rule() -> String {
    format!(
        "agrees: the 95 % interval of the difference holds 0 (our interval, widened by the published figure's own \
         binomial error where its n is printed; otherwise the published figure counts as exact). too few: fewer than \
         {FEWEST_QUESTIONS} questions or {FEWEST_CLUSTERS} patients here, or no interval; no agreement."
    )
}

/// The interval of ours minus published, on the scale of ours. The errors of the two are independent, so each end is
/// as far out as both intervals together reach there (Zou and Donner 2008); the published one is Wilson's where the
/// count is printed and the figure is a share.
pub(super) fn from_published(ours: &Ours, cell: &PublishedCell, scale: f64) -> Option<[f64; 2]> {
    let [low, high] = ours.interval?;
    let published = cell.value / scale;
    let share = cell.baseline.is_none() && (0.0..=1.0).contains(&published);
    let (below, above) = cell
        .n
        .filter(|_| share)
        .and_then(|n| stats::wilson((published * n as f64).round() as u64, n, stats::LEVEL))
        .unwrap_or((published, published));
    let reach = |ours: f64, theirs: f64| ours.max(0.0).hypot(theirs.max(0.0));
    let difference = ours.value - published;
    Some([
        difference - reach(ours.value - low, above - published),
        difference + reach(high - ours.value, published - below),
    ])
}
