//! A question family for Situs: which of two structures lies farther toward a side of the body.

situs_core::export_plugin!();

use situs_core::prelude::*;
use situs_core::space::{Anatomical, BodyAxis};
use std::collections::BTreeMap;

situs_core::component! {
    /// Asks of two structures whether one lies farther toward a side of the body.
    family "{{name}}";
    pub struct {{Type}} {
        /// Questions a case, at most.
        pub questions: usize = 20,
        /// Smallest distance along the asked axis, in mm.
        pub margin_mm: f64 = 10.0,
    }
}

#[typetag::serde(name = "{{name}}")]
impl QuestionFamilySpec for {{Type}} {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn QuestionFamily>, Fault> {
        if !(self.margin_mm >= 0.0 && self.margin_mm.is_finite()) {
            return Err(
                Fault::config(format!("must not be negative, found {}", self.margin_mm)).at("margin_mm")
            );
        }
        Ok(Box::new(self.clone()))
    }
}

impl QuestionFamily for {{Type}} {
    /// Change it with every change of texts or rules: it is part of each question's identity.
    fn version(&self) -> &str {
        "1"
    }

    fn ask(&self, cx: &AskContext<'_>) -> Result<Asked, Fault> {
        let placed: Vec<(&Structure, [f64; 3])> = cx
            .entry
            .measured
            .structures
            .iter()
            .filter_map(|structure| Some((structure, structure.centroid_ras_mm?)))
            .collect();
        let mut left_out = BTreeMap::new();
        let mut questions = Vec::new();
        // Every draw is named: neither the order of questions nor of cases can change it.
        let draws = Draw::new(cx.seed).of(&cx.case.name);
        for number in 0..self.questions.min(placed.len().saturating_sub(1) * 10) {
            let draw = draws.of(number);
            let order = draw.of("pair").order(placed.len());
            let ((a, at_a), (b, at_b)) = (placed[order[0]], placed[order[1]]);
            let axis = BodyAxis::ALL[draw.of("axis").below(3)];
            // Words come from positions in the patient, never from an array index.
            let (relation, distance) = Anatomical::between(at_a, at_b, axis);
            if distance < self.margin_mm {
                *left_out.entry("too close along the axis".to_owned()).or_insert(0) += 1;
                continue;
            }
            let asked = if draw.of("invert").coin() { relation.opposite() } else { relation };
            questions.push(Question {
                id: String::new(),
                volumes: Vec::new(),
                cases: vec![cx.case.name.clone()],
                cluster: String::new(),
                template: "side".to_owned(),
                cell: axis.name().to_owned(),
                bundle: format!("{number}"),
                structures: vec![a.name.clone(), b.name.clone()],
                text: format!(
                    "This is about a {}. Statement: seen from the {}, the {} lies toward {}. Is the statement true \
                     or false? Answer with one word.",
                    cx.card.modality_text,
                    b.name.replace('_', " "),
                    a.name.replace('_', " "),
                    asked.word(),
                ),
                options: vec!["true".to_owned(), "false".to_owned()],
                truth: (asked == relation).to_string(),
                chance: 0.5,
                facets: BTreeMap::from([("axis".to_owned(), axis.name().to_owned())]),
                scene: None,
                // What somebody needs to recompute the answer by hand.
                evidence: Evidence {
                    positions: [(a, at_a), (b, at_b)]
                        .map(|(structure, ras_mm)| Position {
                            structure: structure.name.clone(),
                            centre: "volume-centroid".to_owned(),
                            ras_mm,
                            screen_px: None,
                            frame: None,
                        })
                        .to_vec(),
                    relation: format!("A {} B", relation.word()),
                    margin_mm: Some(distance),
                    required_mm: Some(self.margin_mm),
                    ..Evidence::default()
                },
                private: serde_json::Value::Null,
            });
        }
        Ok(Asked::Questions { questions, left_out })
    }

    fn read(&self, question: &Question, reply: &Reply) -> Result<Answer, Fault> {
        let text = reply.text.to_lowercase();
        let words: Vec<&str> = text.split(|letter: char| !letter.is_alphanumeric()).collect();
        let named: Vec<&String> =
            question.options.iter().filter(|option| words.contains(&option.as_str())).collect();
        Ok(match named[..] {
            [option] => Answer::answered(option.clone()),
            _ => Answer::without_value(AnswerState::Unparsed),
        })
    }
}
