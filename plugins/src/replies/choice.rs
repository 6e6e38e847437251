//! Which option a reply names: by letter, or by the option's own text.

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// One option, by index.
    One(usize),
    /// Several different ones.
    Several,
    /// None.
    Nothing,
}

/// Letter of an option: A for the first.
pub fn letter(index: usize) -> char {
    char::from(b'A' + (index % 26) as u8)
}

/// Reads the text between the tags: the letter of an option, alone or in front of its text, or the exact text. Two
/// different letters, or a letter in front of another option's text, are several.
pub fn read(inner: &str, options: &[String]) -> Reading {
    let plain = normalise(inner);
    if let Some(index) = options.iter().position(|option| normalise(option) == plain) {
        return Reading::One(index);
    }
    let letters = letters(inner, options.len());
    // "B. 4.2 cm": what stands behind the letter may be an option too, and another one.
    let spelled: Vec<usize> = options
        .iter()
        .enumerate()
        .filter(|(_, option)| holds(&plain, &normalise(option)))
        .map(|(index, _)| index)
        .collect();
    let longest = spelled.iter().map(|index| normalise(&options[*index]).len()).max();
    // An option may be part of another: "the lung" and "the lung tumour".
    let mut named: Vec<usize> =
        spelled.into_iter().filter(|index| Some(normalise(&options[*index]).len()) == longest).collect();
    named.extend(letters);
    named.sort_unstable();
    named.dedup();
    match named[..] {
        [] => Reading::Nothing,
        [one] => Reading::One(one),
        _ => Reading::Several,
    }
}

/// The first token of a reply as the letter of an option, case ignored, a trailing full stop dropped: the rule of
/// VSI-Bench's published code.
pub fn first_token(text: &str, options: usize) -> Option<usize> {
    let token = text.trim().split(' ').next().unwrap_or_default().trim_end_matches('.').trim();
    let mut letters = token.chars();
    let (Some(found), None) = (letters.next(), letters.next()) else { return None };
    (0..options).find(|index| letter(*index).eq_ignore_ascii_case(&found))
}

/// The first capital letter of an option that stands as a word of its own anywhere in the reply.
pub fn first_letter(text: &str, options: usize) -> Option<usize> {
    text.split(|c: char| !c.is_alphanumeric()).find_map(|word| {
        let mut letters = word.chars();
        let (Some(found), None) = (letters.next(), letters.next()) else { return None };
        (0..options).find(|index| letter(*index) == found)
    })
}

/// Lower case, single spaces, no quotes, markup, or full stop at the end.
fn normalise(text: &str) -> String {
    let plain: String =
        text.chars().filter(|c| !matches!(c, '*' | '`' | '"' | '\u{201C}' | '\u{201D}')).collect();
    let joined = plain.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    joined.trim_end_matches('.').trim().to_owned()
}

/// Whether a phrase stands in a text between word borders.
fn holds(text: &str, phrase: &str) -> bool {
    let border = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    !phrase.is_empty()
        && text.match_indices(phrase).any(|(start, found)| {
            let end = start + found.len();
            // "4.2 cm" is no part of "14.2 cm", nor "2 mm" of "0.2 mm".
            let before = text[..start].chars().next_back();
            border(before)
                && !(matches!(before, Some('.' | ',')) && phrase.starts_with(|c: char| c.is_ascii_digit()))
                && border(text[end..].chars().next())
        })
}

/// Letters of options that are meant as such, not the article "a" and not a letter in a sentence.
fn letters(inner: &str, options: usize) -> Vec<usize> {
    const LEADS: [&str; 5] = ["option", "choice", "answer", "letter", "is"];
    let words: Vec<(usize, &str)> = words(inner);
    let of = |word: &str| {
        let mut letters = word.chars();
        let (Some(found), None) = (letters.next(), letters.next()) else { return None };
        (0..options).find(|index| letter(*index).eq_ignore_ascii_case(&found))
    };
    let only_letters = words
        .iter()
        .all(|(_, word)| of(word).is_some() || matches!(word.to_lowercase().as_str(), "and" | "or"));
    words
        .iter()
        .enumerate()
        .filter_map(|(place, (start, word))| {
            let index = of(word)?;
            let upper = word.chars().all(char::is_uppercase);
            let rest = inner[start + word.len()..].trim_start_matches(['*', '`']);
            let delimited = rest.is_empty() || rest.starts_with([')', '.', ':', ',', ']', '\n', ';']);
            let led = place > 0 && LEADS.contains(&words[place - 1].1.to_lowercase().as_str());
            (only_letters || (upper && (delimited || led))).then_some(index)
        })
        .collect()
}

/// Words with the byte at which each starts.
fn words(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (c.is_alphanumeric(), start) {
            (true, None) => start = Some(at),
            (false, Some(first)) => {
                found.push((first, &text[first..at]));
                start = None;
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_texts_are_read_and_conflicts_are_several() {
        let options = ["4.2 cm", "14.2 cm", "6.0 cm", "the lung tumour"].map(str::to_owned);
        for (inner, expected) in [
            ("B", Reading::One(1)),
            ("b", Reading::One(1)),
            ("(B)", Reading::One(1)),
            ("**B**", Reading::One(1)),
            ("B.", Reading::One(1)),
            ("B. 14.2 cm", Reading::One(1)),
            ("Option B", Reading::One(1)),
            ("14.2 cm", Reading::One(1)),
            ("4.2 cm.", Reading::One(0)),
            ("The lung  tumour", Reading::One(3)),
            ("it is about 6.0 cm", Reading::One(2)),
            ("A or B", Reading::Several),
            ("A, B", Reading::Several),
            ("A. 14.2 cm", Reading::Several),
            ("A large one", Reading::Nothing),
            ("E", Reading::Nothing),
            ("", Reading::Nothing),
            ("9.9 cm", Reading::Nothing),
        ] {
            assert_eq!(read(inner, &options), expected, "{inner:?}");
        }
    }

    #[test]
    fn the_rules_of_others_are_kept_apart() {
        // VSI-Bench: text up to the first space, full stop dropped, case ignored.
        assert_eq!(first_token("b. because", 4), Some(1));
        assert_eq!(first_token("The answer is B", 4), None);
        assert_eq!(first_letter("The answer is B", 4), Some(1));
        assert_eq!(first_letter("the answer is b", 4), None);
    }
}
