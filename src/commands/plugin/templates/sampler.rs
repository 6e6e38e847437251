//! A sampler for Situs: the best token, or by chance the second best.

situs_core::export_plugin!();

use situs_core::prelude::*;

situs_core::component! {
    /// Takes the best token, and with some probability the second best.
    sampler "{{name}}";
    pub struct {{Type}} {
        /// Probability of the second best token.
        pub second: f64 = 0.1,
        /// Most new tokens per reply.
        pub max_tokens: u32 = 1024,
    }
}

#[typetag::serde(name = "{{name}}")]
impl SamplerSpec for {{Type}} {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Sampler>, Fault> {
        if !(0.0..=1.0).contains(&self.second) {
            return Err(Fault::config(format!("must lie in 0 to 1, found {}", self.second)).at("second"));
        }
        if self.max_tokens == 0 {
            return Err(Fault::config("must be at least 1, found 0").at("max_tokens"));
        }
        Ok(Box::new(self.clone()))
    }
}

impl Sampler for {{Type}} {
    /// No server parameter expresses this rule: it needs a model that decodes step by step.
    fn remote(&self) -> Option<Sampling> {
        None
    }

    fn max_tokens(&self) -> u32 {
        self.max_tokens
    }

    fn pick(&mut self, logits: &Logits<'_>, rows: &[Row<'_>], out: &mut Vec<Pick>) -> Result<(), Fault> {
        let mut copied = Vec::new();
        let host = logits.on_host(&mut copied)?;
        for row in rows {
            let values = host.row(row.index)?;
            let (mut best, mut second) = (None, None);
            for (token, value) in values.iter().enumerate() {
                if value.is_nan() {
                    return Err(Fault::internal(format!("row {}: token {token} is not a number", row.index)));
                }
                let beats = |other: Option<usize>| other.is_none_or(|other| *value > values[other]);
                if *value == f32::NEG_INFINITY {
                    continue;
                }
                if beats(best) {
                    (best, second) = (Some(token), best);
                } else if beats(second) {
                    second = Some(token);
                }
            }
            let best = best.ok_or_else(|| Fault::internal(format!("row {}: no finite logit", row.index)))?;
            // All chance comes from the row's own bits: the same bits, the same token.
            let unit = (row.draw >> 11) as f64 / (1u64 << 53) as f64;
            let token = if unit < self.second { second.unwrap_or(best) } else { best };
            let note = (token != best).then(|| serde_json::json!({ "instead_of": best }));
            out.push(Pick { token: token as u32, note });
        }
        Ok(())
    }
}
