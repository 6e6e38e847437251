//! What a model claims about the places of structures, gathered from its answers.

use super::{Verdict, chose_one_of_two, cluster};
use situs_core::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Words that say where A lies, with the axis they lie on and whether they point to its positive end.
const WORDS: [(&str, &str, bool); 24] = [
    ("superior", "superior-inferior", true),
    ("patient's head", "superior-inferior", true),
    ("inferior", "superior-inferior", false),
    ("patient's feet", "superior-inferior", false),
    ("anterior", "anterior-posterior", true),
    ("patient's front", "anterior-posterior", true),
    ("posterior", "anterior-posterior", false),
    ("patient's back", "anterior-posterior", false),
    ("patient's right", "right-left", true),
    ("patient's left", "right-left", false),
    ("above", "vertical", true),
    ("top edge", "vertical", true),
    ("below", "vertical", false),
    ("bottom edge", "vertical", false),
    ("image left", "horizontal", true),
    ("left edge", "horizontal", true),
    ("image right", "horizontal", false),
    ("right edge", "horizontal", false),
    ("earlier", "frames", true),
    ("first frame", "frames", true),
    ("later", "frames", false),
    ("last frame", "frames", false),
    ("smaller", "size", false),
    ("larger", "size", true),
];

/// Claims of the form "A lies farther along this axis than B", for one picture and trial.
#[derive(Default)]
struct Scene {
    cluster: String,
    /// Votes for (first, second) in order of name: positive when the first lies farther.
    votes: BTreeMap<(String, String), i64>,
}

/// All claims, by cases, trial, what was shown, and axis.
pub(super) struct Claims(BTreeMap<(Vec<String>, u32, String, &'static str), Scene>);

impl Claims {
    /// Gathers the claims of questions with two allowed answers about the relation of two structures.
    pub(super) fn of(records: &[&Record]) -> Self {
        let mut claims = BTreeMap::new();
        for record in records {
            let Some((axis, first_is_farther)) = claim(record) else { continue };
            let question = &record.question;
            let shown = question.scene.as_ref().map_or_else(String::new, |scene| {
                format!("{:?} {:?} {:?}", scene.view, scene.frames, scene.backdrop)
            });
            let key = (question.cases.clone(), record.trial, shown, axis);
            let scene: &mut Scene = claims.entry(key).or_default();
            scene.cluster = cluster(record);
            let (a, b) = (question.structures[0].clone(), question.structures[1].clone());
            let in_order = a < b;
            let pair = if in_order { (a, b) } else { (b, a) };
            *scene.votes.entry(pair).or_default() += if first_is_farther == in_order { 1 } else { -1 };
        }
        Self(claims)
    }

    /// One verdict for each three structures with a claim about each two of them: passed unless they go in a circle.
    pub(super) fn triples(&self) -> Vec<Verdict> {
        self.0.values().flat_map(Scene::triples).collect()
    }
}

impl Scene {
    fn triples(&self) -> Vec<Verdict> {
        let names: Vec<&String> =
            self.votes.keys().flat_map(|(a, b)| [a, b]).collect::<BTreeSet<_>>().into_iter().collect();
        // Names are in order, so every pair is looked up as it is stored; a draw of votes is no claim.
        let vote = |a: &String, b: &String| {
            self.votes.get(&(a.clone(), b.clone())).copied().filter(|vote| *vote != 0).map(|vote| vote > 0)
        };
        let mut verdicts = Vec::new();
        for (i, a) in names.iter().enumerate() {
            for (j, b) in names.iter().enumerate().skip(i + 1) {
                let Some(a_over_b) = vote(a, b) else { continue };
                for c in names.iter().skip(j + 1) {
                    let (Some(b_over_c), Some(a_over_c)) = (vote(b, c), vote(a, c)) else { continue };
                    let circle = a_over_b == b_over_c && a_over_c != a_over_b;
                    verdicts.push(Verdict { passed: !circle, cluster: self.cluster.clone() });
                }
            }
        }
        verdicts
    }
}

/// The axis of a relation question, and whether the answer says that the first structure lies farther along it.
fn claim(record: &Record) -> Option<(&'static str, bool)> {
    let question = &record.question;
    if !chose_one_of_two(record) || question.structures.len() < 2 {
        return None;
    }
    let relation = &question.evidence.relation;
    let a_first = match (relation.starts_with("A "), relation.starts_with("B ")) {
        (true, _) => true,
        (_, true) => false,
        _ => return None,
    };
    let (_, axis, positive) = WORDS.into_iter().find(|(word, ..)| relation.contains(word))?;
    // With two answers the wrong one claims the opposite.
    Some((axis, (a_first == positive) == record.is_right()))
}
