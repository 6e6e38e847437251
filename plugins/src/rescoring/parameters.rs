//! The parameters that all samplers over neighbor tables have, written down once.

use super::{Mass, Otherwise, Select};
use std::path::PathBuf;

/// The shared parameters of a sampler, as its spec holds them.
pub(crate) struct Parameters<'a> {
    pub(crate) temperature: f64,
    pub(crate) top_k: Option<u32>,
    pub(crate) top_p: f64,
    pub(crate) min_p: f64,
    pub(crate) neighbors: Option<u32>,
    pub(crate) threshold: Option<f64>,
    pub(crate) select: Select,
    pub(crate) tau: f64,
    pub(crate) mass: Mass,
    pub(crate) otherwise: Option<Otherwise>,
    pub(crate) only_after: Option<&'a str>,
    pub(crate) table: Option<&'a PathBuf>,
    pub(crate) reuse: bool,
    pub(crate) max_tokens: u32,
}

/// Defines the spec of a sampler over neighbor tables as `component!` does: its own parameters, behind them the shared
/// ones, and a method `parameters` that gives those. `Select`, `Mass`, `Otherwise` and `PathBuf` must be in scope.
macro_rules! rescoring_sampler {
    (
        $(#[doc = $doc:literal])+
        sampler $name:literal;
        pub struct $Spec:ident {
            $( $(#[doc = $field_doc:literal])+ pub $field:ident : $ty:ty = $default:expr, )*
        }
    ) => {
        situs_core::component! {
            $(#[doc = $doc])+
            sampler $name;
            pub struct $Spec {
                $( $(#[doc = $field_doc])+ pub $field : $ty = $default, )*
                /// Softmax temperature, above 0; it shapes the masses even where the choice is the argmax.
                pub temperature: f64 = 0.5,
                /// Keep the k most probable tokens, at most 1,024, ties to the lower id. Not set: no limit.
                pub top_k: Option<u32> = None,
                /// Keep the fewest tokens whose mass, within top-k, reaches p. 1: all.
                pub top_p: f64 = 1.0,
                /// Keep tokens at least this fraction as probable as the most probable one. 0: all.
                pub min_p: f64 = 0.0,
                /// Neighbors of a candidate that are weighed, itself included: 1 to 64, at most what the table stores. Not
                /// set: 32, or all where the table stores fewer.
                pub neighbors: Option<u32> = None,
                /// Weigh only the leading neighbors with at least this cosine. Not set: all.
                pub threshold: Option<f64> = None,
                /// `argmax`; `proportional`: a draw in proportion to the score to the power of 1 / tau, to the exponential
                /// of score / tau where the score is a logarithm; `softmax`: a draw from softmax(score / tau), as the paper
                /// writes it: scores of `semantic` lie in about 0 to 1, so at tau 1 it is nearly flat.
                pub select: Select = Select::Argmax,
                /// Temperature of the draws of `select`; 1 for argmax.
                pub tau: f64 = 1.0,
                /// `full`: probabilities over the whole vocabulary, neighbors beyond the candidates count.
                /// `renormalised`: over the candidates alone.
                pub mass: Mass = Mass::Full,
                /// Rule of a step that defers: `greedy` or `draw`. Not set: greedy for argmax, a draw otherwise.
                pub otherwise: Option<Otherwise> = None,
                /// Rescore only after this text has appeared in the reply, e.g. `</think>`; before, the default rule
                /// decides.
                pub only_after: Option<String> = None,
                /// Neighbor table, as `situs neighbors build` writes it. Not set: built from the model's own input
                /// embeddings on first use and kept in the user's cache folder.
                pub table: Option<PathBuf> = None,
                /// Accept a table made from another checkpoint's embeddings, where both have the same tokenizer.
                pub reuse: bool = false,
                /// Most new tokens per reply.
                pub max_tokens: u32 = 1024,
            }
        }

        impl $Spec {
            fn parameters(&self) -> crate::rescoring::Parameters<'_> {
                crate::rescoring::Parameters {
                    temperature: self.temperature,
                    top_k: self.top_k,
                    top_p: self.top_p,
                    min_p: self.min_p,
                    neighbors: self.neighbors,
                    threshold: self.threshold,
                    select: self.select,
                    tau: self.tau,
                    mass: self.mass,
                    otherwise: self.otherwise,
                    only_after: self.only_after.as_deref(),
                    table: self.table.as_ref(),
                    reuse: self.reuse,
                    max_tokens: self.max_tokens,
                }
            }
        }
    };
}

pub(crate) use rescoring_sampler;
