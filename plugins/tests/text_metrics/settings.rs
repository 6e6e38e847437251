//! Signatures, empty texts, refusals.

use crate::fixture::{build, corpus, metric, near, score};
use serde_json::json;

#[test]
fn every_metric_tells_its_settings() {
    for (params, parts) in [
        (json!({"use": "bleu"}), &["case:mixed", "tok:13a", "smooth:exp", "eff:no"][..]),
        (json!({"use": "bleu", "lowercase": true, "skip_empty": true}), &["case:lc", "empty:skipped"]),
        (json!({"use": "rouge-l"}), &["stemmer:nltk-porter"]),
        (json!({"use": "rouge-l", "stemmer": false}), &["stemmer:none"]),
        (json!({"use": "meteor_exact_stem", "tokens": "nltk"}), &["tok:nltk", "alpha:0.9", "wordnet:none"]),
        (json!({"use": "token-f1"}), &["norm:squad-1.1"]),
        (json!({"use": "exact-match", "normalise": "lower"}), &["norm:lower"]),
    ] {
        let signature = metric(params.clone()).signature().unwrap();
        for part in parts {
            assert!(signature.split('|').any(|own| own == *part), "{part} in {signature}");
        }
    }
}

#[test]
fn empty_texts_are_scored_or_left_out_as_the_setting_says() {
    for (name, one_empty, both_empty) in [
        ("bleu", 0.0, 0.0),
        ("rouge-l", 0.0, 0.0),
        ("meteor_exact_stem", 0.0, 0.0),
        ("token-f1", 0.0, 1.0),
        ("exact-match", 0.0, 1.0),
    ] {
        let plain = metric(json!({"use": name}));
        assert_eq!(score(plain.as_ref(), "", "the liver"), Some(one_empty), "{name}");
        assert_eq!(score(plain.as_ref(), "the liver", ""), Some(one_empty), "{name}");
        assert_eq!(score(plain.as_ref(), "", ""), Some(both_empty), "{name}");
        let skipping = metric(json!({"use": name, "skip_empty": true}));
        assert_eq!(score(skipping.as_ref(), " \n", "the liver"), None, "{name}");
        assert_eq!(score(skipping.as_ref(), "the liver", ""), None, "{name}");
        assert!(score(skipping.as_ref(), "the liver", "the liver").is_some(), "{name}");
    }
    let bleu = metric(json!({"use": "bleu"}));
    assert_eq!(corpus(bleu.as_ref(), [("", "the liver"), ("", "")]), 0.0);
}

#[test]
fn overlap_cannot_see_which_side_is_meant() {
    // Both are wrong or right by one word; only the reference knows which.
    let (right, wrong) =
        ("The liver is superior to the right kidney", "The liver is inferior to the right kidney");
    for name in ["bleu", "rouge-l", "token-f1", "meteor_exact_stem"] {
        let metric = metric(json!({"use": name}));
        let reference = "The liver lies above the right kidney";
        let (one, other) =
            (score(metric.as_ref(), right, reference), score(metric.as_ref(), wrong, reference));
        near(one.unwrap(), other.unwrap(), 1e-12, name);
    }
}

#[test]
fn meteor_without_wordnet_is_refused_and_the_way_out_is_named() {
    let fault = build(json!({"use": "meteor"})).err().unwrap();
    assert_eq!(situs_core::fault::dotted(&fault.at), "wordnet");
    assert!(fault.help.as_deref().unwrap().contains("meteor_exact_stem"), "{fault}");
    for (params, at) in [
        (json!({"use": "meteor_exact_stem", "alpha": 1.5}), "alpha"),
        (json!({"use": "meteor_exact_stem", "beta": -1.0}), "beta"),
        (json!({"use": "meteor_exact_stem", "gamma": 2.0}), "gamma"),
    ] {
        assert_eq!(situs_core::fault::dotted(&build(params).err().unwrap().at), at);
    }
}
