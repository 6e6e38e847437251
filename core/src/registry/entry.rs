//! Built-in components: an inventory entry each, written by the `component!` macro.

use super::component::{Kind, Live};
use super::{Component, FieldInfo};
use crate::build_context::BuildContext;
use crate::fault::Fault;
use serde_json::Value;

/// One parameter as the macro collects it.
pub struct Field {
    /// Name.
    pub name: &'static str,
    /// Type as written.
    pub ty: &'static str,
    /// Doc comment, line by line.
    pub doc: &'static [&'static str],
    /// Parameters of a nested table.
    pub nested: fn() -> &'static [Field],
}

/// Types that list their fields; nested tables implement it through `component_table!`.
pub trait Described {
    /// Fields in order of declaration.
    const FIELDS: &'static [Field] = &[];
}

/// A component as it registers itself.
pub struct Entry {
    /// Kind.
    pub kind: Kind,
    /// Name.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Package.
    pub origin: &'static str,
    /// Parameters.
    pub fields: &'static [Field],
    /// Default parameters.
    pub defaults: fn() -> Value,
    /// Builds it.
    pub build: BuildFn,
}

/// Parameters without `use` in; the component and its parameters with defaults out.
pub type BuildFn = fn(&Value, &BuildContext) -> Result<(Live, Value), Fault>;

inventory::collect!(Entry);

/// All entries linked into this program, as components.
pub(super) fn linked() -> Vec<Box<dyn Component>> {
    inventory::iter::<Entry>.into_iter().map(|entry| Box::new(Linked(entry)) as Box<dyn Component>).collect()
}

