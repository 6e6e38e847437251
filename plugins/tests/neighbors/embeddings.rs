//! Finding and mapping the embedding tensor.

use crate::fixture::{Checkpoint, ROWS, TENSOR, WIDTH, raw_safetensors, safetensors, values};
use serde_json::json;
use situs_core::fault::Fault;
use situs_plugins::neighbors::{EmbeddingFile, ModelFolder};

fn refused(bytes: &[u8], tensor: &str) -> Fault {
    let checkpoint = Checkpoint::new();
    EmbeddingFile::open(&checkpoint.put("other.safetensors", bytes), tensor).err().unwrap()
}

#[test]
fn the_tensor_is_mapped_and_its_own_bytes_are_digested() {
    let checkpoint = Checkpoint::new();
    let numbers = values();
    let other = [1.0; 4];
    let file =
        checkpoint.put("two.safetensors", &safetensors(&[("a", &other, 2), (TENSOR, &numbers, WIDTH)]));
    let found = EmbeddingFile::open(&file, TENSOR).unwrap();
    assert_eq!((found.rows(), found.width()), (ROWS, WIDTH));
    let bytes: Vec<u8> = numbers.iter().flat_map(|value| value.to_le_bytes()).collect();
    assert_eq!(found.sha256(), situs_core::digest::sha256_hex(&bytes));
}

#[test]
fn damaged_files_are_named_as_such() {
    let whole = safetensors(&[(TENSOR, &values(), WIDTH)]);
    for cut in [0, 4, 100, whole.len() - 1] {
        let fault = refused(&whole[..cut], TENSOR);
        assert!(fault.what.contains("other.safetensors"), "{cut}: {fault}");
    }
    assert!(refused(&whole[..whole.len() - 1], TENSOR).help.unwrap().contains("incomplete"));
    let mut huge = whole.clone();
    huge[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(refused(&huge, TENSOR).what.contains("damaged"));
    // More rows than there are bytes.
    let header = json!({ TENSOR: { "dtype": "F32", "shape": [u64::MAX, 4], "data_offsets": [0, 16] } });
    assert!(refused(&raw_safetensors(&header, &[0; 16]), TENSOR).what.contains("damaged"));
}

#[test]
fn tensors_that_are_no_embeddings_are_refused() {
    let whole = safetensors(&[(TENSOR, &values(), WIDTH)]);
    let missing = refused(&whole, "lm_head.weight");
    assert!(missing.what.ends_with("no tensor 'lm_head.weight'"));
    assert_eq!(missing.help.unwrap(), format!("it holds {TENSOR}"));
    let header = json!({ "e": { "dtype": "I8", "shape": [2, 2], "data_offsets": [0, 4] } });
    assert!(refused(&raw_safetensors(&header, &[0; 4]), "e").what.contains("f32, f16 or bf16"));
    let header = json!({ "e": { "dtype": "F32", "shape": [1], "data_offsets": [0, 4] } });
    assert!(refused(&raw_safetensors(&header, &[0; 4]), "e").what.contains("two dimensions"));
}

#[test]
fn a_checkpoint_of_one_file_is_searched_by_the_end_of_the_name() {
    for name in [
        "embed_tokens.weight",
        "model.language_model.embed_tokens.weight",
        "transformer.wte.weight",
        "model.transformer.wte.embedding",
        "gpt_neox.embed_in.weight",
    ] {
        let checkpoint = Checkpoint::new();
        let (numbers, other) = (values(), [1.0; 4]);
        let rest = ["model.norm.weight", "transformer.wpe.weight", "model.transformer.wte.new_embedding"];
        let mut tensors = vec![(name, &numbers[..], WIDTH)];
        tensors.extend(rest.map(|rest| (rest, &other[..], 2)));
        checkpoint.put("model.safetensors", &safetensors(&tensors));
        let found = ModelFolder::find(checkpoint.folder(), None, None).unwrap();
        assert_eq!((found.tensor.as_str(), found.embeddings), (name, checkpoint.path("model.safetensors")));
        assert_eq!(found.tokenizer, checkpoint.path("tokenizer.json"));
    }
}

#[test]
fn the_index_of_a_checkpoint_of_many_files_decides() {
    let checkpoint = Checkpoint::new();
    let index = json!({ "weight_map": { TENSOR: "model-00002-of-00002.safetensors", "x": "model-00001.safetensors" } });
    checkpoint.put("model.safetensors.index.json", index.to_string().as_bytes());
    let found = ModelFolder::find(checkpoint.folder(), None, None).unwrap();
    assert_eq!(found.embeddings, checkpoint.path("model-00002-of-00002.safetensors"));

    let outside = json!({ "weight_map": { TENSOR: "../elsewhere.safetensors" } });
    checkpoint.put("model.safetensors.index.json", outside.to_string().as_bytes());
    let fault = ModelFolder::find(checkpoint.folder(), None, None).unwrap_err();
    assert!(fault.what.contains("'../elsewhere.safetensors'"), "{fault}");
}

#[test]
fn what_could_be_meant_is_listed_when_it_is_not_clear() {
    let checkpoint = Checkpoint::new();
    let numbers = values();
    let (text, speech) = ("text.embed_tokens.weight", "speech.embed_tokens.weight");
    let tensors = [(text, &numbers[..], WIDTH), (speech, &numbers[..], WIDTH)];
    checkpoint.put("model.safetensors", &safetensors(&tensors));
    let fault = ModelFolder::find(checkpoint.folder(), None, None).unwrap_err();
    assert!(fault.help.unwrap().contains(&format!("{speech}, {text}")));
    assert_eq!(ModelFolder::find(checkpoint.folder(), Some(text), None).unwrap().tensor, text);

    checkpoint.put("model.safetensors", &safetensors(&[("not_embed_tokens.weight", &numbers, WIDTH)]));
    let fault = ModelFolder::find(checkpoint.folder(), None, None).unwrap_err();
    assert!(fault.help.unwrap().contains("there are not_embed_tokens.weight"));
    let other = tempfile::tempdir().unwrap();
    assert!(ModelFolder::find(other.path(), None, None).unwrap_err().what.contains("no .safetensors file"));
    std::fs::remove_file(checkpoint.path("tokenizer.json")).unwrap();
    let fault = ModelFolder::find(checkpoint.folder(), Some("not_embed_tokens.weight"), None).unwrap_err();
    assert!(fault.what.ends_with("tokenizer.json") && fault.help.unwrap().contains("--tokenizer"));
}
