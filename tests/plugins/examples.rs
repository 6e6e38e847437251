//! The examples, built as their first lines say.

use crate::workshop::{build_in_place, built, compiled, root};
use serde_json::{Value, json};
use situs_core::conformance::{Kit, Outcome};
use situs_core::prelude::*;
use situs_core::registry::{Params, Registry};
use situs_plugins as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

fn situs(folder: &Path, words: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_situs")).current_dir(folder).args(words).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn min_p_c() -> std::path::PathBuf {
    compiled(&root().join("examples/plugin-c/sampler.c"), "min_p_c", &["-lm"])
}

fn sampler(registry: &Registry, params: Value) -> Result<Box<dyn Sampler>, Fault> {
    let built = registry.build::<dyn Sampler>(params.as_object().unwrap(), &BuildContext::default());
    built.map(|built| built.component)
}

#[test]
fn the_sampler_in_c_draws_as_the_built_in_rule_does() {
    let mut registry = Registry::builtin().unwrap();
    registry.load(&min_p_c(), None).unwrap();
    let mut ours = sampler(&registry, json!({"use": "categorical", "min_p": 0.2})).unwrap();
    let mut theirs = sampler(&registry, json!({"use": "min-p-c", "floor": 0.2})).unwrap();
    let count = |sampler: &mut dyn Sampler| {
        let values = [0.5f32, 2.0, 1.0, f32::NEG_INFINITY, 0.9];
        let logits = Logits { rows: 1, vocabulary: 5, place: LogitsPlace::Host(&values) };
        let mut counts = [0u32; 5];
        for number in 0..4000u64 {
            let row = Row { index: 0, step: 0, draw: Draw::new(5).of(number).bits(), history: &[] };
            let mut picks = Vec::new();
            sampler.pick(&logits, &[row], &mut picks).unwrap();
            counts[picks[0].token as usize] += 1;
        }
        counts
    };
    let (ours, theirs) = (count(ours.as_mut()), count(theirs.as_mut()));
    for (a, b) in ours.into_iter().zip(theirs) {
        // Both walk the same distribution, in another order of tokens: four standard errors of a share are 0.032.
        assert!((f64::from(a) - f64::from(b)).abs() / 4000.0 < 0.045, "{ours:?} {theirs:?}");
        assert_eq!(a == 0, b == 0);
    }
}

#[test]
fn the_sampler_in_c_has_fields_defaults_and_refusals_like_any_other() {
    let mut registry = Registry::builtin().unwrap();
    registry.load(&min_p_c(), None).unwrap();
    let build = |params: Value| {
        registry
            .build::<dyn Sampler>(params.as_object().unwrap(), &BuildContext::default())
            .map(|built| built.resolved)
    };
    assert_eq!(
        Value::Object(build(json!({"use": "min-p-c"})).unwrap()),
        json!({"use": "min-p-c", "floor": 0.1})
    );
    let text = |params| build(params).unwrap_err().to_string();
    assert_eq!(
        text(json!({"use": "min-p-c", "flor": 0.2})),
        "flor: sampler 'min-p-c': unknown field `flor` (did you mean 'floor'? known: floor)"
    );
    assert_eq!(
        text(json!({"use": "min-p-c", "floor": 1.5})),
        "floor: sampler 'min-p-c': must lie above 0 and at most at 1"
    );
    let kit = Kit::new(Arc::from(
        registry
            .build::<dyn Dataset>(
                json!({"use": "phantom", "cases": 1}).as_object().unwrap(),
                &BuildContext::default(),
            )
            .unwrap()
            .component,
    ));
    let component = registry.find(situs_core::registry::Kind::Sampler, "min-p-c").unwrap();
    for verdict in kit.check(component, &Params::new()) {
        assert!(!matches!(verdict.outcome, Outcome::Broken(_)), "{verdict:?}");
    }
}

#[test]
fn the_example_in_rust_passes_its_check_and_runs_from_its_config() {
    let library = built("larger", "examples/plugin-rust");
    let folder = tempfile::tempdir().unwrap();
    let (code, out, errors) = situs(folder.path(), &["plugin", "check", library.to_str().unwrap()]);
    assert_eq!(code, 0, "{out}{errors}");
    assert!(out.contains("0 broken") && out.contains("sampler typical"), "{out}");
    let config = build_in_place(&folder.path().join("here"), "examples/plugin-rust", "larger");
    let (code, out, errors) = situs(
        folder.path(),
        &[
            "run",
            config.to_str().unwrap(),
            "--limit",
            "30",
            "--set",
            "dataset.cases=2",
            "--set",
            "dataset.shape=[96, 74, 208]",
            "--json",
        ],
    );
    assert_eq!(code, 0, "{errors}");
    let printed: Value = serde_json::from_str(&out).unwrap();
    let arm = |number: usize| &printed["summary"]["arms"][number]["overall"]["figures"];
    assert_eq!(arm(0)["accuracy"]["value"], json!(1.0), "the answer sheet");
    assert!(arm(1)["first-option"]["n"].as_u64().unwrap() > 20);
    // Scoring again needs the library, and says so.
    let (code, _, errors) = situs(folder.path(), &["score", "runs/larger"]);
    assert_eq!(code, 2);
    assert!(
        errors.contains("family 'larger' comes from the plug-in larger, which is not loaded"),
        "{errors}"
    );
    assert!(errors.contains("--plugin"), "{errors}");
    let (code, ..) = situs(folder.path(), &["score", "runs/larger", "--plugin", library.to_str().unwrap()]);
    assert_eq!(code, 0);
}

#[test]
fn the_command_names_what_a_library_brings_and_what_is_wrong_with_it() {
    let library = min_p_c();
    let library = library.to_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (code, out, _) = situs(folder.path(), &["list", "sampler", "--plugin", library, "--json"]);
    let listed: Vec<Value> = serde_json::from_str(&out).unwrap();
    let row = listed.iter().find(|row| row["name"] == "min-p-c").unwrap();
    assert_eq!((code, &row["origin"]), (0, &json!("min-p-c")));
    assert_eq!(row["sha256"].as_str().unwrap().len(), 64);
    let (code, out, _) = situs(folder.path(), &["--plugin", library, "describe", "sampler", "min-p-c"]);
    assert!(code == 0 && out.contains("Fraction of the best probability"), "{out}");
    let (code, _, errors) = situs(folder.path(), &["list", "--plugin", "./libgone.so"]);
    assert!(code == 2 && errors.contains("libgone.so"), "{errors}");
    // A config names the line of the library that cannot be loaded, and of a pin that does not hold.
    let config = folder.path().join("run.toml");
    for (plugins, line, words) in [
        ("\"libgone.so\"", 1, "libgone.so"),
        ("7", 1, "expected the path of a library, found 7"),
        (&*format!("{{ path = {library:?}, sha256 = \"{}\" }}", "0".repeat(64)), 1, "is asked for"),
        (&*format!("{{ path = {library:?}, sha = \"x\" }}"), 1, "unknown field `sha`"),
    ] {
        std::fs::write(&config, format!("plugins = [{plugins}]\n[dataset]\nuse = \"phantom\"\n")).unwrap();
        let (code, _, errors) = situs(folder.path(), &["run", "run.toml"]);
        assert_eq!(code, 2, "{errors}");
        assert!(errors.contains(&format!("run.toml:{line}: ")) && errors.contains(words), "{errors}");
    }
}
