//! From a question to what the model shall write: a short chain of look-ups and comparisons, then the answer.

use serde::{Deserialize, Serialize};
use situs_core::prelude::*;
use situs_core::scene::Mark;
use situs_core::space::Anatomical;
use situs_models::small::Vocabulary;

/// Which link of the chain a token of the reply is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Link {
    /// The edge from which places are counted: left or top.
    Edge,
    /// What lies at that edge, in the words of the question.
    EdgeWord,
    /// The label of a mark.
    Label,
    /// Its place along the axis, in 64ths of the picture.
    Number,
    /// Whether the first number is less or more than the second; for several marks, whether the least or the most is asked.
    Compare,
    /// Where A lies.
    Word,
    /// What the question asks for.
    Asked,
    /// Whether both are the same.
    Same,
    /// The mark that wins.
    Winner,
    /// The mark that the statement claims.
    Claimed,
    /// The answer.
    Answer,
    /// Tags and the end.
    Tag,
}

/// A mark of the picture whose place is known.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Target {
    /// Tokens that name it: colour, letter or both.
    pub tokens: Vec<u32>,
    /// Token of its letter, with the middle of its plate.
    pub plate: Option<(u32, [f32; 2])>,
    /// Centre, from 0 to 1 across the reduced picture.
    pub place: [f32; 2],
    /// Least x, least y, largest x, largest y of its strokes.
    pub extent: [f32; 4],
}

/// Where a mark is drawn, in pixels.
pub struct Drawn {
    /// Least x, least y, largest x, largest y of its strokes.
    pub extent: [f64; 4],
    /// Middle of its letter plate.
    pub plate: Option<[f64; 2]>,
}

/// One question as the model reads and answers it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lesson {
    /// Template of the question.
    pub template: String,
    /// Index of the picture.
    pub picture: usize,
    /// Whether it asks for directions on the picture, not in the patient.
    pub about_picture: bool,
    /// Tokens of the prompt.
    pub prompt: Vec<u32>,
    /// Tokens of the reply, with the link that each is.
    pub reply: Vec<(u32, Link)>,
    /// Marks that are asked about.
    pub targets: Vec<Target>,
}

/// How prompts ask for a direction, and the word that answers use.
const ASKED: [(&str, &str); 20] = [
    ("is superior to", "superior"),
    ("is inferior to", "inferior"),
    ("is anterior to", "anterior"),
    ("is posterior to", "posterior"),
    ("is farther toward the patient's right than", "patient's right"),
    ("is farther toward the patient's left than", "patient's left"),
    ("is above", "above"),
    ("is below", "below"),
    ("is nearer the left edge of the image than", "image left"),
    ("is nearer the right edge of the image than", "image right"),
    ("toward the patient's head", "superior"),
    ("toward the patient's feet", "inferior"),
    ("toward the patient's front", "anterior"),
    ("toward the patient's back", "posterior"),
    ("toward the patient's right", "patient's right"),
    ("toward the patient's left", "patient's left"),
    ("toward the top edge of the image", "above"),
    ("toward the bottom edge of the image", "below"),
    ("toward the left edge of the image", "image left"),
    ("toward the right edge of the image", "image right"),
];

/// Writes replies.
pub struct Teacher {
    vocabulary: Vocabulary,
    asked: Vec<(u32, &'static str)>,
}

struct Placed {
    label: u32,
    target: Target,
    number: usize,
}

impl Teacher {
    pub fn new() -> Result<Self, Fault> {
        let vocabulary = Vocabulary::embedded();
        let asked = ASKED.iter().map(|(phrase, word)| Ok((vocabulary.id(phrase)?, *word)));
        let asked = asked.collect::<Result<_, Fault>>()?;
        Ok(Self { vocabulary, asked })
    }

    /// The lesson of a question on a picture of `longer` pixels along its longer side. `drawn`: where a mark and
    /// its letter are drawn. `None` for questions that this model is not taught.
    pub fn lesson(
        &self,
        question: &Question,
        picture: usize,
        longer: f64,
        drawn: &dyn Fn(&Mark) -> Option<Drawn>,
    ) -> Result<Option<Lesson>, Fault> {
        let Some(scene) = &question.scene else { return Ok(None) };
        let vertical = match question.facet("screen_axis") {
            "horizontal" => false,
            "vertical" => true,
            _ => return Ok(None),
        };
        let mut placed = Vec::new();
        for position in &question.evidence.positions {
            let mark = scene.marks.iter().find(|mark| mark.structure == position.structure);
            let (Some(mark), Some(px)) = (mark, position.screen_px) else { return Ok(None) };
            let Some(drawn) = drawn(mark) else { return Ok(None) };
            placed.push(self.placed(
                question,
                mark,
                px.map(|value| value / longer),
                vertical,
                &drawn,
                longer,
            )?);
        }
        let prompt = self.prompt(&question.text);
        let edge_word = match (question.facet("words"), vertical) {
            ("anat", true) => Anatomical(scene.view.up()).word(),
            ("anat", false) => Anatomical(scene.view.left()).word(),
            (_, true) => "above",
            (_, false) => "image left",
        };
        let opposite = match (question.facet("words"), vertical) {
            ("anat", true) => Anatomical(scene.view.down).word(),
            ("anat", false) => Anatomical(scene.view.right).word(),
            (_, true) => "below",
            (_, false) => "image right",
        };
        let mut reply = vec![
            (self.id(if vertical { "top" } else { "left" })?, Link::Edge),
            (self.id(edge_word)?, Link::EdgeWord),
        ];
        let asked = prompt.iter().find_map(|token| self.asked.iter().find(|(phrase, _)| phrase == token));
        let asked = asked.map(|(_, word)| *word);
        let chained = match question.template.as_str() {
            "LX-O" => self.among_all(&placed, asked, edge_word, &mut reply)?,
            _ => self.between_two(question, &prompt, &placed, asked, (edge_word, opposite), &mut reply)?,
        };
        if !chained {
            return Ok(None);
        }
        reply.push((Vocabulary::ANSWER, Link::Tag));
        reply.push((self.id(&question.truth)?, Link::Answer));
        reply.push((Vocabulary::ANSWERED, Link::Tag));
        reply.push((Vocabulary::END, Link::Tag));
        let targets = placed.into_iter().map(|placed| placed.target).collect();
        Ok(Some(Lesson {
            template: question.template.clone(),
            picture,
            about_picture: question.facet("words") == "coll",
            prompt,
            reply,
            targets,
        }))
    }

