//! The conformance kit over every built-in component, and over components that break one law each.

use serde_json::{Value, json};
use situs_core::conformance::{Kit, Outcome, Verdict};
use situs_core::prelude::*;
use situs_core::registry::{Component, Params, Registry};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Small phantoms that keep their small organs, with so many slices.
fn kit(registry: &Registry, slices: usize) -> Kit {
    let params = json!({"use": "phantom", "cases": 1, "shape": [96, 74, slices]});
    let built = registry.build::<dyn Dataset>(params.as_object().unwrap(), &BuildContext::default());
    Kit::new(Arc::from(built.unwrap().component))
}

/// Parameters that make a component small enough for a test.
fn small(component: &dyn Component) -> Params {
    let params = match (component.kind().name(), component.name()) {
        ("family", "mis-ground") => json!({"dims": ["2d"], "planes": ["axial"]}),
        ("dataset", "phantom") => json!({"cases": 2, "shape": [96, 74, 126]}),
        _ => json!({}),
    };
    params.as_object().cloned().unwrap_or_default()
}

/// The kit over components of one package; what takes long is shown fewer storage orders.
fn verdicts(package: &str, kinds: &[&str], orders: usize) -> Vec<Verdict> {
    let registry = Registry::builtin().unwrap();
    // Some families take no fewer than 200 slices.
    let kit = kit(&registry, if kinds == ["family"] { 208 } else { 126 }).with_orders(orders);
    let ours =
        registry.components().filter(|one| one.origin() == package && kinds.contains(&one.kind().name()));
    ours.flat_map(|component| kit.check(component, &small(component))).collect()
}

/// No law is broken, and these components keep all that apply to their kind.
fn lawful(verdicts: &[Verdict], whole: &[&str]) {
    assert!(!verdicts.is_empty());
    for verdict in verdicts {
        assert!(!matches!(verdict.outcome, Outcome::Broken(_)), "{verdict:?}");
        let skipped = matches!(verdict.outcome, Outcome::Skipped(_));
        assert!(!(skipped && whole.contains(&verdict.name.as_str())), "{verdict:?}");
    }
}

#[test]
fn built_in_data_sets_models_samplers_and_metrics_keep_the_laws() {
    let kinds = ["dataset", "model", "sampler", "metric"];
    lawful(&verdicts("situs-plugins", &kinds, 1), &["phantom", "greedy", "categorical", "accuracy"]);
}

#[test]
fn built_in_renderers_keep_the_laws_in_all_48_storage_orders() {
    lawful(&verdicts("situs-plugins", &["renderer"], 48), &["slices"]);
}

#[test]
fn built_in_families_keep_the_laws() {
    // Ten orders hold every permutation and a flip of every axis; `situs plugin check` takes all 48.
    lawful(&verdicts("situs-plugins", &["family"], 10), &[]);
}

/// The laws that a component breaks.
fn broken(name: &str, kind: &str) -> Vec<&'static str> {
    let registry = Registry::builtin().unwrap();
    let kind = situs_core::registry::Kind::ALL.into_iter().find(|one| one.name() == kind).unwrap();
    let verdicts =
        kit(&registry, 126).with_orders(2).check(registry.find(kind, name).unwrap(), &Params::new());
    let broken = verdicts.into_iter().filter(|one| matches!(one.outcome, Outcome::Broken(_)));
    broken.map(|one| one.law).collect()
}

static CALLS: AtomicUsize = AtomicUsize::new(0);

fn turn() -> usize {
    CALLS.fetch_add(1, Ordering::Relaxed)
}

situs_core::component! {
    /// A sampler with the fault that is asked for.
    sampler "unlawful";
    pub struct UnlawfulSampler {
        /// Which fault.
        pub fault: String = "out of range".to_owned(),
    }
}

macro_rules! variant {
    ($base:ty, $type:ident, $kind:ident, $spec:ident, $of:ident, $name:literal, $fault:literal) => {
        situs_core::component! {
            /// One fault of its own.
            $kind $name;
            pub struct $type {}
        }
        #[typetag::serde(name = $name)]
        impl $spec for $type {
            fn build(&self, _: &BuildContext) -> Result<Box<dyn $of>, Fault> {
                Ok(Box::new(<$base>::with($fault)))
            }
        }
    };
}

