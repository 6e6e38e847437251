//! Stand-ins for models and data of a recorded run: replies can be read and scored where neither is at hand.

use super::manifest::Manifest;
use super::parts::{Arm, Model, Parts, Renderer, Role, drawing};
use crate::case::{Case, DatasetCard};
use crate::config::RunConfig;
use crate::dataset::Dataset;
use crate::digest::Digest;
use crate::fault::Fault;
use crate::media::Media;
use crate::metric::Metric;
use crate::model_backend::{Logits, ModelBackend, ModelCard};
use crate::prompt::Prompt;
use crate::prompt_renderer::PromptRenderer;
use crate::question::Question;
use crate::question_family::QuestionFamily;
use crate::registry::{BuildContext, Built, Identity, Registry, Slot};
use crate::reply::{Reply, Request, Sampling};
use crate::sampler::{Pick, Row, Sampler};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

struct RecordedModel(ModelCard);

impl ModelBackend for RecordedModel {
    fn card(&self) -> &ModelCard {
        &self.0
    }

    fn reply(&self, _: &Request, _: &Sampling, _: &dyn Media) -> Result<Reply, Fault> {
        Err(Fault::unsupported(format!("{} is not loaded: this run is only read", self.0.name))
            .help("use `situs run` to ask what is missing"))
    }
}

struct RecordedData(DatasetCard);

impl Dataset for RecordedData {
    fn card(&self) -> &DatasetCard {
        &self.0
    }

    fn len(&self) -> usize {
        0
    }

    fn case(&self, index: usize) -> Result<Case, Fault> {
        Err(Fault::unsupported(format!(
            "case {index} of {} is not loaded: this run is only read",
            self.0.name
        )))
    }
}

struct RecordedPictures;

impl PromptRenderer for RecordedPictures {
    fn render(&self, _: &[&Case], _: &Question, _: &dyn Media) -> Result<Prompt, Fault> {
        Err(Fault::unsupported("pictures are not drawn: this run is only read"))
    }
}

struct RecordedSampler;

impl Sampler for RecordedSampler {
    fn remote(&self) -> Option<Sampling> {
        None
    }

    fn max_tokens(&self) -> u32 {
        0
    }

    fn pick(&mut self, _: &Logits<'_>, _: &[Row<'_>], _: &mut Vec<Pick>) -> Result<(), Fault> {
        Err(Fault::unsupported("nothing is decoded: this run is only read"))
    }
}

impl Parts {
    /// The parts of a recorded run: family and metrics as they are, the rest by name.
    ///
    /// # Errors
    /// When the family or a metric of the manifest is not known here.
    pub fn recorded(manifest: &Manifest, registry: &Registry) -> Result<Self, Fault> {
        let cx =
            BuildContext { base: manifest.base.clone(), seed: manifest.run.seed, ..BuildContext::default() };
        let family: Built<dyn QuestionFamily> = built_again(&manifest.family, manifest, registry, &cx)?;
        let cx = BuildContext { base: manifest.metrics_base.clone().or(cx.base), ..cx };
        let mut metrics: BTreeMap<String, (Box<dyn Metric>, Identity)> = BTreeMap::new();
        for (name, identity) in &manifest.metrics {
            let built: Built<dyn Metric> = built_again(identity, manifest, registry, &cx)?;
            metrics.insert(name.clone(), (built.component, identity.clone()));
        }
        let mut parts = Self {
            dataset: Arc::new(RecordedData(manifest.dataset_card.clone())),
            dataset_identity: manifest.dataset.clone(),
            family: family.component,
            family_identity: manifest.family.clone(),
            family_digest: String::new(),
            models: Vec::new(),
            renderers: Vec::new(),
            arms: Vec::new(),
            roles: Vec::new(),
            metrics,
            libraries: registry.libraries().to_vec(),
        };
        for arm in &manifest.arms {
            let digest = Digest::new("situs-renderer-1").json(&arm.renderer).short();
            parts.models.push(Model {
                backend: Arc::new(RecordedModel(ModelCard {
                    parallel: 1,
                    stepwise: false,
                    ..arm.card.clone()
                })),
                identity: arm.model.clone(),
                stand_in: true,
            });
            let drawing = drawing(&digest, arm.control);
            parts.renderers.push(Renderer {
                renderer: Box::new(RecordedPictures),
                identity: arm.renderer.clone(),
                digest,
            });
            parts.arms.push(Arm {
                name: arm.name.clone(),
                model: parts.models.len() - 1,
                renderer: parts.renderers.len() - 1,
                sampler: Mutex::new(Box::new(RecordedSampler)),
                sampler_identity: arm.sampler.clone(),
                table: arm.table.clone(),
                warnings: Vec::new(),
                sampling: None,
                max_tokens: 0,
                digest: String::new(),
                control: arm.control,
                plain: None,
                drawing,
            });
        }
        parts.pair_arms();
        for (name, identity) in &manifest.roles {
            // Its digest is part of every request's identity: with another one, no recorded reply would be found.
            let card = manifest.role_cards.get(name).cloned().unwrap_or_else(|| {
                ModelCard::baseline(&identity.name, Digest::new("role").json(identity).hex())
            });
            parts.models.push(Model {
                backend: Arc::new(RecordedModel(card)),
                identity: identity.clone(),
                stand_in: true,
            });
            parts.roles.push(Role { model: parts.models.len() - 1, name: name.clone() });
        }
        Ok(parts)
    }

    /// The same parts with the metrics of a config.
    ///
    /// # Errors
    /// As building them for a run.
    pub fn with_metrics(
        mut self,
        config: &RunConfig,
        registry: &Registry,
    ) -> Result<Self, super::exit::RunError> {
        self.metrics.clear();
        for (name, located) in &config.metrics {
            let built: Built<dyn Metric> = config.build(registry, located)?;
            let identity = built.identity();
            self.metrics.insert(name.clone(), (built.component, identity));
        }
        Ok(self)
    }
}

/// Builds a recorded component; where its library is not loaded, says which one it was.
fn built_again<S: Slot + ?Sized>(
    identity: &Identity,
    manifest: &Manifest,
    registry: &Registry,
    cx: &BuildContext,
) -> Result<Built<S>, Fault> {
    if identity.sha256.is_some() && registry.find(S::KIND, &identity.name).is_err() {
        let library = manifest.plugins.iter().find(|library| library.name == identity.origin);
        let path = library.map(|library| library.path.display().to_string()).unwrap_or_default();
        return Err(Fault::config(format!(
            "{} '{}' comes from the plug-in {}, which is not loaded",
            S::KIND,
            identity.name,
            identity.origin
        ))
        .help(format!("name its library: --plugin {path}")));
    }
    registry.build(&identity.to_params(), cx)
}
