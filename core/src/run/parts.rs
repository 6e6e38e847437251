//! The components of a run, built once from its config.

use super::exit::RunError;
use crate::config::{Control, Located, RunConfig};
use crate::dataset::Dataset;
use crate::digest::Digest;
use crate::fault::Fault;
use crate::metric::Metric;
use crate::model_backend::{ModelBackend, ModelCard};
use crate::plugin::LibraryInfo;
use crate::prompt_renderer::PromptRenderer;
use crate::question_family::QuestionFamily;
use crate::registry::{Built, Identity, Registry};
use crate::reply::Sampling;
use crate::sampler::{Sampler, TableCard};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A model, shared by all arms that name it with the same parameters.
pub struct Model {
    /// The backend.
    pub backend: Arc<dyn ModelBackend>,
    /// For the manifest.
    pub identity: Identity,
    /// Whether it only stands in for a model that is not loaded: then nothing can be asked of it.
    pub stand_in: bool,
}

/// A renderer, shared likewise.
pub struct Renderer {
    /// The renderer.
    pub renderer: Box<dyn PromptRenderer>,
    /// For the manifest.
    pub identity: Identity,
    /// Digest of the identity: names the renderer in the journal.
    pub digest: String,
}

/// One arm, ready to run.
pub struct Arm {
    /// Name.
    pub name: String,
    /// Index into [`Parts::models`].
    pub model: usize,
    /// Index into [`Parts::renderers`].
    pub renderer: usize,
    /// The decoding rule; one thread at a time.
    pub sampler: Mutex<Box<dyn Sampler>>,
    /// For the manifest.
    pub sampler_identity: Identity,
    /// The neighbor table that the rule reads, for the manifest.
    pub table: Option<TableCard>,
    /// What the rule wants a person to know.
    pub warnings: Vec<String>,
    /// The rule as server parameters, for models that give whole answers.
    pub sampling: Option<Sampling>,
    /// Most new tokens per reply.
    pub max_tokens: u32,
    /// Digest of model, sampler and control: part of every request's identity.
    pub digest: String,
    /// What is changed in what the model is sent.
    pub control: Option<Control>,
    /// Of an arm under a control: index of the plain arm that it is compared with, where the run has one.
    pub plain: Option<usize>,
    /// Digest of renderer and control: what makes pictures, for the journal.
    pub drawing: String,
}

/// A model bound to a role.
pub struct Role {
    /// Index into [`Parts::models`].
    pub model: usize,
    /// Name.
    pub name: String,
}

/// Everything a run is made of.
pub struct Parts {
    /// Data set.
    pub dataset: Arc<dyn Dataset>,
    /// For the manifest.
    pub dataset_identity: Identity,
    /// Question family.
    pub family: Box<dyn QuestionFamily>,
    /// For the manifest.
    pub family_identity: Identity,
    /// Digest of the family with parameters and version: part of every question's identity.
    pub family_digest: String,
    /// Distinct models.
    pub models: Vec<Model>,
    /// Distinct renderers.
    pub renderers: Vec<Renderer>,
    /// Arms in config order.
    pub arms: Vec<Arm>,
    /// Models bound to roles.
    pub roles: Vec<Role>,
    /// Metrics by reported name.
    pub metrics: BTreeMap<String, (Box<dyn Metric>, Identity)>,
    /// Libraries that components came from.
    pub libraries: Vec<LibraryInfo>,
}

impl Parts {
    /// Builds all components and checks that every sampler can be carried out by its model.
    ///
    /// # Errors
    /// Config errors with their line; `Unreachable` when a server must be asked and is not there.
    pub fn build(config: &RunConfig, registry: &Registry) -> Result<Self, RunError> {
        let dataset: Built<dyn Dataset> = config.build(registry, &config.dataset)?;
        let family: Built<dyn QuestionFamily> = config.build(registry, &config.family)?;
        let mut metrics = BTreeMap::new();
        for (name, located) in &config.metrics {
            let built: Built<dyn Metric> = config.build(registry, located)?;
            let identity = built.identity();
            metrics.insert(name.clone(), (built.component, identity));
        }
        let family_identity = family.identity();
        let family_digest =
            Digest::new("situs-family-1").json(&family_identity).text(family.component.version()).hex();
        let mut parts = Self {
            dataset_identity: dataset.identity(),
            dataset: Arc::from(dataset.component),
            family: family.component,
            family_identity,
            family_digest,
            models: Vec::new(),
            renderers: Vec::new(),
            arms: Vec::new(),
            roles: Vec::new(),
            metrics,
            libraries: registry.libraries().to_vec(),
        };
        let mut known = Known::default();
        for arm in &config.arms {
            let model = parts.model(config, registry, &arm.model, &mut known)?;
            let renderer = parts.renderer(config, registry, &arm.renderer, &mut known)?;
            let sampler: Built<dyn Sampler> = config.build(registry, &arm.sampler)?;
            let arm = parts.arm(&arm.name, model, renderer, sampler, arm.control).map_err(|fault| {
                let mut fault = fault;
                fault.at = arm.sampler.path.clone();
                config.error(fault)
            })?;
            parts.arms.push(arm);
        }
        parts.pair_arms();
        if config.run.mirrored && parts.under(Control::Mirror) {
            return Err(config
                .error(
                    Fault::config("every patient of this run is mirrored already").at("mirrored").at("run"),
                )
                .into());
        }
        for (name, located) in &config.roles {
            let model = parts.model(config, registry, located, &mut known)?;
            parts.roles.push(Role { model, name: name.clone() });
        }
        Ok(parts)
    }

