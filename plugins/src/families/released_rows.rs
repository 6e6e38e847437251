//! Questions as released: the rows of the data set `released-rows`, asked in their own words and read by letter or text.

use crate::datasets::released_rows::ROWS_FACT;
use crate::released_rows::Row;
use crate::replies::{self, choice};
use situs_core::prelude::*;
use situs_core::scene::{Backdrop, Scene};
use situs_core::space::{Plane, Preset};
use std::collections::{BTreeMap, BTreeSet};

situs_core::component! {
    /// Asks the rows of the data set `released-rows`, options under letters, answers between tags.
    family "released-rows";
    pub struct ReleasedRows {
        /// What the reply is asked to end with; the options' letters stand above it.
        pub answer: String =
            "Finish with one line that holds only the letter of your choice between the tags `<answer>` and `</answer>`."
                .to_owned(),
        /// Slices of the stack that renderers for slices show.
        pub frames: usize = 9,
        /// Longer picture side in pixels.
        pub long_side: u32 = 512,
    }
}

#[typetag::serde(name = "released-rows")]
impl QuestionFamilySpec for ReleasedRows {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn QuestionFamily>, Fault> {
        if self.frames == 0 {
            return Err(Fault::config("must be at least 1, found 0").at("frames"));
        }
        Ok(Box::new(Family { spec: self.clone() }))
    }
}

struct Family {
    spec: ReleasedRows,
}

impl QuestionFamily for Family {
    fn version(&self) -> &str {
        "1"
    }

    fn ask(&self, cx: &AskContext<'_>) -> Result<Asked, Fault> {
        let rows = cx.case.facts.get(ROWS_FACT).ok_or_else(|| {
            Fault::unsupported(format!("case {} carries no rows", cx.case.name))
                .help("use it with the data set `released-rows`")
        })?;
        let rows: Vec<Result<Row, String>> =
            serde_json::from_str(rows).map_err(|error| Fault::internal(error.to_string()))?;
        let mut left_out = Reasons::new();
        let mut questions = Vec::new();
        let mut asked = BTreeSet::new();
        for row in rows {
            match row {
                Ok(row) if !asked.insert((row.question.clone(), row.options.clone(), row.task.clone())) => {
                    *left_out.entry("a row that stands twice".to_owned()).or_default() += 1;
                }
                Ok(row) => questions.push(self.question(cx, row)),
                Err(reason) => *left_out.entry(reason).or_default() += 1,
            }
        }
        Ok(Asked::Questions { questions, left_out })
    }

    fn read(&self, question: &Question, reply: &Reply) -> Result<Answer, Fault> {
        let text = replies::after_thinking(&reply.text);
        let Some(inner) = replies::last_tag(text) else {
            return Ok(Answer::without_value(match reply.finish {
                Finish::Length => AnswerState::Truncated,
                _ if replies::refuses(text) => AnswerState::Refused,
                _ => AnswerState::Unparsed,
            }));
        };
        if inner.len() > replies::MOST_ANSWER_BYTES {
            return Ok(Answer::without_value(AnswerState::Unparsed));
        }
        Ok(match choice::read(inner, &question.options) {
            choice::Reading::One(index) => match question.options.get(index) {
                Some(option) => Answer::answered(option.clone()),
                None => Answer::without_value(AnswerState::Unparsed),
            },
            choice::Reading::Several => Answer::without_value(AnswerState::Unparsed).flag("multiple"),
            choice::Reading::Nothing if replies::abstains(inner) => Answer::without_value(AnswerState::Abstained),
            choice::Reading::Nothing => Answer::without_value(AnswerState::Unparsed),
        })
    }
}

impl Family {
    fn question(&self, cx: &AskContext<'_>, row: Row) -> Question {
        let lines = row.options.iter().enumerate().map(|(place, option)| format!("{}. {option}", choice::letter(place)));
        let options: Vec<String> = ["Options:".to_owned()].into_iter().chain(lines).collect();
        let count = row.options.len();
        let options_count = count.to_string();
        let modality_text = cx.case.facts.get("modality_text").unwrap_or(&cx.card.modality_text);
        let facets = [
            ("task", row.task.as_str()),
            ("modality", cx.case.modality.word()),
            ("options", options_count.as_str()),
            ("modality_text", modality_text),
        ];
        let facets = facets.map(|(facet, level)| (facet.to_owned(), level.to_owned()));
        Question {
            id: String::new(),
            volumes: Vec::new(),
            cases: vec![cx.case.name.clone()],
            cluster: String::new(),
            template: row.task.clone(),
            cell: row.task,
            bundle: row.id,
            structures: Vec::new(),
            text: format!("{}\n\n{}\n\n{}", row.question, options.join("\n"), self.spec.answer),
            chance: 1.0 / count.max(1) as f64,
            options: row.options,
            truth: row.truth,
            facets: BTreeMap::from(facets),
            scene: Some(self.scene(cx)),
            evidence: Evidence { relation: "as released".to_owned(), ..Evidence::default() },
            private: serde_json::Value::Null,
        }
    }

    /// Slices spread evenly over the whole scan, from feet to head as the view has it.
    fn scene(&self, cx: &AskContext<'_>) -> Scene {
        let view = Preset::StandardRadiological.view(Plane::Axial);
        let axis = view.plane.through().index();
        let slices = cx.entry.grid.shape[axis].max(1);
        let count = self.spec.frames.min(slices);
        let at = |place: usize| ((place as f64 + 0.5) / count as f64 * slices as f64) as usize;
        let mut frames: Vec<usize> = (0..count).map(|place| at(place).min(slices - 1)).collect();
        if view.frame.sign() < 0.0 {
            frames.reverse();
        }
        Scene {
            view,
            frames,
            stack: count > 1,
            step_mm: slices as f64 * cx.entry.grid.affine.spacing()[axis] / count as f64,
            long_side: self.spec.long_side,
            backdrop: Backdrop::Image,
            marks: Vec::new(),
            keep_clear: Vec::new(),
        }
    }
}
