//! WordNet's files: read as they are, refused with the place when they are not.

use crate::fixture::{build, metric, near, score, wordnet};
use serde_json::json;
use situs_plugins::text::WordNet;
use std::path::Path;

/// A net of two meanings of our own: `liver` and `hepar` are one, `above` and `over` (an adverb) are one.
fn write_small(folder: &Path) {
    let file = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    for part in ["noun", "verb", "adj", "adv"] {
        for name in [format!("index.{part}"), format!("data.{part}"), format!("{part}.exc")] {
            file(&name, if name.ends_with("exc") { "" } else { "  1 a line of the licence\n" });
        }
    }
    file(
        "data.noun",
        "  1 a line of the licence\n00000100 08 n 03 liver 0 hepar 0 liver_organ 0 000 | a gland\n\
         00000200 08 n 02 foot 0 pes 0 001 @ 00000100 n 0000 | an end\n",
    );
    file(
        "index.noun",
        "  1 a line of the licence\nliver n 1 0 1 0 00000100  \nhepar n 1 0 1 0 00000100  \n\
         foot n 1 1 @ 1 0 00000200  \npes n 1 1 @ 1 0 00000200  \n",
    );
    file("noun.exc", "feet foot\n");
    file("data.adj", "00000300 00 a 02 high(a) 0 tall(p) 0 000 | upright\n");
    file("index.adj", "high a 1 0 1 0 00000300  \ntall a 1 0 1 0 00000300  \n");
}

fn names(net: &WordNet, word: &str) -> Vec<String> {
    let mut names = Vec::new();
    net.synonyms(word, |name| names.push(name.to_owned()));
    names.sort();
    names
}

#[test]
fn words_are_found_by_their_base_forms() {
    let folder = tempfile::tempdir().unwrap();
    write_small(folder.path());
    let net = WordNet::read(folder.path()).unwrap();
    assert_eq!(names(&net, "liver"), ["hepar", "liver"], "names of several words are left out");
    assert_eq!(names(&net, "livers"), ["hepar", "liver"], "by a rule");
    assert_eq!(names(&net, "feet"), ["foot", "pes"], "by the list of exceptions");
    assert_eq!(names(&net, "taller"), ["high", "tall"], "without the marks of adjectives");
    assert!(names(&net, "spleen").is_empty());
    let meteor = metric(json!({"use": "meteor", "wordnet": folder.path()}));
    near(score(meteor.as_ref(), "the hepar", "the liver").unwrap(), 0.9375, 1e-12, "two words in one piece");
    assert!(meteor.signature().unwrap().contains(net.digest()));
}

#[test]
fn an_incomplete_folder_is_refused_with_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    write_small(folder.path());
    for name in ["data.verb", "adv.exc"] {
        std::fs::remove_file(folder.path().join(name)).unwrap();
    }
    let fault = build(json!({"use": "meteor", "wordnet": folder.path()})).err().unwrap();
    assert!(fault.what.contains("lacks data.verb, adv.exc"), "{fault}");
    assert_eq!(situs_core::fault::dotted(&fault.at), "wordnet");
    let fault = build(json!({"use": "meteor", "wordnet": "/nowhere"})).err().unwrap();
    assert!(fault.what.contains("index.noun"), "{fault}");
}

#[test]
fn a_malformed_line_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text, place) in [
        ("index.noun", "liver n 1 0 1 0 00000999\n", "index.noun:1"),
        ("index.noun", "liver n 2 0 1 0 00000100\n", "index.noun:1"),
        ("index.noun", "liver n 1 99999999999999999999 1 0 00000100\n", "index.noun:1"),
        ("data.noun", "00000100 08 n ff liver 0\n", "data.noun:1"),
        ("data.noun", "garbage\n", "data.noun:1"),
    ] {
        write_small(folder.path());
        std::fs::write(folder.path().join(name), text).unwrap();
        let fault = WordNet::read(folder.path()).unwrap_err();
        assert!(fault.what.contains(place), "{text:?}: {fault}");
    }
}

#[test]
fn the_example_of_the_reference_comes_out() {
    // single_meteor_score's documented example with WordNet 3.0.
    let Some(folder) = wordnet() else { return };
    let meteor = metric(json!({"use": "meteor", "wordnet": folder}));
    let value = score(
        meteor.as_ref(),
        "It is a guide to action which ensures that the military always obeys the commands of the party",
        "It is a guide to action that ensures that the military will forever heed Party commands",
    );
    near(value.unwrap(), 0.6944, 5e-5, "guide to action");
}
