//! `situs doctor`: what this program sees, and whether a config would work.

use super::Known;
use super::plan::dataset_in;
use super::run_folder::load_config;
use crate::cli::DoctorArgs;
use crate::exit::Failure;
use crate::output;
use serde::Serialize;
use serde_json::Value;
use situs_core::case::{Case, VolumeRef, VolumeSource};
use situs_core::config::{Overrides, RunConfig};
use situs_core::dataset::Dataset;
use situs_core::fault::Fault;
use situs_core::media::{Media, Picture};
use situs_core::metric::Metric;
use situs_core::model_backend::ModelBackend;
use situs_core::prompt::{ImageRef, Prompt};
use situs_core::prompt_renderer::PromptRenderer;
use situs_core::question_family::QuestionFamily;
use situs_core::registry::{Kind, Registry};
use situs_core::reply::{Request, Sampling};
use situs_core::run::{Exit, Rehearsal, rehearse};
use situs_core::sampler::Sampler;
use situs_core::volume::{Segmentation, Volume};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// What `situs doctor --json` prints.
#[derive(Serialize)]
struct Findings {
    version: &'static str,
    cores: usize,
    memory_mb: Option<u64>,
    gpu: String,
    components: BTreeMap<&'static str, Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Value>,
    checks: Vec<Check>,
}

/// One thing that was tried.
#[derive(Serialize)]
struct Check {
    what: String,
    ok: bool,
    found: String,
}

pub(super) fn doctor(args: &DoctorArgs, known: &Known<'_>, json: bool) -> Result<Exit, Failure> {
    let registry = known.registry(args.config.as_deref())?;
    let mut overrides = Overrides::default();
    let mut data = None;
    if let Some(folder) = &args.data {
        let params = dataset_in(folder)?;
        data = Some(Value::Object(params.clone()));
        overrides.replace_table("dataset", params);
    }
    for (path, value) in
        [("model.use", &args.model), ("model.name", &args.model_name), ("model.base_url", &args.base_url)]
    {
        if let Some(value) = value {
            overrides.push(&format!("{path}={value}"))?;
        }
    }
    for set in &args.set {
        overrides.push(set)?;
    }
    let checks = match &args.config {
        Some(path) => checks(&load_config(path, &overrides, &registry)?, &registry),
        None => Vec::new(),
    };
    let findings = Findings {
        version: env!("CARGO_PKG_VERSION"),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        memory_mb: memory_mb(),
        gpu: situs_kernels::cuda::survey().to_string(),
        components: Kind::ALL
            .into_iter()
            .map(|kind| (kind.name(), registry.names(kind).into_iter().map(str::to_owned).collect()))
            .collect(),
        data,
        checks,
    };
    if json {
        output::print_json(&findings)?;
    } else {
        output::print(&text(&findings))?;
    }
    Ok(if findings.checks.iter().all(|check| check.ok) { Exit::Done } else { Exit::Differences })
}

fn text(findings: &Findings) -> String {
    let mut lines = vec![
        format!("situs      {}", findings.version),
        format!("cores      {}", findings.cores),
        format!(
            "memory     {}",
            findings.memory_mb.map_or_else(|| "unknown".to_owned(), |mb| format!("{mb} MB"))
        ),
        format!("gpu        {}", findings.gpu),
    ];
    for (kind, names) in &findings.components {
        lines.push(format!("{kind:10} {}", names.join(", ")));
    }
    match &findings.data {
        Some(params) => lines.push(format!("data       {params}")),
        None => lines.push(
            "data       none named; the phantom needs no files, --data DIR looks at a folder".to_owned(),
        ),
    }
    for check in &findings.checks {
        lines.push(format!("{:4} {}: {}", if check.ok { "ok" } else { "FAIL" }, check.what, check.found));
    }
    lines.join("\n")
}

/// Memory of the machine in MB, where the system says it in the Linux way.
fn memory_mb() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kilobytes: u64 =
        text.lines().find(|line| line.starts_with("MemTotal:"))?.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes / 1024)
}

/// Builds every part of a config, looks at the first case and asks each server one word.
fn checks(config: &RunConfig, registry: &Registry) -> Vec<Check> {
    let mut checks = Vec::new();
    match config.build::<dyn Dataset>(registry, &config.dataset) {
        Ok(dataset) => checks.push(check("dataset", first_case(dataset.component.as_ref()))),
        Err(error) => checks.push(check("dataset", Err(error))),
    }
    let family = config.build::<dyn QuestionFamily>(registry, &config.family);
    checks.push(check("family", family.map(|family| format!("version {}", family.component.version()))));
    for (name, metric) in &config.metrics {
        let built = config.build::<dyn Metric>(registry, metric);
        checks.push(check(&format!("metric {name}"), built.map(|_| "ready".to_owned())));
    }
    for arm in &config.arms {
        let renderer = config.build::<dyn PromptRenderer>(registry, &arm.renderer);
        checks.push(check(&format!("renderer of arm {}", arm.name), renderer.map(|_| "ready".to_owned())));
        let sampler = config.build::<dyn Sampler>(registry, &arm.sampler);
        let model = config.build::<dyn ModelBackend>(registry, &arm.model);
        let what = format!("model of arm {}", arm.name);
        match (model, sampler) {
            (Ok(model), Ok(sampler)) => {
                checks.push(check(&what, one_word(model.component.as_ref(), sampler.component.as_ref())));
            }
            (Err(error), _) => checks.push(check(&what, Err(error))),
            (_, Err(error)) => checks.push(check(&format!("sampler of arm {}", arm.name), Err(error))),
        }
    }
    // What stands above would only be said again.
    if checks.iter().all(|check| check.ok) {
        checks.push(check("a question", rehearsal(config, registry)));
    }
    checks
}

