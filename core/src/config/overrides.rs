//! `--set path=value` and the flags that stand for it, typed by the component they land in.

use crate::fault::{Fault, Segment, dotted};
use crate::registry::{Described, Kind, Params, Registry, suggest};
use serde_json::Value;

/// One override: a path and a value as typed on the command line.
#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    /// Path, e.g. `sampler.top_k` or `arm[0].model.name`.
    pub path: Vec<Segment>,
    /// Value as written.
    pub value: String,
}

/// Overrides in order; later ones win.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    list: Vec<Override>,
    tables: Vec<(String, Params)>,
}

impl Overrides {
    /// Adds `path=value`.
    ///
    /// # Errors
    /// A config fault when there is no `=` or the path is empty or odd.
    pub fn push(&mut self, text: &str) -> Result<(), Fault> {
        let (path, value) = text.split_once('=').ok_or_else(|| {
            Fault::config(format!("--set {text}: no `=`"))
                .help("write --set path=value, e.g. --set sampler.top_k=20")
        })?;
        let path = parse_path(path.trim())?;
        self.list.push(Override { path, value: value.trim().to_owned() });
        Ok(())
    }

    /// Parameters of one component from `name=value` texts, typed by the component: for commands that build one outside
    /// of a config.
    ///
    /// # Errors
    /// An unknown component; a text without `=`, or a value that is none.
    pub fn component(
        kind: Kind,
        name: &str,
        settings: &[String],
        registry: &Registry,
    ) -> Result<Params, Fault> {
        registry.find(kind, name)?;
        let mut overrides = Self::default();
        for setting in settings {
            overrides.push(&format!("{kind}.{setting}"))?;
        }
        let table = Params::from_iter([("use".to_owned(), Value::from(name))]);
        let mut root = Params::from_iter([(kind.name().to_owned(), Value::Object(table))]);
        overrides.apply(&mut root, registry)?;
        match root.remove(kind.name()) {
            Some(Value::Object(params)) => Ok(params),
            _ => Err(Fault::internal(format!("the parameters of {kind} '{name}' were lost"))),
        }
    }

    /// Replaces a whole component table, e.g. `dataset` by what a folder's layout calls for.
    pub fn replace_table(&mut self, key: &str, params: Params) {
        self.tables.push((key.to_owned(), params));
    }

    /// The paths that are overridden.
    pub fn paths(&self) -> Vec<Vec<Segment>> {
        let tables = self.tables.iter().map(|(key, _)| vec![Segment::Key(key.clone())]);
        tables.chain(self.list.iter().map(|one| one.path.clone())).collect()
    }

    pub(super) fn apply(&self, root: &mut Params, registry: &Registry) -> Result<(), Fault> {
        for (key, params) in &self.tables {
            root.insert(key.clone(), Value::Object(params.clone()));
        }
        let sampled = self.list.iter().any(|one| one.path.first() == Some(&Segment::from("sampler")));
        if sampled && !root.contains_key("sampler") {
            // The sampler that applies where none is written, so that its fields can be set.
            root.insert("sampler".to_owned(), super::default_sampler());
        }
        for one in &self.list {
            let shown = || format!("{}={}", dotted(&one.path), one.value);
            if one.path.last() == Some(&Segment::from("use")) {
                switch_component(root, one)?;
                continue;
            }
            let value =
                typed(root, registry, one).map_err(|what| Fault::config(format!("{}: {what}", shown())))?;
            let hint = near(root, &one.path);
            let place = place(root, &one.path).ok_or_else(|| {
                Fault::config(format!("{}: there is no such place in this config", shown())).help(hint)
            })?;
            *place = value;
        }
        Ok(())
    }
}

/// Changing `use` keeps the other parameters only when the component stays the same.
fn switch_component(root: &mut Params, one: &Override) -> Result<(), Fault> {
    let table_path = &one.path[..one.path.len() - 1];
    let table = place(root, table_path)
        .ok_or_else(|| Fault::config(format!("{}: there is no such table", dotted(&one.path))))?;
    let name = Value::String(unquoted(&one.value));
    let same = table.get("use") == Some(&name);
    match table {
        Value::Object(params) if same => {
            params.insert("use".to_owned(), name);
        }
        other => *other = Value::Object(Params::from_iter([("use".to_owned(), name)])),
    }
    Ok(())
}

fn unquoted(text: &str) -> String {
    text.trim_matches(['"', '\'']).to_owned()
}

fn parse_path(text: &str) -> Result<Vec<Segment>, Fault> {
    let mut path = Vec::new();
    for part in text.split('.') {
        let (key, rest) = part.find('[').map_or((part, ""), |at| part.split_at(at));
        if key.is_empty() {
            return Err(Fault::config(format!("--set: `{text}` is not a path"))
                .help("e.g. sampler.top_k or arm[0].model.name"));
        }
        path.push(Segment::from(key));
        for index in rest.split('[').skip(1) {
            let index = index.strip_suffix(']').and_then(|digits| digits.parse::<usize>().ok());
            path.push(Segment::Index(index.ok_or_else(|| {
                Fault::config(format!("--set: `{text}` holds an index that is not a number"))
            })?));
        }
    }
    Ok(path)
}

fn place<'a>(root: &'a mut Params, path: &[Segment]) -> Option<&'a mut Value> {
    let (first, rest) = path.split_first()?;
    let Segment::Key(first) = first else { return None };
    let mut here = root.entry(first.clone()).or_insert_with(|| Value::Object(Params::new()));
    for segment in rest {
        if here.is_null() {
            *here = Value::Object(Params::new());
        }
        here = match (segment, here) {
            (Segment::Key(key), Value::Object(table)) => table.entry(key.clone()).or_insert(Value::Null),
            (Segment::Index(index), Value::Array(list)) => list.get_mut(*index)?,
            // A switch such as `false` gives way to the table it stood for.
            (Segment::Key(key), scalar @ (Value::Bool(_) | Value::Null)) => {
                *scalar = Value::Object(Params::new());
                match scalar {
                    Value::Object(table) => table.entry(key.clone()).or_insert(Value::Null),
                    _ => return None,
                }
            }
            _ => return None,
        };
    }
    Some(here)
}