impl UnlawfulSampler {
    fn with(fault: &str) -> Self {
        Self { fault: fault.to_owned() }
    }
}

#[typetag::serde(name = "unlawful")]
impl SamplerSpec for UnlawfulSampler {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Sampler>, Fault> {
        Ok(Box::new(self.clone()))
    }
}

impl Sampler for UnlawfulSampler {
    fn remote(&self) -> Option<Sampling> {
        Some(Sampling { top_p: Some(if self.fault == "remote" { 2.0 } else { 1.0 }), ..Sampling::default() })
    }
    fn max_tokens(&self) -> u32 {
        8
    }
    fn pick(&mut self, logits: &Logits<'_>, rows: &[Row<'_>], out: &mut Vec<Pick>) -> Result<(), Fault> {
        let mut copied = Vec::new();
        let host = logits.on_host(&mut copied)?;
        for (place, row) in rows.iter().enumerate() {
            let values = host.row(row.index)?;
            if self.fault != "unusable" && !values.iter().any(|value| value.is_finite()) {
                return Err(Fault::internal("nothing to pick from"));
            }
            let token = match self.fault.as_str() {
                "out of range" => logits.vocabulary,
                "own chance" => turn() % logits.vocabulary,
                "batch" => (row.draw as usize).wrapping_add(place) % logits.vocabulary,
                _ => row.draw as usize % logits.vocabulary,
            };
            out.push(Pick { token: token as u32, note: None });
        }
        Ok(())
    }
}

variant!(UnlawfulSampler, OwnChance, sampler, SamplerSpec, Sampler, "unlawful-chance", "own chance");
variant!(UnlawfulSampler, Batch, sampler, SamplerSpec, Sampler, "unlawful-batch", "batch");
variant!(UnlawfulSampler, Unusable, sampler, SamplerSpec, Sampler, "unlawful-unusable", "unusable");
variant!(UnlawfulSampler, Remote, sampler, SamplerSpec, Sampler, "unlawful-remote", "remote");

#[test]
fn the_kit_finds_samplers_that_break_a_law() {
    let has = |name: &str, law: &str| {
        let found = broken(name, "sampler");
        assert!(found.iter().any(|one| one.contains(law)), "{name}: {found:?}");
    };
    has("unlawful", "below the vocabulary");
    has("unlawful-chance", "same draw");
    has("unlawful-batch", "a batch is a loop");
    has("unlawful-unusable", "cannot be used");
    has("unlawful-remote", "within their ranges");
}

situs_core::component! {
    /// A metric that counts its calls.
    metric "unlawful";
    pub struct Counting {}
}

#[typetag::serde(name = "unlawful")]
impl MetricSpec for Counting {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Metric>, Fault> {
        Ok(Box::new(self.clone()))
    }
}

impl Metric for Counting {
    fn score(&self, _: &Record, _: &Replies) -> Result<Option<Score>, Fault> {
        let value = turn() as f64;
        Ok(Some(Score { value, stats: vec![value, f64::NAN] }))
    }
    fn summarise(&self, _: &Scored<'_>) -> Result<Option<Summary>, Fault> {
        Ok(Some(Summary { values: Some(vec![None]), ..Summary::nothing() }))
    }
}

situs_core::component! {
    /// A renderer that draws array indices and puts the text first.
    renderer "unlawful";
    pub struct ArrayOrder {}
}

#[typetag::serde(name = "unlawful")]
impl PromptRendererSpec for ArrayOrder {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn PromptRenderer>, Fault> {
        Ok(Box::new(self.clone()))
    }
}

impl PromptRenderer for ArrayOrder {
    fn render(&self, cases: &[&Case], question: &Question, media: &dyn Media) -> Result<Prompt, Fault> {
        let volume = media.volume(&cases[0].volumes[0])?;
        let VolumeSource::File { path } = &cases[0].volumes[0].source else {
            let picture = Picture { width: 2, height: 1, rgb: vec![0, 0, 0, 255, 255, 255] };
            let image = Part::Image { image: media.put_picture(&picture)? };
            return Ok(Prompt { parts: vec![Part::Text { text: question.text.clone() }, image] });
        };
        // The stored bytes as they lie in the file: another picture in every order of axes.
        let bytes = std::fs::read(path).map_err(|error| Fault::data(error.to_string()))?;
        let side = volume.grid.shape[0].min(16);
        let rgb = bytes
            .iter()
            .skip(bytes.len() / 2 + 2)
            .step_by(4)
            .take(side * side)
            .flat_map(|byte| [*byte; 3])
            .collect();
        let picture = Picture { width: side as u32, height: side as u32, rgb };
        let parts = vec![
            Part::Image { image: media.put_picture(&picture)? },
            Part::Text { text: question.text.clone() },
        ];
        Ok(Prompt { parts })
    }
}

