//! The arms of a config: what each asks with, and under which control.

use super::{Control, Located, default_sampler, table_of};
use crate::fault::Fault;
use crate::registry::{Kind, Params};
use serde_json::Value;

/// One arm: a model with a sampler and a renderer, plain or under a control.
#[derive(Debug, Clone, PartialEq)]
pub struct ArmConfig {
    /// Name, unique in the run.
    pub name: String,
    /// Backend.
    pub model: Located,
    /// Decoding rule.
    pub sampler: Located,
    /// Prompt renderer.
    pub renderer: Located,
    /// What is changed in what the model is sent; none: nothing.
    pub control: Option<Control>,
}

impl ArmConfig {
    /// Whether two arms differ in nothing but name and control.
    fn is_twin_of(&self, other: &Self) -> bool {
        let parts =
            |arm: &Self| [&arm.model, &arm.sampler, &arm.renderer].map(|located| located.params.clone());
        parts(self) == parts(other)
    }
}

/// The arms of a config, each plain one followed by its twins under `controls`.
///
/// # Errors
/// Config faults with the place: an arm that is no table, has an unknown field or control, or a name that is taken.
pub(super) fn arms(root: &Params, controls: &[Control]) -> Result<Vec<ArmConfig>, Fault> {
    let one = vec![Value::Object(Params::from_iter([("name".to_owned(), Value::from("main"))]))];
    let list = match root.get("arm") {
        None => &one,
        Some(Value::Array(list)) if !list.is_empty() => list,
        Some(_) => return Err(Fault::config("expected one or more [[arm]] tables").at("arm")),
    };
    let mut arms: Vec<ArmConfig> = Vec::new();
    for (index, arm) in list.iter().enumerate() {
        let named = |fault: Fault| fault.at(index).at("arm");
        let Value::Object(arm) = arm else {
            return Err(named(Fault::config("expected a table")));
        };
        let known = ["name", Kind::Model.name(), Kind::Sampler.name(), Kind::Renderer.name(), "control"];
        if let Some(key) = arm.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(named(
                Fault::config(format!("unknown field `{key}`"))
                    .at(key.as_str())
                    .help(format!("known: {}", known.join(", "))),
            ));
        }
        let Some(Value::String(name)) = arm.get("name") else {
            return Err(named(Fault::config("an arm needs a `name`")));
        };
        if arms.iter().any(|other| other.name == *name) {
            return Err(named(Fault::config(format!("two arms are called '{name}'")).at("name")));
        }
        let part = |kind: Kind| -> Result<Located, Fault> {
            match arm.get(kind.name()) {
                Some(Value::Object(params)) => Ok(Located {
                    params: params.clone(),
                    path: vec!["arm".into(), index.into(), kind.name().into()],
                }),
                Some(other) => {
                    Err(named(Fault::config(format!("expected a table, found {other}")).at(kind.name())))
                }
                None if kind == Kind::Sampler && !root.contains_key("sampler") => Ok(Located {
                    params: default_sampler().as_object().cloned().unwrap_or_default(),
                    path: vec!["sampler".into()],
                }),
                None => table_of(root, kind.name()),
            }
        };
        arms.push(ArmConfig {
            name: name.clone(),
            model: part(Kind::Model)?,
            sampler: part(Kind::Sampler)?,
            renderer: part(Kind::Renderer)?,
            control: arm
                .get("control")
                .map(control)
                .transpose()
                .map_err(|fault| named(fault.at("control")))?,
        });
    }
    with_twins(arms, controls)
}

/// `control = "blank"`, or a table as for every other part of an arm: `control = { use = "blank" }`.
fn control(value: &Value) -> Result<Control, Fault> {
    match value {
        Value::String(name) => Control::parse(name),
        Value::Object(table) if table.len() == 1 && table.get("use").is_some_and(Value::is_string) => {
            Control::parse(table["use"].as_str().unwrap_or_default())
        }
        other => Err(Fault::config(format!("expected the name of a control, found {other}"))
            .help("write control = \"no-image\"")),
    }
}

/// Each plain arm with a twin under every control; a twin that the config lists itself is not made again.
fn with_twins(listed: Vec<ArmConfig>, controls: &[Control]) -> Result<Vec<ArmConfig>, Fault> {
    let mut arms = Vec::with_capacity(listed.len() * (1 + controls.len()));
    for arm in &listed {
        arms.push(arm.clone());
        for control in controls.iter().filter(|_| arm.control.is_none()) {
            if listed.iter().any(|other| other.control == Some(*control) && other.is_twin_of(arm)) {
                continue;
            }
            let name = format!("{}+{control}", arm.name);
            if arms.iter().chain(&listed).any(|other| other.name == name) {
                return Err(Fault::config(format!("two arms are called '{name}'")).at("controls").at("run"));
            }
            arms.push(ArmConfig { name, control: Some(*control), ..arm.clone() });
        }
    }
    Ok(arms)
}
