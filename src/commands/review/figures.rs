//! What the sheets say together: shares with intervals, agreement between reviewers, which questions are kept.

use super::criteria::{Criterion, Scale};
use super::sheet::Sheet;
use crate::output;
use crate::report::number;
use serde::Serialize;
use situs_core::fault::Fault;
use situs_core::question::Question;
use situs_core::record::Summary;
use situs_core::stats::{self, Distance, Weights};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Name of the line over all criteria together.
const ACCEPTED: &str = "accepted";

/// `review.json`: the sheets of a run, joined by question.
#[derive(Debug, Serialize)]
pub(super) struct Review {
    /// `situs-review-1`.
    format: &'static str,
    /// Who reviewed.
    reviewers: Vec<Reviewer>,
    /// One line a criterion, and one for all of them together.
    figures: Vec<Figure>,
    /// What an accepted question must reach.
    keep_above: f64,
    /// Questions that reached it.
    kept: usize,
    /// Questions that did not.
    dropped: usize,
    /// Questions on a sheet that nobody judged by all criteria: neither kept nor dropped.
    undecided: usize,
    /// Questions of the run that are on no sheet.
    unseen: usize,
    /// All questions on a sheet, by id.
    questions: Vec<Judged>,
}

#[derive(Debug, Serialize)]
struct Reviewer {
    name: String,
    sheet_sha256: String,
    questions: usize,
    unanswered: usize,
}

/// One criterion over all reviewers.
#[derive(Debug, Serialize)]
struct Figure {
    criterion: String,
    /// Mean over questions, reviewers averaged first; yes is 1.
    mean: Summary,
    /// Judgements, over all reviewers.
    judgements: usize,
    /// Cells left empty.
    unanswered: usize,
    agreement: Option<Agreement>,
}

/// Between reviewers, over questions that several of them judged.
#[derive(Debug, Serialize)]
struct Agreement {
    /// Questions that at least two judged.
    questions: usize,
    /// Share of pairs of judgements that are equal.
    raw: f64,
    /// Cohen's kappa, with exactly two reviewers; linear weights for marks.
    cohen_kappa: Option<f64>,
    /// Fleiss' kappa, where every reviewer judged every question.
    fleiss_kappa: Option<f64>,
    /// Krippendorff's alpha; ordinal for marks.
    krippendorff_alpha: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Judged {
    id: String,
    /// Mean over reviewers who judged all criteria.
    score: Option<f64>,
    /// Reviewers who judged all criteria.
    votes: usize,
    /// `None` without votes.
    kept: Option<bool>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    remarks: BTreeMap<String, String>,
}

impl Review {
    /// Joins sheets by question.
    ///
    /// A reviewer's score of a question is 1 if all criteria are answered yes and 0 if not, or, where there are marks, the
    /// mean of all values. A question is kept when the mean over reviewers is above `keep_above` (default: the middle of
    /// the scale).
    ///
    /// # Errors
    /// Data: sheets with different criteria, two reviewers of one name.
    pub(super) fn of(
        sheets: Vec<(Sheet, String)>,
        questions: &[Question],
        keep_above: Option<f64>,
    ) -> Result<Self, Fault> {
        let criteria = match sheets.first() {
            Some((first, _)) => first.criteria.clone(),
            None => return Err(Fault::config("no sheet to import")),
        };
        let mut names = BTreeSet::new();
        for (sheet, _) in &sheets {
            if sheet.criteria != criteria {
                let list = |of: &[Criterion]| of.iter().map(Criterion::header).collect::<Vec<_>>().join(", ");
                return Err(Fault::data(format!(
                    "{} was judged by {}, {} by {}",
                    sheets[0].0.reviewer,
                    list(&criteria),
                    sheet.reviewer,
                    list(&sheet.criteria)
                ))
                .help("import sheets with the same criteria together"));
            }
            if !names.insert(&sheet.reviewer) {
                return Err(Fault::data(format!("two sheets are called {}", sheet.reviewer))
                    .help("a sheet's file name names its reviewer"));
            }
        }
        let of_all = Scored { criteria: &criteria };
        let clusters: BTreeMap<&str, &str> =
            questions.iter().map(|one| (one.id.as_str(), one.cluster.as_str())).collect();
        let ids: BTreeSet<&str> =
            sheets.iter().flat_map(|(sheet, _)| sheet.verdicts.keys().map(String::as_str)).collect();
        let table = |value: &dyn Fn(&[Option<f64>]) -> Option<f64>| -> Vec<Vec<Option<f64>>> {
            let of_sheet = |sheet: &Sheet| {
                ids.iter().map(|id| sheet.verdicts.get(*id).and_then(|row| value(row))).collect()
            };
            sheets.iter().map(|(sheet, _)| of_sheet(sheet)).collect()
        };
        let shown: usize = sheets.iter().map(|(sheet, _)| sheet.verdicts.len()).sum();
        let mut figures = Vec::new();
        for (at, criterion) in criteria.iter().enumerate() {
            let values = table(&|row| row.get(at).copied().flatten());
            figures.push(figure(criterion.header(), &values, &ids, &clusters, criterion.scale, shown));
        }
        let scores = table(&|row| of_all.score(row));
        let scale = of_all.scale();
        if criteria.len() > 1 {
            figures.push(figure(ACCEPTED.to_owned(), &scores, &ids, &clusters, scale, shown));
        }
        let keep_above = keep_above.unwrap_or(of_all.middle());
        let questions_judged: Vec<Judged> = ids
            .iter()
            .enumerate()
            .map(|(at, id)| judged(id, column(&scores, at), &sheets, keep_above))
            .collect();
        let count = |kept: Option<bool>| questions_judged.iter().filter(|one| one.kept == kept).count();
        Ok(Self {
            format: "situs-review-1",
            reviewers: sheets.iter().map(|(sheet, sha256)| reviewer(sheet, sha256)).collect(),
            figures,
            keep_above,
            kept: count(Some(true)),
            dropped: count(Some(false)),
            undecided: count(None),
            unseen: questions.iter().filter(|one| !ids.contains(one.id.as_str())).count(),
            questions: questions_judged,
        })
    }

