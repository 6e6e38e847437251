//! Agreement between raters beyond chance.

mod cohen;
mod fleiss;
mod krippendorff;

pub use cohen::{Weights, cohen_kappa};
pub use fleiss::{fleiss_kappa, randolph_kappa};
pub use krippendorff::{Distance, krippendorff_alpha};
