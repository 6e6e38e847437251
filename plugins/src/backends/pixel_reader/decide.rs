//! From marks and words to one of the options.

use super::marks::Seen;
use super::text::{Ask, MarkRef, Prompt, Way};
use situs_core::space::{Colloquial, Direction};

/// Longer side of a picture in mm, at least and at most: bounds between which a reader may compare frames with pixels,
/// since the prompt gives the step between frames but not the size of a pixel.
const LONGER_SIDE_MM: [f64; 2] = [100.0, 800.0];

/// The right option, if marks decide.
pub(super) fn choose<'t>(prompt: &Prompt<'t>, seen: &[Seen], longer_side: u32) -> Option<&'t str> {
    let view = Look { prompt, seen, mm_per_pixel: LONGER_SIDE_MM.map(|mm| mm / f64::from(longer_side.max(1))) };
    match prompt.ask {
        Ask::Displacement(a, b) => view.displacement(a, b),
        Ask::Lies(a, b, way) => view.truth(view.reach(view.centre(a)?, view.centre(b)?, way)? > 0.0),
        Ask::Farthest(Some(marks), way) => {
            let marks: Vec<&Seen> = marks.iter().map(|mark| view.mark(*mark)).collect::<Option<_>>()?;
            view.option_of(view.farthest(&marks, way)?)
        }
        Ask::Farthest(None, way) => {
            let marks: Vec<&Seen> = seen.iter().collect();
            if marks.len() != prompt.marks {
                return None;
            }
            view.option_of(view.farthest(&marks, way)?)
        }
        Ask::IsFarther(marks, claimed, way) => {
            let marks: Vec<&Seen> = marks.iter().map(|mark| view.mark(*mark)).collect::<Option<_>>()?;
            view.truth(view.farthest(&marks, way)? == view.mark(claimed)?)
        }
    }
}

struct Look<'a, 't> {
    prompt: &'a Prompt<'t>,
    seen: &'a [Seen],
    mm_per_pixel: [f64; 2],
}

/// How far one centre lies from another in some direction.
#[derive(Clone, Copy)]
enum Reach {
    Pixels(f64),
    Frames(f64),
}

impl<'t> Look<'_, 't> {
    /// The one mark that a reference fits.
    fn mark(&self, wanted: MarkRef) -> Option<&Seen> {
        let mut fitting = self.seen.iter().filter(|seen| {
            wanted.colour.is_none_or(|colour| seen.colour == colour)
                && wanted.letter.is_none_or(|letter| seen.letter == Some(letter))
        });
        fitting.next().filter(|_| fitting.next().is_none())
    }

    fn centre(&self, wanted: MarkRef) -> Option<[f64; 3]> {
        self.mark(wanted).map(|seen| seen.centre)
    }

    /// Distance of `a` from `b` along a way: positive when it lies that way. `None` for a direction of the body of
    /// which the prompt does not say where it is, and for centres that coincide.
    fn reach(&self, a: [f64; 3], b: [f64; 3], way: Way) -> Option<f64> {
        match self.measured(a, b, way)? {
            Reach::Pixels(distance) | Reach::Frames(distance) => Some(distance).filter(|far| *far != 0.0),
        }
    }

    fn measured(&self, a: [f64; 3], b: [f64; 3], way: Way) -> Option<Reach> {
        let [right, down, later] = [0, 1, 2].map(|axis| a[axis] - b[axis]);
        let direction = match way {
            Way::Screen(word) => {
                return Some(match word {
                    Colloquial::Above => Reach::Pixels(-down),
                    Colloquial::Below => Reach::Pixels(down),
                    Colloquial::ImageLeft => Reach::Pixels(-right),
                    Colloquial::ImageRight => Reach::Pixels(right),
                    Colloquial::Earlier => Reach::Frames(-later),
                    Colloquial::Later => Reach::Frames(later),
                });
            }
            Way::Body(direction) => direction,
        };
        let display = self.prompt.display;
        let toward = |edge: Option<Direction>, distance: f64| match edge {
            Some(edge) if edge == direction => Some(distance),
            Some(edge) if edge == direction.opposite() => Some(-distance),
            _ => None,
        };
        toward(display.right, right)
            .or_else(|| toward(display.down, down))
            .map(Reach::Pixels)
            .or_else(|| toward(display.later, later).map(Reach::Frames))
    }

    /// The option that names the way of the largest displacement.
    fn displacement(&self, a: MarkRef, b: MarkRef) -> Option<&'t str> {
        let (a, b) = (self.centre(a)?, self.centre(b)?);
        let mut reaches = Vec::with_capacity(self.prompt.options.len());
        for option in &self.prompt.options {
            reaches.push((*option, self.measured(a, b, Way::of_answer(option)?)?));
        }
        let best = |reaches: &[(&'t str, f64)]| {
            let top = reaches.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1))?;
            let ties = reaches.iter().filter(|(_, reach)| *reach == top.1).count();
            (top.1 > 0.0 && ties == 1).then_some(top.0)
        };
        let frames_only = reaches.iter().all(|(_, reach)| matches!(reach, Reach::Frames(_)));
        let pixels_only = reaches.iter().all(|(_, reach)| matches!(reach, Reach::Pixels(_)));
        if frames_only || pixels_only {
            let plain: Vec<(&str, f64)> = reaches
                .iter()
                .map(|(option, reach)| match reach {
                    Reach::Pixels(distance) | Reach::Frames(distance) => (*option, *distance),
                })
                .collect();
            return best(&plain);
        }
        // Only an answer that holds at either bound of the pixel size is one.
        let step_mm = self.prompt.step_mm?;
        let [small, large] = self.mm_per_pixel.map(|mm_per_pixel| {
            let in_mm: Vec<(&str, f64)> = reaches
                .iter()
                .map(|(option, reach)| match reach {
                    Reach::Pixels(distance) => (*option, distance * mm_per_pixel),
                    Reach::Frames(distance) => (*option, distance * step_mm),
                })
                .collect();
            best(&in_mm)
        });
        small.filter(|option| large == Some(*option))
    }

    /// The one mark that lies farther that way than every other.
    fn farthest<'s>(&self, marks: &[&'s Seen], way: Way) -> Option<&'s Seen> {
        let mut winners = marks.iter().filter(|mark| {
            marks.iter().all(|other| {
                other == *mark || self.reach(mark.centre, other.centre, way).is_some_and(|reach| reach > 0.0)
            })
        });
        let winner = winners.next().copied()?;
        (winners.next().is_none() && marks.len() > 1).then_some(winner)
    }

    /// The option that names a mark.
    fn option_of(&self, mark: &Seen) -> Option<&'t str> {
        let mut fitting = self.prompt.options.iter().copied().filter(|option| {
            MarkRef::read(option).and_then(|wanted| self.mark(wanted)).is_some_and(|named| named == mark)
        });
        fitting.next().filter(|_| fitting.next().is_none())
    }

    fn truth(&self, holds: bool) -> Option<&'t str> {
        let word = if holds { "true" } else { "false" };
        self.prompt.options.iter().copied().find(|option| *option == word)
    }
}
