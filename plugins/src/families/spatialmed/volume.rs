//! Volumes and their comparison, multiple choice.

use super::body::Measure;
use super::direction::{four_orders, sorted_by};
use super::draft::{Draft, Drafter, Number, Outcome, Refusal, Textbook, Turn};
use super::options::{Choice, Place, Quantity, numbers, printed, range_options, ranges, threshold, yes_or_no};
use super::spec::Task;
use crate::families::mis_ground::templates::Values;

/// One volume is clearly larger than another by this factor.
const CLEARLY_LARGER: f64 = 1.2;
/// Ratios between these are neither alike nor clearly different.
const UNSURE: [f64; 2] = [1.05, 1.15];
/// Limits of the shares in per cent, and how far the truth keeps from them.
const SHARES: [f64; 3] = [25.0, 50.0, 75.0];
const SHARE_EDGE: f64 = 5.0;
/// Limits of the ratios, and how far the truth keeps from them, as a share.
const RATIOS: [f64; 3] = [0.5, 1.0, 2.0];
const RATIO_EDGE: f64 = 0.1;

fn first_volume() -> Number {
    Box::new(|measures| measures.first().map_or(f64::NAN, |measure| measure.volume))
}

/// Both together, as far as tables of other patients tell: what they share is not in them.
pub(super) fn both_volumes() -> Number {
    Box::new(|measures| measures.iter().map(|measure| measure.volume).sum())
}

pub(super) fn ratio_of(measures: &[Measure]) -> f64 {
    match measures {
        [a, b, ..] => a.volume / b.volume,
        _ => f64::NAN,
    }
}

pub(super) fn share_of(measures: &[Measure]) -> f64 {
    match measures {
        [a, b, ..] => 100.0 * a.volume / (a.volume + b.volume),
        _ => f64::NAN,
    }
}