    /// The figures as a table, with what became of the questions.
    pub(super) fn text(&self) -> String {
        let maybe = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), number);
        let rows = self
            .figures
            .iter()
            .map(|figure| {
                let interval = figure.mean.interval.map_or_else(
                    || "-".to_owned(),
                    |[low, high]| format!("[{}, {}]", number(low), number(high)),
                );
                let agreement = figure.agreement.as_ref();
                vec![
                    figure.criterion.clone(),
                    maybe(figure.mean.value),
                    interval,
                    figure.mean.n.to_string(),
                    figure.mean.clusters.to_string(),
                    figure.unanswered.to_string(),
                    maybe(agreement.map(|agreement| agreement.raw)),
                    maybe(agreement.and_then(|agreement| agreement.cohen_kappa)),
                    maybe(agreement.and_then(|agreement| agreement.fleiss_kappa)),
                    maybe(agreement.and_then(|agreement| agreement.krippendorff_alpha)),
                ]
            })
            .collect();
        let header = [
            "criterion",
            "mean",
            "95 %",
            "n",
            "clusters",
            "unanswered",
            "raw",
            "Cohen",
            "Fleiss",
            "Krippendorff",
        ];
        let mut text = output::table(&header, rows, &[1, 3, 4, 5, 6, 7, 8, 9]);
        let names: Vec<String> =
            self.reviewers.iter().map(|one| format!("{} ({} questions)", one.name, one.questions)).collect();
        let _ = write!(
            text,
            "\n\nreviewers: {}\nkept (above {}): {}, dropped: {}, undecided: {}, on no sheet: {}",
            names.join(", "),
            number(self.keep_above),
            self.kept,
            self.dropped,
            self.undecided,
            self.unseen
        );
        text
    }
}

/// How the criteria of one reviewer become one score.
struct Scored<'a> {
    criteria: &'a [Criterion],
}

