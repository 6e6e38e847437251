//! `situs sample` as scripts see it.

#![allow(clippy::unwrap_used)]

use safetensors::tensor::{Dtype, TensorView, serialize};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Output};

/// Token 0 alone against the family 1, 2, 3; token 4 is a control token.
const SPLIT: [f32; 5] = [0.40, 0.25, 0.15, 0.20, 1e-6];
const CONTROL: [f32; 5] = [0.1, 0.1, 0.1, 0.1, 0.6];

fn logs(rows: &[[f32; 5]]) -> Vec<f32> {
    rows.concat().iter().map(|p| p.ln()).collect()
}

fn write_logits(folder: &Path, dtype: Dtype, bytes: &[u8], shape: Vec<usize>) {
    let view = TensorView::new(dtype, shape, bytes).unwrap();
    std::fs::write(folder.join("logits.safetensors"), serialize([("logits", view)], None).unwrap()).unwrap();
}

fn write_rows(folder: &Path, values: &[f32]) {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    write_logits(folder, Dtype::F32, &bytes, vec![values.len() / 5, 5]);
}

fn write_table(folder: &Path) {
    write_table_of(folder, "0", "0");
}

fn write_table_of(folder: &Path, embedding: &str, tokenizer: &str) {
    let ids: [u32; 15] = [0, 0, 0, 1, 2, 3, 2, 1, 3, 3, 1, 2, 4, 4, 4];
    let cosines: [f32; 15] = [1.0, 0.0, 0.0, 1.0, 0.9, 0.9, 1.0, 0.9, 0.9, 1.0, 0.9, 0.9, 0.0, 0.0, 0.0];
    let ids: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
    let cosines: Vec<u8> = cosines.iter().flat_map(|cosine| cosine.to_le_bytes()).collect();
    let tensors = [
        ("ids", TensorView::new(Dtype::U32, vec![5, 3], &ids).unwrap()),
        ("similarities", TensorView::new(Dtype::F32, vec![5, 3], &cosines).unwrap()),
        ("content", TensorView::new(Dtype::U8, vec![5], &[1, 1, 1, 1, 0]).unwrap()),
    ];
    let metadata = [
        ("format", "situs-neighbors-1"),
        ("k", "3"),
        ("embedding_sha256", embedding),
        ("tokenizer_sha256", tokenizer),
        ("tool", "test"),
    ];
    let metadata: HashMap<String, String> =
        metadata.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    std::fs::write(folder.join("table.safetensors"), serialize(tensors, Some(metadata)).unwrap()).unwrap();
}

fn sample(folder: &Path, sampler: &str, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_situs"))
        .current_dir(folder)
        .args(["sample", "--logits", "logits.safetensors", "--table", "table.safetensors"])
        .args(["--sampler", sampler, "--seed", "7", "--json"])
        .args(more)
        .env_remove("SITUS_LOG")
        .output()
        .unwrap()
}

