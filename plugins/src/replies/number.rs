//! One number with its unit out of a reply.
//!
//! Separators: where both `.` and `,` occur, the last one is the decimal sign. A comma before exactly three digits groups
//! thousands, any other comma is a decimal sign; a full stop is a decimal sign unless there are several. A blank or an
//! apostrophe between groups of three digits groups thousands.

/// Unit that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// cm³ (ml, cc); mm³ and litres are converted.
    Cm3,
    /// A bare ratio; per cent are converted.
    Ratio,
    /// Per cent.
    Percent,
}

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// One number in the asked unit.
    Value {
        /// The number.
        value: f64,
        /// Names of the rules that fired: `unit_assumed`, `unit_converted`, `fraction`.
        flags: Vec<&'static str>,
    },
    /// A range, a bound or several numbers.
    NoCommitment,
    /// A number of another dimension, such as a length.
    WrongUnit,
    /// No number.
    Nothing,
}

/// Units by spelling: what one of them is in the unit asked, by [`Asked`]; `None`: another dimension.
const CUBIC: [(&str, f64); 22] = [
    ("cm3", 1.0),
    ("cm^3", 1.0),
    ("cm\u{00B3}", 1.0),
    ("ccm", 1.0),
    ("cc", 1.0),
    ("ml", 1.0),
    ("milliliter", 1.0),
    ("milliliters", 1.0),
    ("millilitre", 1.0),
    ("millilitres", 1.0),
    ("cubiccentimeters", 1.0),
    ("cubiccentimetres", 1.0),
    ("cubiccentimeter", 1.0),
    ("cubiccentimetre", 1.0),
    ("mm3", 1e-3),
    ("mm^3", 1e-3),
    ("mm\u{00B3}", 1e-3),
    ("cubicmillimeters", 1e-3),
    ("cubicmillimetres", 1e-3),
    ("l", 1e3),
    ("liters", 1e3),
    ("litres", 1e3),
];
const OTHER_DIMENSIONS: [&str; 18] = [
    "cm",
    "mm",
    "m",
    "cm2",
    "cm^2",
    "cm\u{00B2}",
    "mm2",
    "mm^2",
    "mm\u{00B2}",
    "g",
    "kg",
    "mg",
    "hu",
    "voxels",
    "pixels",
    "inches",
    "centimeters",
    "centimetres",
];
/// Words that make a number a bound.
const BOUNDS: [&str; 9] =
    ["less than", "more than", "greater than", "at least", "at most", "below", "above", "over ", "under "];

