//! From where one structure lies relative to another to the answer of a question about both.

use super::atlas::canonical;
use super::reading::{Asked, Shown, asked};
use situs_core::space::{Direction, Point};

/// The option that known places support; `from(a, b)` is where A lies seen from B, in RAS+ mm. `None` when the text is no
/// question about two named structures, or the places leave it open.
pub(crate) fn supported<'a>(
    text: &str,
    options: &'a [String],
    from: &dyn Fn(&str, &str) -> Option<Point>,
) -> Option<&'a str> {
    let shown = Shown::read(text);
    let asked = asked(text, &shown)?;
    let (Asked::Which { a, b } | Asked::Whether { a, b, .. } | Asked::Farther { a, b, .. }) = asked;
    let from_b = from(a, b)?;
    let chosen = match asked {
        Asked::Which { .. } => return farthest(options, &shown, from_b),
        Asked::Whether { direction, .. } => match direction.component(from_b) {
            0.0 => return None,
            along if along > 0.0 => "true",
            _ => "false",
        },
        Asked::Farther { direction, .. } => match direction.component(from_b) {
            0.0 => return None,
            along if along > 0.0 => a,
            _ => b,
        },
    };
    let chosen = canonical(chosen);
    options.iter().map(String::as_str).find(|option| canonical(option) == chosen)
}

/// The option whose direction A lies farthest in; `None` when A does not lie in any of them.
fn farthest<'a>(options: &'a [String], shown: &Shown, from_b: Point) -> Option<&'a str> {
    let along = |direction: Direction| direction.component(from_b);
    options
        .iter()
        .filter_map(|option| Some((option.as_str(), along(shown.meaning(option)?))))
        .filter(|(_, component)| *component > 0.0)
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(option, _)| option)
}
