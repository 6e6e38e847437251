//! What a run found, for people: tables for the terminal and one self-contained HTML page.

mod compared;
mod controls;
mod figures;
mod gallery;
mod html;
mod profiles;
mod terminal;

pub(crate) use figures::{estimate, maybe, number, thousands};
pub(crate) use html::html;
pub(crate) use terminal::terminal;