fn near(root: &Params, path: &[Segment]) -> String {
    let keys: Vec<&str> = root.keys().map(String::as_str).collect();
    match path.first() {
        Some(Segment::Key(key)) => match suggest(key, &keys) {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("tables here: {}", keys.join(", ")),
        },
        _ => format!("tables here: {}", keys.join(", ")),
    }
}

/// The value in the type of the field it lands in: text stays text even when it looks like a number, and paths from
/// the command line are taken against the working directory.
fn typed(root: &Params, registry: &Registry, one: &Override) -> Result<Value, String> {
    let ty = field_type(root, registry, &one.path).unwrap_or_default();
    let inner = within(&ty, "Option").unwrap_or(&ty);
    if inner != ty && (one.value == "none" || one.value == "null" || one.value.is_empty()) {
        return Ok(Value::Null);
    }
    value_of(inner, one)
}

/// What stands between the angle brackets of a type, e.g. `u32` of `Vec<u32>`.
fn within<'a>(ty: &'a str, outer: &str) -> Option<&'a str> {
    ty.strip_prefix(outer)?.strip_prefix('<')?.strip_suffix('>')
}

fn value_of(ty: &str, one: &Override) -> Result<Value, String> {
    Ok(match ty {
        "String" => Value::String(unquoted(&one.value)),
        "f64" => match one.value.parse::<f64>() {
            Ok(number) if number.is_finite() => Value::from(number),
            Ok(_) => return Err("expected a finite number".to_owned()),
            Err(_) => plain(&one.value)?,
        },
        "PathBuf" => {
            let path = std::path::absolute(unquoted(&one.value));
            Value::String(path.map_or_else(|_| one.value.clone(), |path| path.display().to_string()))
        }
        // One value stands for a list of it: `family.planes=axial`.
        _ => match within(ty, "Vec").filter(|_| !one.value.starts_with('[')) {
            Some(item) => Value::Array(vec![value_of(item, one)?]),
            None => plain(&one.value)?,
        },
    })
}

fn plain(text: &str) -> Result<Value, String> {
    let value = toml::from_str::<Params>(&format!("value = {text}"))
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(unquoted(text)));
    // JSON has no such numbers, and leaving them out would mean the default.
    if value.is_null() { Err("expected a finite number".to_owned()) } else { Ok(value) }
}

fn field_type(root: &Params, registry: &Registry, path: &[Segment]) -> Option<String> {
    let keys: Vec<&str> = path
        .iter()
        .filter_map(|segment| match segment {
            Segment::Key(key) => Some(key.as_str()),
            Segment::Index(_) => None,
        })
        .collect();
    if keys.first() == Some(&"run") {
        let name = keys.get(1)?;
        return super::RunTable::FIELDS
            .iter()
            .find(|field| field.name == *name)
            .map(|field| field.ty.split_whitespace().collect());
    }
    if let ["arm" | "composite", "name" | "metric" | "missing"] | ["composite", "parts", "metric"] = keys[..]
    {
        return Some("String".to_owned());
    }
    let depth = (0..path.len()).rev().find(|depth| component_kind(&path[..*depth]).is_some())?;
    let kind = component_kind(&path[..depth])?;
    let table = lookup(root, &path[..depth])?;
    let name = table.get("use")?.as_str()?;
    let component = registry.find(kind, name).ok()?;
    let fields = component.fields();
    // The longest run of keys that names a field; what follows leads into its list or map.
    let (ty, rest) = (depth + 1..=path.len()).rev().find_map(|end| {
        let field: Vec<String> = path[depth..end].iter().map(ToString::to_string).collect();
        let field = field.join(".");
        fields.iter().find(|info| info.name == field).map(|info| (info.ty.as_str(), &path[end..]))
    })?;
    let ty: String = ty.split_whitespace().collect();
    inside(&ty, rest).map(str::to_owned)
}

/// The type at the end of a path into lists and maps.
fn inside<'a>(ty: &'a str, path: &[Segment]) -> Option<&'a str> {
    let Some((first, rest)) = path.split_first() else { return Some(ty) };
    let ty = within(ty, "Option").unwrap_or(ty);
    let item = match first {
        Segment::Index(_) => within(ty, "Vec")?,
        Segment::Key(_) => within(ty, "BTreeMap")?.strip_prefix("String,")?,
    };
    inside(item, rest)
}

fn component_kind(path: &[Segment]) -> Option<Kind> {
    let key = |segment: &Segment| match segment {
        Segment::Key(key) => Some(key.clone()),
        Segment::Index(_) => None,
    };
    let name = match path {
        [one] => key(one)?,
        [first, _] if key(first)? == "metrics" => Kind::Metric.name().to_owned(),
        [first, _] if key(first)? == "models" => Kind::Model.name().to_owned(),
        [arm, Segment::Index(_), last] if key(arm)? == "arm" => key(last)?,
        _ => return None,
    };
    Kind::ALL.into_iter().find(|kind| kind.name() == name)
}

fn lookup<'a>(root: &'a Params, path: &[Segment]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let mut here = root.get(&first.to_string())?;
    for segment in rest {
        here = match segment {
            Segment::Key(key) => here.get(key)?,
            Segment::Index(index) => here.get(index)?,
        };
    }
    Some(here)
}
