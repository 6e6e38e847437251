//! A wrong config says where: file, line, path, and what would be right.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use situs_core::config::{Overrides, RunConfig};
use situs_core::prelude::*;
use situs_core::registry::Registry;

situs_core::component_table! {
    /// A nested table.
    pub struct Prefix {
        /// Cosine below which neighbors are left out.
        pub threshold: f64 = 0.5,
        /// Steps.
        pub steps: Vec<u32> = Vec::new(),
    }
}

situs_core::component! {
    /// A sampler with all sorts of parameters.
    sampler "semantic";
    pub struct Semantic {
        /// How many neighbors count.
        pub neighbors: u32 = 32,
        /// Served name.
        pub title: Option<String> = None,
        /// A nested table.
        pub prefix: Prefix = Prefix::default(),
    }
}

#[typetag::serde(name = "semantic")]
impl SamplerSpec for Semantic {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Sampler>, Fault> {
        if self.neighbors == 0 {
            return Err(Fault::config("must be at least 1").at("neighbors"));
        }
        Ok(Box::new(Nothing))
    }
}

struct Nothing;

impl Sampler for Nothing {
    fn remote(&self) -> Option<Sampling> {
        None
    }
    fn max_tokens(&self) -> u32 {
        1
    }
    fn pick(&mut self, _: &Logits<'_>, _: &[Row<'_>], _: &mut Vec<Pick>) -> Result<(), Fault> {
        Ok(())
    }
}

const HEAD: &str =
    "[dataset]\nuse = \"d\"\n[family]\nuse = \"f\"\n[renderer]\nuse = \"r\"\n[model]\nuse = \"m\"\n";

fn sampler_error(body: &str, overrides: &[&str]) -> String {
    let registry = Registry::builtin().unwrap();
    let mut set = Overrides::default();
    for one in overrides {
        set.push(one).unwrap();
    }
    let text = format!("{HEAD}{body}");
    let config = match RunConfig::parse("run.toml", text, None, &set, &registry) {
        Ok(config) => config,
        Err(error) => return error.to_string(),
    };
    match config.build::<dyn Sampler>(&registry, &config.arms[0].sampler) {
        Ok(_) => "fine".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn every_mistake_is_located() {
    for (body, expected) in [
        (
            "[sampler]\nuse = \"semantc\"\n",
            "run.toml:10: sampler.use: unknown sampler 'semantc' (did you mean 'semantic'? known: semantic)",
        ),
        (
            "[sampler]\nneighbors = 3\n",
            "run.toml:9: sampler: `use` is missing: which sampler? (known: semantic)",
        ),
        (
            "[sampler]\nuse = \"semantic\"\nneigbours = 16\n",
            "run.toml:11: sampler.neigbours: sampler 'semantic': unknown field `neigbours`, expected one of `neighbors`, `title`, `prefix`",
        ),
        (
            "[sampler]\nuse = \"semantic\"\nneighbors = \"many\"\n",
            "run.toml:11: sampler.neighbors: sampler 'semantic': invalid type: string \"many\", expected u32",
        ),
        (
            "[sampler]\nuse = \"semantic\"\n[sampler.prefix]\nthreshhold = 1\n",
            "run.toml:12: sampler.prefix.threshhold: sampler 'semantic': unknown field `threshhold`, expected `threshold` or `steps`",
        ),
        (
            "[sampler]\nuse = \"semantic\"\nprefix = { steps = [1, -2] }\n",
            "run.toml:11: sampler.prefix.steps[1]: sampler 'semantic': invalid value: integer `-2`, expected u32",
        ),
        (
            "[sampler]\nuse = \"semantic\"\nneighbors = 0\n",
            "run.toml:11: sampler.neighbors: sampler 'semantic': must be at least 1",
        ),
        (
            "[sampler]\nuse = \"semantic\"\n[smpler]\n",
            "run.toml:11: smpler: unknown table `smpler` (did you mean 'sampler'? known: dataset, family, renderer, model, sampler, metrics, run, arm, models, plugins, composite)",
        ),
        ("[run]\nseeds = 3\n", "run.toml:10: run.seeds: unknown field `seeds`, expected one of"),
        ("[run]\ntrials = 0\n", "run.toml:10: run.trials: must be at least 1, found 0"),
        (
            "[[arm]]\nname = \"a\"\n[[arm]]\nname = \"a\"\n",
            "run.toml:12: arm[1].name: two arms are called 'a'",
        ),
        ("[sampler\n", "run.toml:9: "),
    ] {
        let error = sampler_error(body, &[]);
        assert!(error.starts_with(expected), "for {body:?}\n  got {error}\n  not {expected}");
    }
}

#[test]
fn overrides_take_the_type_of_the_field_they_land_in() {
    let body = "[sampler]\nuse = \"semantic\"\n";
    assert_eq!(
        sampler_error(body, &["sampler.title=5", "sampler.neighbors=7", "sampler.prefix.steps=[1, 2]"]),
        "fine"
    );
    assert_eq!(sampler_error(body, &["sampler.title=none"]), "fine");
    let error = sampler_error(body, &["sampler.neighbors=many"]);
    assert!(
        error.starts_with("--set: sampler.neighbors: sampler 'semantic': invalid type: string \"many\""),
        "{error}"
    );
    let error = sampler_error(body, &["sampler.neighbors=nan"]);
    assert!(error.contains("sampler.neighbors=nan: expected a finite number"), "{error}");
    let error = sampler_error(body, &["sampler.nothing.deep=1", "arm[3].name=x"]);
    assert!(error.contains("arm[3].name=x: there is no such place"), "{error}");
}

#[test]
fn an_entry_has_the_name_that_typetag_knows_and_reads_its_own_parameters() {
    let registry = Registry::builtin().unwrap();
    for component in registry.components() {
        let (_, resolved) = component.build(&serde_json::json!({}), &BuildContext::default()).unwrap();
        let mut tagged = resolved.as_object().unwrap().clone();
        tagged.insert("use".to_owned(), component.name().into());
        let spec: Box<dyn SamplerSpec> = serde_json::from_value(tagged.clone().into()).unwrap();
        assert_eq!(serde_json::to_value(&spec).unwrap(), serde_json::Value::Object(tagged));
    }
    let fields = registry.components().next().unwrap().fields();
    let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["neighbors", "title", "prefix", "prefix.threshold", "prefix.steps"]);
    assert_eq!(fields[3].doc, "Cosine below which neighbors are left out.");
}
