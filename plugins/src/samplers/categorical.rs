//! A draw from the truncated softmax.

use crate::stepping::{Asked, Stepping, refused};
use situs_core::prelude::*;
use situs_kernels::Truncation;
use situs_kernels::semantic::{Otherwise, check_plain};

situs_core::component! {
    /// Draws from the softmax after temperature, top-k, top-p and min-p, in that order.
    ///
    /// The draw is that of `semantic` and `crowding` where those defer: with the same rule, question, trial and step, all
    /// three take the same token.
    sampler "categorical";
    pub struct Categorical {
        /// Softmax temperature; 0 takes the most probable token.
        pub temperature: f64 = 1.0,
        /// Keep the k most probable tokens, ties to the lower id. Not set: all.
        pub top_k: Option<u32> = None,
        /// Keep the fewest tokens whose mass, within top-k, reaches p. 1: all.
        pub top_p: f64 = 1.0,
        /// Keep tokens at least this fraction as probable as the most probable one. 0: all.
        pub min_p: f64 = 0.0,
        /// Most new tokens per reply.
        pub max_tokens: u32 = 1024,
    }
}

#[typetag::serde(name = "categorical")]
impl SamplerSpec for Categorical {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Sampler>, Fault> {
        let rule = Truncation {
            temperature: self.temperature,
            top_k: self.top_k.map(|k| k as usize),
            top_p: self.top_p,
            min_p: self.min_p,
        };
        check_plain(&rule).map_err(refused)?;
        if self.max_tokens == 0 {
            return Err(Fault::config("must be at least 1").at("max_tokens"));
        }
        Ok(Box::new(CategoricalSampler { spec: self.clone(), rule, stepping: Stepping::default() }))
    }
}

struct CategoricalSampler {
    spec: Categorical,
    rule: Truncation,
    stepping: Stepping,
}

impl Sampler for CategoricalSampler {
    fn remote(&self) -> Option<Sampling> {
        Some(Sampling {
            temperature: Some(self.spec.temperature),
            top_k: self.spec.top_k,
            top_p: (self.spec.top_p < 1.0).then_some(self.spec.top_p),
            min_p: (self.spec.min_p > 0.0).then_some(self.spec.min_p),
            max_tokens: Some(self.spec.max_tokens),
            seed: None,
        })
    }

    fn max_tokens(&self) -> u32 {
        self.spec.max_tokens
    }

    fn pick(&mut self, logits: &Logits<'_>, rows: &[Row<'_>], out: &mut Vec<Pick>) -> Result<(), Fault> {
        let rule = self.rule;
        let steps = self.stepping.run(logits, rows, None, false, |_| {
            Ok(Asked { truncation: rule, otherwise: Otherwise::Draw, rescore: None })
        })?;
        out.extend(steps.iter().map(|step| Pick { token: step.token, note: None }));
        Ok(())
    }
}
