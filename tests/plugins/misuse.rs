//! What the compiler says to mistakes with the macros, and plug-ins linked into a program instead of loaded.

use crate::workshop::{built, cargo, files_of, root, workshop, write};
use std::process::Command;

const MANIFEST: &str = r#"[package]
name = "NAME"
version = "0.1.0"
edition = "2024"
[dependencies]
DEPENDENCIES
serde = { version = "1", features = ["derive"] }
typetag = "0.2"
[workspace]
"#;

/// Writes a crate of one file.
fn krate(name: &str, file: &str, dependencies: &str, source: &str) -> std::path::PathBuf {
    let folder = workshop().join("src").join(name);
    write(&folder.join("Cargo.toml"), &MANIFEST.replace("NAME", name).replace("DEPENDENCIES", dependencies));
    write(&folder.join("src").join(file), source);
    if !folder.join("Cargo.lock").exists() {
        let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
        write(&folder.join("Cargo.lock"), &lock);
    }
    folder
}

fn core(features: &str) -> String {
    format!(
        "situs-core = {{ path = '{}', default-features = false, features = [{features}] }}",
        root().join("core").display()
    )
}

/// What the compiler says to a file that it refuses.
fn refused(source: &str) -> String {
    let folder = krate("misuse", "lib.rs", &core("\"plugin\""), source);
    let output = cargo()
        .args(["build", "--offline"])
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", workshop())
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .output()
        .unwrap();
    assert!(!output.status.success(), "compiled: {source}");
    String::from_utf8(output.stderr).unwrap()
}

/// A metric, right but for what a test changes.
const METRIC: &str = r#"
use situs_core::prelude::*;
situs_core::component! {
    /// One for all.
    metric "one";
    pub struct One {
        /// The score.
        pub value: f64 = 1.0,
    }
}
#[typetag::serde(name = "one")]
impl MetricSpec for One {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Metric>, Fault> {
        Ok(Box::new(self.clone()))
    }
}
impl Metric for One {
    fn score(&self, _: &Record, _: &Replies) -> Result<Option<Score>, Fault> {
        Ok(Some(Score::mean(self.value)))
    }
}
"#;

#[test]
fn mistakes_with_the_macros_do_not_compile() {
    let without = |what: &str, with: &str| {
        assert!(METRIC.contains(what));
        METRIC.replace(what, with)
    };
    for (source, words) in [
        // A field without a default.
        (without(" = 1.0", ""), "macro"),
        // A default of another type.
        (without("= 1.0", "= \"one\""), "mismatched types"),
        // A kind that there is not.
        (without("metric \"one\"", "metrik \"one\""), "`metrik`"),
        // Nothing that says what the component does.
        (without("    /// One for all.\n", ""), "no rules expected"),
        // Parameters without the trait that builds the component.
        (
            METRIC.split("#[typetag").next().unwrap().to_owned(),
            "the trait bound `One: MetricSpec` is not satisfied",
        ),
        // A builder that gives something else.
        (without("Box<dyn Metric>", "Box<dyn Sampler>"), "incompatible type"),
        // The plug-in's name is the crate's.
        (format!("situs_core::export_plugin!(\"mine\");\n{METRIC}"), "no rules expected"),
        // One entry symbol a library.
        (
            format!("situs_core::export_plugin!();\nsitus_core::export_plugin!();\n{METRIC}"),
            "symbol `situs_plugin_v1` is already defined",
        ),
    ] {
        let said = refused(&source);
        assert!(said.contains(words), "expected {words:?} in:\n{said}\nof:\n{source}");
    }
}

#[test]
fn two_plug_ins_can_be_linked_into_one_program() {
    built("larger", "examples/plugin-rust");
    let one = format!("situs_core::export_plugin!();\n{METRIC}");
    let one = krate("one-for-all", "lib.rs", &core(""), &one);
    // Without the library file, which has one name whatever the features, and which another test may be loading.
    let (library, larger) = (workshop().join("src/larger"), workshop().join("src/larger-linked"));
    for file in files_of(&library) {
        let text = std::fs::read_to_string(library.join(&file)).unwrap();
        write(&larger.join(&file), &text.replace(r#"["cdylib", "rlib"]"#, r#"["rlib"]"#));
    }
    let dependencies = format!(
        "{}\none-for-all = {{ path = '{}' }}\nlarger = {{ path = '{}', default-features = false }}",
        core(""),
        one.display(),
        larger.display()
    );
    let program = r#"
use larger as _;
use one_for_all as _;
fn main() {
    let registry = situs_core::registry::Registry::builtin().unwrap();
    for component in registry.components() {
        println!("{} {} {}", component.kind(), component.name(), component.origin());
    }
}
"#;
    let folder = krate("both", "main.rs", &dependencies, program);
    crate::workshop::build(&folder);
    let output = Command::new(workshop().join("debug/both")).output().unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "family larger larger\nsampler typical larger\nmetric first-option larger\nmetric one one-for-all\n"
    );
}
