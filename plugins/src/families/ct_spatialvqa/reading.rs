//! A free-text reply: its words, and nothing else.

use situs_core::record::{Answer, AnswerState};
use situs_core::reply::{Finish, Reply};

/// Where a model that thinks aloud ends its thoughts.
const END_OF_THOUGHT: &str = "</think>";

/// The words of a reply without thoughts in front of them. A reply that was cut off still has words, and a flag; an
/// empty one has no answer: it is counted as unparsed, or as truncated where the limit was reached first.
pub(crate) fn read(reply: &Reply) -> Answer {
    let words = match reply.text.rsplit_once(END_OF_THOUGHT) {
        Some((_, words)) => words,
        None => reply.text.as_str(),
    };
    let words = words.trim();
    let cut = reply.finish == Finish::Length;
    match (words.is_empty(), cut) {
        (true, true) => Answer::without_value(AnswerState::Truncated),
        (true, false) => Answer::without_value(AnswerState::Unparsed),
        (false, true) => Answer::answered(words).flag("cut_off"),
        (false, false) => Answer::answered(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(text: &str, finish: Finish) -> Answer {
        read(&Reply { finish, ..Reply::text(text) })
    }

    #[test]
    fn the_words_are_the_answer_and_no_words_are_none() {
        assert_eq!(reply(" In both lungs.\n", Finish::Stop).value.as_deref(), Some("In both lungs."));
        assert_eq!(reply("left? right?</think> Right.", Finish::Stop).value.as_deref(), Some("Right."));
        assert_eq!(reply("In both", Finish::Length).flags, ["cut_off"]);
        assert_eq!(reply(" \n", Finish::Stop).state, AnswerState::Unparsed);
        assert_eq!(reply("hm</think>", Finish::Length).state, AnswerState::Truncated);
    }
}
