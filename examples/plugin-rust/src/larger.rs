//! Questions about the volumes of organs.

use situs_core::prelude::*;
use std::collections::BTreeMap;

situs_core::component! {
    /// Asks which of two organs of one patient has the larger volume.
    family "larger";
    pub struct Larger {
        /// Questions a case, at most.
        pub questions: usize = 20,
        /// Smallest ratio of the two volumes.
        pub ratio: f64 = 1.5,
    }
}

#[typetag::serde(name = "larger")]
impl QuestionFamilySpec for Larger {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn QuestionFamily>, Fault> {
        if !(self.ratio >= 1.0 && self.ratio.is_finite()) {
            return Err(Fault::config(format!("must be at least 1, found {}", self.ratio)).at("ratio"));
        }
        Ok(Box::new(self.clone()))
    }
}

impl Larger {
    fn question(&self, cx: &AskContext<'_>, number: usize, a: &Structure, b: &Structure) -> Question {
        let words = [a, b].map(|structure| structure.name.replace('_', " "));
        let ratio = a.volume_ml.max(b.volume_ml) / a.volume_ml.min(b.volume_ml);
        let band = if ratio < 3.0 { "below 3" } else { "from 3" };
        Question {
            id: String::new(),
            volumes: Vec::new(),
            cases: vec![cx.case.name.clone()],
            cluster: String::new(),
            template: "larger".to_owned(),
            cell: band.to_owned(),
            bundle: format!("{number}"),
            structures: vec![a.name.clone(), b.name.clone()],
            text: format!(
                "This is about a {}. Which has the larger volume: the {} or the {}? Answer with its name alone.",
                cx.card.modality_text, words[0], words[1]
            ),
            truth: words[usize::from(b.volume_ml > a.volume_ml)].clone(),
            options: words.to_vec(),
            chance: 0.5,
            facets: BTreeMap::from([("ratio".to_owned(), band.to_owned())]),
            scene: None,
            evidence: Evidence {
                relation: format!("{:.1} ml and {:.1} ml", a.volume_ml, b.volume_ml),
                facts: BTreeMap::from([(
                    "volume_ml".to_owned(),
                    serde_json::json!([a.volume_ml, b.volume_ml]),
                )]),
                ..Evidence::default()
            },
            private: serde_json::Value::Null,
        }
    }
}

impl QuestionFamily for Larger {
    fn version(&self) -> &str {
        "1"
    }

    fn ask(&self, cx: &AskContext<'_>) -> Result<Asked, Fault> {
        let measured = &cx.entry.measured.structures;
        let whole: Vec<&Structure> =
            measured.iter().filter(|structure| structure.voxels > 0 && !structure.touches_border).collect();
        let mut left_out = Reasons::new();
        let mut questions = Vec::new();
        if whole.len() < 2 {
            left_out.insert("fewer than two whole organs".to_owned(), 1);
            return Ok(Asked::Questions { questions, left_out });
        }
        let draws = Draw::new(cx.seed).of("larger").of(&cx.case.name);
        for number in 0..self.questions {
            let order = draws.of(number).order(whole.len());
            let (a, b) = (whole[order[0]], whole[order[1]]);
            if a.volume_ml.max(b.volume_ml) < self.ratio * a.volume_ml.min(b.volume_ml) {
                *left_out.entry("volumes too much alike".to_owned()).or_default() += 1;
                continue;
            }
            questions.push(self.question(cx, number, a, b));
        }
        Ok(Asked::Questions { questions, left_out })
    }

    fn read(&self, question: &Question, reply: &Reply) -> Result<Answer, Fault> {
        let text = reply.text.to_lowercase();
        // "kidney left" must not be found in "left kidney left out": the longest option named counts, once.
        let mut named: Vec<&String> =
            question.options.iter().filter(|option| text.contains(&option.to_lowercase())).collect();
        named.sort_by_key(|option| std::cmp::Reverse(option.len()));
        Ok(match named[..] {
            [option] => Answer::answered(option.clone()),
            [longer, shorter] if longer.contains(shorter.as_str()) => Answer::answered(longer.clone()),
            _ => Answer::without_value(AnswerState::Unparsed),
        })
    }
}
