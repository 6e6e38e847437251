//! What reviewers judge, and on which scale.

use crate::commands::unknown;
use situs_core::fault::Fault;

/// Criteria by question family, as `--criteria` takes them.
const OF_FAMILIES: [(&str, &[&str]); 3] = [
    // CT-SpatialVQA, section 2, human audit: the four things that its reviewers examined.
    ("ct-spatialvqa", &AUDIT),
    ("report-qa", &AUDIT),
    // SpatialMed, section 3.2: three radiologists give 0, 1 or 2 in each, and a mean above 1 keeps the question.
    ("spatialmed", &["clinical_logic:0-2", "quantitative_consistency:0-2", "exclusive_and_exhaustive:0-2"]),
];

const AUDIT: [&str; 4] =
    ["textual_support", "spatial_specificity", "correct_interpretation", "clinical_clarity"];

/// Kinds of error in a wrong answer, and whether its explanation supports the right one (SpatialMed, section 4.3).
const OF_FAILURES: [&str; 5] = [
    "visual_perception",
    "linguistic_intelligence",
    "relational_reasoning",
    "numeric_reasoning",
    "explanation_right",
];

/// Most criteria of a sheet.
const MOST_CRITERIA: usize = 32;
/// Highest mark of a scale.
const HIGHEST_MARK: u32 = 100;

/// How a criterion is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// Yes or no.
    YesNo,
    /// A whole number between two marks, both included.
    Marks(u32, u32),
}

/// One criterion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Criterion {
    /// Name: letters, digits and `_`.
    pub(super) name: String,
    /// Scale.
    pub(super) scale: Scale,
}

impl Criterion {
    /// Reads `clarity` (yes or no) or `score:0-2`.
    ///
    /// # Errors
    /// A config fault for names with other letters and for scales that are none.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let (name, scale) = match text.split_once(':') {
            None => (text, Scale::YesNo),
            Some((name, scale)) => (name, marks(scale).ok_or_else(|| wrong(text))?),
        };
        let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        if name.is_empty() || !name.chars().all(plain) {
            return Err(wrong(text));
        }
        Ok(Self { name: name.to_owned(), scale })
    }

    /// As a sheet's header and `--criteria` have it.
    pub(super) fn header(&self) -> String {
        match self.scale {
            Scale::YesNo => self.name.clone(),
            Scale::Marks(low, high) => format!("{}:{low}-{high}", self.name),
        }
    }

    /// The value of an answer: 1 for yes, 0 for no, else the mark; `None` for what is neither.
    pub(super) fn value(&self, answer: &str) -> Option<f64> {
        match self.scale {
            Scale::YesNo => match answer.to_lowercase().as_str() {
                "yes" | "y" | "true" | "1" => Some(1.0),
                "no" | "n" | "false" | "0" => Some(0.0),
                _ => None,
            },
            Scale::Marks(low, high) => {
                answer.parse().ok().filter(|mark| (low..=high).contains(mark)).map(f64::from)
            }
        }
    }

    /// What an answer may be, in words.
    pub(super) fn allowed(&self) -> String {
        match self.scale {
            Scale::YesNo => "yes or no".to_owned(),
            Scale::Marks(low, high) => format!("a whole number from {low} to {high}"),
        }
    }
}

fn marks(scale: &str) -> Option<Scale> {
    let (low, high) = scale.split_once('-')?;
    let (low, high) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
    (low < high && high <= HIGHEST_MARK).then_some(Scale::Marks(low, high))
}

fn wrong(text: &str) -> Fault {
    Fault::config(format!("{text:?} is no criterion"))
        .help(format!("write NAME for yes or no, or NAME:LOW-HIGH with marks up to {HIGHEST_MARK}"))
}

/// The criteria named on the command line, else those of the family.
///
/// # Errors
/// A config fault when the family has none and none are named, and for names that stand twice.
pub(super) fn chosen(named: &[String], family: &str) -> Result<Vec<Criterion>, Fault> {
    let criteria: Vec<Criterion> = if named.is_empty() {
        let known: Vec<&str> = OF_FAMILIES.iter().map(|(name, _)| *name).collect();
        let (_, own) = OF_FAMILIES.iter().find(|(name, _)| *name == family).ok_or_else(|| {
            unknown("family with review criteria", family, &known).help("name criteria: --criteria A,B:0-2")
        })?;
        own.iter().map(|text| Criterion::parse(text)).collect::<Result<_, _>>()?
    } else {
        named.iter().map(|text| Criterion::parse(text)).collect::<Result<_, _>>()?
    };
    check(&criteria)?;
    Ok(criteria)
}

/// The criteria named on the command line, else the kinds of error.
///
/// # Errors
/// As [`chosen`].
pub(super) fn of_failures(named: &[String]) -> Result<Vec<Criterion>, Fault> {
    if !named.is_empty() {
        return chosen(named, "");
    }
    OF_FAILURES.iter().map(|text| Criterion::parse(text)).collect()
}

/// Whether a sheet is about kinds of error.
pub(super) fn are_of_failures(criteria: &[Criterion]) -> bool {
    criteria.iter().map(|criterion| criterion.name.as_str()).eq(OF_FAILURES)
}

/// Refuses too many criteria and names that stand twice.
///
/// # Errors
/// A config fault.
pub(super) fn check(criteria: &[Criterion]) -> Result<(), Fault> {
    if criteria.is_empty() || criteria.len() > MOST_CRITERIA {
        return Err(Fault::config(format!(
            "{} criteria: 1 to {MOST_CRITERIA} can be judged",
            criteria.len()
        )));
    }
    let twice = criteria
        .iter()
        .enumerate()
        .find(|(at, one)| criteria.iter().take(*at).any(|other| other.name == one.name));
    match twice {
        Some((_, one)) => Err(Fault::config(format!("two criteria are called '{}'", one.name))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_criterion_is_read_back_from_its_header() {
        for text in ["clarity", "score:0-2", "a1_b:1-5"] {
            assert_eq!(Criterion::parse(text).unwrap().header(), text);
        }
        for text in ["", "two words", "score:2-0", "score:0-1000", "score:x", "=1+1"] {
            assert!(Criterion::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn answers_outside_the_scale_have_no_value() {
        let clarity = Criterion::parse("clarity").unwrap();
        assert_eq!(
            ["Yes", "n", "2", ""].map(|answer| clarity.value(answer)),
            [Some(1.0), Some(0.0), None, None]
        );
        let score = Criterion::parse("score:0-2").unwrap();
        assert_eq!(
            ["0", "2", "3", "1.5"].map(|answer| score.value(answer)),
            [Some(0.0), Some(2.0), None, None]
        );
    }

    #[test]
    fn a_family_has_its_own_criteria_and_another_must_name_them() {
        assert_eq!(chosen(&[], "ct-spatialvqa").unwrap().len(), 4);
        assert_eq!(chosen(&[], "spatialmed").unwrap()[0].scale, Scale::Marks(0, 2));
        assert!(chosen(&[], "mis-ground").unwrap_err().help.unwrap().contains("--criteria"));
        assert!(chosen(&["a".into(), "a:0-2".into()], "mis-ground").is_err());
    }
}
