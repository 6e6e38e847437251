//! The most probable token.

use crate::stepping::place;
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
        if self.max_tokens == 0 {
            return Err(Fault::config("must be at least 1").at("max_tokens"));
        }
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

    fn pick(&mut self, logits: &Logits<'_>, rows: &[Row<'_>], out: &mut Vec<Pick>) -> Result<(), Fault> {
        let mut scratch = Vec::new();
        let host = logits.on_host(&mut scratch)?;
        for row in rows {
            let token = situs_kernels::argmax(host.row(row.index)?)
                .map_err(|fault| Fault::data(fault.to_string()).within(place(row)))?;
            out.push(Pick { token, note: None });
        }
        Ok(())
    }
}
