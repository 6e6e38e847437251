//! Reading of replies that is shared by families and metrics: the last tag pair, letters of options, numbers with units.

pub mod choice;
pub mod number;

/// Longest text between the tags that is still looked at, in bytes.
pub const MOST_ANSWER_BYTES: usize = 4096;

/// What follows a reasoning block in the reply's own text; all of it where there is none.
pub fn after_thinking(text: &str) -> &str {
    const END: &str = "</think>";
    text.to_ascii_lowercase().rfind(END).map_or(text, |start| &text[start + END.len()..])
}

/// Text of the last complete pair of `<answer>` tags, trimmed; tags count in any case.
pub fn last_tag(text: &str) -> Option<&str> {
    const OPEN: &str = "<answer>";
    const CLOSE: &str = "</answer>";
    let lower = text.to_ascii_lowercase();
    let end = lower.rfind(CLOSE)?;
    let start = lower[..end].rfind(OPEN)? + OPEN.len();
    Some(text[start..end].trim())
}

/// Beginnings of replies that decline.
const REFUSALS: [&str; 6] = ["i'm sorry", "i am sorry", "i cannot", "i can't", "i am unable", "i'm unable"];
/// Words that abstain.
const ABSTENTIONS: [&str; 9] = [
    "cannot be determined",
    "can't be determined",
    "cannot determine",
    "not possible to determine",
    "not determinable",
    "unknown",
    "not sure",
    "unable to",
    "insufficient information",
];

/// Whether a reply without an answer declines.
pub fn refuses(text: &str) -> bool {
    let text = text.trim_start().to_lowercase().replace('\u{2019}', "'");
    REFUSALS.iter().any(|phrase| text.starts_with(phrase))
}

/// Whether an answer says that there is none.
pub fn abstains(inner: &str) -> bool {
    let inner = inner.to_lowercase().replace('\u{2019}', "'");
    ABSTENTIONS.iter().any(|phrase| inner.contains(phrase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_whole_pair_counts() {
        assert_eq!(last_tag("<answer>A</answer> no, <ANSWER> B </answer>"), Some("B"));
        assert_eq!(last_tag("<answer>A</answer> then <answer>B"), Some("A"));
        assert_eq!(last_tag("<answer>A"), None);
        assert_eq!(last_tag("</answer><answer>"), None);
        assert_eq!(after_thinking("<think><answer>A</answer></think>x"), "x");
    }
}
