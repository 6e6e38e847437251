//! The most probable token.

use situs_core::prelude::*;

situs_core::component! {
    /// Takes the most probable token; ties go to the lower id.
    sampler "greedy";
    pub struct Greedy {
        /// Most new tokens per reply.
        pub max_tokens: u32 = 1024,
    }
}

#[typetag::serde(name = "greedy")]
impl SamplerSpec for Greedy {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Sampler>, Fault> {
        Ok(Box::new(self.clone()))
    }
}

impl Sampler for Greedy {
    fn remote(&self) -> Option<Sampling> {
        Some(Sampling { temperature: Some(0.0), max_tokens: Some(self.max_tokens), ..Sampling::default() })
    }

    fn max_tokens(&self) -> u32 {
        self.max_tokens
    }

    fn pick(&mut self, _logits: &Logits<'_>, _rows: &[Row<'_>], _out: &mut Vec<Pick>) -> Result<(), Fault> {
        Err(Fault::internal("pick"))
    }
}