/// Reads the one number of a text.
pub fn read(text: &str, asked: Asked) -> Reading {
    let found = numbers(text);
    let [(value, start, end)] = found[..] else {
        return if found.is_empty() { Reading::Nothing } else { Reading::NoCommitment };
    };
    let lower = text.to_lowercase();
    let before = text[..start].trim_end();
    if BOUNDS.iter().any(|bound| lower.contains(bound))
        || before.ends_with(['<', '>', '\u{2264}', '\u{2265}', '\u{00B1}'])
    {
        return Reading::NoCommitment;
    }
    let unit = unit(&text[end..]);
    let cubic = || CUBIC.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    let plain = |value, flags: &[&'static str]| Reading::Value { value, flags: flags.to_vec() };
    if OTHER_DIMENSIONS.contains(&unit.as_str()) {
        return Reading::WrongUnit;
    }
    match (asked, unit.as_str()) {
        (Asked::Cm3, "%") => Reading::WrongUnit,
        (Asked::Cm3, _) => match cubic() {
            Some(1.0) => plain(value, &[]),
            Some(factor) => plain(value * factor, &["unit_converted"]),
            None => plain(value, &["unit_assumed"]),
        },
        (Asked::Ratio | Asked::Percent, _) if cubic().is_some() => Reading::WrongUnit,
        (Asked::Percent, "%" | "percent") => plain(value, &[]),
        (Asked::Percent, _) if (0.0..=1.0).contains(&value) => plain(value, &["unit_assumed", "fraction"]),
        (Asked::Percent, _) => plain(value, &["unit_assumed"]),
        (Asked::Ratio, "%" | "percent") => plain(value / 100.0, &["unit_converted"]),
        (Asked::Ratio, _) => plain(value, &[]),
    }
}

/// Text up to the first blank, a full stop at its end dropped, as a number: the rule of VSI-Bench's published code.
pub fn first_token(text: &str) -> Option<f64> {
    let token = text.trim().split(' ').next()?.trim_end_matches('.');
    token.parse().ok().filter(|value: &f64| value.is_finite())
}

/// The unit right behind a number, lower case, inner blanks of "cubic centimetres" dropped.
fn unit(rest: &str) -> String {
    let rest = rest.trim_start_matches([' ', '\u{00A0}', '\u{202F}', '*', '-']).to_lowercase();
    let mut unit = String::new();
    let mut words = rest.split_whitespace();
    if let Some(word) = words.next() {
        unit.push_str(word);
        if word == "cubic" {
            unit.push_str(words.next().unwrap_or_default());
        }
    }
    unit.trim_end_matches(['.', ',', ';', '*', ')', '<', ':', '!']).to_owned()
}

/// All numbers of a text with their bytes: start and end. Digits inside words and exponents (`cm3`, `10^3`) are none.
fn numbers(text: &str) -> Vec<(f64, usize, usize)> {
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    let at = |place: usize| chars.get(place).map(|(_, c)| *c);
    let digit = |place: usize| at(place).is_some_and(|c| c.is_ascii_digit());
    let mut found = Vec::new();
    let mut place = 0;
    while place < chars.len() {
        let leading_point = at(place) == Some('.') && digit(place + 1);
        if !digit(place) && !leading_point {
            place += 1;
            continue;
        }
        let before = place.checked_sub(1).and_then(at);
        let in_word = before.is_some_and(|c| c.is_alphabetic() || c == '^' || c == '_');
        let first = place;
        let mut last = place;
        // A blank goes on with the number where exactly three digits follow; other separators where any digit does.
        while let Some(next) = at(last + 1) {
            let groups = || digit(last + 2) && digit(last + 3) && digit(last + 4) && !digit(last + 5);
            let goes_on = match next {
                c if c.is_ascii_digit() => true,
                '.' | ',' => digit(last + 2),
                ' ' | '\'' | '\u{2019}' | '\u{00A0}' | '\u{202F}' => groups(),
                _ => false,
            };
            if !goes_on {
                break;
            }
            last += 1;
        }
        let end_of = |place: usize| chars.get(place + 1).map_or(text.len(), |(at, _)| *at);
        let mut end = end_of(last);
        let mut exponent = String::new();
        let signed = matches!(at(last + 2), Some('+' | '-')) && digit(last + 3);
        if matches!(at(last + 1), Some('e' | 'E')) && (digit(last + 2) || signed) {
            last += 2;
            while digit(last + 1) {
                last += 1;
            }
            exponent = text[end..end_of(last)].to_lowercase();
            end = end_of(last);
        }
        let start = chars[first].0;
        let digits = &text[start..end - exponent.len()];
        let negative = before == Some('-')
            && first.checked_sub(2).and_then(at).is_none_or(|c| !c.is_alphanumeric() && c != ' ')
            || before == Some('\u{2212}');
        place = last + 1;
        if in_word {
            continue;
        }
        if let Some(value) = plain(digits).and_then(|plain| format!("{plain}{exponent}").parse::<f64>().ok())
            && value.is_finite()
        {
            found.push((if negative { -value } else { value }, start, end));
        }
    }
    found
}

/// The number as a program writes it.
fn plain(digits: &str) -> Option<String> {
    let bare: String = digits.chars().filter(|c| c.is_ascii_digit() || matches!(c, '.' | ',')).collect();
    let count = |sign: char| bare.matches(sign).count();
    let decimal = match (bare.rfind('.'), bare.rfind(',')) {
        (Some(point), Some(comma)) => Some(if point > comma { '.' } else { ',' }),
        (Some(_), None) => (count('.') == 1).then_some('.'),
        (None, Some(comma)) => {
            let groups = bare.len() - comma == 4 && (1..=3).contains(&comma) && !bare.starts_with('0');
            (count(',') == 1 && !groups).then_some(',')
        }
        (None, None) => None,
    };
    let text: String = bare
        .chars()
        .filter(|c| c.is_ascii_digit() || Some(*c) == decimal)
        .map(|c| if c == ',' { '.' } else { c })
        .collect();
    (text.matches('.').count() <= 1).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cm3(text: &str) -> Reading {
        read(text, Asked::Cm3)
    }

    fn value(reading: Reading) -> Option<f64> {
        match reading {
            Reading::Value { value, .. } => Some(value),
            _ => None,
        }
    }

    #[test]
    fn units_are_converted_and_missing_ones_are_said() {
        for (text, expected) in [
            ("196.578 cm3", 196.578),
            ("196.578cm\u{00B3}", 196.578),
            ("1450 mL", 1450.0),
            ("1,450 cc", 1450.0),
            ("1.45 l", 1450.0),
            ("1.450.000 mm3", 1450.0),
            ("1 450 cm^3", 1450.0),
            ("12,5 ml", 12.5),
            ("1.234,5 ml", 1234.5),
            ("1,234.5 ml", 1234.5),
            ("1.45e3 cm3", 1450.0),
            ("about 196 cubic centimetres", 196.0),
            ("196", 196.0),
        ] {
            let found = value(cm3(text));
            assert!(found.is_some_and(|found| (found - expected).abs() < 1e-9), "{text}: {found:?}");
        }
        assert_eq!(cm3("196"), Reading::Value { value: 196.0, flags: vec!["unit_assumed"] });
        assert_eq!(cm3("5 cm"), Reading::WrongUnit);
        assert_eq!(cm3("45 %"), Reading::WrongUnit);
    }

    #[test]
    fn ranges_bounds_and_lists_commit_to_nothing() {
        for text in [
            "150-200 cm3",
            "150 to 200",
            "between 150 and 200 ml",
            "196 \u{00B1} 5",
            "less than 200 cm3",
            "> 200 ml",
        ] {
            assert_eq!(cm3(text), Reading::NoCommitment, "{text}");
        }
        for text in ["", "large", "cm3", "NaN"] {
            assert_eq!(cm3(text), Reading::Nothing, "{text}");
        }
    }

    #[test]
    fn a_bare_fraction_is_no_percentage() {
        assert_eq!(read("45 %", Asked::Percent), Reading::Value { value: 45.0, flags: vec![] });
        assert_eq!(
            read("0.45", Asked::Percent),
            Reading::Value { value: 0.45, flags: vec!["unit_assumed", "fraction"] }
        );
        assert_eq!(value(read("0.45 %", Asked::Percent)), Some(0.45));
        assert_eq!(value(read("45%", Asked::Ratio)), Some(0.45));
        assert_eq!(value(read("2.5 times", Asked::Ratio)), Some(2.5));
        assert_eq!(read("3 cm3", Asked::Ratio), Reading::WrongUnit);
    }

    #[test]
    fn the_first_token_rule_scores_what_its_code_scores() {
        assert_eq!(first_token("196.6 cm3"), Some(196.6));
        assert_eq!(first_token("about 196"), None);
        assert_eq!(first_token("196."), Some(196.0));
    }
}
