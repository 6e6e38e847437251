//! Reads a question's text: what is compared, along which direction, and how the picture would be turned.

use super::atlas::Region;
use situs_core::space::{Direction, Plane, Preset, View};

/// What a question asks about two named structures.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Asked<'a> {
    /// In which of the allowed directions A lies from B.
    Which {
        /// Name of A.
        a: &'a str,
        /// Name of B.
        b: &'a str,
    },
    /// Whether A lies in this direction from B.
    Whether {
        /// Name of A.
        a: &'a str,
        /// Name of B.
        b: &'a str,
        /// The direction claimed.
        direction: Direction,
    },
    /// Which of A and B lies farther in this direction.
    Farther {
        /// Name of A.
        a: &'a str,
        /// Name of B.
        b: &'a str,
        /// The direction.
        direction: Direction,
    },
}

/// World directions of a picture as its text tells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shown {
    up: Direction,
    left: Direction,
    frame: Direction,
}

impl Shown {
    /// Reads the statements about the display; what is not told is taken as the standard radiological view has it.
    pub(crate) fn read(text: &str) -> Self {
        let plane = plane(text);
        let view = stored_view(text, plane).unwrap_or_else(|| {
            let preset = if text.contains("standard neurological view") {
                Preset::StandardNeurological
            } else {
                Preset::StandardRadiological
            };
            preset.view(plane)
        });
        let told = |lead: &str| {
            let (_, rest) = text.split_once(lead)?;
            side_word(rest.trim_start_matches("the patient's ").split(' ').next()?)
        };
        Self {
            up: told("top edge of the image is toward ").unwrap_or(view.up()),
            left: told("left edge of the image is toward ").unwrap_or(view.left()),
            frame: told("each later frame lies farther toward ")
                .or_else(|| told("each later slice lies farther toward "))
                .unwrap_or(view.frame),
        }
    }

    /// What an answer word or a phrase means in the patient's body; the first direction word in it counts.
    pub(crate) fn meaning(&self, phrase: &str) -> Option<Direction> {
        let words: [(&str, Direction); 26] = [
            ("patient's right", Direction::Right),
            ("patient's left", Direction::Left),
            ("patient's head", Direction::Superior),
            ("patient's feet", Direction::Inferior),
            ("patient's front", Direction::Anterior),
            ("patient's back", Direction::Posterior),
            ("superior", Direction::Superior),
            ("inferior", Direction::Inferior),
            ("anterior", Direction::Anterior),
            ("posterior", Direction::Posterior),
            ("top edge", self.up),
            ("bottom edge", self.up.opposite()),
            ("left edge", self.left),
            ("right edge", self.left.opposite()),
            ("image left", self.left),
            ("image right", self.left.opposite()),
            ("above", self.up),
            ("below", self.up.opposite()),
            ("earlier", self.frame.opposite()),
            ("later", self.frame),
            ("first frame", self.frame.opposite()),
            ("last frame", self.frame),
            ("left of the image", self.left),
            ("right of the image", self.left.opposite()),
            ("in front", Direction::Anterior),
            ("behind", Direction::Posterior),
        ];
        words.into_iter().find(|(word, _)| phrase.contains(word)).map(|(_, direction)| direction)
    }
}

/// The region and, for a knee, the side.
pub(crate) fn region(text: &str) -> Region {
    match (text.contains("left knee"), text.contains("knee")) {
        (true, _) => Region::LeftKnee,
        (false, true) => Region::RightKnee,
        (false, false) => Region::Torso,
    }
}

/// What the question asks; `None` when it is none about two structures' places.
pub(crate) fn asked<'a>(text: &'a str, shown: &Shown) -> Option<Asked<'a>> {
    // Blocks are paragraphs; the question is the last one that asks.
    let question = text.split("\n\n").filter(|block| block.contains('?')).last()?;
    if let Some(statement) = between(question, "Statement: ", ". Is the statement") {
        return claim(statement, shown);
    }
    if let Some((pair, toward)) =
        between(question, "Of ", "?").and_then(|it| it.split_once(", which one has"))
    {
        let (a, b) = pair.split_once(" and the ")?;
        return Some(Asked::Farther { a: named(a), b: named(b), direction: shown.meaning(toward)? });
    }
    if let Some((b, rest)) =
        between(question, "Relative to the centre of ", "?").and_then(|it| it.split_once(", "))
    {
        let (_, a) = rest.split_once("is the centre of ")?;
        let a = a.split(" displaced").next()?;
        return Some(Asked::Which { a: named(a), b: named(b) });
    }
    let (_, rest) = question.split_once("is the centre of ")?;
    let (a, b) = rest
        .split_once(" displaced the most from the centre of ")
        .or_else(|| rest.split_once(" reached in an earlier or in a later frame than the centre of "))?;
    Some(Asked::Which { a: named(a), b: named(b.trim_end().trim_end_matches('?')) })
}

fn claim<'a>(statement: &'a str, shown: &Shown) -> Option<Asked<'a>> {
    if let Some((pair, rest)) = statement.strip_prefix("of ").and_then(|it| it.split_once(", ")) {
        let (a, b) = pair.split_once(" and the ")?;
        let (winner, toward) = rest.split_once(" has its centre farther ")?;
        let (a, b, winner) = (named(a), named(b), named(winner));
        let direction = shown.meaning(toward)?;
        return match winner {
            it if it == a => Some(Asked::Whether { a, b, direction }),
            it if it == b => Some(Asked::Whether { a: b, b: a, direction }),
            _ => None,
        };
    }
    let (_, rest) = statement.split_once("the centre of ")?;
    let (left, b) = rest.split_once(" the centre of ")?;
    let (a, relation) = left.split_once(" is ").or_else(|| left.split_once(" lies "))?;
    Some(Asked::Whether { a: named(a), b: named(b), direction: shown.meaning(relation)? })
}

/// A printed name without article and without the mark in brackets behind it.
fn named(phrase: &str) -> &str {
    let phrase = phrase.trim();
    let phrase = phrase.strip_prefix("the ").unwrap_or(phrase);
    phrase.split(" (").next().unwrap_or(phrase)
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    Some(rest.split_once(end)?.0)
}

fn plane(text: &str) -> Plane {
    Plane::ALL.into_iter().find(|plane| text.contains(plane.word())).unwrap_or(Plane::Axial)
}

fn side_word(word: &str) -> Option<Direction> {
    Direction::ALL.into_iter().find(|direction| direction.word() == word)
}

/// The view of a raw array: `in RAS+ (array indices grow ...; first in-plane array axis down the image, ...)`.
fn stored_view(text: &str, plane: Plane) -> Option<View> {
    let code = between(text, "raw array in ", "+ (")?;
    let growth: Vec<Direction> = code.chars().filter_map(Direction::from_letter).collect();
    let along = |axis: usize| growth.iter().copied().find(|direction| direction.axis().index() == axis);
    let through = plane.through().index();
    let mut in_plane = (0..3).filter(|axis| *axis != through);
    let (first, second) = (along(in_plane.next()?)?, along(in_plane.next()?)?);
    let (right, down) =
        if text.contains("array axis down the image") { (second, first) } else { (first, second) };
    Some(View { preset: Preset::RasPlusRaw, plane, right, down, frame: along(through)? })
}
