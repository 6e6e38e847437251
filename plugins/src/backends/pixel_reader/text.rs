//! What the prompt says: which marks, what is asked of them, how the picture lies in the body, what may be answered.

use situs_core::scene::{Colour, MarkShape};
use situs_core::space::{Colloquial, Direction, Plane};

/// A prompt that speaks of marks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Prompt<'t> {
    /// Form of the marks.
    pub(super) shape: MarkShape,
    /// Number of marks it announces.
    pub(super) marks: usize,
    /// Number of pictures it announces.
    pub(super) pictures: Option<usize>,
    /// Distance between frames in mm.
    pub(super) step_mm: Option<f64>,
    /// Body directions of the picture, as far as it says.
    pub(super) display: Display,
    pub(super) ask: Ask,
    /// Allowed answers as printed.
    pub(super) options: Vec<&'t str>,
}

/// Where the right edge, the bottom edge and later frames point in the patient's body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Display {
    pub(super) right: Option<Direction>,
    pub(super) down: Option<Direction>,
    pub(super) later: Option<Direction>,
}

/// How a mark is referred to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MarkRef {
    pub(super) colour: Option<Colour>,
    pub(super) letter: Option<char>,
}

/// A direction that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// In the patient's body.
    Body(Direction),
    /// On the picture, or along the frames.
    Screen(Colloquial),
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// Which way the first lies from the second.
    Displacement(MarkRef, MarkRef),
    /// Whether the first lies that way from the second.
    Lies(MarkRef, MarkRef, Way),
    /// Which of two, or of all, lies farthest that way.
    Farthest(Option<[MarkRef; 2]>, Way),
    /// Whether, of two, the third is the one that lies farther that way.
    IsFarther([MarkRef; 2], MarkRef, Way),
}

/// Direction, the words between A and B, and the words after "farther".
const WAYS: [(Way, &str, &str, &str); 12] = [
    (Way::Body(Direction::Superior), "superior", "superior to", "toward the patient's head"),
    (Way::Body(Direction::Inferior), "inferior", "inferior to", "toward the patient's feet"),
    (Way::Body(Direction::Anterior), "anterior", "anterior to", "toward the patient's front"),
    (Way::Body(Direction::Posterior), "posterior", "posterior to", "toward the patient's back"),
    (
        Way::Body(Direction::Right),
        "patient's right",
        "farther toward the patient's right than",
        "toward the patient's right",
    ),
    (
        Way::Body(Direction::Left),
        "patient's left",
        "farther toward the patient's left than",
        "toward the patient's left",
    ),
    (Way::Screen(Colloquial::Above), "above", "above", "toward the top edge of the image"),
    (Way::Screen(Colloquial::Below), "below", "below", "toward the bottom edge of the image"),
    (
        Way::Screen(Colloquial::ImageLeft),
        "image left",
        "nearer the left edge of the image than",
        "toward the left edge of the image",
    ),
    (
        Way::Screen(Colloquial::ImageRight),
        "image right",
        "nearer the right edge of the image than",
        "toward the right edge of the image",
    ),
    (Way::Screen(Colloquial::Earlier), "earlier", "in an earlier frame than", "toward the first frame"),
    (Way::Screen(Colloquial::Later), "later", "in a later frame than", "toward the last frame"),
];

impl<'t> Prompt<'t> {
    /// Reads a prompt; `None` when it announces no marks, or asks what marks cannot answer.
    pub(super) fn read(text: &'t str) -> Option<Self> {
        let (marks, shape) = announced_marks(text)?;
        Some(Self {
            shape,
            marks,
            pictures: announced_pictures(text),
            step_mm: between(text, "They are ", " mm apart.")
                .and_then(|step| step.trim_start_matches("about ").parse().ok()),
            display: Display::read(text)?,
            ask: Ask::read(text)?,
            options: options(text)?,
        })
    }
}

impl Way {
    /// The direction that an answer word names.
    pub(super) fn of_answer(answer: &str) -> Option<Self> {
        WAYS.iter().find(|(_, word, ..)| *word == answer).map(|(way, ..)| *way)
    }

    fn of_relation(relation: &str) -> Option<Self> {
        WAYS.iter().find(|(_, _, words, _)| *words == relation).map(|(way, ..)| *way)
    }

    fn of_superlative(words: &str) -> Option<Self> {
        WAYS.iter().find(|(.., toward)| *toward == words).map(|(way, ..)| *way)
    }
}

