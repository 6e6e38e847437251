//! Agreement between raters beyond chance.

mod cohen;
mod fleiss;
mod krippendorff;
mod sums;

pub use cohen::{Weights, cohen_kappa};
pub use fleiss::{fleiss_kappa, randolph_kappa};
pub use krippendorff::{Distance, krippendorff_alpha};
pub use sums::{cohen_of_table, fleiss_of_sums, krippendorff_of_coincidences};
