//! Extent: box sizes along the axes of the body, outer faces.

use super::body::Measure;
use super::draft::{Draft, Drafter, Number, Outcome, Refusal, Textbook, Turn};
use super::options::{Choice, Place, Quantity, numbers, printed, threshold, yes_or_no};
use super::spec::Task;
use situs_core::space::{BodyAxis, Point};

/// The longest axis must be so many times the next.
const CLEARLY_LONGER: f64 = 1.15;
/// The structure that extends farthest must do so by this factor.
const CLEARLY_LARGER: f64 = 1.2;
/// Sides of a box whose sizes are asked differ by this share of the larger.
const SIDES_APART: f64 = 0.2;
/// Factors of the scaled box.
const SCALED: [f64; 2] = [1.4, 1.0 / 1.4];

/// Size of the first structure along an axis.
fn size_along(axis: usize) -> Number {
    Box::new(move |measures| measures.first().map_or(f64::NAN, |measure| measure.size[axis]))
}

impl Drafter<'_> {
    fn axis(&self, turn: &Turn) -> BodyAxis {
        BodyAxis::ALL[turn.draw.of("axis").below(3)]
    }

    /// EXT-1: length of a box along an axis.
    pub(super) fn extent(&self, turn: &Turn) -> Result<Draft, Refusal> {
        let a = self.one(Task::Ext, turn)?;
        let axis = self.axis(turn);
        let (at, rank) = (axis.index(), turn.rank(4));
        let site = &self.body.sites[a];
        let others = self.population.values(&site.name, |measure| measure.size[at]);
        let quantity = Quantity::Length(self.body.spacing()[at]);
        let (values, known) = numbers(site.measure.size[at], rank, quantity, others.as_deref(), &turn.draw)
            .ok_or(Refusal::Rule("options closer than the gap"))?;
        let options = printed(&values, rank, quantity).ok_or(Refusal::Rule("options print alike"))?;
        let textbook = Textbook::Median(size_along(at), Place::Nearest);
        let mut draft = Draft::choice(vec![a], options, rank, textbook)
            .with("A", self.display(a))
            .with("axis", axis.name())
            .along(axis.name())
            .measuring(quantity);
        draft.population = Some(known);
        Ok(draft)
    }

    /// EXT-2: along which axis a structure is longest.
    pub(super) fn longest_axis(&self, turn: &Turn) -> Result<Draft, Refusal> {
        let a = self.one(Task::Ext, turn)?;
        let (longest, ratio) = longest(&self.body.sites[a].measure.size);
        if ratio < CLEARLY_LONGER {
            return Err(Refusal::Rule("no axis is clearly the longest"));
        }
        let options = BodyAxis::ALL.map(|axis| Choice::words(axis.name())).to_vec();
        let outcome: Outcome = Box::new(|measures| measures.first().map(|measure| self::longest(&measure.size).0));
        Ok(Draft::choice(vec![a], options, longest, Textbook::Majority(outcome)).with("A", self.display(a)))
    }

    /// EXT-3: all three sides.
    pub(super) fn box_sizes(&self, turn: &Turn) -> Result<Draft, Refusal> {
        let a = self.one(Task::Ext, turn)?;
        let size = self.body.sites[a].measure.size;
        let apart = [(0, 1), (0, 2), (1, 2)]
            .into_iter()
            .all(|(one, other)| (size[one] - size[other]).abs() >= SIDES_APART * size[one].max(size[other]));
        if !apart {
            return Err(Refusal::Rule("sides too much alike"));
        }
        let permuted = [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        let mut triples: Vec<Point> = vec![size];
        triples.extend(
            turn.draw
                .of("permuted")
                .order(permuted.len())
                .into_iter()
                .take(2)
                .map(|place| permuted[place].map(|axis| size[axis])),
        );
        let factor = SCALED[usize::from(turn.draw.of("scaled").coin())];
        triples.push(size.map(|side| side * factor));
        let centimetres = triples.iter().flatten().all(|mm| *mm >= 10.0);
        let options: Vec<Choice> = triples.iter().map(|triple| Choice::words(sizes(triple, centimetres))).collect();
        let distinct = (1..4).all(|place| options[..place].iter().all(|other| *other != options[place]));
        if !distinct {
            return Err(Refusal::Rule("options print alike"));
        }
        // A book gives typical sides; the option nearest in all three at once.
        let outcome: Outcome = Box::new(move |measures| {
            let own = measures.first()?.size;
            let off = |triple: &Point| {
                (0..3).map(|axis| (triple[axis] / own[axis]).ln().abs()).sum::<f64>()
            };
            (0..triples.len()).min_by(|one, other| off(&triples[*one]).total_cmp(&off(&triples[*other])))
        });
        Ok(Draft::choice(vec![a], options, 0, Textbook::Majority(outcome)).with("A", self.display(a)))
    }

    /// EXT-4: longer than a limit or not.
    pub(super) fn extent_threshold(&self, turn: &Turn) -> Result<Draft, Refusal> {
        let a = self.one(Task::Ext, turn)?;
        let axis = self.axis(turn);
        let (at, rank) = (axis.index(), turn.rank(2));
        let quantity = Quantity::Length(self.body.spacing()[at]);
        let (text, limit) = threshold(self.body.sites[a].measure.size[at], rank == 0, quantity)
            .ok_or(Refusal::Rule("limit closer than the gap"))?;
        let textbook = Textbook::Median(size_along(at), Place::Above(limit));
        Ok(Draft::choice(vec![a], yes_or_no(), rank, textbook)
            .with("A", self.display(a))
            .with("axis", axis.name())
            .with("t", text)
            .along(axis.name()))
    }

    /// EXT-5: which of four extends farthest along an axis.
    pub(super) fn largest_extent(&self, turn: &Turn) -> Result<Draft, Refusal> {
        let axis = self.axis(turn);
        let at = axis.index();
        let draft = self.extreme(Task::Ext, turn, true, CLEARLY_LARGER, move |measure| measure.size[at])?;
        Ok(draft.with("axis", axis.name()).along(axis.name()))
    }

    /// Which of four has the largest or smallest value, clearly.
    pub(super) fn extreme(
        &self,
        task: Task,
        turn: &Turn,
        largest: bool,
        factor: f64,
        value: impl Fn(&Measure) -> f64 + Clone + Send + Sync + 'static,
    ) -> Result<Draft, Refusal> {
        let sites = self.several(task, 4, turn)?;
        let own = value.clone();
        let pick = move |measures: &[Measure]| -> Vec<(usize, f64)> {
            let mut values: Vec<(usize, f64)> = measures.iter().map(&own).enumerate().collect();
            values.sort_by(|one, other| one.1.total_cmp(&other.1));
            if largest {
                values.reverse();
            }
            values
        };
        let values = pick(&self.measures(&sites));
        let [(best, first), (_, second), ..] = values[..] else {
            return Err(Refusal::Rule("no structure that may be asked"));
        };
        if first.max(second) < factor * first.min(second) {
            return Err(Refusal::Rule("no structure stands out"));
        }
        let twins_alike = sites.iter().enumerate().any(|(place, a)| {
            sites[..place].iter().any(|b| {
                let (one, other) = (value(&self.body.sites[*a].measure), value(&self.body.sites[*b].measure));
                self.body.twins(*a, *b) && one.max(other) < factor * one.min(other)
            })
        });
        if twins_alike {
            return Err(Refusal::Rule("left and right too much alike"));
        }
        let options = sites.iter().map(|site| Choice::words(self.display(*site))).collect();
        let outcome: Outcome = Box::new(move |measures| pick(measures).first().map(|(place, _)| *place));
        Ok(Draft::choice(sites, options, best, Textbook::Majority(outcome)))
    }
}

/// Index of the longest side, and how many times the next it is.
fn longest(size: &Point) -> (usize, f64) {
    let mut axes = [0, 1, 2];
    axes.sort_by(|one, other| size[*other].total_cmp(&size[*one]));
    (axes[0], size[axes[0]] / size[axes[1]].max(1e-9))
}

/// "10.4 x 8.1 x 12.0 cm".
fn sizes(triple: &Point, centimetres: bool) -> String {
    let side = |mm: f64| if centimetres { format!("{:.1}", mm / 10.0) } else { format!("{mm:.0}") };
    let [x, y, z] = triple.map(side);
    format!("{x} x {y} x {z} {}", if centimetres { "cm" } else { "mm" })
}
