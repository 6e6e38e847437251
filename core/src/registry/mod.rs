//! The registry: every component by kind and name, built-in or loaded, found and built in one way.

mod component;
mod entry;
mod layout;
mod suggest;

pub use crate::build_context::BuildContext;
pub use component::{Built, Identity, Kind, Live, Slot, spec_from};
pub(crate) use entry::entry_fields;
#[doc(hidden)]
pub use entry::probe;
pub use entry::{BuildFn, Described, Entry, Field};
pub use layout::{Layout, detect};
pub use suggest::suggest;

use crate::fault::{Cause, Fault};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Parameters of a component as written: a JSON object that holds `use` and the component's own fields.
pub type Params = serde_json::Map<String, Value>;

/// A component that can be listed and built; built-ins and plug-ins both are.
pub trait Component: Send + Sync {
    /// Kind.
    fn kind(&self) -> Kind;
    /// Name within the kind.
    fn name(&self) -> &str;
    /// One sentence.
    fn summary(&self) -> &str;
    /// Package or library it comes from.
    fn origin(&self) -> &str;
    /// The library file, for loaded components.
    fn library(&self) -> Option<&Path> {
        None
    }
    /// Digest of the library file, for loaded components.
    fn sha256(&self) -> Option<&str> {
        None
    }
    /// Its parameters.
    fn fields(&self) -> Vec<FieldInfo>;
    /// Builds it from parameters without `use`; gives the parameters back with defaults filled in.
    ///
    /// # Errors
    /// Config faults carry the path within the parameters.
    fn build(&self, params: &Value, cx: &BuildContext) -> Result<(Live, Value), Fault>;
}

/// One parameter of a component, for listing.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct FieldInfo {
    /// Name, dotted for nested tables.
    pub name: String,
    /// Rust type as written.
    #[serde(rename = "type")]
    pub ty: String,
    /// Default value.
    pub default: Value,
    /// What it does.
    pub doc: String,
}

/// All components known to a run. A value, not a global: tests make their own.
#[derive(Default)]
pub struct Registry {
    components: BTreeMap<(Kind, String), Box<dyn Component>>,
    #[cfg(feature = "engine")]
    libraries: Vec<crate::plugin::LibraryInfo>,
}

impl Registry {
    /// All components linked into this program.
    ///
    /// # Errors
    /// Two components of one kind under one name.
    pub fn builtin() -> Result<Self, Fault> {
        let mut registry = Self::default();
        registry.add_all(entry::linked())?;
        Ok(registry)
    }

    /// Adds components: all or none.
    ///
    /// # Errors
    /// Names taken twice; both origins are named.
    pub fn add_all(&mut self, components: Vec<Box<dyn Component>>) -> Result<(), Fault> {
        let mut added: BTreeMap<(Kind, String), Box<dyn Component>> = BTreeMap::new();
        for component in components {
            let key = (component.kind(), component.name().to_owned());
            if let Some(other) = self.components.get(&key).or_else(|| added.get(&key)) {
                return Err(Fault::config(format!(
                    "two components are called {} '{}': one from {}, one from {}",
                    key.0,
                    key.1,
                    origin_of(other.as_ref()),
                    origin_of(component.as_ref())
                ))
                .help("rename one of them"));
            }
            added.insert(key, component);
        }
        self.components.extend(added);
        Ok(())
    }

    /// Loads a plug-in library: all of its components or none. Its code runs in this process and stays until the end.
    /// With `pin`, only a file of that SHA-256 is loaded.
    ///
    /// # Errors
    /// Config faults: no such file, another digest, no plug-in, another version of the boundary, malformed rows, names
    /// taken twice.
    #[cfg(feature = "engine")]
    pub fn load(&mut self, path: &Path, pin: Option<&str>) -> Result<&crate::plugin::LibraryInfo, Fault> {
        let (info, components) = crate::plugin::load(path, pin)?;
        self.add_all(components).map_err(|fault| fault.within(path.display()))?;
        self.libraries.push(info);
        self.libraries.last().ok_or_else(|| Fault::internal("a library was lost"))
    }

    /// The libraries loaded so far, in order.
    #[cfg(feature = "engine")]
    pub fn libraries(&self) -> &[crate::plugin::LibraryInfo] {
        &self.libraries
    }

    /// All components, by kind, then name.
    pub fn components(&self) -> impl Iterator<Item = &dyn Component> {
        self.components.values().map(Box::as_ref)
    }

    /// Names of one kind.
    pub fn names(&self, kind: Kind) -> Vec<&str> {
        self.components.keys().filter(|(k, _)| *k == kind).map(|(_, name)| name.as_str()).collect()
    }

    /// The component of that kind and name.
    ///
    /// # Errors
    /// An unknown name, with a suggestion and all names.
    pub fn find(&self, kind: Kind, name: &str) -> Result<&dyn Component, Fault> {
        if let Some(component) = self.components.get(&(kind, name.to_owned())) {
            return Ok(component.as_ref());
        }
        let names = self.names(kind);
        let hint = suggest(name, &names).map(|near| format!("did you mean '{near}'? ")).unwrap_or_default();
        Err(Fault::config(format!("unknown {kind} '{name}'"))
            .help(format!("{hint}known: {}", names.join(", ")))
            .at("use"))
    }

    /// Builds a component from its parameters.
    ///
    /// # Errors
    /// A missing or unknown `use`, unknown fields, wrong types, refused values: each with the path in `Fault::at`.
    pub fn build<S: Slot + ?Sized>(&self, params: &Params, cx: &BuildContext) -> Result<Built<S>, Fault> {
        let Some(name) = params.get("use") else {
            let names = self.names(S::KIND).join(", ");
            return Err(Fault::config(format!("`use` is missing: which {}?", S::KIND))
                .help(format!("known: {names}")));
        };
        let Value::String(name) = name else {
            return Err(Fault::config(format!("expected the name of a {}, found {name}", S::KIND)).at("use"));
        };
        let component = self.find(S::KIND, name)?;
        let mut own = params.clone();
        own.remove("use");
        let (live, resolved) = component.build(&Value::Object(own), cx).map_err(|mut fault| {
            if fault.cause == Cause::Config {
                fault.what = format!("{} '{name}': {}", S::KIND, fault.what);
            }
            fault
        })?;
        let mut full = Params::new();
        full.insert("use".to_owned(), Value::String(name.clone()));
        if let Value::Object(fields) = resolved {
            full.extend(fields);
        }
        let built = S::from_live(live).ok_or_else(|| {
            Fault::internal(format!("{} '{name}' of {} built another kind", S::KIND, component.origin()))
        })?;
        Ok(Built {
            component: built,
            resolved: full,
            origin: component.origin().to_owned(),
            sha256: component.sha256().map(str::to_owned),
        })
    }
}

fn origin_of(component: &dyn Component) -> String {
    match component.library() {
        Some(path) => format!("{} ({})", component.origin(), path.display()),
        None => component.origin().to_owned(),
    }
}