/// "The picture carries 4 marks: box A, box B, ...", "The pictures carry 4 marks: ..."
fn announced_marks(text: &str) -> Option<(usize, MarkShape)> {
    let count = between(text, "The picture carries ", " mark")
        .or_else(|| between(text, "The pictures carry ", " mark"))?
        .parse()
        .ok()?;
    let list = between(text, " marks: ", ". Each mark").or_else(|| between(text, " mark: ", ". Each mark"))?;
    let shape = [("overlay", MarkShape::Mask), ("box", MarkShape::Box), ("dot", MarkShape::Point)]
        .into_iter()
        .find(|(noun, _)| list.split([' ', ',']).any(|word| word == *noun))?
        .1;
    Some((count, shape))
}

/// "You are given 32 coronal slices ...", "You are given one axial slice ...", "a blank white picture".
fn announced_pictures(text: &str) -> Option<usize> {
    match between(text, "You are given ", " ")? {
        "one" | "a" => Some(1),
        number => number.parse().ok(),
    }
}

fn options(text: &str) -> Option<Vec<&str>> {
    let (_, list) = text.rsplit_once("rite exactly one of: ")?;
    let options: Vec<&str> = list.trim_end().strip_suffix('.')?.split(", ").collect();
    (options.len() > 1).then_some(options)
}

impl Display {
    /// From the sentence on the edges, else from what a named display is known to be. `None` for edges that
    /// contradict each other.
    fn read(text: &str) -> Option<Self> {
        let later = between(text, "each later frame lies farther toward the patient's ", " side").and_then(side);
        let mut display = Self { later, ..Self::default() };
        if let Some(edges) = from(text, "The top edge of the image is toward the patient's ") {
            let up = side(until(edges, " side and the bottom edge toward the patient's ")?)?;
            let down = side(between(edges, "the bottom edge toward the patient's ", " side. The left edge")?)?;
            let left = side(between(edges, "The left edge of the image is toward the patient's ", " side")?)?;
            let right = side(between(edges, "the right edge of the image toward the patient's ", " side.")?)?;
            if up != down.opposite() || left != right.opposite() || right.axis() == down.axis() {
                return None;
            }
            display.right = Some(right);
            display.down = Some(down);
        } else if let Some((right, down)) = plane(text).and_then(|plane| convention(text, plane)) {
            display.right = Some(right);
            display.down = Some(down);
        }
        Some(display)
    }
}

/// Right and bottom edge of a display that is named rather than described.
fn convention(text: &str, plane: Plane) -> Option<(Direction, Direction)> {
    use Direction::{Inferior, Left, Posterior, Right};
    let name = between(text, "Display: ", ".")?;
    match (name, plane) {
        ("standard radiological view", Plane::Axial) => Some((Left, Posterior)),
        ("standard radiological view", Plane::Coronal) => Some((Left, Inferior)),
        ("standard neurological view", Plane::Axial) => Some((Right, Posterior)),
        ("standard neurological view", Plane::Coronal) => Some((Right, Inferior)),
        ("standard radiological view" | "standard neurological view", Plane::Sagittal) => {
            Some((Posterior, Inferior))
        }
        _ => storage(name, plane),
    }
}

/// "... (array indices grow toward the patient's right, anterior and superior sides; first in-plane array axis down the
/// image, second across) ..."
fn storage(name: &str, plane: Plane) -> Option<(Direction, Direction)> {
    let directions = between(name, "array indices grow toward the patient's ", " sides;")?;
    let mut grow = directions.split(", ").flat_map(|part| part.split(" and ")).map(side);
    let [x, y, z] = [grow.next()??, grow.next()??, grow.next()??];
    let (first, second) = match plane {
        Plane::Axial => (x, y),
        Plane::Coronal => (x, z),
        Plane::Sagittal => (y, z),
    };
    if name.contains("first in-plane array axis down the image, second across") {
        Some((second, first))
    } else if name.contains("first in-plane array axis across the image, second down") {
        Some((first, second))
    } else {
        None
    }
}

/// "one axial slice", "32 coronal slices", "in sagittal slices".
fn plane(text: &str) -> Option<Plane> {
    Plane::ALL.into_iter().find(|plane| text.contains(&format!(" {} slice", plane.word())))
}

fn side(word: &str) -> Option<Direction> {
    Direction::ALL.into_iter().find(|direction| direction.word() == word)
}

impl Ask {
    fn read(text: &str) -> Option<Self> {
        if let Some(statement) = between(text, "Statement: ", ". Is the statement ") {
            return Self::statement(statement);
        }
        Self::displacement(text).or_else(|| Self::superlative(text))
    }

