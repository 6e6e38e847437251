//! Distances: of box centres, and between surfaces.

use super::body::Measure;
use super::draft::{Draft, Drafter, Outcome, Refusal, Textbook, Turn};
use super::options::{Choice, Place, Quantity, numbers, printed, range_options, ranges};
use super::spec::Task;
use crate::families::mis_ground::templates::Values;
use situs_core::volume::distance;

/// The nearest is at most so many times as far as the next.
const CLEARLY_NEARER: f64 = 0.8;
/// And nearer by so many mm.
const NEARER_MM: f64 = 10.0;
/// Limits of the gap's ranges in mm.
const GAPS_MM: [f64; 3] = [2.0, 10.0, 30.0];

fn centres_apart(measures: &[Measure]) -> f64 {
    match measures {
        [a, b, ..] => distance(a.centre, b.centre),
        _ => f64::NAN,
    }
}

impl Drafter<'_> {
    pub(super) fn coarsest(&self) -> f64 {
        self.body.spacing().into_iter().fold(0.0, f64::max)
    }

    /// DIST-1: distance of two centres, four lengths.
    pub(super) fn distance(&self, turn: &Turn) -> Result<Draft, Refusal> {
        let (a, b) = self.two(Task::Dist, turn, true)?;
        let rank = turn.rank(4);
        let quantity = Quantity::Length(self.coarsest());
        let (values, _) = numbers(self.body.centre_distance(a, b), rank, quantity, None, &turn.draw)
            .ok_or(Refusal::Rule("options closer than the gap"))?;
        let options = printed(&values, rank, quantity).ok_or(Refusal::Rule("options print alike"))?;
        let textbook = Textbook::Median(Box::new(centres_apart), Place::Nearest);
        Ok(Draft::choice(vec![a, b], options, rank, textbook)
            .with("A", self.display(a))
            .with("B", self.display(b))
            .measuring(quantity))
    }

    /// DIST-2 and DIST-3: which of four centres lies nearest to A's, or farthest from it.
    pub(super) fn closest(&self, turn: &Turn, nearest: bool) -> Result<Draft, Refusal> {
        let a = self.one(Task::Dist, turn)?;
        let names = self.several(Task::Dist, 4, turn)?;
        if names.iter().any(|site| *site == a || self.body.nested(a, *site)) {
            return Err(Refusal::Rule("A is among the options"));
        }
        let sites: Vec<usize> = [a].into_iter().chain(names.iter().copied()).collect();
        let pick = move |measures: &[Measure]| -> Option<Vec<(usize, f64)>> {
            let (a, others) = measures.split_first()?;
            let mut far: Vec<(usize, f64)> =
                others.iter().map(|other| distance(a.centre, other.centre)).enumerate().collect();
            far.sort_by(|one, other| one.1.total_cmp(&other.1));
            if !nearest {
                far.reverse();
            }
            Some(far)
        };
        let far = pick(&self.measures(&sites)).ok_or(Refusal::Rule("no structure that may be asked"))?;
        let [(best, first), (_, second), ..] = far[..] else {
            return Err(Refusal::Rule("no structure that may be asked"));
        };
        let (small, large) = if nearest { (first, second) } else { (second, first) };
        if small > CLEARLY_NEARER * large || large - small < NEARER_MM {
            return Err(Refusal::Rule("no distance stands out"));
        }
        let options = names.iter().map(|site| Choice::words(self.display(*site))).collect();
        let outcome: Outcome = Box::new(move |measures| pick(measures)?.first().map(|(place, _)| *place));
        Ok(Draft::choice(sites, options, best, Textbook::Majority(outcome)).with("A", self.display(a)))
    }

    /// DIST-4: four ranges.
    pub(super) fn distance_range(&self, turn: &Turn) -> Result<Draft, Refusal> {
        let (a, b) = self.two(Task::Dist, turn, true)?;
        let rank = turn.rank(4);
        let quantity = Quantity::Length(self.coarsest());
        let (options, limits) = ranges(self.body.centre_distance(a, b), rank, quantity, &turn.draw)
            .ok_or(Refusal::Rule("truth near an edge of its range"))?;
        let textbook = Textbook::Median(Box::new(centres_apart), Place::Ranges(limits));
        Ok(Draft::choice(vec![a, b], options, rank, textbook)
            .with("A", self.display(a))
            .with("B", self.display(b))
            .in_order())
    }

    /// DIST-5: the gap between two surfaces.
    pub(super) fn gap(&self, turn: &Turn) -> Result<Draft, Refusal> {
        let (a, b) = self.two(Task::Dist, turn, false)?;
        if self.body.boxes_only {
            return Err(Refusal::Rule("structures are boxes without a surface"));
        }
        let rank = turn.rank(GAPS_MM.len() + 1);
        let spacing = self.body.spacing();
        let diagonal = spacing.iter().map(|side| side * side).sum::<f64>().sqrt();
        let least = self.box_gap(a, b);
        // Cheap before dear: boxes farther apart than the wanted range need no search.
        if GAPS_MM.get(rank).is_some_and(|upper| least >= *upper) {
            return Err(Refusal::Rule("gap outside the drawn range"));
        }
        let width = |upper: &f64| upper - rank.checked_sub(1).and_then(|below| GAPS_MM.get(below)).unwrap_or(&0.0);
        if rank > 0 && GAPS_MM.get(rank).is_some_and(|upper| width(upper) <= 2.0 * diagonal) {
            return Err(Refusal::Rule("voxels too coarse for the drawn range"));
        }
        // Boxes far apart settle the last range by themselves.
        let is_settled = GAPS_MM.iter().all(|limit| least > limit + diagonal);
        let gap = if is_settled { least } else { self.body.gap(a, b)? };
        // Solids that share a face touch, however coarse their voxels.
        let unsure = |limit: &f64| (gap - limit).abs() <= diagonal;
        if gap > 0.0 && GAPS_MM.iter().any(unsure) {
            return Err(Refusal::Rule("gap within a voxel's diagonal of a limit"));
        }
        if GAPS_MM.iter().filter(|limit| gap >= **limit).count() != rank {
            return Err(Refusal::Rule("gap outside the drawn range"));
        }
        let texts: Vec<String> = GAPS_MM.iter().map(|limit| format!("{limit:.0} mm")).collect();
        let mut options = range_options(&texts, &GAPS_MM);
        if let Some(touching) = options.first_mut() {
            touching.text = self.templates.phrase("touching", &Values::new())?;
        }
        let mut draft = Draft::choice(vec![a, b], options, rank, Textbook::Nothing)
            .with("A", self.display(a))
            .with("B", self.display(b))
            .in_order();
        draft.margin = Some((gap, diagonal));
        Ok(draft)
    }

    /// Distance of two boxes in mm: never more than that of the surfaces.
    fn box_gap(&self, a: usize, b: usize) -> f64 {
        let (one, other) = (&self.body.sites[a].measure.voxel_box, &self.body.sites[b].measure.voxel_box);
        let spacing = self.body.spacing();
        (0..3)
            .map(|axis| {
                let apart = if one.min[axis] > other.max[axis] {
                    one.min[axis] - other.max[axis] - 1
                } else {
                    other.min[axis].saturating_sub(one.max[axis] + 1)
                };
                (apart as f64 * spacing[axis]).powi(2)
            })
            .sum::<f64>()
            .sqrt()
    }
}