situs_core::component! {
    /// A family whose right answer is no option, and which reads everything as an answer.
    family "unlawful";
    pub struct Careless {}
}

#[typetag::serde(name = "unlawful")]
impl QuestionFamilySpec for Careless {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn QuestionFamily>, Fault> {
        Ok(Box::new(self.clone()))
    }
}

impl QuestionFamily for Careless {
    fn version(&self) -> &str {
        "1"
    }
    fn ask(&self, cx: &AskContext<'_>) -> Result<Asked, Fault> {
        let structure = &cx.entry.measured.structures[0];
        let source = format!("{:?}", cx.case.volumes[0].source);
        let position = Position {
            structure: structure.name.clone(),
            centre: "volume-centroid".to_owned(),
            ras_mm: [0.0, 0.0, 12345.0],
            screen_px: None,
            frame: None,
        };
        let question = Question {
            id: String::new(),
            volumes: Vec::new(),
            cases: vec![cx.case.name.clone()],
            cluster: String::new(),
            template: "T".to_owned(),
            cell: "c".to_owned(),
            bundle: "b".to_owned(),
            structures: Vec::new(),
            text: format!("Question {} about {source}?", turn()),
            options: vec!["yes".to_owned()],
            truth: "perhaps".to_owned(),
            chance: 1.5,
            facets: BTreeMap::new(),
            scene: None,
            evidence: Evidence { positions: vec![position], ..Evidence::default() },
            private: Value::Null,
        };
        Ok(Asked::Questions { questions: vec![question], left_out: BTreeMap::new() })
    }
    fn read(&self, _: &Question, _: &Reply) -> Result<Answer, Fault> {
        Ok(Answer::answered("no"))
    }
}

situs_core::component! {
    /// A data set with two cases of one name and no end.
    dataset "unlawful";
    pub struct Endless {}
}

#[typetag::serde(name = "unlawful")]
impl DatasetSpec for Endless {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Dataset>, Fault> {
        let digest = turn().to_string();
        let card = DatasetCard {
            name: "e".to_owned(),
            licence: "e".to_owned(),
            modality_text: "e".to_owned(),
            digest,
        };
        Ok(Box::new(EndlessData { card }))
    }
}

struct EndlessData {
    card: DatasetCard,
}

impl Dataset for EndlessData {
    fn card(&self) -> &DatasetCard {
        &self.card
    }
    fn len(&self) -> usize {
        2
    }
    fn case(&self, _: usize) -> Result<Case, Fault> {
        Ok(Case {
            name: "same".to_owned(),
            cluster: "same".to_owned(),
            modality: Modality::Ct,
            volumes: vec![VolumeRef {
                id: "v".to_owned(),
                source: VolumeSource::Dataset { key: "v".to_owned() },
            }],
            structures: StructureSource::None,
            facts: BTreeMap::new(),
        })
    }
    fn volume(&self, _: &str) -> Result<Volume, Fault> {
        Ok(Volume::new([1, 1, 2], situs_core::space::Affine([[0.0; 4]; 4]), vec![turn() as f32, 0.0]))
    }
}

#[test]
fn the_kit_finds_what_else_breaks_a_law() {
    for (kind, laws) in [
        (
            "metric",
            &["same record", "finite", "records before it", "summed statistics", "summary of nothing"][..],
        ),
        ("renderer", &["pictures before it", "storage order", "mirrored patient"]),
        (
            "family",
            &[
                "same case and seed",
                "names its case",
                "read back",
                "reply of nothing",
                "positions",
                "storage order",
            ],
        ),
        ("dataset", &["card", "unique names", "beyond the last", "finite affines"]),
    ] {
        let found = broken("unlawful", kind);
        for law in laws {
            assert!(found.iter().any(|one| one.contains(law)), "{kind}, {law}: {found:?}");
        }
    }
}
