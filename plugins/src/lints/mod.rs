//! Lints of items: what makes a question unanswerable, ambiguous, or answerable without a look at the picture.
//!
//! A lint is one file and one line in [`all`].

mod answer_in_question;
mod distractor_gap;
mod non_visual;
mod options_alike;
mod overlapping_ranges;

use situs_core::question::Question;
use situs_core::structure::Grid;

/// Looks at one item at a time.
pub trait ItemLint: Send + Sync {
    /// Short name, in kebab-case.
    fn name(&self) -> &'static str;

    /// What is wrong with the items it finds, in one line.
    fn summary(&self) -> &'static str;

    /// What is wrong with this item, with the values; `grids` are those of the cases it shows.
    fn find(&self, question: &Question, grids: &[Grid]) -> Option<String>;
}

/// Every lint.
pub fn all() -> Vec<Box<dyn ItemLint>> {
    vec![
        Box::new(answer_in_question::AnswerInQuestion),
        Box::new(distractor_gap::DistractorGap),
        Box::new(non_visual::NonVisual),
        Box::new(options_alike::OptionsAlike),
        Box::new(overlapping_ranges::OverlappingRanges),
    ]
}

/// The sentence that asks: the last paragraph with a question mark, without the lines of a lettered list; the first
/// paragraph where none asks.
fn stem(question: &Question) -> String {
    let blocks = || question.text.split("\n\n");
    let block = blocks().filter(|block| block.contains('?')).last().or_else(|| blocks().next());
    let is_listed = |line: &str| {
        let line = line.trim_start_matches('(');
        matches!(line.as_bytes(), [letter, mark, ..] if letter.is_ascii_uppercase() && matches!(mark, b'.' | b')' | b':'))
    };
    let lines = block.unwrap_or_default().lines().filter(|line| !is_listed(line));
    lines.collect::<Vec<_>>().join(" ")
}

/// Lower-case words and numbers.
fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric() && c != '.')
        .map(|word| word.trim_matches('.').to_lowercase())
        .filter(|word| !word.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use situs_core::space::Affine;

    fn item(text: &str, options: &[&str], truth: &str) -> Question {
        serde_json::from_value(json!({
            "id": "q", "cases": ["c"], "template": "T", "cell": "c", "bundle": "", "structures": [],
            "text": text, "options": options, "truth": truth, "chance": 0.25,
            "facets": {}, "scene": null, "evidence": {"positions": [], "relation": ""},
        }))
        .unwrap()
    }

    fn grid(spacing: [f64; 3]) -> Grid {
        Grid { shape: [10, 10, 10], affine: Affine::scaled(spacing, [0.0; 3]) }
    }

    fn found(question: &Question) -> Vec<&'static str> {
        let grids = [grid([1.0, 1.0, 3.0])];
        all().iter().filter(|lint| lint.find(question, &grids).is_some()).map(|lint| lint.name()).collect()
    }

    #[test]
    fn a_good_item_has_no_finding() {
        for (text, options, truth) in [
            ("Is the statement true or false?", &["true", "false"][..], "true"),
            ("How far apart are they?\n\nOptions:\nA. 4.0 cm\nB. 6.0 cm", &["4.0 cm", "6.0 cm"], "6.0 cm"),
            (
                "Into which range does it fall?",
                &["below 2 mm", "2 to below 10 mm", "10 mm or more"],
                "below 2 mm",
            ),
            ("Which is larger, the liver or the spleen?", &["the liver", "the spleen"], "the liver"),
        ] {
            assert_eq!(found(&item(text, options, truth)), Vec::<&str>::new(), "{text}");
        }
    }

    #[test]
    fn options_closer_than_a_voxel_cannot_be_told_apart() {
        let close = item("How long is it?", &["4.0 cm", "4.2 cm"], "4.0 cm");
        assert_eq!(found(&close), ["distractor-gap"], "2 mm on slices 3 mm apart");
        // The published sample: distances in voxels, a hundredth apart.
        let published = item(
            "What is the distance in voxels between the center of the hepatic vessel and the center of the lesion?",
            &["105.72", "103.72", "104.72", "104.73"],
            "104.72",
        );
        assert_eq!(found(&published), ["distractor-gap"]);
        let boxes = item(
            "In the voxel space of the image, what are the z-coordinates of the box?",
            &["z_min: 157.0, z_max: 574.0", "z_min: 158.0, z_max: 575.0"],
            "z_min: 157.0, z_max: 574.0",
        );
        assert_eq!(found(&boxes), ["distractor-gap"]);
    }

    #[test]
    fn ranges_that_overlap_have_two_right_answers() {
        let published = item(
            "How wide is it?",
            &["50\u{2013}70 cm", "60\u{2013}80 cm", "90\u{2013}95 cm"],
            "50\u{2013}70 cm",
        );
        assert_eq!(found(&published), ["overlapping-ranges"]);
    }

    #[test]
    fn a_stem_that_names_the_answer_alone_gives_it_away() {
        let leaking = item(
            "Which organ holds the tumour of the left kidney?",
            &["left kidney", "spleen"],
            "left kidney",
        );
        assert_eq!(found(&leaking), ["answer-in-question"]);
    }

    #[test]
    fn what_no_picture_shows_is_not_visual() {
        let metadata =
            item("Which series and image number localize the nodule?", &["3 and 41", "4 and 41"], "3 and 41");
        assert_eq!(found(&metadata), ["non-visual"]);
    }

    #[test]
    fn options_must_differ_and_hold_the_truth() {
        assert_eq!(found(&item("Which?", &["liver", "Liver "], "liver")), ["options-alike"]);
        assert_eq!(found(&item("Which?", &["liver", "spleen"], "colon")), ["options-alike"]);
    }
}
