//! Whatever the server does by itself.

use situs_core::prelude::*;

situs_core::component! {
    /// Sends no sampling parameter but the token limit: the server's own defaults decide.
    sampler "server-default";
    pub struct ServerDefault {
        /// Most new tokens per reply.
        pub max_tokens: u32 = 1024,
    }
}

#[typetag::serde(name = "server-default")]
impl SamplerSpec for ServerDefault {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Sampler>, Fault> {
        if self.max_tokens == 0 {
            return Err(Fault::config("must be at least 1").at("max_tokens"));
        }
        Ok(Box::new(self.clone()))
    }
}

impl Sampler for ServerDefault {
    fn prepare(&mut self, model: &dyn ModelBackend) -> Result<(), Fault> {
        let card = model.card();
        if card.stepwise {
            return Err(Fault::config(format!(
                "{} decodes step by step and has no default of its own",
                card.name
            ))
            .help("use greedy or categorical"));
        }
        Ok(())
    }

    fn remote(&self) -> Option<Sampling> {
        Some(Sampling { max_tokens: Some(self.max_tokens), ..Sampling::default() })
    }

    fn max_tokens(&self) -> u32 {
        self.max_tokens
    }

    fn pick(&mut self, _: &Logits<'_>, _: &[Row<'_>], _: &mut Vec<Pick>) -> Result<(), Fault> {
        Err(Fault::unsupported("server-default leaves the choice to a server and cannot choose tokens here")
            .help("use greedy or categorical"))
    }
}
