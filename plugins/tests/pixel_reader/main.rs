//! The pixel-reader on pictures drawn here, with prompts as the mis-ground templates word them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod abstaining;
mod backend;
mod frozen;
mod grid;
mod page;
mod slice;
mod stack;
mod wording;

use page::Page;
use situs_core::media::Picture;
use situs_plugins::backends::pixel_reader::answer;

/// Blocks of a 2-D prompt: what the picture shows, how it lies, which marks it carries.
const AXIAL: &str = "You are given one axial slice of a CT scan of the torso.";
const RADIOLOGICAL_EDGES: &str = "Display: standard radiological view. The top edge of the image is toward the \
    patient's anterior side and the bottom edge toward the patient's posterior side. The left edge of the image is \
    toward the patient's right side and the right edge of the image toward the patient's left side.";

fn options(list: &str) -> String {
    format!(
        "Think step by step. Then finish with one line that holds only your final answer between the tags `<answer>` \
         and `</answer>`. Between the tags write exactly one of: {list}."
    )
}

fn marks(list: &str) -> String {
    let count = list.split(", ").count();
    format!("The picture carries {count} marks: {list}. Each mark belongs to one structure.")
}

fn prompt(blocks: &[&str]) -> String {
    blocks.join("\n\n")
}

fn one(text: &str, page: &Page) -> Option<String> {
    answer(text, &[page.picture()])
}

fn many(text: &str, pages: &[Page]) -> Option<String> {
    answer(text, &pages.iter().map(Page::picture).collect::<Vec<Picture>>())
}
