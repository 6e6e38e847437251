//! Which questions are reviewed: whole cases, in a drawn order, until there are enough questions.

use situs_core::digest::Draw;
use situs_core::fault::Fault;
use situs_core::question::Question;
use std::collections::{BTreeMap, BTreeSet};

/// Cases of some questions.
pub(super) fn cases(questions: &[Question]) -> usize {
    questions.iter().map(|question| &question.cases).collect::<BTreeSet<_>>().len()
}

/// At least `share` of the questions, by whole cases, so that a reviewer reads each case once. Within a case the order is
/// that of the questions' names; cases follow each other as drawn.
///
/// # Errors
/// A config fault for a share that is not above 0 and at most 1; a data fault without questions.
pub(super) fn by_case(questions: Vec<Question>, share: f64, seed: u64) -> Result<Vec<Question>, Fault> {
    if !(share > 0.0 && share <= 1.0) {
        return Err(Fault::config(format!("--share must be above 0 and at most 1, found {share}")));
    }
    if questions.is_empty() {
        return Err(Fault::data("there are no questions to review"));
    }
    let wanted = (share * questions.len() as f64).ceil() as usize;
    let draw = Draw::new(seed).of("review");
    let mut by_case: BTreeMap<(u64, Vec<String>), Vec<Question>> = BTreeMap::new();
    for question in questions {
        let place = draw.of(question.cases.join("+")).bits();
        by_case.entry((place, question.cases.clone())).or_default().push(question);
    }
    let mut drawn = Vec::new();
    for (_, mut of_case) in by_case {
        if drawn.len() >= wanted {
            break;
        }
        of_case.sort_by(|a, b| (&a.bundle, &a.id).cmp(&(&b.bundle, &b.id)));
        drawn.append(&mut of_case);
    }
    Ok(drawn)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use situs_core::question::Evidence;

    pub(crate) fn question(case: &str, index: usize) -> Question {
        Question {
            id: format!("{case}-{index}"),
            volumes: Vec::new(),
            cases: vec![case.to_owned()],
            cluster: case.to_owned(),
            template: "t".to_owned(),
            cell: String::new(),
            bundle: format!("{case}::{index}"),
            structures: Vec::new(),
            text: "Where is \"it\",\nprecisely?".to_owned(),
            options: Vec::new(),
            truth: "here".to_owned(),
            chance: 0.0,
            facets: BTreeMap::new(),
            scene: None,
            evidence: Evidence::default(),
            private: serde_json::Value::Null,
        }
    }

    #[test]
    fn a_share_is_drawn_by_whole_cases_and_is_the_same_for_a_seed() {
        let all =
            || (0..50).flat_map(|case| (0..4).map(move |at| question(&format!("c{case}"), at))).collect();
        let drawn = by_case(all(), 0.12, 7).unwrap();
        assert_eq!((drawn.len(), cases(&drawn)), (24, 6));
        assert_eq!(drawn, by_case(all(), 0.12, 7).unwrap());
        assert_ne!(drawn, by_case(all(), 0.12, 8).unwrap());
        assert_eq!(by_case(all(), 1.0, 7).unwrap().len(), 200);
        assert!(by_case(all(), 0.0, 7).is_err() && by_case(Vec::new(), 0.5, 7).is_err());
    }
}
