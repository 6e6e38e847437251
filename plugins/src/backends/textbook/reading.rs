//! Which quantity or order a question asks about, from its text alone.

use super::canonical;
use situs_core::space::Direction;

/// A number that can be worked out in any patient.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Quantity {
    /// Volume, cm³.
    Volume(String),
    /// Both volumes, cm³.
    Joint(String, String),
    /// The first as a share of both, per cent.
    Share(String, String),
    /// The first divided by the second.
    Ratio(String, String),
    /// The first as a percentage of the second.
    Percentage(String, String),
    /// Between box centres, mm.
    Distance(String, String),
    /// Side of the box along an axis: 0 right-left, 1 anterior-posterior, 2 superior-inferior; mm.
    Extent(String, usize),
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Asked {
    /// A number, among numbers or ranges, or free.
    Number(Quantity),
    /// Whether a number reaches a limit in base units.
    Reaches(Quantity, f64),
    /// Which of the named options has the largest (or smallest) number.
    Extreme {
        /// By option.
        of: Vec<Quantity>,
        /// Whether the largest is asked for.
        largest: bool,
    },
    /// Which option's structure lies farthest in a direction.
    Farthest(Vec<String>, Direction),
    /// In which direction the first lies from the second.
    Displacement(String, String),
    /// Along which axis the box is longest.
    LongestAxis(String),
    /// Which statement about two centres holds.
    Statement,
    /// In which order three volumes come, largest first.
    VolumeOrder,
    /// Which of two volumes is larger by more than a tenth.
    Larger,
    /// In which order centres come from a side.
    OrderFrom(Direction),
}

/// What a text asks; `None` when it is nothing that measurements of other patients could tell.
pub(super) fn read(text: &str, options: &[String]) -> Option<Asked> {
    let stem = text.split("\n\n").filter(|block| block.contains(['?', '.'])).find_map(|block| {
        let first = block.lines().next()?;
        asked(first, options)
    })?;
    Some(stem)
}

fn asked(stem: &str, options: &[String]) -> Option<Asked> {
    quantity(stem)
        .map(Asked::Number)
        .or_else(|| threshold(stem))
        .or_else(|| extreme(stem, options))
        .or_else(|| placed(stem, options))
}

fn quantity(stem: &str) -> Option<Quantity> {
    let one = |start: &str, end: &str| between(stem, start, end).map(name);
    let two = |start: &str, end: &str| {
        let (a, b) = between(stem, start, end)?.split_once(" and ")?;
        Some((name(a), name(b)))
    };
    if let Some(a) = one("Which value is closest to the volume of ", " in this patient?")
        .or_else(|| one("Into which range does the volume of ", " fall?"))
        .or_else(|| one("Estimate the volume of ", " in this patient."))
        .or_else(|| one("How many cubic centimetres does ", " occupy?"))
        .or_else(|| one("what is the volume of ", "?"))
        .or_else(|| one("Report the volume of ", " as a surgeon"))
    {
        return Some(Quantity::Volume(a));
    }
    if let Some((a, b)) = two("What is the volume of ", " taken together?")
        .or_else(|| two("What is the joint volume of ", "?"))
    {
        return Some(Quantity::Joint(a, b));
    }
    if let Some((a, b)) = two("What share of the joint volume of ", " belongs to ")
        .or_else(|| two("What percentage of the joint volume of ", " is "))
    {
        return Some(Quantity::Share(a, b));
    }
    if let Some((a, b)) = two("How far apart are the centres of ", "?")
        .or_else(|| two("does the distance between the centres of ", " fall?"))
    {
        return Some(Quantity::Distance(a, b));
    }
    if let Some((b, a)) = stem
        .strip_prefix("How many times the volume of ")
        .and_then(|rest| rest.split_once(" is the volume of "))
    {
        return Some(Quantity::Ratio(name(a), name(b)));
    }
    if let Some((a, b)) = between(stem, "Divide the volume of ", ". What is")
        .and_then(|rest| rest.split_once(" by the volume of "))
    {
        return Some(Quantity::Ratio(name(a), name(b)));
    }
    if let Some((b, a)) =
        between(stem, "How many times as large as ", ", by volume?").and_then(|rest| rest.split_once(" is "))
    {
        return Some(Quantity::Ratio(name(a), name(b)));
    }
    if let Some((a, b)) = between(stem, "Express the volume of ", ".")
        .and_then(|rest| rest.split_once(" as a percentage of the volume of "))
    {
        return Some(Quantity::Percentage(name(a), name(b)));
    }
    let (a, rest) = stem.strip_prefix("How long is the box of ")?.split_once(" along the ")?;
    Some(Quantity::Extent(name(a), axis(rest)?))
}

