//! Relative position: which way, how far round, in what order. World axes only.

use super::body::Measure;
use super::draft::{Draft, Drafter, Outcome, Refusal, Textbook, Turn};
use super::options::Choice;
use super::spec::Task;
use crate::families::mis_ground::templates::Values;
use situs_core::digest::Draw;
use situs_core::space::{BodyAxis, Direction};

/// The largest displacement must be so many times the next.
const CLEARLY_LARGEST: f64 = 1.5;

impl Drafter<'_> {
    /// DIR-1: along which direction B lies from A most.
    pub(super) fn main_direction(&self, turn: &Turn) -> Result<Draft, Refusal> {
        let (a, b) = self.two(Task::Dir, turn, true)?;
        let measures = self.measures(&[a, b]);
        let (main, ratio) = main(&measures).ok_or(Refusal::Rule("centres coincide"))?;
        if ratio < CLEARLY_LARGEST {
            return Err(Refusal::Rule("no direction is clearly the largest"));
        }
        if self.body.direction(a, b, main.axis()) != Some(main) {
            return Err(Refusal::Rule("too close along the axis"));
        }
        let mut offered = vec![main, main.opposite()];
        for axis in BodyAxis::ALL.into_iter().filter(|axis| *axis != main.axis()) {
            let positive = axis.positive();
            offered.push(if turn.draw.of("side").of(axis.name()).coin() { positive } else { positive.opposite() });
        }
        let options = offered
            .iter()
            .map(|direction| Ok(Choice::words(self.templates.toward(*direction)?)))
            .collect::<Result<Vec<_>, Refusal>>()?;
        let outcome: Outcome = Box::new(move |measures| {
            let (main, _) = self::main(measures)?;
            offered.iter().position(|direction| *direction == main)
        });
        let margin = (measures[0].along(main) - measures[1].along(main)).abs();
        let required = self.body.margin(a, b, main.axis());
        let mut draft = Draft::choice(vec![a, b], options, 0, Textbook::Majority(outcome))
            .with("A", self.display(a))
            .with("B", self.display(b))
            .along(main.axis().name());
        draft.margin = Some((margin, required));
        Ok(draft)
    }

    /// DIR-2: which of four quarters.
    pub(super) fn two_axes(&self, turn: &Turn) -> Result<Draft, Refusal> {
        let (a, b) = self.two(Task::Dir, turn, true)?;
        let left_out = turn.draw.of("axes").below(3);
        let axes: Vec<BodyAxis> = BodyAxis::ALL.into_iter().filter(|axis| axis.index() != left_out).collect();
        let [first, second] = axes[..] else { return Err(Refusal::Rule("too close along an axis")) };
        let (Some(one), Some(other)) = (self.body.direction(a, b, first), self.body.direction(a, b, second))
        else {
            return Err(Refusal::Rule("too close along an axis"));
        };
        let quarters =
            [(one, other), (one.opposite(), other), (one, other.opposite()), (one.opposite(), other.opposite())];
        let options = quarters
            .iter()
            .map(|(one, other)| {
                let values = Values::from([("first", sided(*one)), ("second", sided(*other))]);
                Ok(Choice::words(self.templates.phrase("both", &values)?))
            })
            .collect::<Result<Vec<_>, Refusal>>()?;
        let outcome: Outcome = Box::new(move |measures| {
            let [a, b] = measures else { return None };
            quarters.iter().position(|(one, other)| {
                a.along(*one) > b.along(*one) && a.along(*other) > b.along(*other)
            })
        });
        let of = |axis: BodyAxis| (self.apart(a, b, axis), self.body.margin(a, b, axis));
        let mut draft = Draft::choice(vec![a, b], options, 0, Textbook::Majority(outcome))
            .with("A", self.display(a))
            .with("B", self.display(b))
            .with("axis1", first.name())
            .with("axis2", second.name());
        draft.margin = [of(first), of(second)].into_iter().min_by(|one, other| one.0.total_cmp(&other.0));
        Ok(draft)
    }

    fn apart(&self, a: usize, b: usize, axis: BodyAxis) -> f64 {
        (self.body.sites[a].measure.centre[axis.index()] - self.body.sites[b].measure.centre[axis.index()]).abs()
    }

    /// DIR-3: which of four lies farthest.
    pub(super) fn farthest_toward(&self, turn: &Turn) -> Result<Draft, Refusal> {
        let sites = self.several(Task::Dir, 4, turn)?;
        let direction = any_direction(&turn.draw.of("toward"));
        let measures = self.measures(&sites);
        let best = farthest(&measures, direction).ok_or(Refusal::Rule("no structure lies farthest"))?;
        let clear = sites.iter().filter(|site| **site != sites[best]).all(|other| {
            self.body.direction(sites[best], *other, direction.axis()) == Some(direction)
        });
        if !clear || self.twins_too_close(&sites, direction.axis()) {
            return Err(Refusal::Rule("no structure lies clearly farthest"));
        }
        let options = sites.iter().map(|site| Choice::words(self.display(*site))).collect();
        let outcome: Outcome = Box::new(move |measures| farthest(measures, direction));
        Ok(Draft::choice(sites, options, best, Textbook::Majority(outcome))
            .with("toward", self.templates.toward(direction)?)
            .along(direction.axis().name()))
    }

    /// Whether both structures of a left and right pair stand closer than the margin along an axis.
    fn twins_too_close(&self, sites: &[usize], axis: BodyAxis) -> bool {
        sites.iter().enumerate().any(|(place, a)| {
            sites[..place]
                .iter()
                .any(|b| self.body.twins(*a, *b) && self.body.direction(*a, *b, axis).is_none())
        })
    }

    /// DIR-4: one true statement of A among three that are turned round.
    pub(super) fn statement(&self, turn: &Turn) -> Result<Draft, Refusal> {
        const STATEMENTS: usize = 4;
        let a = self.one(Task::Dir, turn)?;
        let others: Vec<usize> =
            self.eligible(Task::Dir).into_iter().filter(|site| *site != a && !self.body.nested(a, *site)).collect();
        let mut found: Vec<(usize, Direction)> = Vec::new();
        for place in turn.draw.of("others").order(others.len()) {
            let b = others[place];
            let axes = turn.draw.of("axis").of(place).order(3);
            let known = axes.into_iter().filter_map(|axis| BodyAxis::ALL.get(axis).copied());
            // A's twin would be told by the names alone.
            if self.body.twins(a, b) {
                continue;
            }
            if let Some(direction) = known.filter_map(|axis| self.body.direction(a, b, axis)).next() {
                found.push((b, direction));
            }
            if found.len() == STATEMENTS {
                break;
            }
        }
        if found.len() < STATEMENTS {
            return Err(Refusal::Rule("too few structures apart from each other"));
        }
        // The first is true, the others are turned round.
        let said: Vec<Direction> = found
            .iter()
            .enumerate()
            .map(|(place, (_, direction))| if place == 0 { *direction } else { direction.opposite() })
            .collect();
        let options = found
            .iter()
            .zip(&said)
            .map(|((b, _), said)| {
                let values = Values::from([
                    ("A", self.display(a)),
                    ("B", self.display(*b)),
                    ("relation", self.templates.relation(*said)?.to_owned()),
                ]);
                Ok(Choice::words(self.templates.phrase("statement", &values)?))
            })
            .collect::<Result<Vec<_>, Refusal>>()?;
        let outcome: Outcome = Box::new(move |measures| {
            let (a, others) = measures.split_first()?;
            let holds = |(b, said): (&Measure, &Direction)| a.along(*said) > b.along(*said);
            let true_ones: Vec<usize> =
                others.iter().zip(&said).enumerate().filter(|(_, pair)| holds(*pair)).map(|(at, _)| at).collect();
            // A book that makes two statements true does not tell.
            match true_ones[..] {
                [only] => Some(only),
                _ => None,
            }
        });
        let sites = [a].into_iter().chain(found.iter().map(|(b, _)| *b)).collect();
        Ok(Draft::choice(sites, options, 0, Textbook::Majority(outcome)))
    }

    /// DIR-5: in which order three centres come.
    pub(super) fn order_along(&self, turn: &Turn) -> Result<Draft, Refusal> {
        let sites = self.several(Task::Dir, 3, turn)?;
        let from = any_direction(&turn.draw.of("from"));
        let measures = self.measures(&sites);
        let order = sorted_by(&measures, |measure| -measure.along(from));
        let apart = order.windows(2).all(|pair| {
            self.body.direction(sites[pair[0]], sites[pair[1]], from.axis()) == Some(from)
        });
        if !apart {
            return Err(Refusal::Rule("neighbours too close along the axis"));
        }
        let orders = four_orders(&order, &turn.draw);
        let options = orders.iter().map(|order| Choice::words(self.listed(&sites, order))).collect();
        let outcome: Outcome = Box::new(move |measures| {
            let found = sorted_by(measures, |measure| -measure.along(from));
            orders.iter().position(|order| *order == found)
        });
        Ok(Draft::choice(sites.clone(), options, 0, Textbook::Majority(outcome))
            .with("A", self.display(sites[0]))
            .with("B", self.display(sites[1]))
            .with("C", self.display(sites[2]))
            .with("axis", from.axis().name())
            .with("from", self.templates.from(from)?)
            .along(from.axis().name()))
    }

    /// "the liver, then the spleen, then the stomach".
    pub(super) fn listed(&self, sites: &[usize], order: &[usize]) -> String {
        let names: Vec<String> =
            order.iter().filter_map(|place| sites.get(*place)).map(|site| self.display(*site)).collect();
        names.join(", then ")
    }
}

