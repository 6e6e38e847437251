//! Space against expectations that were not computed by this project: affines by nibabel 5.4.2, views by a table.

mod affine;
mod canvas;
mod relation;
mod views;