impl Scored<'_> {
    fn all_yes_or_no(&self) -> bool {
        self.criteria.iter().all(|criterion| criterion.scale == Scale::YesNo)
    }

    fn scale(&self) -> Scale {
        match self.criteria {
            [one] => one.scale,
            _ if self.all_yes_or_no() => Scale::YesNo,
            _ => Scale::Marks(0, 1),
        }
    }

    fn score(&self, row: &[Option<f64>]) -> Option<f64> {
        let values = row.iter().copied().collect::<Option<Vec<f64>>>()?;
        if self.all_yes_or_no() {
            return Some(f64::from(u8::from(values.iter().all(|value| *value == 1.0))));
        }
        Some(values.iter().sum::<f64>() / values.len() as f64)
    }

    fn middle(&self) -> f64 {
        let middle = |criterion: &Criterion| match criterion.scale {
            Scale::YesNo => 0.5,
            Scale::Marks(low, high) => f64::from(low + high) / 2.0,
        };
        self.criteria.iter().map(middle).sum::<f64>() / self.criteria.len() as f64
    }
}

fn column(values: &[Vec<Option<f64>>], at: usize) -> Vec<f64> {
    values.iter().filter_map(|row| row.get(at).copied().flatten()).collect()
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn judged(id: &str, votes: Vec<f64>, sheets: &[(Sheet, String)], keep_above: f64) -> Judged {
    let score = mean(&votes);
    let remark =
        |(sheet, _): &(Sheet, String)| Some((sheet.reviewer.clone(), sheet.remarks.get(id)?.clone()));
    Judged {
        id: id.to_owned(),
        score,
        votes: votes.len(),
        kept: score.map(|score| score > keep_above),
        remarks: sheets.iter().filter_map(remark).collect(),
    }
}

fn reviewer(sheet: &Sheet, sha256: &str) -> Reviewer {
    Reviewer {
        name: sheet.reviewer.clone(),
        sheet_sha256: sha256.to_owned(),
        questions: sheet.verdicts.len(),
        unanswered: sheet.verdicts.values().flatten().filter(|value| value.is_none()).count(),
    }
}

fn figure(
    criterion: String,
    values: &[Vec<Option<f64>>],
    ids: &BTreeSet<&str>,
    clusters: &BTreeMap<&str, &str>,
    scale: Scale,
    shown: usize,
) -> Figure {
    let (mut means, mut of) = (Vec::new(), Vec::new());
    for (at, id) in ids.iter().enumerate() {
        if let Some(mean) = mean(&column(values, at)) {
            means.push(mean);
            of.push(clusters.get(id).copied().unwrap_or_default());
        }
    }
    let judgements = values.iter().flatten().flatten().count();
    Figure {
        criterion,
        mean: stats::mean_estimate(&means, &of).map_or_else(Summary::nothing, Summary::from),
        judgements,
        unanswered: shown.saturating_sub(judgements),
        agreement: agreement(values, ids.len(), scale),
    }
}

/// `None` where no question was judged twice.
fn agreement(values: &[Vec<Option<f64>>], questions: usize, scale: Scale) -> Option<Agreement> {
    let (mut equal, mut pairs, mut shared) = (0usize, 0usize, 0usize);
    for at in 0..questions {
        let judgements = column(values, at);
        shared += usize::from(judgements.len() > 1);
        for (place, one) in judgements.iter().enumerate() {
            for other in judgements.iter().skip(place + 1) {
                pairs += 1;
                equal += usize::from(one == other);
            }
        }
    }
    if pairs == 0 {
        return None;
    }
    let complete: Vec<usize> =
        (0..questions).filter(|at| column(values, *at).len() == values.len()).collect();
    let categories = |row: &Vec<Option<f64>>| -> Vec<u32> {
        complete.iter().filter_map(|at| row.get(*at).copied().flatten()).map(|mark| mark as u32).collect()
    };
    let rows: Vec<Vec<u32>> = values.iter().map(categories).collect();
    let (weights, distance) = match scale {
        Scale::YesNo => (Weights::Unweighted, Distance::Nominal),
        Scale::Marks(..) => (Weights::Linear, Distance::Ordinal),
    };
    Some(Agreement {
        questions: shared,
        raw: equal as f64 / pairs as f64,
        cohen_kappa: match rows.as_slice() {
            [first, second] => stats::cohen_kappa(first, second, weights),
            _ => None,
        },
        fleiss_kappa: if complete.len() == questions { stats::fleiss_kappa(&rows) } else { None },
        krippendorff_alpha: stats::krippendorff_alpha(values, distance),
    })
}

#[cfg(test)]
mod tests {
    use super::super::sample::tests::question;
    use super::*;

    fn sheet(reviewer: &str, criteria: &[&str], verdicts: &[(&str, &[Option<f64>])]) -> (Sheet, String) {
        let sheet = Sheet {
            reviewer: reviewer.to_owned(),
            criteria: criteria.iter().map(|text| Criterion::parse(text).unwrap()).collect(),
            verdicts: verdicts.iter().map(|(id, row)| ((*id).to_owned(), row.to_vec())).collect(),
            remarks: BTreeMap::new(),
        };
        (sheet, String::new())
    }

    fn questions() -> Vec<Question> {
        (0..4).map(|at| question("a", at)).collect()
    }

    const YES: Option<f64> = Some(1.0);
    const NO: Option<f64> = Some(0.0);

    #[test]
    fn a_question_is_accepted_when_every_criterion_is() {
        let criteria = ["clear", "right"];
        let sheets = vec![
            sheet("one", &criteria, &[("a-0", &[YES, YES]), ("a-1", &[YES, NO]), ("a-2", &[YES, None])]),
            sheet("two", &criteria, &[("a-0", &[YES, YES]), ("a-1", &[YES, YES])]),
        ];
        let review = Review::of(sheets, &questions(), None).unwrap();
        assert_eq!((review.kept, review.dropped, review.undecided, review.unseen), (1, 1, 1, 1));
        let of = |name: &str| review.figures.iter().find(|figure| figure.criterion == name).unwrap();
        // Question 0 is accepted by both, question 1 by one of two: the mean of 1 and 1/2.
        assert_eq!(of("accepted").mean.value, Some(0.75));
        assert_eq!((of("right").judgements, of("right").unanswered), (4, 1));
        let agreement = of("right").agreement.as_ref().unwrap();
        assert_eq!((agreement.questions, agreement.raw), (2, 0.5));
        assert!(review.text().contains("kept (above 0.500): 1, dropped: 1, undecided: 1, on no sheet: 1"));
    }

    #[test]
    fn marks_keep_a_question_above_the_middle_of_their_scale() {
        let row = |first, second| [("a-0", first), ("a-1", second)];
        let of = |name: &str, rows: [(&str, f64); 2]| {
            let verdicts: Vec<(&str, [Option<f64>; 1])> =
                rows.iter().map(|(id, mark)| (*id, [Some(*mark)])).collect();
            let verdicts: Vec<(&str, &[Option<f64>])> =
                verdicts.iter().map(|(id, row)| (*id, row.as_slice())).collect();
            sheet(name, &["score:0-2"], &verdicts)
        };
        let sheets = vec![of("one", row(2.0, 1.0)), of("two", row(1.0, 1.0)), of("three", row(2.0, 1.0))];
        let review = Review::of(sheets, &questions()[..2], None).unwrap();
        assert_eq!(
            (review.keep_above, review.kept, review.dropped),
            (1.0, 1, 1),
            "a mean of 1 is not above 1"
        );
    }

    #[test]
    fn sheets_of_different_criteria_or_of_one_name_are_refused() {
        let one = || sheet("one", &["clear"], &[("a-0", &[YES])]);
        let other = sheet("other", &["right"], &[("a-0", &[YES])]);
        assert!(Review::of(vec![one(), other], &questions(), None).unwrap_err().what.contains("judged by"));
        assert!(Review::of(vec![one(), one()], &questions(), None).unwrap_err().what.contains("called one"));
    }
}