/// A side word never stands alone.
fn sided(direction: Direction) -> String {
    match direction {
        Direction::Right => "toward the patient's right".to_owned(),
        Direction::Left => "toward the patient's left".to_owned(),
        other => other.word().to_owned(),
    }
}

fn any_direction(draw: &Draw) -> Direction {
    Direction::ALL[draw.below(Direction::ALL.len())]
}

/// The direction of the largest displacement from the second centre to the first, and how many times the next it is.
fn main(measures: &[Measure]) -> Option<(Direction, f64)> {
    let [a, b] = measures else { return None };
    let step: [f64; 3] = std::array::from_fn(|axis| a.centre[axis] - b.centre[axis]);
    let mut axes = BodyAxis::ALL;
    axes.sort_by(|one, other| step[other.index()].abs().total_cmp(&step[one.index()].abs()));
    let (largest, next) = (step[axes[0].index()], step[axes[1].index()].abs());
    (largest != 0.0).then(|| (Direction::along(axes[0], largest), largest.abs() / next.max(1e-9)))
}

fn farthest(measures: &[Measure], direction: Direction) -> Option<usize> {
    let along = |measure: &Measure| measure.along(direction);
    (0..measures.len()).max_by(|a, b| along(&measures[*a]).total_cmp(&along(&measures[*b])))
}

/// Indices in rising order of a key.
pub(super) fn sorted_by(measures: &[Measure], key: impl Fn(&Measure) -> f64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..measures.len()).collect();
    order.sort_by(|a, b| key(&measures[*a]).total_cmp(&key(&measures[*b])).then(a.cmp(b)));
    order
}

/// The true order of three, its reverse, and two of the others.
pub(super) fn four_orders(truth: &[usize], draw: &Draw) -> Vec<Vec<usize>> {
    let [a, b, c] = truth[..] else { return vec![truth.to_vec()] };
    let others = [vec![a, c, b], vec![b, a, c], vec![b, c, a], vec![c, a, b]];
    let picked = draw.of("orders").order(others.len()).into_iter().take(2).map(|place| others[place].clone());
    [vec![a, b, c], vec![c, b, a]].into_iter().chain(picked).collect()
}
