//! Estimates, intervals, paired comparison, bootstrap, multiplicity: numbers in, numbers out.
//!
//! Input that leaves a figure undefined (no values, one cluster, values that are not numbers) gives `None`, never a
//! panic and never a number that looks like a result. Intervals are `(lower, upper)`.

pub mod agreement;
mod bayes;
mod beta;
mod bootstrap;
mod clustered;
mod cochran;
mod correlation;
mod estimate;
mod factorial;
mod mcnemar;
mod multiplicity;
mod paired;
mod power;
mod quantile;
mod regression;
mod sign_flip;
mod weighted;
mod wilson;

pub use agreement::{
    Distance, Weights, cohen_kappa, cohen_of_table, fleiss_kappa, fleiss_of_sums, krippendorff_alpha,
    krippendorff_of_coincidences, randolph_kappa,
};
pub use bayes::{Trials, avg_at_n, bayes_at_n, probability_better};
pub use beta::{clopper_pearson, jeffreys, pooled_beta};
pub use bootstrap::{BootstrapResult, bootstrap_clusters};
pub use clustered::{ClusteredMean, clustered_mean, effective_size};
pub use cochran::{CochranQ, cochran_q};
pub use correlation::intraclass_correlation;
pub use estimate::{FEW_CLUSTERS, MeanEstimate, mean_estimate};
pub use factorial::{TwoByTwo, equal_weight_mean, two_by_two};
pub use mcnemar::{Mcnemar, mcnemar, mcnemar_exact};
pub use multiplicity::{benjamini_hochberg, benjamini_yekutieli, bonferroni, holm};
pub use paired::{Difference, paired_difference, unpaired_difference};
pub use power::{PowerPlan, sample_size};
pub use regression::{ClusteredFit, clustered_regression};
pub use sign_flip::sign_flip_test;
pub use weighted::{WeightedPart, weighted_means};
pub use wilson::{agresti_coull, wald, wilson};

/// Coverage of every interval that does not name its own.
pub const LEVEL: f64 = 0.95;

fn is_level(level: f64) -> bool {
    level > 0.0 && level < 1.0
}
