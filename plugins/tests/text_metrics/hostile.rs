//! Texts of any kind: nothing panics, every value is a number in its range.

use crate::fixture::{corpus, metric, score};
use proptest::prelude::*;
use serde_json::json;
use situs_plugins::text::{normalised, rouge_words, stem, tokens_13a, treebank_words};

/// Any text, or one made of what tokenisers look for.
fn any_text() -> impl Strategy<Value = String> {
    let pieces = proptest::sample::select(vec![
        "'",
        "''",
        "\"",
        "`",
        "``",
        ".",
        "..",
        ",",
        "-",
        "--",
        "\n",
        "-\n",
        "\u{1c}",
        "\u{a0}",
        "\u{85}",
        " ",
        "1",
        "2.5",
        "a",
        "the",
        "can",
        "not",
        "cannot",
        "wanna",
        "'tis",
        "n't",
        "'s",
        "’",
        "«",
        "&amp;lt;",
        "&quot;",
        "<skipped>",
        "*",
        "*d",
        "ded",
        "ing",
        "yyy",
        "é",
        "é",
        "İ",
        "Σ",
        "K",
        "右",
        "\u{200b}",
        "(",
        "]",
        "}>",
        "!?",
        ";",
        "\u{2014}",
        "\u{0}",
    ]);
    prop_oneof![any::<String>(), proptest::collection::vec(pieces, 0..24).prop_map(|pieces| pieces.concat())]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn tokenisers_take_any_text(text in any_text()) {
        let tokens = tokens_13a(&text);
        prop_assert!(!tokens.contains("  ") && !tokens.starts_with(' ') && !tokens.ends_with(' '));
        prop_assert!(treebank_words(&text).iter().all(|word| !word.is_empty()));
        for word in rouge_words(&text, true) {
            prop_assert!(word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{word}");
        }
        let once = normalised(&text);
        prop_assert!(!once.contains(|c: char| c.is_ascii_punctuation()), "{once}");
        stem(&text);
    }

    #[test]
    fn metrics_give_numbers_in_their_range(prediction in any_text(), reference in any_text()) {
        for (name, most) in
            [("bleu", 100.0), ("rouge-l", 1.0), ("token-f1", 1.0), ("exact-match", 1.0), ("meteor_exact_stem", 1.0)]
        {
            let metric = metric(json!({"use": name}));
            let value = score(metric.as_ref(), &prediction, &reference).unwrap();
            prop_assert!((0.0..=most + 1e-9).contains(&value), "{name}: {value}");
            let figure = corpus(metric.as_ref(), [(prediction.as_str(), reference.as_str())]);
            prop_assert!((0.0..=most + 1e-9).contains(&figure), "{name}: {figure}");
        }
    }
}

#[test]
fn very_long_texts_end() {
    let (one, other) = ("left lung ".repeat(50_000), "right lung ".repeat(50_000));
    for name in ["bleu", "rouge-l", "token-f1", "exact-match", "meteor_exact_stem"] {
        assert!(score(metric(json!({"use": name})).as_ref(), &one, &other).unwrap().is_finite());
    }
    stem(&"y".repeat(1_000_000));
    treebank_words(&"'".repeat(100_000));
}
