//! From messages and pictures to token ids: chat template, placeholders, tokenizer.

mod layout;
mod template;
mod words;

pub(crate) use layout::{Dressed, Layout, Shown, lay_out};
pub(crate) use template::{Template, question};
pub(crate) use words::Words;