fn threshold(stem: &str) -> Option<Asked> {
    let limit = |text: &str| crate::printed_number::number(text).map(|(limit, _)| limit);
    if let Some((a, t)) = between(stem, "Is the volume of ", "?").and_then(|it| it.split_once(" at least ")) {
        return Some(Asked::Reaches(Quantity::Volume(name(a)), limit(t)?));
    }
    let (a, rest) = stem.strip_prefix("Is the box of ")?.split_once(" longer than ")?;
    let (t, rest) = rest.split_once(" along the ")?;
    Some(Asked::Reaches(Quantity::Extent(name(a), axis(rest)?), limit(t)?))
}

fn extreme(stem: &str, options: &[String]) -> Option<Asked> {
    let names = || options.iter().map(|option| name(option));
    let of = |quantity: &dyn Fn(String) -> Quantity, largest: bool| {
        Some(Asked::Extreme { of: names().map(quantity).collect(), largest })
    };
    match stem {
        "Which of these structures has the largest volume?" => return of(&Quantity::Volume, true),
        "Which of these structures has the smallest volume?" => return of(&Quantity::Volume, false),
        "Which order runs from the largest to the smallest volume?" => return Some(Asked::VolumeOrder),
        "Which has the larger volume in this patient?" => return Some(Asked::Larger),
        "Which statement is correct for this patient?" => return Some(Asked::Statement),
        _ => {}
    }
    let rest = stem.strip_prefix("Which of these structures ")?;
    if let Some(rest) = rest.strip_prefix("extends farthest along the ") {
        let axis = axis(rest)?;
        return of(&|name| Quantity::Extent(name, axis), true);
    }
    if let Some(a) = between(rest, "has its centre closest to the centre of ", "?").map(name) {
        return of(&|name| Quantity::Distance(name, a.clone()), false);
    }
    if let Some(a) = between(rest, "has its centre farthest from the centre of ", "?").map(name) {
        return of(&|name| Quantity::Distance(name, a.clone()), true);
    }
    let toward = direction(rest.strip_prefix("has its centre farthest ")?)?;
    Some(Asked::Farthest(names().collect(), toward))
}

fn placed(stem: &str, options: &[String]) -> Option<Asked> {
    if options.is_empty() {
        return None;
    }
    if let Some((b, a)) =
        between(stem, "From the centre of ", ", in which").and_then(|it| it.split_once(" to the centre of "))
    {
        return Some(Asked::Displacement(name(a), name(b)));
    }
    if let Some((a, b)) = between(stem, "where is the centre of ", "?")
        .and_then(|it| it.split_once(" relative to the centre of "))
    {
        return Some(Asked::Displacement(name(a), name(b)));
    }
    if let Some(a) = between(stem, "Along which axis of the patient's body is ", " longest?") {
        return Some(Asked::LongestAxis(name(a)));
    }
    let (_, from) = stem.split_once("come, starting ")?;
    Some(Asked::OrderFrom(direction(from)?))
}

/// Index of the axis whose name a phrase begins with.
pub(super) fn axis(phrase: &str) -> Option<usize> {
    ["right-left", "anterior-posterior", "superior-inferior"]
        .iter()
        .position(|axis| phrase.trim_start().starts_with(axis))
}

/// Direction words of the body, as options and stems put them; all of them that a phrase holds.
pub(super) fn directions(phrase: &str) -> Vec<Direction> {
    const WORDS: [(&str, Direction); 10] = [
        ("patient's right", Direction::Right),
        ("patient's left", Direction::Left),
        ("patient's front", Direction::Anterior),
        ("patient's back", Direction::Posterior),
        ("patient's head", Direction::Superior),
        ("patient's feet", Direction::Inferior),
        ("anterior", Direction::Anterior),
        ("posterior", Direction::Posterior),
        ("superior", Direction::Superior),
        ("inferior", Direction::Inferior),
    ];
    WORDS.iter().filter(|(word, _)| phrase.contains(word)).map(|(_, direction)| *direction).collect()
}

fn direction(phrase: &str) -> Option<Direction> {
    directions(phrase).first().copied()
}

/// The canonical name behind "the right kidney".
pub(super) fn name(phrase: &str) -> String {
    canonical(phrase.split(" (").next().unwrap_or(phrase))
}

pub(super) fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    Some(rest.split_once(end)?.0)
}