fn sampled(folder: &Path, sampler: &str, more: &[&str]) -> Value {
    let output = sample(folder, sampler, more);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

const SEMANTIC: &str = r#"{"use": "semantic", "temperature": 1.0, "top_k": 2, "neighbors": 3}"#;

#[test]
fn tokens_and_ledger_are_printed_as_the_contract_says() {
    let folder = tempfile::tempdir().unwrap();
    write_table(folder.path());
    write_rows(folder.path(), &logs(&[SPLIT, CONTROL]));
    let printed = sampled(folder.path(), SEMANTIC, &[]);
    assert_eq!(printed["tokens"], json!([1, 4]));
    let first = &printed["steps"][0];
    assert_eq!((&first["row"], &first["fired"], &first["changed"]), (&json!(0), &json!(true), &json!(true)));
    assert_eq!(
        (&first["default_token"], &first["token"], &first["candidates"]),
        (&json!(0), &json!(1), &json!(2))
    );
    assert!((first["default_score"].as_f64().unwrap() - 0.40).abs() < 1e-5);
    assert!((first["token_score"].as_f64().unwrap() - 0.565).abs() < 1e-5);
    let expected = json!({"row": 1, "fired": false, "deferred": true, "changed": false, "default_token": 4,
        "token": 4, "default_score": null, "token_score": null, "candidates": 2});
    assert_eq!(printed["steps"][1], expected);
}

#[test]
fn any_sampler_runs_on_recorded_logits() {
    let folder = tempfile::tempdir().unwrap();
    write_table(folder.path());
    write_rows(folder.path(), &logs(&[SPLIT, CONTROL]));
    let greedy = sampled(folder.path(), r#"{"use": "greedy"}"#, &[]);
    assert_eq!(greedy["tokens"], json!([0, 4]));
    assert_eq!(
        (&greedy["steps"][0]["fired"], &greedy["steps"][0]["token_score"]),
        (&json!(false), &Value::Null)
    );
    let crowding = r#"{"use": "crowding", "temperature": 1.0, "top_k": 2, "neighbors": 3}"#;
    assert_eq!(sampled(folder.path(), crowding, &[])["tokens"], json!([0, 4]));
}

#[test]
fn a_batch_draws_as_the_steps_do_and_the_same_seed_draws_the_same() {
    let folder = tempfile::tempdir().unwrap();
    write_table(folder.path());
    write_rows(folder.path(), &logs(&[SPLIT; 100]));
    let drawing =
        r#"{"use": "semantic", "temperature": 1.0, "top_k": 4, "neighbors": 3, "select": "proportional"}"#;
    let steps = sampled(folder.path(), drawing, &[]);
    assert_eq!(sampled(folder.path(), drawing, &["--batch"]), steps);
    assert_eq!(sampled(folder.path(), drawing, &[]), steps);
    let tokens = steps["tokens"].as_array().unwrap();
    assert!((0..4).all(|token| tokens.contains(&json!(token))), "{tokens:?}");
}

/// A checkpoint in `model/` whose tokens read "a", "b", "c", "</th", "ink>"; gives the digest of its tokenizer.
fn write_model(folder: &Path) -> String {
    let model = folder.join("model");
    std::fs::create_dir(&model).unwrap();
    let vocab = json!({ "a": 0, "b": 1, "c": 2, "</th": 3 });
    let added = json!([{ "id": 4, "content": "ink>", "special": true }]);
    let tokenizer = json!({ "model": { "vocab": vocab }, "added_tokens": added }).to_string();
    std::fs::write(model.join("tokenizer.json"), &tokenizer).unwrap();
    let view = TensorView::new(Dtype::F32, vec![5, 1], &[0; 20]).unwrap();
    let file = serialize([("model.embed_tokens.weight", view)], None).unwrap();
    std::fs::write(model.join("model.safetensors"), file).unwrap();
    situs_core::digest::sha256_hex(tokenizer.as_bytes())
}

#[test]
fn a_tag_is_looked_for_in_texts_when_a_tokenizer_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let tokenizer = write_model(folder.path());
    write_table_of(folder.path(), "0", &tokenizer);
    let open = [0.01, 0.01, 0.01, 0.96, 0.01];
    write_rows(folder.path(), &logs(&[SPLIT, open, CONTROL, SPLIT]));
    let tagged = r#"{"use": "semantic", "temperature": 1.0, "top_k": 2, "only_after": "</think>"}"#;
    let fired = |more: &[&str]| -> Vec<bool> {
        let printed = sampled(folder.path(), tagged, more);
        printed["steps"].as_array().unwrap().iter().map(|step| step["fired"].as_bool().unwrap()).collect()
    };
    assert_eq!(fired(&["--tokenizer", "model/tokenizer.json"]), [false, false, false, true]);
}

#[test]
fn reuse_takes_effect_when_the_model_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let tokenizer = write_model(path);
    write_table_of(path, "another checkpoint's", &tokenizer);
    write_rows(path, &logs(&[SPLIT]));
    let with = ["--model", "model"];
    refused(&sample(path, SEMANTIC, &with), 4, "made from other embeddings");
    let reuse = r#"{"use": "semantic", "temperature": 1.0, "top_k": 2, "reuse": true}"#;
    let output = sample(path, reuse, &with);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("come from embeddings another checkpoint's"), "{told}");
    let alone = sample(path, reuse, &[]);
    assert!(String::from_utf8_lossy(&alone.stderr).contains("reuse changes nothing: without --model"));
    write_table_of(path, "0", "another tokenizer");
    refused(&sample(path, reuse, &with), 4, "made for another tokenizer");
}

#[test]
fn without_a_table_the_named_model_s_own_is_built_once_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_model(path);
    write_rows(path, &logs(&[SPLIT]));
    let run = || {
        Command::new(env!("CARGO_BIN_EXE_situs"))
            .current_dir(path)
            .args(["sample", "--logits", "logits.safetensors", "--model", "model", "--json", "--sampler"])
            .arg(r#"{"use": "semantic", "top_k": 2}"#)
            .env("XDG_CACHE_HOME", path.join("cache"))
            .output()
            .unwrap()
    };
    for built in [true, false] {
        let output = run();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}");
        assert_eq!(told.contains("built from the model's embeddings and kept"), built, "{told}");
        let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(printed["steps"][0]["fired"], true);
    }
    assert_eq!(std::fs::read_dir(path.join("cache/situs/neighbors")).unwrap().count(), 1);
}

