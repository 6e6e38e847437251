//! The family's behaviour, asked of synthetic bodies whose geometry the tests know.

mod answers;
mod body;
mod grid;
mod overlap;
mod reading;
mod texts;