    fn statement(statement: &str) -> Option<Self> {
        if let Some(rest) = statement.strip_prefix("of ") {
            let (both, rest) = rest.split_once(", ")?;
            let (claimed, toward) = rest.split_once(" has its centre farther ")?;
            let way = Way::of_superlative(toward)?;
            return Some(Self::IsFarther(pair(both)?, MarkRef::read(claimed)?, way));
        }
        let rest = statement.strip_prefix("on the picture, ").unwrap_or(statement);
        let (first, rest) = rest.strip_prefix("the centre of ")?.split_once(" the centre of ")?;
        // What is left between the two centres: "A is superior to", "A lies in a later frame than".
        let (a, relation) = first.split_once(" is ").or_else(|| first.split_once(" lies "))?;
        Some(Self::Lies(MarkRef::read(a)?, MarkRef::read(rest)?, Way::of_relation(relation)?))
    }

    /// The templates that ask which way A lies from B.
    fn displacement(text: &str) -> Option<Self> {
        let pairs = [
            // A before B: prefix, between, suffix.
            ("Compare the centre of ", " with the centre of ", " along the ", false),
            ("Relative to the centre of ", ", in which one anatomical direction is the centre of ", " displaced", true),
            ("in which one direction is the centre of ", " displaced the most from the centre of ", "?", false),
            (" from first to last, is the centre of ", " reached in an earlier or in a later frame than the centre of ", "?", false),
            ("along its vertical direction. Relative to the centre of ", ", where is the centre of ", "?", true),
            ("along its horizontal direction. Relative to the centre of ", ", where is the centre of ", "?", true),
        ];
        for (prefix, middle, suffix, second_first) in pairs {
            let Some((first, rest)) = from(text, prefix).and_then(|rest| rest.split_once(middle)) else { continue };
            let (first, second) = (MarkRef::read(first)?, MarkRef::read(until(rest, suffix)?)?);
            let (a, b) = if second_first { (second, first) } else { (first, second) };
            return Some(Self::Displacement(a, b));
        }
        None
    }

    /// The templates that ask for the mark that lies farthest some way.
    fn superlative(text: &str) -> Option<Self> {
        if let Some(toward) =
            between(text, "Among all marked structures, which one has its centre farthest ", "?")
        {
            return Some(Self::Farthest(None, Way::of_superlative(toward)?));
        }
        let (both, rest) = from(text, "Look at ")?.split_once(". Which of the two has its centre farther ")?;
        Some(Self::Farthest(Some(pair(both)?), Way::of_superlative(until(rest, "?")?)?))
    }
}

fn pair(both: &str) -> Option<[MarkRef; 2]> {
    let (a, b) = both.split_once(" and ")?;
    Some([MarkRef::read(a)?, MarkRef::read(b)?])
}

impl MarkRef {
    /// Reads "the structure in the red box marked C", "box C", "red", "the liver (red overlay)". A name alone is none.
    pub(super) fn read(reference: &str) -> Option<Self> {
        let words = match reference.strip_suffix(')').and_then(|inner| inner.rsplit_once(" (")) {
            Some((_, mark)) => mark,
            None => reference,
        };
        let mut found = Self { colour: None, letter: None };
        for word in words.split([' ', '/']).filter(|word| !word.is_empty()) {
            let colour = Colour::ALL.into_iter().find(|colour| colour.word() == word);
            let letter = Some(word).filter(|word| word.len() == 1).and_then(|word| word.chars().next());
            match (colour, letter) {
                (Some(_), _) if found.colour.is_none() => found.colour = colour,
                (_, Some('A'..='F')) if found.letter.is_none() => found.letter = letter,
                _ if PLAIN_WORDS.contains(&word) => {}
                _ => return None,
            }
        }
        (found.colour.is_some() || found.letter.is_some()).then_some(found)
    }
}

/// Words of a reference that do not tell one mark from another.
const PLAIN_WORDS: [&str; 10] =
    ["the", "structure", "under", "in", "at", "marked", "mark", "overlay", "box", "dot"];

fn from<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    text.split_once(prefix).map(|(_, rest)| rest)
}

fn until<'t>(text: &'t str, suffix: &str) -> Option<&'t str> {
    text.split_once(suffix).map(|(head, _)| head)
}

fn between<'t>(text: &'t str, prefix: &str, suffix: &str) -> Option<&'t str> {
    until(from(text, prefix)?, suffix)
}
