//! Text metrics against the programs they are named after.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fixture;
mod golden;
mod hostile;
mod own_golden;
mod settings;
mod wordnet;

use situs_plugins as _;
