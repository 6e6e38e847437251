//! "Did you mean": the nearest known name, when it is near enough.

/// The nearest of `known` to `word`, if it is close: a typo, a swapped pair, another separator.
pub fn suggest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['_', ' '], "-");
    let word = plain(word);
    known
        .iter()
        .map(|name| {
            let name_plain = plain(name);
            let mut score = strsim::jaro_winkler(&word, &name_plain);
            let distance = strsim::damerau_levenshtein(&word, &name_plain);
            if distance <= 1.max(word.chars().count() / 4) {
                score += 1.0;
            }
            (score, *name)
        })
        .filter(|(score, _)| *score > 0.86)
        .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(a.1)))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::suggest;

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        let known = ["greedy", "categorical", "semantic", "crowding", "mis-ground"];
        for (word, expected, why) in [
            ("greddy", Some("greedy"), "one letter"),
            ("semantc", Some("semantic"), "one letter missing"),
            ("Mis_Ground", Some("mis-ground"), "case and separator"),
            ("categrical", Some("categorical"), "one letter missing in a long word"),
            ("xyz", None, "nothing near"),
            ("", None, "nothing written"),
        ] {
            assert_eq!(suggest(word, &known), expected, "{why}");
        }
    }
}