/// Cases that are tried.
const TRIED: usize = 3;

/// Asks about the first cases and draws one question, in a folder that is deleted afterwards.
fn rehearsal(config: &RunConfig, registry: &Registry) -> Result<String, String> {
    let folder = std::env::temp_dir().join(format!("situs-doctor-{}", std::process::id()));
    let rehearsed = rehearse(config, registry, TRIED, &folder).map_err(|error| error.to_string());
    // Nobody needs it any more; a folder that cannot be deleted harms nobody.
    let _ = std::fs::remove_dir_all(&folder);
    let Rehearsal { plan, pictures } = rehearsed?;
    let drawn: Vec<String> =
        pictures.into_iter().map(|(renderer, count)| format!("{renderer} draws {count} pictures")).collect();
    let counts = plan.counts;
    Ok(format!(
        "{} questions from {} of {} cases tried; {}",
        counts.pool,
        counts.asked,
        counts.cases,
        drawn.join(", ")
    ))
}

fn check<E: std::fmt::Display>(what: &str, result: Result<String, E>) -> Check {
    match result {
        Ok(found) => Check { what: what.to_owned(), ok: true, found },
        Err(error) => Check { what: what.to_owned(), ok: false, found: error.to_string() },
    }
}

/// How many cases there are, and whether the first one's image can be read.
fn first_case(dataset: &dyn Dataset) -> Result<String, Fault> {
    if dataset.is_empty() {
        return Err(Fault::data("there are no cases"));
    }
    let case = dataset.case(0)?;
    let seen = match case.volumes.first() {
        Some(VolumeRef { source: VolumeSource::File { path }, .. }) => Volume::read(path)?.grid.shape,
        Some(VolumeRef { source: VolumeSource::Dataset { key }, .. }) => dataset.volume(key)?.grid.shape,
        None => return Err(Fault::data(format!("{} has no image", case.name))),
    };
    let [x, y, z] = seen;
    Ok(format!("{}: {} cases; {} is {x} x {y} x {z} in RAS+", dataset.card().name, dataset.len(), case.name))
}

/// Asks a model that is not ours for one word, with the sampling parameters it would get in the run.
fn one_word(model: &dyn ModelBackend, sampler: &dyn Sampler) -> Result<String, Fault> {
    let card = model.card();
    if card.deterministic || card.stepwise {
        return Ok(format!("{} is ready", card.name));
    }
    let wanted = sampler.remote().ok_or_else(|| {
        Fault::unsupported(format!(
            "{} gives whole answers only, and no server parameter says what the sampler does",
            card.name
        ))
    })?;
    if let Some(field) =
        wanted.fields().into_iter().find(|field| !card.honours.iter().any(|name| name == field))
    {
        return Err(Fault::unsupported(format!("{} does not honour {field}", card.name)));
    }
    let sampling = Sampling { max_tokens: wanted.max_tokens.map(|most| most.min(64)), ..wanted };
    let request = Request {
        id: "doctor".to_owned(),
        question: "doctor".to_owned(),
        prompt: Prompt::text("Answer with the one word: yes."),
        options: vec!["yes".to_owned()],
        trial: 0,
        draw: 0,
        truth: None,
    };
    let reply = model.reply(&request, &sampling, &NoMedia)?;
    Ok(format!("{} answered {:?}", card.name, reply.text.chars().take(40).collect::<String>()))
}

/// For prompts of text alone.
struct NoMedia;

impl NoMedia {
    fn none<T>() -> Result<T, Fault> {
        Err(Fault::unsupported("this check sends text only"))
    }
}

impl Media for NoMedia {
    fn volume(&self, _: &VolumeRef) -> Result<Arc<Volume>, Fault> {
        Self::none()
    }

    fn segmentation(&self, _: &Case) -> Result<Arc<Segmentation>, Fault> {
        Self::none()
    }

    fn put_picture(&self, _: &Picture) -> Result<ImageRef, Fault> {
        Self::none()
    }

    fn png(&self, _: &ImageRef) -> Result<Arc<[u8]>, Fault> {
        Self::none()
    }

    fn put_volume(&self, _: [usize; 3], _: &[f32]) -> Result<VolumeRef, Fault> {
        Self::none()
    }

    fn path(&self, _: &str) -> Result<PathBuf, Fault> {
        Self::none()
    }
}
