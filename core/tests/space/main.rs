//! Space against expectations that were not computed by this project: affines by nibabel 5.4.2, views by a table.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod affine;
mod canvas;
mod relation;
mod views;