impl Drafter<'_> {
    fn volume_of(&self, site: usize) -> f64 {
        self.body.sites[site].measure.volume
    }

    /// VOL-1: four values.
    pub(super) fn volume(&self, turn: &Turn) -> Result<Draft, Refusal> {
        let a = self.one(Task::Vol, turn)?;
        let rank = turn.rank(4);
        let others = self.population.values(&self.body.sites[a].name, |measure| measure.volume);
        let (values, known) =
            numbers(self.volume_of(a), rank, Quantity::Volume, others.as_deref(), &turn.draw)
                .ok_or(Refusal::Rule("options closer than the gap"))?;
        let options = printed(&values, rank, Quantity::Volume).ok_or(Refusal::Rule("options print alike"))?;
        let textbook = Textbook::Median(first_volume(), Place::Nearest);
        let mut draft = Draft::choice(vec![a], options, rank, textbook)
            .with("A", self.display(a))
            .measuring(Quantity::Volume);
        draft.population = Some(known);
        Ok(draft)
    }

    /// VOL-2: four ranges.
    pub(super) fn volume_range(&self, turn: &Turn) -> Result<Draft, Refusal> {
        let a = self.one(Task::Vol, turn)?;
        let rank = turn.rank(4);
        let (options, limits) = ranges(self.volume_of(a), rank, Quantity::Volume, &turn.draw)
            .ok_or(Refusal::Rule("truth near an edge of its range"))?;
        let textbook = Textbook::Median(first_volume(), Place::Ranges(limits));
        Ok(Draft::choice(vec![a], options, rank, textbook).with("A", self.display(a)).in_order())
    }

    /// VOL-3: at least a limit or not.
    pub(super) fn volume_threshold(&self, turn: &Turn) -> Result<Draft, Refusal> {
        let a = self.one(Task::Vol, turn)?;
        let rank = turn.rank(2);
        let (text, limit) = threshold(self.volume_of(a), rank == 0, Quantity::Volume)
            .ok_or(Refusal::Rule("limit closer than the gap"))?;
        let textbook = Textbook::Median(first_volume(), Place::Above(limit));
        Ok(Draft::choice(vec![a], yes_or_no(), rank, textbook).with("A", self.display(a)).with("t", text))
    }

    /// VOL-4: two volumes together; one distractor is one of them alone, where the gaps allow it.
    pub(super) fn joint_volume(&self, turn: &Turn) -> Result<Draft, Refusal> {
        let (a, b) = self.two(Task::Vol, turn, false)?;
        let rank = turn.rank(4);
        let (mut values, _) =
            numbers(self.body.joint_volume(a, b), rank, Quantity::Volume, None, &turn.draw)
                .ok_or(Refusal::Rule("options closer than the gap"))?;
        let first_alone = turn.draw.of("alone").coin();
        let alone = if first_alone { [a, b] } else { [b, a] }.map(|site| self.volume_of(site));
        for place in 0..rank {
            let fits = |value: &&f64| {
                let below = place.checked_sub(1).and_then(|below| values.get(below));
                below.is_none_or(|below| *below < **value && Quantity::Volume.apart(*below, **value))
                    && values.get(place + 1).is_some_and(|above| *above > **value && Quantity::Volume.apart(*above, **value))
            };
            if let Some(value) = alone.iter().find(fits).copied() {
                values[place] = value;
                break;
            }
        }
        let options = printed(&values, rank, Quantity::Volume).ok_or(Refusal::Rule("options print alike"))?;
        let textbook = Textbook::Median(both_volumes(), Place::Nearest);
        Ok(Draft::choice(vec![a, b], options, rank, textbook)
            .with("A", self.display(a))
            .with("B", self.display(b))
            .measuring(Quantity::Volume))
    }

    /// VOL-5: share of the joint volume.
    pub(super) fn volume_share(&self, turn: &Turn) -> Result<Draft, Refusal> {
        let (a, b) = self.two(Task::Vol, turn, false)?;
        let rank = turn.rank(SHARES.len() + 1);
        let share = 100.0 * self.volume_of(a) / self.body.joint_volume(a, b);
        if SHARES.iter().filter(|limit| share >= **limit).count() != rank {
            return Err(Refusal::Rule("share outside the drawn range"));
        }
        if SHARES.iter().any(|limit| (share - limit).abs() < SHARE_EDGE) {
            return Err(Refusal::Rule("truth near an edge of its range"));
        }
        let texts: Vec<String> = SHARES.iter().map(|limit| format!("{limit:.0} %")).collect();
        let textbook = Textbook::Median(Box::new(share_of), Place::Limits(SHARES.to_vec()));
        Ok(Draft::choice(vec![a, b], range_options(&texts, &SHARES), rank, textbook)
            .with("A", self.display(a))
            .with("B", self.display(b))
            .in_order())
    }

    /// COMP-1: which of two is larger, if any.
    pub(super) fn larger(&self, turn: &Turn) -> Result<Draft, Refusal> {
        let (a, b) = self.two(Task::Comp, turn, false)?;
        let ratio = self.volume_of(a) / self.volume_of(b);
        let apart = ratio.max(1.0 / ratio);
        let [alike, different] = UNSURE;
        if apart > alike && apart < different {
            return Err(Refusal::Rule("neither alike nor clearly different"));
        }
        let options = [a, b]
            .into_iter()
            .map(|site| {
                let values = Values::from([("name", self.display(site))]);
                Ok(Choice::words(self.templates.phrase("larger", &values)?))
            })
            .chain([self.templates.phrase("neither", &Values::new()).map(Choice::words).map_err(Refusal::from)])
            .collect::<Result<Vec<_>, Refusal>>()?;
        let outcome = |measures: &[Measure]| match ratio_of(measures) {
            ratio if ratio > 1.1 => Some(0),
            ratio if ratio < 1.0 / 1.1 => Some(1),
            ratio if ratio.is_finite() => Some(2),
            _ => None,
        };
        let truth = outcome(&self.measures(&[a, b])).ok_or(Refusal::Rule("no structure that may be asked"))?;
        if truth != turn.rank(3) {
            return Err(Refusal::Rule("comparison outside the drawn answer"));
        }
        Ok(Draft::choice(vec![a, b], options, truth, Textbook::Majority(Box::new(outcome))))
    }

    /// COMP-2: from the largest to the smallest.
    pub(super) fn volume_order(&self, turn: &Turn) -> Result<Draft, Refusal> {
        let sites = self.several(Task::Comp, 3, turn)?;
        let measures = self.measures(&sites);
        let order = sorted_by(&measures, |measure| -measure.volume);
        let clear = order.windows(2).all(|pair| {
            measures[pair[0]].volume >= CLEARLY_LARGER * measures[pair[1]].volume
        });
        if !clear {
            return Err(Refusal::Rule("volumes too much alike"));
        }
        let orders = four_orders(&order, &turn.draw);
        let options = orders.iter().map(|order| Choice::words(self.listed(&sites, order))).collect();
        let outcome: Outcome = Box::new(move |measures| {
            let found = sorted_by(measures, |measure| -measure.volume);
            orders.iter().position(|order| *order == found)
        });
        Ok(Draft::choice(sites, options, 0, Textbook::Majority(outcome)))
    }

    /// COMP-3 and COMP-4: the largest or smallest of four.
    pub(super) fn extreme_volume(&self, turn: &Turn, largest: bool) -> Result<Draft, Refusal> {
        self.extreme(Task::Comp, turn, largest, CLEARLY_LARGER, |measure| measure.volume)
    }

    /// COMP-5: how many times.
    pub(super) fn volume_ratio_range(&self, turn: &Turn) -> Result<Draft, Refusal> {
        let (a, b) = self.two(Task::Comp, turn, false)?;
        let rank = turn.rank(RATIOS.len() + 1);
        let ratio = self.volume_of(a) / self.volume_of(b);
        if RATIOS.iter().any(|limit| (ratio / limit - 1.0).abs() < RATIO_EDGE) {
            return Err(Refusal::Rule("truth near an edge of its range"));
        }
        if RATIOS.iter().filter(|limit| ratio >= **limit).count() != rank {
            return Err(Refusal::Rule("ratio outside the drawn range"));
        }
        let texts: Vec<String> = ["0.5", "1", "2"].map(str::to_owned).to_vec();
        let textbook = Textbook::Median(Box::new(ratio_of), Place::Limits(RATIOS.to_vec()));
        Ok(Draft::choice(vec![a, b], range_options(&texts, &RATIOS), rank, textbook)
            .with("A", self.display(a))
            .with("B", self.display(b))
            .in_order())
    }
}