struct Linked(&'static Entry);

impl Component for Linked {
    fn kind(&self) -> Kind {
        self.0.kind
    }

    fn name(&self) -> &str {
        self.0.name
    }

    fn summary(&self) -> &str {
        self.0.summary
    }

    fn origin(&self) -> &str {
        self.0.origin
    }

    fn fields(&self) -> Vec<FieldInfo> {
        entry_fields(self.0)
    }

    fn build(&self, params: &Value, cx: &BuildContext) -> Result<(Live, Value), Fault> {
        (self.0.build)(params, cx)
    }
}

/// The parameters of an entry, nested ones with dotted names.
pub(crate) fn entry_fields(entry: &Entry) -> Vec<FieldInfo> {
    let mut rows = Vec::new();
    list(entry.fields, &(entry.defaults)(), "", &mut rows);
    rows
}

fn list(fields: &[Field], defaults: &Value, prefix: &str, rows: &mut Vec<FieldInfo>) {
    for field in fields {
        let default = defaults.get(field.name).cloned().unwrap_or(Value::Null);
        let name = format!("{prefix}{}", field.name);
        let doc = field.doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
        let ty: String = field.ty.split_whitespace().collect();
        rows.push(FieldInfo { name: name.clone(), ty, default: default.clone(), doc: doc.trim().to_owned() });
        list((field.nested)(), &default, &format!("{name}."), rows);
    }
}

/// Defines a component: its spec struct with defaults, its registration and its field list.
///
/// ```
/// use situs_core::prelude::*;
///
/// situs_core::component! {
///     /// Counts how long an answer is.
///     metric "answer-length";
///     pub struct AnswerLength {
///         /// Longest answer that still counts, in characters.
///         pub longest: usize = 100,
///     }
/// }
///
/// #[typetag::serde(name = "answer-length")]
/// impl MetricSpec for AnswerLength {
///     fn build(&self, _: &BuildContext) -> Result<Box<dyn Metric>, Fault> {
///         Ok(Box::new(self.clone()))
///     }
/// }
///
/// impl Metric for AnswerLength {
///     fn score(&self, record: &Record, _: &Replies) -> Result<Option<Score>, Fault> {
///         let length = record.answer.value.as_ref().map_or(0, String::len).min(self.longest);
///         Ok(Some(Score::mean(length as f64)))
///     }
/// }
/// ```
#[macro_export]
macro_rules! component {
    (
        $(#[doc = $summary:literal])+
        $kind:ident $name:literal;
        $(#[$($meta:tt)*])*
        pub struct $Spec:ident {
            $( $(#[$($field_meta:tt)*])* pub $field:ident : $ty:ty = $default:expr ),* $(,)?
        }
    ) => {
        $crate::component_table! {
            $(#[doc = $summary])+
            $(#[$($meta)*])*
            pub struct $Spec {
                $( $(#[$($field_meta)*])* pub $field : $ty = $default ),*
            }
        }
        $crate::inventory::submit! {
            $crate::registry::Entry {
                kind: $crate::component_kind!($kind),
                name: $name,
                summary: $crate::first_literal!($($summary),+),
                origin: env!("CARGO_PKG_NAME"),
                fields: <$Spec as $crate::registry::Described>::FIELDS,
                defaults: || $crate::serde_json::to_value(<$Spec>::default()).unwrap_or_default(),
                build: |params, cx| {
                    let spec: $Spec = $crate::registry::spec_from(params)?;
                    let resolved = $crate::serde_json::to_value(&spec)
                        .map_err(|error| $crate::fault::Fault::internal(error.to_string()))?;
                    let built = $crate::component_build!($kind, &spec, cx)?;
                    Ok((built.into(), resolved))
                },
            }
        }
    };
}

/// Defines a table of parameters nested in a component's spec, with defaults and field docs.
#[macro_export]
macro_rules! component_table {
    (
        $(#[$($meta:tt)*])*
        pub struct $Spec:ident {
            $( $(#[$($field_meta:tt)*])* pub $field:ident : $ty:ty = $default:expr ),* $(,)?
        }
    ) => {
        $(#[$($meta)*])*
        #[derive(Debug, Clone, PartialEq, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $Spec {
            $( $(#[$($field_meta)*])* pub $field : $ty ),*
        }
        impl Default for $Spec {
            fn default() -> Self {
                Self { $( $field : $default ),* }
            }
        }
        impl $crate::registry::Described for $Spec {
            const FIELDS: &'static [$crate::registry::Field] = &[
                $( $crate::registry::Field {
                    name: stringify!($field),
                    ty: stringify!($ty),
                    doc: $crate::doc_lines!([] $(#[$($field_meta)*])*),
                    nested: $crate::nested_fields!($ty),
                } ),*
            ];
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! doc_lines {
    ([$($line:expr),*]) => { &[$($line),*] };
    ([$($line:expr),*] #[doc = $doc:expr] $($rest:tt)*) => { $crate::doc_lines!([$($line,)* $doc] $($rest)*) };
    ([$($line:expr),*] #[$($other:tt)*] $($rest:tt)*) => { $crate::doc_lines!([$($line),*] $($rest)*) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! first_literal {
    ($first:literal $(, $rest:literal)*) => {
        $first
    };
}

/// Fields of a nested table, when the type is one. Resolved by method probing: types that are not `Described` give
/// an empty list.
#[doc(hidden)]
#[macro_export]
macro_rules! nested_fields {
    ($ty:ty) => {{
        fn fields() -> &'static [$crate::registry::Field] {
            #[allow(unused_imports)]
            use $crate::registry::probe::{Fallback as _, Nested as _};
            (&$crate::registry::probe::Probe::<$ty>::NEW).fields()
        }
        fields
    }};
}

#[doc(hidden)]
#[macro_export]
macro_rules! component_kind {
    (dataset) => {
        $crate::registry::Kind::Dataset
    };
    (family) => {
        $crate::registry::Kind::Family
    };
    (renderer) => {
        $crate::registry::Kind::Renderer
    };
    (model) => {
        $crate::registry::Kind::Model
    };
    (sampler) => {
        $crate::registry::Kind::Sampler
    };
    (metric) => {
        $crate::registry::Kind::Metric
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! component_build {
    (dataset, $spec:expr, $cx:expr) => {
        $crate::dataset::DatasetSpec::build($spec, $cx)
    };
    (family, $spec:expr, $cx:expr) => {
        $crate::question_family::QuestionFamilySpec::build($spec, $cx)
    };
    (renderer, $spec:expr, $cx:expr) => {
        $crate::prompt_renderer::PromptRendererSpec::build($spec, $cx)
    };
    (model, $spec:expr, $cx:expr) => {
        $crate::model_backend::ModelBackendSpec::build($spec, $cx)
    };
    (sampler, $spec:expr, $cx:expr) => {
        $crate::sampler::SamplerSpec::build($spec, $cx)
    };
    (metric, $spec:expr, $cx:expr) => {
        $crate::metric::MetricSpec::build($spec, $cx)
    };
}

/// Finds out at compile time whether a field's type lists fields of its own.
#[doc(hidden)]
pub mod probe {
    use super::{Described, Field};
    use std::marker::PhantomData;

    /// Stands for a type without a value of it.
    pub struct Probe<T>(PhantomData<T>);

    impl<T> Probe<T> {
        /// The only value.
        pub const NEW: Self = Self(PhantomData);
    }

    /// Found first, for types that list fields.
    pub trait Nested {
        /// The fields.
        fn fields(&self) -> &'static [Field];
    }

    impl<T: Described> Nested for Probe<T> {
        fn fields(&self) -> &'static [Field] {
            T::FIELDS
        }
    }

    /// Found otherwise, one reference further away.
    pub trait Fallback {
        /// No fields.
        fn fields(&self) -> &'static [Field];
    }

    impl<T> Fallback for &Probe<T> {
        fn fields(&self) -> &'static [Field] {
            &[]
        }
    }
}