    fn model(
        &mut self,
        config: &RunConfig,
        registry: &Registry,
        located: &Located,
        known: &mut Known,
    ) -> Result<usize, RunError> {
        let key = serde_json::Value::Object(located.params.clone()).to_string();
        if let Some(index) = known.models.get(&key) {
            return Ok(*index);
        }
        let built: Built<dyn ModelBackend> = config.build(registry, located)?;
        let identity = built.identity();
        self.models.push(Model { backend: Arc::from(built.component), identity, stand_in: false });
        known.models.insert(key, self.models.len() - 1);
        Ok(self.models.len() - 1)
    }

    fn renderer(
        &mut self,
        config: &RunConfig,
        registry: &Registry,
        located: &Located,
        known: &mut Known,
    ) -> Result<usize, RunError> {
        let key = serde_json::Value::Object(located.params.clone()).to_string();
        if let Some(index) = known.renderers.get(&key) {
            return Ok(*index);
        }
        let built: Built<dyn PromptRenderer> = config.build(registry, located)?;
        let identity = built.identity();
        let digest = Digest::new("situs-renderer-1").json(&identity).short();
        self.renderers.push(Renderer { renderer: built.component, identity, digest });
        known.renderers.insert(key, self.renderers.len() - 1);
        Ok(self.renderers.len() - 1)
    }

    fn arm(
        &self,
        name: &str,
        model: usize,
        renderer: usize,
        built: Built<dyn Sampler>,
        control: Option<Control>,
    ) -> Result<Arm, Fault> {
        let backend = &self.models[model].backend;
        let sampler_identity = built.identity();
        let mut sampler = built.component;
        let card = backend.card();
        let sampling = if card.stepwise {
            sampler.prepare(backend.as_ref())?;
            None
        } else {
            Some(honoured(sampler.as_ref(), &sampler_identity.name, card)?)
        };
        let mut digest = Digest::new("situs-arm-1");
        digest.text(&card.digest).json(&sampler_identity);
        if let Some(read) = sampler.digest() {
            digest.text(&read);
        }
        if let Some(control) = control {
            digest.text(control.name());
        }
        let digest = digest.hex();
        Ok(Arm {
            name: name.to_owned(),
            model,
            renderer,
            max_tokens: sampler.max_tokens(),
            table: sampler.table(),
            warnings: sampler.warnings(),
            sampler: Mutex::new(sampler),
            sampler_identity,
            sampling,
            digest,
            control,
            plain: None,
            drawing: drawing(&self.renderers[renderer].digest, control),
        })
    }

    /// Finds the plain arm of every arm under a control: the first with the same model, sampler and renderer.
    pub fn pair_arms(&mut self) {
        let identities: Vec<_> = self
            .arms
            .iter()
            .map(|arm| {
                let (model, renderer) = (&self.models[arm.model], &self.renderers[arm.renderer]);
                (model.identity.clone(), arm.sampler_identity.clone(), renderer.identity.clone())
            })
            .collect();
        let is_plain: Vec<bool> = self.arms.iter().map(|arm| arm.control.is_none()).collect();
        for (index, arm) in self.arms.iter_mut().enumerate() {
            arm.plain = (0..identities.len())
                .find(|other| is_plain[*other] && identities[*other] == identities[index])
                .filter(|_| arm.control.is_some());
        }
    }

    /// Whether some arm is under this control.
    pub fn under(&self, control: Control) -> bool {
        self.arms.iter().any(|arm| arm.control == Some(control))
    }

    /// Index of the model bound to a role.
    ///
    /// # Errors
    /// A config fault naming the missing `[models.<role>]` table.
    pub fn role(&self, name: &str) -> Result<usize, Fault> {
        self.roles.iter().find(|role| role.name == name).map(|role| role.model).ok_or_else(|| {
            Fault::config(format!("no model is bound to the role '{name}'"))
                .help(format!("write a table [models.{name}]"))
        })
    }
}

/// Names in the journal what draws an arm's pictures. Without a control it is the renderer alone.
pub fn drawing(renderer: &str, control: Option<Control>) -> String {
    match control {
        None => renderer.to_owned(),
        Some(control) => Digest::new("situs-drawing-1").text(renderer).text(control.name()).short(),
    }
}

#[derive(Default)]
struct Known {
    models: BTreeMap<String, usize>,
    renderers: BTreeMap<String, usize>,
}

fn honoured(sampler: &dyn Sampler, name: &str, card: &ModelCard) -> Result<Sampling, Fault> {
    let sampling = sampler.remote().ok_or_else(|| {
        Fault::unsupported(format!(
            "sampler '{name}' cannot be written as server parameters, and {} gives no logits",
            card.name
        ))
        .help("use a model that decodes step by step, or another sampler")
    })?;
    check_honours(&sampling, &format!("sampler '{name}'"), card)?;
    Ok(sampling)
}

/// Refuses sampling fields that a backend would ignore.
///
/// # Errors
/// Unsupported, naming the fields and what the backend honours.
pub fn check_honours(sampling: &Sampling, whose: &str, card: &ModelCard) -> Result<(), Fault> {
    let refused: Vec<&str> = sampling
        .fields()
        .into_iter()
        .filter(|field| !card.honours.iter().any(|known| known == field))
        .collect();
    if refused.is_empty() {
        return Ok(());
    }
    Err(Fault::unsupported(format!("{} does not honour {} of {whose}", card.name, refused.join(", ")))
        .help(format!("it honours: {}", card.honours.join(", "))))
}
