//! What is wrong with a checkpoint or a prompt is said before anything is generated.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod support;

use safetensors::SafeTensors;
use serde_json::json;
use situs_core::fault::Cause;
use situs_core::prelude::*;
use std::path::Path;
use support::{Album, built, change, copied, fixture, request};

fn refusal(folder: &Path) -> Fault {
    match built(folder, json!({})) {
        Ok(_) => panic!("it was built"),
        Err(fault) => fault,
    }
}

fn says(fault: &Fault, words: &[&str]) {
    for word in words {
        assert!(fault.to_string().contains(word), "'{word}' is not in: {fault}");
    }
}

#[test]
fn another_model_type_is_named_with_those_that_are_known() {
    let folder = copied("qwen3_vl");
    change(folder.path(), "config.json", |config| config["model_type"] = json!("idefics3"));
    let fault = refusal(folder.path());
    assert_eq!(fault.cause, Cause::Unsupported);
    says(&fault, &["model_type 'idefics3'", "gemma3", "paligemma", "qwen2_5_vl", "qwen3_vl"]);
}

#[test]
fn the_type_of_another_family_is_found_out_by_its_tensors() {
    let folder = copied("qwen2_5_vl");
    change(folder.path(), "config.json", |config| config["model_type"] = json!("qwen3_vl"));
    let fault = refusal(folder.path());
    says(&fault, &["config.json"]);
}

