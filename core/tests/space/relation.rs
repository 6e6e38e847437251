//! Relations: what each word means, in the body and on the picture.

use situs_core::space::{Anatomical, BodyAxis, Colloquial, Direction, ScreenAxis};

/// A point on each side of the origin: right, left, anterior, posterior, superior, inferior of it (RAS+ mm).
const SIDES: [([f64; 3], BodyAxis, &str, char); 6] = [
    ([9.0, 0.0, 0.0], BodyAxis::RightLeft, "patient's right", 'R'),
    ([-9.0, 0.0, 0.0], BodyAxis::RightLeft, "patient's left", 'L'),
    ([0.0, 9.0, 0.0], BodyAxis::AnteriorPosterior, "anterior", 'A'),
    ([0.0, -9.0, 0.0], BodyAxis::AnteriorPosterior, "posterior", 'P'),
    ([0.0, 0.0, 9.0], BodyAxis::SuperiorInferior, "superior", 'S'),
    ([0.0, 0.0, -9.0], BodyAxis::SuperiorInferior, "inferior", 'I'),
];

#[test]
fn anatomical_words_follow_the_world() {
    for (a, axis, word, letter) in SIDES {
        let (relation, distance) = Anatomical::between(a, [0.0; 3], axis);
        assert_eq!(relation.word(), word);
        assert_eq!(relation.0.letter(), letter);
        assert_eq!(distance, 9.0);
        let (back, _) = Anatomical::between([0.0; 3], a, axis);
        assert_eq!(back, relation.opposite());
        assert_eq!(relation.0.component(a), 9.0);
        assert_eq!(relation.opposite().0.component(a), -9.0);
    }
}

#[test]
fn colloquial_words_follow_rows_columns_and_frames() {
    let table = [
        (ScreenAxis::Vertical, -3.0, "above"),
        (ScreenAxis::Vertical, 3.0, "below"),
        (ScreenAxis::Horizontal, -3.0, "image left"),
        (ScreenAxis::Horizontal, 3.0, "image right"),
        (ScreenAxis::Frames, -3.0, "earlier"),
        (ScreenAxis::Frames, 3.0, "later"),
    ];
    for (axis, difference, word) in table {
        let relation = Colloquial::along(axis, difference);
        assert_eq!(relation.word(), word);
        assert_eq!(relation.axis(), axis);
        assert_eq!(relation.opposite(), Colloquial::along(axis, -difference));
        assert_eq!(relation.opposite().opposite(), relation);
    }
}

#[test]
fn directions_know_their_letters_signs_and_opposites() {
    let table = [
        ('R', 1.0, 'L'),
        ('A', 1.0, 'P'),
        ('S', 1.0, 'I'),
        ('L', -1.0, 'R'),
        ('P', -1.0, 'A'),
        ('I', -1.0, 'S'),
    ];
    for (letter, sign, opposite) in table {
        let direction = Direction::from_letter(letter).unwrap();
        assert_eq!(direction.letter(), letter);
        assert_eq!(direction.sign(), sign);
        assert_eq!(direction.opposite().letter(), opposite);
        assert_eq!(Direction::along(direction.axis(), sign), direction);
        assert_eq!(Direction::along(direction.axis(), -sign), direction.opposite());
        assert!(direction.word().starts_with(letter.to_ascii_lowercase()));
    }
    assert_eq!(Direction::from_letter('X'), None);
}
