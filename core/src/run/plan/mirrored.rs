//! Which question of a mirrored patient stands for a question of the patient.

use super::asking::ask;
use super::cases::Cases;
use crate::fault::Fault;
use crate::media::Media;
use crate::question::Question;
use crate::run::desk::Desk;
use crate::volume::swap_sides;
use std::collections::BTreeMap;

/// The mirrored patients of a run.
pub struct Mirror<'a> {
    /// Measured in the mirror.
    pub cases: Cases,
    /// Their voxels.
    pub media: &'a dyn Media,
}

/// What is asked about: template, cases, structures.
type Item<'a> = (&'a str, &'a [String], &'a [String]);

impl Mirror<'_> {
    /// For each of a case's questions what the mirrored patient is asked about the same voxels: same template and cell,
    /// structures with the sides in their names swapped. Of several the one of the same draw, then the one most alike in
    /// factor levels. It takes the plain question's id; its own stays in the evidence as `mirrored_id`.
    ///
    /// # Errors
    /// A family that is broken.
    pub(super) fn counterparts(
        &self,
        desk: &Desk<'_>,
        case: &str,
        questions: &[Question],
    ) -> Result<Vec<Option<Question>>, Fault> {
        let Some(index) = self.cases.usable.iter().position(|known| known.name == case) else {
            return Ok(vec![None; questions.len()]);
        };
        let (pool, _) = ask(desk, self.media, &self.cases, index)?;
        let mut by_item: BTreeMap<Item<'_>, Vec<&Question>> = BTreeMap::new();
        for other in &pool {
            by_item.entry((&other.template, &other.cases, &other.structures)).or_default().push(other);
        }
        Ok(questions
            .iter()
            .map(|question| {
                // What names no structure has its truth in words: nobody here could turn them.
                if question.structures.is_empty() {
                    return None;
                }
                let structures: Vec<String> =
                    question.structures.iter().map(|name| swap_sides(name)).collect();
                let found =
                    by_item.get(&(question.template.as_str(), &question.cases[..], &structures[..]))?;
                let other = found
                    .iter()
                    .filter(|other| other.cell == question.cell || other.cell == swap_sides(&question.cell))
                    .max_by_key(|other| (likeness(question, other), std::cmp::Reverse(&other.id)))?;
                Some(in_place_of(question, (*other).clone()))
            })
            .collect())
    }
}

fn likeness(question: &Question, other: &Question) -> (bool, usize) {
    let levels = other.facets.iter().filter(|(facet, level)| question.facets.get(*facet) == Some(*level));
    (!question.bundle.is_empty() && question.bundle == other.bundle, levels.count())
}

fn in_place_of(question: &Question, mut other: Question) -> Question {
    other.evidence.facts.insert("mirrored_id".to_owned(), other.id.clone().into());
    other.id.clone_from(&question.id);
    other
}