    fn prompt(&self, text: &str) -> Vec<u32> {
        let mut prompt = self.vocabulary.encode(text);
        prompt.push(Vocabulary::REPLY);
        prompt
    }

    fn id(&self, entry: &str) -> Result<u32, Fault> {
        self.vocabulary.id(entry)
    }

    fn placed(
        &self,
        question: &Question,
        mark: &Mark,
        place: [f64; 2],
        vertical: bool,
        drawn: &Drawn,
        longer: f64,
    ) -> Result<Placed, Fault> {
        let colour = self.id(mark.colour.word())?;
        let letter = mark.letter.map(|letter| self.id(&letter.to_string())).transpose()?;
        let (label, tokens) = match (question.facet("identity"), letter) {
            ("letter", Some(letter)) => (letter, vec![letter]),
            (_, Some(letter)) => (letter, vec![letter, colour]),
            (_, None) => (colour, vec![colour]),
        };
        let along = if vertical { place[1] } else { place[0] };
        let number = (along * f64::from(Vocabulary::NUMBERS)).max(0.0) as usize;
        let middle = |[x, y]: [f64; 2]| [(x / longer) as f32, (y / longer) as f32];
        let target = Target {
            tokens,
            plate: letter.zip(drawn.plate.map(middle)),
            place: place.map(|value| value as f32),
            extent: drawn.extent.map(|value| (value / longer) as f32),
        };
        Ok(Placed { label, target, number })
    }

    /// `A 12 B 40 less anterior ...`.
    fn between_two(
        &self,
        question: &Question,
        prompt: &[u32],
        placed: &[Placed],
        asked: Option<&str>,
        (edge_word, opposite): (&str, &str),
        reply: &mut Vec<(u32, Link)>,
    ) -> Result<bool, Fault> {
        let [a, b] = placed else { return Ok(false) };
        for one in [a, b] {
            reply.push((one.label, Link::Label));
            reply.push((Vocabulary::number(one.number), Link::Number));
        }
        let along =
            |placed: &Placed| placed.target.place[usize::from(question.facet("screen_axis") == "vertical")];
        let less = along(a) < along(b);
        let word = if less { edge_word } else { opposite };
        reply.push((self.id(if less { "less" } else { "more" })?, Link::Compare));
        reply.push((self.id(word)?, Link::Word));
        let same = |same: bool| Ok::<_, Fault>((self.id(if same { "same" } else { "other" })?, Link::Same));
        let is_mark = question.template.starts_with("LR");
        if question.options.iter().any(|option| option == word) && !is_mark {
            return Ok(true);
        }
        let Some(asked) = asked else { return Ok(false) };
        reply.push((self.id(asked)?, Link::Asked));
        reply.push(same(word == asked)?);
        if is_mark {
            let winner = if word == asked { a.label } else { b.label };
            reply.push((winner, Link::Winner));
            if question.options.iter().any(|option| option == "true") {
                // The mark that is named last is the one that the statement claims to win.
                let end =
                    prompt.iter().position(|token| self.asked.iter().any(|(phrase, _)| phrase == token));
                let labels = [a.label, b.label];
                let claimed =
                    prompt[..end.unwrap_or(prompt.len())].iter().rev().find(|token| labels.contains(token));
                let Some(claimed) = claimed else { return Ok(false) };
                reply.push((*claimed, Link::Claimed));
                reply.push(same(*claimed == winner)?);
            }
        }
        Ok(true)
    }

    /// `anterior least A 12 B 40 C 3 C`.
    fn among_all(
        &self,
        placed: &[Placed],
        asked: Option<&str>,
        edge_word: &str,
        reply: &mut Vec<(u32, Link)>,
    ) -> Result<bool, Fault> {
        let Some(asked) = asked else { return Ok(false) };
        let least = asked == edge_word;
        reply.push((self.id(asked)?, Link::Asked));
        reply.push((self.id(if least { "least" } else { "most" })?, Link::Compare));
        let mut order: Vec<&Placed> = placed.iter().collect();
        order.sort_by_key(|one| one.label);
        for one in &order {
            reply.push((one.label, Link::Label));
            reply.push((Vocabulary::number(one.number), Link::Number));
        }
        let winner = if least {
            order.iter().min_by_key(|one| one.number)
        } else {
            order.iter().max_by_key(|one| one.number)
        };
        let Some(winner) = winner else { return Ok(false) };
        reply.push((winner.label, Link::Winner));
        Ok(true)
    }
}
