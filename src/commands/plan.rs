//! From flags to a run: config with overrides, run folder, and a stop switch on Ctrl-C and SIGTERM.

use super::run_folder::{default_folder, load_config};
use crate::cli::{PlanArgs, RunArgs};
use crate::exit::Failure;
use crate::output;
use serde_json::Value;
use situs_core::config::{Control, Overrides, RunConfig};
use situs_core::fault::Fault;
use situs_core::registry::{Kind, Params, Registry, detect};
use situs_core::run::{Exit, RunOptions};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A config with everything the command line adds.
pub(super) struct Plan {
    pub(super) config: RunConfig,
    pub(super) options: RunOptions,
}

/// Reads the config; flags of `situs run` that name model and sampler come in `asked`.
///
/// # Errors
/// A config error with its place; flags that would change nothing.
pub(super) fn plan(args: &PlanArgs, asked: Option<&RunArgs>, registry: &Registry) -> Result<Plan, Failure> {
    let mut overrides = Overrides::default();
    if let Some(folder) = &args.data {
        overrides.replace_table("dataset", dataset_in(folder)?);
    }
    if let Some(asked) = asked {
        model_flags(asked, args.config(), registry, &mut overrides)?;
    }
    if let Some(seed) = args.seed {
        overrides.push(&format!("run.seed={seed}"))?;
    }
    if let Some(trials) = args.trials {
        overrides.push(&format!("run.trials={trials}"))?;
    }
    if !args.control.is_empty() {
        let named: Vec<&String> = args.control.iter().filter(|name| *name != "none").collect();
        let controls = named.into_iter().map(|name| Control::parse(name)).collect::<Result<Vec<_>, _>>()?;
        let names: Vec<String> = controls.iter().map(|control| format!("\"{control}\"")).collect();
        overrides.push(&format!("run.controls=[{}]", names.join(", ")))?;
    }
    for set in &args.set {
        overrides.push(set)?;
    }
    let config = load_config(args.config(), &overrides, registry)?;
    if let Some(asked) = asked {
        every_flag_counts(asked, &config)?;
    }
    if args.limit == Some(0) {
        return Err(Fault::config("--limit must be at least 1, found 0").into());
    }
    let folder = match &args.output {
        Some(folder) => folder.clone(),
        None => default_folder(&config.name).map_err(|fault| config.error(fault))?,
    };
    let options = RunOptions { folder, limit: args.limit, stop: Arc::default() };
    Ok(Plan { config, options })
}

/// Parameters of the data set that reads a folder named on the command line, hence relative to the working directory.
pub(super) fn dataset_in(folder: &Path) -> Result<Params, Fault> {
    let folder =
        std::path::absolute(folder).map_err(|error| Fault::data(format!("{}: {error}", folder.display())))?;
    detect(&folder)
}

fn model_flags(
    asked: &RunArgs,
    config: &Path,
    registry: &Registry,
    overrides: &mut Overrides,
) -> Result<(), Failure> {
    let mut push = |path: &str, value: Option<String>| match value {
        Some(value) => overrides.push(&format!("{path}={value}")),
        None => Ok(()),
    };
    push("model.use", asked.model.clone())?;
    push("model.name", asked.model_name.clone())?;
    push("model.base_url", asked.base_url.clone())?;
    push("sampler.use", asked.sampler.clone())?;
    push("sampler.temperature", asked.temperature.map(|value| value.to_string()))?;
    push("sampler.max_tokens", asked.max_tokens.map(|value| value.to_string()))?;
    let most = asked.max_connections.map(|value| value.to_string());
    push("run.max_connections", most.clone())?;
    let mut models = models_of(config);
    if let Some(name) = &asked.model {
        models.retain(|(place, _)| place != "model");
        models.push(("model".to_owned(), name.clone()));
    }
    for (place, name) in models {
        if has_field(registry, &name, "max_connections") {
            push(&format!("{place}.max_connections"), most.clone())?;
        }
    }
    Ok(())
}

/// The backends that a config names, `[model]` and those of arms, each with its place; a config that cannot be read is
/// refused later, with the reason.
fn models_of(config: &Path) -> Vec<(String, String)> {
    let root: Option<Params> =
        std::fs::read_to_string(config).ok().and_then(|text| toml::from_str(&text).ok());
    let Some(root) = root else { return Vec::new() };
    let named = |table: Option<&Value>| Some(table?.get("model")?.get("use")?.as_str()?.to_owned());
    let own = root.get("model").and_then(|model| model.get("use")).and_then(Value::as_str);
    let arms = root.get("arm").and_then(Value::as_array).into_iter().flatten().enumerate();
    own.map(|name| ("model".to_owned(), name.to_owned()))
        .into_iter()
        .chain(arms.filter_map(|(at, arm)| Some((format!("arm[{at}].model"), named(Some(arm))?))))
        .collect()
}

fn has_field(registry: &Registry, model: &str, field: &str) -> bool {
    registry
        .find(Kind::Model, model)
        .is_ok_and(|component| component.fields().iter().any(|info| info.name == field))
}

/// `--model` and its like change `[model]` and `[sampler]`; where every arm brings its own, they would change nothing.
fn every_flag_counts(asked: &RunArgs, config: &RunConfig) -> Result<(), Fault> {
    let model = [
        ("--model", asked.model.is_some()),
        ("--model-name", asked.model_name.is_some()),
        ("--base-url", asked.base_url.is_some()),
    ];
    let sampler = [
        ("--sampler", asked.sampler.is_some()),
        ("--temperature", asked.temperature.is_some()),
        ("--max-tokens", asked.max_tokens.is_some()),
    ];
    let own_models = config.arms.iter().all(|arm| arm.model.path.len() > 1);
    let own_samplers = config.arms.iter().all(|arm| arm.sampler.path.len() > 1);
    let idle = |flags: [(&'static str, bool); 3], own: bool| {
        flags.into_iter().find(|(_, given)| *given && own).map(|(flag, _)| flag)
    };
    match (idle(model, own_models), idle(sampler, own_samplers)) {
        (Some(flag), _) => {
            Err(Fault::config(format!("{flag} changes nothing: every arm names its own model"))
                .help("change one arm with --set, e.g. --set arm[0].model.use=openai"))
        }
        (_, Some(flag)) => {
            Err(Fault::config(format!("{flag} changes nothing: every arm names its own sampler"))
                .help("change one arm with --set, e.g. --set arm[0].sampler.use=greedy"))
        }
        _ => Ok(()),
    }
}

/// The first Ctrl-C or SIGTERM lets requests in flight finish; the second one ends the process at once.
///
/// # Errors
/// When the signal cannot be caught.
pub(super) fn stop_on_interrupt(stop: &Arc<AtomicBool>) -> Result<(), Fault> {
    stop_on_signals(stop, "requests in flight finish", || ())
}

/// The first Ctrl-C or SIGTERM sets `stop` and says what still happens; the second one leaves and ends the process at once.
///
/// # Errors
/// When the signal cannot be caught.
pub(super) fn stop_on_signals(
    stop: &Arc<AtomicBool>,
    still: &'static str,
    leave: impl Fn() + Send + 'static,
) -> Result<(), Fault> {
    let stop = Arc::clone(stop);
    ctrlc::set_handler(move || {
        if stop.swap(true, Ordering::SeqCst) {
            leave();
            std::process::exit(Exit::Interrupted as i32);
        }
        output::note(&format!("stopping: {still}; a second signal (Ctrl-C) stops at once"));
    })
    .map_err(|error| Fault::internal(format!("cannot catch signals: {error}")))
}