#[test]
fn a_missing_tensor_is_named() {
    let folder = copied("qwen3_vl");
    let path = folder.path().join("model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    let parsed = SafeTensors::deserialize(&bytes).unwrap();
    let name = "model.language_model.layers.1.mlp.up_proj.weight";
    let kept: Vec<_> = parsed.iter().filter(|(other, _)| *other != name).collect();
    std::fs::write(&path, safetensors::serialize(kept, None).unwrap()).unwrap();
    let fault = refusal(folder.path());
    assert_eq!(fault.cause, Cause::Data);
    says(&fault, &[name]);
}

#[test]
fn a_missing_shard_is_named() {
    let folder = copied("qwen3_vl");
    let bytes = std::fs::read(folder.path().join("model.safetensors")).unwrap();
    let parsed = SafeTensors::deserialize(&bytes).unwrap();
    let file =
        |name: &str| if name.contains("visual") { "model-2.safetensors" } else { "model-1.safetensors" };
    let map: serde_json::Map<_, _> =
        parsed.names().into_iter().map(|name| (name.to_owned(), json!(file(name)))).collect();
    for shard in ["model-1.safetensors", "model-2.safetensors"] {
        let part: Vec<_> = parsed.iter().filter(|(name, _)| file(name) == shard).collect();
        std::fs::write(folder.path().join(shard), safetensors::serialize(part, None).unwrap()).unwrap();
    }
    std::fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    let index = folder.path().join("model.safetensors.index.json");
    std::fs::write(&index, json!({ "weight_map": map }).to_string()).unwrap();
    assert!(built(folder.path(), json!({})).is_ok(), "two shards are as good as one file");
    std::fs::remove_file(folder.path().join("model-2.safetensors")).unwrap();
    let fault = refusal(folder.path());
    assert_eq!(fault.cause, Cause::Data);
    says(&fault, &["model-2.safetensors", "missing"]);
}

#[test]
fn a_file_cut_short_is_named() {
    let folder = copied("qwen3_vl");
    let path = folder.path().join("model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 100]).unwrap();
    says(&refusal(folder.path()), &["model.safetensors", "incomplete"]);
}

#[test]
fn a_tensor_of_another_shape_is_named() {
    let folder = copied("qwen3_vl");
    change(folder.path(), "config.json", |config| config["text_config"]["intermediate_size"] = json!(96));
    says(&refusal(folder.path()), &["mlp.gate_proj.weight", "[112, 64]", "[96, 64]"]);
}

#[test]
fn a_vocabulary_larger_than_the_embeddings_is_refused() {
    let folder = copied("qwen3_vl");
    change(folder.path(), "tokenizer.json", |tokenizer| {
        let added = tokenizer["added_tokens"].as_array_mut().unwrap();
        let mut token = added.last().unwrap().clone();
        token["id"] = json!(448);
        token["content"] = json!("<|beyond|>");
        added.push(token);
    });
    // Ids are given out in order, so the new one may come out lower; what counts is that none lies beyond the rows.
    change(folder.path(), "tokenizer.json", |tokenizer| {
        for id in 0..60 {
            tokenizer["model"]["vocab"][format!("beyond{id}")] = json!(430 + id);
        }
    });
    let fault = refusal(folder.path());
    assert_eq!(fault.cause, Cause::Data);
    says(&fault, &["448 embedding rows"]);
}

#[test]
fn an_unknown_rope_type_is_refused() {
    for (family, table) in [("qwen3_vl", "text_config"), ("qwen2_5_vl", "text_config")] {
        let folder = copied(family);
        change(folder.path(), "config.json", |config| {
            config[table]["rope_parameters"]["rope_type"] = json!("yarn");
        });
        let fault = refusal(folder.path());
        assert_eq!(fault.cause, Cause::Unsupported);
        says(&fault, &["rope_type", "'yarn'"]);
    }
}

#[test]
fn a_second_paligemma_that_calls_itself_the_first_is_refused_and_the_other_way_round() {
    let folder = copied("paligemma2");
    change(folder.path(), "config.json", |config| config["text_config"]["model_type"] = json!("gemma"));
    let fault = refusal(folder.path());
    assert_eq!(fault.cause, Cause::Data);
    says(&fault, &["model_type", "version 2"]);
    let folder = copied("paligemma");
    change(folder.path(), "config.json", |config| config["text_config"]["model_type"] = json!("gemma2"));
    let fault = refusal(folder.path());
    assert_eq!(fault.cause, Cause::Data);
    says(&fault, &["layers.0.post_feedforward_layernorm.weight"]);
    let folder = copied("paligemma");
    change(folder.path(), "config.json", |config| config["text_config"]["model_type"] = json!("gemma3_text"));
    let fault = refusal(folder.path());
    assert_eq!(fault.cause, Cause::Unsupported);
    says(&fault, &["text_config.model_type", "'gemma3_text'"]);
}

#[test]
fn a_gemma_of_another_kind_is_refused() {
    for (field, value, words) in [
        ("layer_types", json!(["sliding_attention", "chunked_attention", "full_attention"]), "chunked"),
        ("layer_types", json!(["sliding_attention"]), "1 kinds of 3 layers"),
        ("sliding_window", json!(null), "sliding_window"),
        ("attn_logit_softcapping", json!(50.0), "attn_logit_softcapping"),
        ("use_bidirectional_attention", json!(true), "use_bidirectional_attention"),
        ("hidden_activation", json!("relu"), "hidden_activation"),
    ] {
        let folder = copied("gemma3");
        change(folder.path(), "config.json", |config| config["text_config"][field] = value);
        says(&refusal(folder.path()), &["text_config", words]);
    }
    let folder = copied("gemma3");
    change(folder.path(), "config.json", |config| {
        config["text_config"]["rope_parameters"]["full_attention"]["rope_type"] = json!("yarn");
    });
    says(&refusal(folder.path()), &["rope_parameters.full_attention", "'yarn'"]);
    let folder = copied("gemma3");
    change(folder.path(), "config.json", |config| config["mm_tokens_per_image"] = json!(16));
    says(&refusal(folder.path()), &["image_size", "4 tokens"]);
}

/// What published configurations leave out is what the library's class says: seen here by the shapes that are asked for.
#[test]
fn sizes_that_a_gemma_configuration_leaves_out_are_those_of_its_class() {
    for (family, field, tensor, shape) in [
        ("gemma3", "head_dim", "q_norm.weight", "[256]"),
        ("gemma3", "num_attention_heads", "q_proj.weight", "[128, 64]"),
        ("gemma3", "num_key_value_heads", "k_proj.weight", "[64, 64]"),
        ("gemma3", "vocab_size", "embed_tokens.weight", "[262208, 64]"),
        ("gemma3", "intermediate_size", "gate_proj.weight", "[9216, 64]"),
        ("paligemma2", "head_dim", "q_proj.weight", "[1024, 64]"),
        ("paligemma2", "num_attention_heads", "q_proj.weight", "[128, 64]"),
        ("paligemma2", "num_key_value_heads", "k_proj.weight", "[64, 64]"),
        ("paligemma", "head_dim", "q_proj.weight", "[1024, 64]"),
        ("paligemma", "vocab_size", "embed_tokens.weight", "[256000, 64]"),
    ] {
        let folder = copied(family);
        change(folder.path(), "config.json", |config| {
            config["text_config"].as_object_mut().unwrap().remove(field).unwrap();
        });
        says(&refusal(folder.path()), &[tensor, shape]);
    }
}

#[test]
fn pictures_of_another_size_than_the_towers_and_crops_beside_them_are_refused() {
    for (family, field, value) in [
        ("gemma3", "size", json!({ "height": 64, "width": 64 })),
        ("gemma3", "do_pan_and_scan", json!(true)),
        ("paligemma", "resample", json!(1)),
        ("paligemma", "do_resize", json!(false)),
    ] {
        let folder = copied(family);
        change(folder.path(), "preprocessor_config.json", |pixels| pixels[field] = value);
        says(&refusal(folder.path()), &["preprocessor_config.json", field]);
    }
}

#[test]
fn videos_for_a_model_that_takes_none_are_refused() {
    let fault = built(&fixture("gemma3"), json!({ "video": true })).err().unwrap();
    assert_eq!(fault.cause, Cause::Config);
    says(&fault, &["video", "gemma3"]);
}

#[test]
fn absurd_sizes_are_refused() {
    for (field, value) in [("num_attention_heads", 3), ("num_hidden_layers", 0), ("hidden_size", 1u64 << 40)]
    {
        let folder = copied("qwen3_vl");
        change(folder.path(), "config.json", |config| config["text_config"][field] = json!(value));
        assert!(matches!(refusal(folder.path()).cause, Cause::Data), "{field}");
    }
}

#[test]
fn a_checkpoint_without_a_template_is_refused() {
    let folder = copied("qwen3_vl");
    std::fs::remove_file(folder.path().join("chat_template.jinja")).unwrap();
    says(&refusal(folder.path()), &["no chat template"]);
}

#[test]
fn more_pictures_than_allowed_are_refused() {
    let model = built(&fixture("qwen3_vl"), json!({ "max_pictures": 2 })).unwrap();
    let album = Album::default();
    let image = album.stripes(64, 64, 1);
    let mut session = model.session().unwrap();
    let fault =
        session.admit(&request(&[image.clone(), image.clone(), image], "Where?"), &album).unwrap_err();
    assert_eq!(fault.cause, Cause::Rejected);
    says(&fault, &["3 pictures", "at most 2"]);
}

#[test]
fn a_prompt_longer_than_the_context_is_refused() {
    let model = built(&fixture("qwen3_vl"), json!({})).unwrap();
    let album = Album::default();
    let mut session = model.session().unwrap();
    let fault = session.admit(&request(&[], &"Where is the liver? ".repeat(1200)), &album).unwrap_err();
    assert_eq!(fault.cause, Cause::Rejected);
    says(&fault, &["tokens", "4095"]);
    assert!(session.admit(&request(&[], "Where is the liver?"), &album).is_ok(), "the slot is still free");
}

#[test]
fn a_question_that_spells_a_placeholder_is_refused() {
    let model = built(&fixture("qwen3_vl"), json!({})).unwrap();
    let album = Album::default();
    let image = album.stripes(64, 64, 1);
    let mut session = model.session().unwrap();
    let fault = session.admit(&request(&[image], "What is <|image_pad|>?"), &album).unwrap_err();
    says(&fault, &["placeholders", "1 pictures"]);
}

#[test]
fn parameters_out_of_range_are_named() {
    for (name, value) in
        [("slots", json!(0)), ("fps", json!(0.0)), ("context", json!(8192)), ("dtype", json!("f8"))]
    {
        let fault = built(&fixture("qwen3_vl"), json!({ name: value })).err().unwrap();
        assert_eq!(fault.cause, Cause::Config, "{name}");
        assert!(fault.to_string().contains(name), "{fault}");
    }
}
