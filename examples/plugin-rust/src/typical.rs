//! Locally typical sampling (Meister et al. 2023, "Locally Typical Sampling", TACL 11).

use situs_core::prelude::*;

situs_core::component! {
    /// Draws among tokens whose surprise is nearest to the expected one (locally typical sampling).
    sampler "typical";
    pub struct Typical {
        /// Probability mass of the tokens that are kept.
        pub mass: f64 = 0.95,
        /// Softmax temperature.
        pub temperature: f64 = 1.0,
        /// Most new tokens per reply.
        pub max_tokens: u32 = 1024,
    }
}

#[typetag::serde(name = "typical")]
impl SamplerSpec for Typical {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Sampler>, Fault> {
        if !(self.mass > 0.0 && self.mass <= 1.0) {
            return Err(
                Fault::config(format!("must lie above 0 and at most at 1, found {}", self.mass)).at("mass")
            );
        }
        if !(self.temperature > 0.0 && self.temperature.is_finite()) {
            return Err(
                Fault::config(format!("must be above 0, found {}", self.temperature)).at("temperature")
            );
        }
        if self.max_tokens == 0 {
            return Err(Fault::config("must be at least 1, found 0").at("max_tokens"));
        }
        Ok(Box::new(self.clone()))
    }
}

impl Typical {
    /// One token of one row of logits.
    fn one(&self, logits: &[f32], draw: u64) -> Result<u32, Fault> {
        let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if !highest.is_finite() || logits.iter().any(|logit| logit.is_nan()) {
            return Err(Fault::internal("a row without a finite logit, or with one that is no number"));
        }
        let weight = |logit: f32| ((f64::from(logit) - f64::from(highest)) / self.temperature).exp();
        let total: f64 = logits.iter().map(|logit| weight(*logit)).sum();
        let entropy: f64 =
            logits.iter().map(|logit| weight(*logit) / total).filter(|p| *p > 0.0).map(|p| -p * p.ln()).sum();
        let mut tokens: Vec<(f64, usize, f64)> = logits
            .iter()
            .enumerate()
            .map(|(token, logit)| (token, weight(*logit) / total))
            .filter(|(_, p)| *p > 0.0)
            .map(|(token, p)| ((-p.ln() - entropy).abs(), token, p))
            .collect();
        tokens.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut kept = 0.0;
        let count = tokens.iter().take_while(|(.., p)| {
            let more = kept < self.mass;
            kept += if more { p } else { &0.0 };
            more
        });
        let count = count.count();
        let aim = ((draw >> 11) as f64 + 0.5) / (1u64 << 53) as f64 * kept;
        let mut reached = 0.0;
        let chosen = tokens[..count].iter().find(|(.., p)| {
            reached += p;
            reached > aim
        });
        let last = tokens[count - 1].1;
        Ok(chosen.map_or(last, |(_, token, _)| *token) as u32)
    }
}

impl Sampler for Typical {
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
            let token = self.one(host.row(row.index)?, row.draw)?;
            out.push(Pick { token, note: None });
        }
        Ok(())
    }
}
