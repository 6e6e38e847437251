//! Replies to choices and numbers.

use crate::bench::family;
use serde_json::json;
use situs_core::prelude::*;

fn question(options: &[&str], truth: &str, unit: Option<&str>) -> Question {
    Question {
        id: "q".to_owned(),
        volumes: Vec::new(),
        cases: vec!["c".to_owned()],
        cluster: "c".to_owned(),
        template: "T".to_owned(),
        cell: "T".to_owned(),
        bundle: String::new(),
        structures: Vec::new(),
        text: String::new(),
        options: options.iter().map(|option| (*option).to_owned()).collect(),
        truth: truth.to_owned(),
        chance: 0.25,
        facets: Default::default(),
        scene: None,
        evidence: Evidence::default(),
        private: json!({"unit": unit}),
    }
}

fn read(question: &Question, text: &str) -> (AnswerState, Option<String>, Vec<String>) {
    let answer = family(json!({})).read(question, &Reply::text(text)).unwrap();
    (answer.state, answer.value, answer.flags)
}

#[test]
fn choices_are_read_by_letter_or_text_from_the_last_tag() {
    let question = question(&["1.0 cm", "2.0 cm", "3.0 cm", "4.0 cm"], "2.0 cm", None);
    let value = |text: &str| read(&question, text).1;
    assert_eq!(value("<answer>A</answer> ... <answer>B</answer>").as_deref(), Some("2.0 cm"));
    assert_eq!(value("<answer>2.0 cm</answer>").as_deref(), Some("2.0 cm"));
    for (text, state, flag) in [
        ("<answer>A or B</answer>", AnswerState::Unparsed, Some("several_options")),
        ("<answer>E</answer>", AnswerState::Unparsed, None),
        ("<answer>cannot be determined</answer>", AnswerState::Abstained, None),
        ("B", AnswerState::Unparsed, None),
        ("I'm sorry, I cannot help with that.", AnswerState::Refused, None),
    ] {
        let (found, value, flags) = read(&question, text);
        assert_eq!((found, value), (state, None), "{text}");
        assert_eq!(flags.first().map(String::as_str), flag, "{text}");
    }
    let cut = Reply { finish: Finish::Length, ..Reply::text("thinking ...") };
    assert_eq!(family(json!({})).read(&question, &cut).unwrap().state, AnswerState::Truncated);
}

#[test]
fn numbers_are_read_with_their_units_or_not_at_all() {
    let volume = question(&[], "1450", Some("cm3"));
    let percent = question(&[], "45", Some("percent"));
    for (question, text, value, flag) in [
        (&volume, "1450 cm³", Some("1450"), None),
        (&volume, "1450", Some("1450"), Some("unit_assumed")),
        (&volume, "1.45 l", Some("1450"), Some("unit_converted")),
        (&volume, "1,450 ml", Some("1450"), None),
        (&volume, "14 cm", None, Some("wrong_unit")),
        (&volume, "1400-1500 ml", None, Some("no_commitment")),
        (&volume, "large", None, Some("no_commitment")),
        (&percent, "45 %", Some("45"), None),
        (&percent, "0.45", Some("0.45"), Some("unit_assumed")),
    ] {
        let (state, found, flags) = read(question, &format!("<answer>{text}</answer>"));
        assert_eq!(found.as_deref(), value, "{text}");
        assert_eq!(state == AnswerState::Answered, value.is_some(), "{text}");
        assert_eq!(flags.first().map(String::as_str), flag, "{text}");
    }
}
