//! Several data sets as one suite: names, volumes, words, and a run over CT and MR with quotas and equal weight.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use situs_core::config::{Overrides, RunConfig};
use situs_core::prelude::*;
use situs_core::registry::{Params, Registry};
use situs_core::run::{self, Exit, RunOptions, Silent};
use situs_core::volume::VolumeStore;
use situs_plugins as _;
use std::collections::BTreeSet;
use std::sync::Arc;

situs_core::component! {
    /// Sends the text alone: for tests that draw nothing.
    renderer "text-of-a-union";
    pub struct TextAlone {}
}

#[typetag::serde(name = "text-of-a-union")]
impl PromptRendererSpec for TextAlone {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn PromptRenderer>, Fault> {
        Ok(Box::new(self.clone()))
    }
}

impl PromptRenderer for TextAlone {
    fn render(&self, _: &[&Case], question: &Question, _: &dyn Media) -> Result<Prompt, Fault> {
        Ok(Prompt::text(&question.text))
    }
}

fn build(value: serde_json::Value) -> Result<Arc<dyn Dataset>, Fault> {
    let serde_json::Value::Object(params): serde_json::Value = value else { panic!("a table") };
    let params: Params = params;
    let registry = Registry::builtin()?;
    registry.build::<dyn Dataset>(&params, &BuildContext::default()).map(|built| built.component.into())
}

fn both() -> serde_json::Value {
    serde_json::json!({
        "use": "union",
        "parts": {
            "mr": {"use": "phantom", "body": "knee", "cases": 2, "shape": [96, 96, 96]},
            "ct": {"use": "phantom", "cases": 1, "shape": [94, 73, 125]},
        }
    })
}

#[test]
fn cases_of_all_parts_stand_under_the_name_of_their_part() {
    let union = build(both()).unwrap();
    assert_eq!(union.len(), 3);
    let cases: Vec<Case> = (0..3).map(|index| union.case(index).unwrap()).collect();
    let own = build(serde_json::json!({"use": "phantom", "body": "knee", "cases": 2, "shape": [96, 96, 96]}))
        .unwrap();
    let knees: Vec<Case> = (0..2).map(|index| own.case(index).unwrap()).collect();
    assert!(cases[0].name.starts_with("ct:") && cases[0].modality == Modality::Ct);
    for (case, knee) in cases[1..].iter().zip(&knees) {
        assert_eq!(case.name, format!("mr:{}", knee.name));
        assert_eq!(case.cluster, format!("mr:{}", knee.cluster));
        assert_eq!(case.modality, Modality::Mr);
        assert_eq!(case.structures, knee.structures);
        assert_eq!(case.facts.get("side"), knee.facts.get("side"));
    }
    assert!(cases[0].facts["modality_text"].contains("CT"));
    assert!(cases[1].facts["modality_text"].contains("MR"));
    assert!(union.case(3).is_err());

    let card = union.card();
    assert_eq!(card.name, "phantom torso CT + phantom knee MR");
    assert_eq!(card.licence, own.card().licence, "one licence for both is said once");
    assert_eq!(card.modality_text, "", "what volumes are called differs by case");

    // Volumes are the parts' own.
    let (first, second) = (VolumeStore::new(Arc::clone(&union), 0, false), VolumeStore::new(own, 0, false));
    assert_eq!(first.volume(&cases[2].volumes[0]).unwrap(), second.volume(&knees[1].volumes[0]).unwrap());
    assert!(first.segmentation(&cases[0]).unwrap().measured.structures.len() > 20);
    assert!(union.volume("nobody:image").is_err() && union.volume("image").is_err());
}

#[test]
fn the_identity_follows_the_parts_and_faults_name_theirs() {
    let digest = |value: serde_json::Value| build(value).unwrap().card().digest.clone();
    let mut other = both();
    assert_eq!(digest(both()), digest(other.clone()));
    other["parts"]["mr"]["cases"] = 1.into();
    assert_ne!(digest(both()), digest(other));
    let mut renamed = both();
    let parts = renamed["parts"].as_object_mut().unwrap();
    let part = parts.remove("mr").unwrap();
    parts.insert("knees".to_owned(), part);
    assert_ne!(digest(both()), digest(renamed));

    let refused = |value: serde_json::Value| build(value).map(|_| ()).unwrap_err().to_string();
    assert!(refused(serde_json::json!({"use": "union"})).starts_with("parts: "));
    let mut odd = both();
    odd["parts"]["ct"]["noise"] = serde_json::json!(-3.0);
    assert!(refused(odd).starts_with("parts.ct.noise: "));
    let mut unknown = both();
    unknown["parts"]["ct"]["use"] = "phantm".into();
    let fault = refused(unknown);
    assert!(fault.starts_with("parts.ct.use: ") && fault.contains("did you mean 'phantom'"), "{fault}");
    let named = serde_json::json!({"use": "union", "parts": {"a:b": {"use": "phantom"}}});
    assert!(refused(named).contains("no name of a part"));
}

#[test]
fn ct_and_mr_run_as_one_suite_with_the_shares_of_the_published_one() {
    let text = r#"
[dataset]
use = "union"
[dataset.parts.ct]
use = "phantom"
cases = 2
shape = [94, 73, 125]
[dataset.parts.mr]
use = "phantom"
body = "knee"
cases = 3
shape = [96, 96, 96]
[family]
use = "mis-ground"
slice_filter = false
dims = ["3d"]
ablations = ["none"]
[renderer]
use = "text-of-a-union"
[run]
quota_facet = "modality"
quota = { CT = 28446, MR = 5418 }
[[arm]]
name = "main"
model = { use = "random" }
[metrics.accuracy]
[[composite]]
name = "equal weight of modalities"
parts = [
  { metric = "accuracy", filter = { modality = ["CT"] } },
  { metric = "accuracy", filter = { modality = ["MR"] } },
]
"#;
    let registry = Registry::builtin().unwrap();
    let config =
        RunConfig::parse("union.toml", text.to_owned(), None, &Overrides::default(), &registry).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let options = RunOptions { folder: folder.path().to_owned(), limit: Some(500), stop: Arc::default() };
    let outcome = run::run(&config, &registry, &options, &Silent).unwrap();
    assert_eq!((outcome.exit, outcome.failed, outcome.missing), (Exit::Done, 0, 0));

    let records = run::load_records(folder.path(), &registry).unwrap();
    let of = |modality: &str| {
        records.iter().filter(|record| record.question.facet("modality") == modality).count()
    };
    // 28,446 of 33,864 are 84 %.
    assert!(
        (415..=425).contains(&of("CT")) && (75..=85).contains(&of("MR")),
        "{} CT, {} MR",
        of("CT"),
        of("MR")
    );
    let clusters: BTreeSet<&str> = records.iter().map(|record| record.question.cluster.as_str()).collect();
    assert_eq!(clusters.iter().filter(|cluster| cluster.starts_with("ct:")).count(), 2);
    assert_eq!(clusters.iter().filter(|cluster| cluster.starts_with("mr:")).count(), 3);
    assert!(records.iter().any(|record| record.question.text.contains("CT scan of the torso")));
    assert!(records.iter().any(|record| record.question.text.contains("MR scan (DESS)")));

    let share = |modality: &str| {
        let own = records.iter().filter(|record| record.question.facet("modality") == modality);
        own.filter(|record| record.is_right()).count() as f64 / of(modality) as f64
    };
    let equal = &outcome.summary.composites[0].figure.value;
    let expected = (share("CT") + share("MR")) / 2.0;
    assert!((equal.unwrap() - expected).abs() < 1e-9, "{equal:?}, not {expected}");
}
