//! What a run found, for people: tables for the terminal and one self-contained HTML page.

mod compared;
mod figures;
mod gallery;
mod html;
mod terminal;

pub(crate) use compared::comparison_text;
pub(crate) use gallery::choose;
pub(crate) use html::html;
pub(crate) use terminal::terminal;
