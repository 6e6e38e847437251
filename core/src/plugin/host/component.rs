//! A row of a library as a component of the registry.

use super::super::abi;
use super::dataset::ForeignDataset;
use super::family::ForeignFamily;
use super::handle::Handle;
use super::library::Row;
use super::metric::ForeignMetric;
use super::model::ForeignModel;
use super::renderer::ForeignRenderer;
use super::sampler::ForeignSampler;
use crate::fault::Fault;
use crate::registry::{BuildContext, Component, FieldInfo, Kind, Live, suggest};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// A row of a library, listed and built like a built-in component.
pub(super) struct ForeignComponent {
    row: Arc<Row>,
}

impl ForeignComponent {
    pub(super) fn new(row: Arc<Row>) -> Self {
        Self { row }
    }

    /// Refuses parameters that the row does not list, for libraries that cannot do so themselves.
    fn check_fields(&self, params: &Value) -> Result<(), Fault> {
        let (Some(fields), Value::Object(given)) = (&self.row.fields, params) else { return Ok(()) };
        let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        match given.keys().find(|key| !names.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => {
                let near = suggest(key, &names).map(|near| format!("did you mean '{near}'? "));
                Err(Fault::config(format!("unknown field `{key}`")).at(key.as_str()).help(format!(
                    "{}known: {}",
                    near.unwrap_or_default(),
                    names.join(", ")
                )))
            }
        }
    }
}

impl Component for ForeignComponent {
    fn kind(&self) -> Kind {
        self.row.kind
    }

    fn name(&self) -> &str {
        &self.row.name
    }

    fn summary(&self) -> &str {
        &self.row.summary
    }

    fn origin(&self) -> &str {
        &self.row.library.name
    }

    fn library(&self) -> Option<&Path> {
        Some(&self.row.library.path)
    }

    fn sha256(&self) -> Option<&str> {
        Some(&self.row.library.sha256)
    }

    fn fields(&self) -> Vec<FieldInfo> {
        self.row.fields.clone().unwrap_or_default()
    }

    fn build(&self, params: &Value, cx: &BuildContext) -> Result<(Live, Value), Fault> {
        if self.row.flags & abi::CHECK_FIELDS != 0 {
            self.check_fields(params)?;
        }
        let (handle, resolved) = Handle::create(&self.row, params, cx)?;
        if !resolved.is_object() {
            return Err(self.row.broken(&format!("create gave {resolved} for parameters")));
        }
        let live = match self.row.kind {
            Kind::Dataset => Live::Dataset(Box::new(ForeignDataset::new(handle)?)),
            Kind::Family => Live::Family(Box::new(ForeignFamily::new(handle)?)),
            Kind::Renderer => Live::Renderer(Box::new(ForeignRenderer::new(handle))),
            Kind::Model => Live::Model(Box::new(ForeignModel::new(handle)?)),
            Kind::Sampler => Live::Sampler(Box::new(ForeignSampler::new(handle)?)),
            Kind::Metric => Live::Metric(Box::new(ForeignMetric::new(handle))),
        };
        Ok((live, resolved))
    }
}