#[test]
fn choices_that_are_seldom_wanted_are_told() {
    let folder = tempfile::tempdir().unwrap();
    write_table(folder.path());
    write_rows(folder.path(), &logs(&[SPLIT]));
    for (sampler, warning) in [
        (r#"{"use": "greedy"}"#, "sampler 'greedy' takes no table; --table is not used"),
        (r#"{"use": "semantic", "top_k": 2, "select": "softmax"}"#, "almost evenly"),
    ] {
        let output = sample(folder.path(), sampler, &[]);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && told.contains(warning), "{told}");
    }
}

#[test]
fn half_precision_logits_are_read() {
    let folder = tempfile::tempdir().unwrap();
    write_table(folder.path());
    // 1.0, 2.0, 0.5, -1.0 and -2.0 as IEEE half and as bfloat16.
    for (dtype, words) in [
        (Dtype::F16, [0x3c00u16, 0x4000, 0x3800, 0xbc00, 0xc000]),
        (Dtype::BF16, [0x3f80, 0x4000, 0x3f00, 0xbf80, 0xc000]),
    ] {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        write_logits(folder.path(), dtype, &bytes, vec![1, 5]);
        assert_eq!(sampled(folder.path(), r#"{"use": "greedy"}"#, &[])["tokens"], json!([1]), "{dtype:?}");
    }
}

/// That exit code, the message on stderr, nothing on stdout.
#[track_caller]
fn refused(output: &Output, code: i32, message: &str) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{errors}");
    assert!(output.stdout.is_empty());
    assert!(errors.contains(message), "{message:?} in {errors}");
}

#[test]
fn bad_input_ends_with_its_name_and_the_exit_code_of_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_table(path);
    write_rows(path, &logs(&[SPLIT]));
    refused(&sample(path, "semantic", &[]), 2, "--sampler: no JSON");
    refused(&sample(path, "[]", &[]), 2, "--sampler: expected a JSON object");
    refused(&sample(path, r#"{"use": "semantics"}"#, &[]), 2, "did you mean 'semantic'?");
    refused(&sample(path, r#"{"use": "semantic"}"#, &[]), 2, "no truncation is configured");
    let cold = r#"{"use": "semantic", "top_k": 2, "neighbors": 3, "temperature": 0}"#;
    refused(&sample(path, cold, &[]), 2, "temperature");
    refused(&sample(path, r#"{"use": "semantic", "top_k": 2, "neighbors": 9}"#, &[]), 4, "9 are asked for");
    let tagged = r#"{"use": "semantic", "top_k": 2, "neighbors": 3, "only_after": "</think>"}"#;
    refused(&sample(path, tagged, &[]), 2, "no token texts");
    for (values, message) in [
        (vec![0.0, f32::NAN, 0.0, 0.0, 0.0], "row 0: the logit of token 1 is NaN"),
        (vec![f32::NEG_INFINITY; 5], "row 0: none of the 5 logits is finite"),
    ] {
        write_rows(path, &values);
        refused(&sample(path, SEMANTIC, &[]), 4, message);
    }
    write_logits(path, Dtype::F32, &[0; 24], vec![1, 6]);
    refused(&sample(path, SEMANTIC, &[]), 4, "the neighbor table has 5 rows, the logits have 6");
    write_logits(path, Dtype::F64, &[0; 40], vec![1, 5]);
    refused(&sample(path, SEMANTIC, &[]), 4, "expected F32, F16 or BF16");
    write_logits(path, Dtype::F32, &[0; 20], vec![5]);
    refused(&sample(path, SEMANTIC, &[]), 4, "expected [steps, vocabulary]");
    write_rows(path, &logs(&[SPLIT]));
    for (name, message) in [("logits", "logits.safetensors"), ("table", "table.safetensors")] {
        let file = path.join(format!("{name}.safetensors"));
        let whole = std::fs::read(&file).unwrap();
        std::fs::write(&file, &whole[..whole.len() - 3]).unwrap();
        refused(&sample(path, SEMANTIC, &[]), 4, message);
        std::fs::write(&file, whole).unwrap();
    }
}
