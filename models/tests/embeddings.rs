//! Sentence embeddings and the metric `sbert`. The committed folders were made by `tests/make_embeddings.py`, seed 0.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod support;

use serde::Deserialize;
use serde_json::json;
use situs_core::fault::Cause;
use situs_core::prelude::*;
use situs_models::embeddings::{Embedder, cosine};
use std::path::{Path, PathBuf};
use support::{change, copied, fixture};

/// Numbers of sentence-transformers and of ours differ by the order of sums alone.
const TOLERANCE: f32 = 2e-6;

#[derive(Deserialize)]
struct Reference {
    #[serde(alias = "sentences")]
    texts: Vec<String>,
    embeddings: Vec<Vec<f32>>,
}

fn reference(path: &Path) -> Reference {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn embedded(embedder: &Embedder, texts: &[String]) -> Vec<Vec<f32>> {
    embedder.embed(&texts.iter().map(String::as_str).collect::<Vec<_>>()).unwrap()
}

fn farthest(ours: &[Vec<f32>], theirs: &[Vec<f32>]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    let pairs = ours.iter().zip(theirs).flat_map(|(one, other)| {
        assert_eq!(one.len(), other.len());
        one.iter().zip(other)
    });
    pairs.map(|(one, other)| (one - other).abs()).fold(0.0, f32::max)
}

#[test]
fn poolings_and_encoders_give_the_numbers_of_sentence_transformers() {
    for folder in ["embeddings_mean", "embeddings_cls", "embeddings_roberta", "embeddings_distilbert"] {
        let reference = reference(&fixture(folder).join("reference.json"));
        let embedder = Embedder::open(&fixture(folder)).unwrap();
        let ours = embedded(&embedder, &reference.texts);
        let apart = farthest(&ours, &reference.embeddings);
        assert!(apart <= TOLERANCE, "{folder}: {apart}");
    }
}

#[test]
fn a_text_has_the_same_bits_alone_and_in_company() {
    for folder in ["embeddings_mean", "embeddings_cls"] {
        let texts = reference(&fixture(folder).join("reference.json")).texts;
        let embedder = Embedder::open(&fixture(folder)).unwrap();
        let many: Vec<String> = texts.iter().cycle().take(100).cloned().collect();
        let together = embedded(&embedder, &many);
        for (text, together) in many.iter().zip(&together) {
            assert_eq!(&embedder.embed(&[text]).unwrap()[0], together, "{folder}: {text}");
        }
    }
}

#[test]
fn texts_are_cut_where_the_folder_says_and_padding_of_the_tokenizer_is_left_out() {
    let long = "the liver lies above the heart ".repeat(20);
    for (folder, most) in [("embeddings_mean", 20), ("embeddings_cls", 16)] {
        let embedder = Embedder::open(&fixture(folder)).unwrap();
        assert_eq!(embedder.ids(&long).unwrap().len(), most);
        assert_eq!(embedder.ids("the liver").unwrap().len(), 4, "two words and what stands around them");
    }
}

/// The published model, where its folder is at hand.
#[test]
fn minilm_gives_its_published_numbers() {
    let Some(folder) = std::env::var_os("SITUS_MINILM").map(PathBuf::from) else {
        println!("skipped: SITUS_MINILM names no folder of all-MiniLM-L6-v2");
        return;
    };
    let embedder = Embedder::open(&folder).unwrap();
    assert_eq!(
        embedder.ids("The liver is to the right of the spleen.").unwrap(),
        [101, 1996, 11290, 2003, 2000, 1996, 2157, 1997, 1996, 11867, 24129, 1012, 102]
    );
    let texts = [
        "The liver is to the right of the spleen.",
        "The spleen lies left of the liver.",
        "Bilateral pleural effusion with adjacent atelectasis.",
    ];
    let ours = embedder.embed(&texts).unwrap();
    // From transformers 5.23.0, eager attention, f32.
    for (one, other, expected) in [(0, 1, 0.896_603), (0, 2, 0.169_872), (1, 2, 0.201_975)] {
        let found = cosine(&ours[one], &ours[other]);
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }
    let Some(path) = std::env::var_os("SITUS_MINILM_REFERENCE").map(PathBuf::from) else {
        println!("components not compared: SITUS_MINILM_REFERENCE names no file");
        return;
    };
    let reference = reference(&path);
    assert_eq!(reference.texts, texts);
    let apart = farthest(&ours, &reference.embeddings);
    assert!(apart <= TOLERANCE, "{apart}");
}

#[test]
fn what_is_not_computed_is_refused_by_name() {
    type Change = fn(&mut serde_json::Value);
    let cases: [(&str, Change, Cause, &str); 7] = [
        ("config.json", |table| table["model_type"] = json!("mpnet"), Cause::Unsupported, "'mpnet'"),
        ("config.json", |table| table["num_hidden_layers"] = json!(3), Cause::Data, "encoder.layer.2."),
        ("config.json", |table| table["hidden_size"] = json!(1u64 << 40), Cause::Data, "hidden_size"),
        (
            "modules.json",
            |table| table[2]["type"] = json!("sentence_transformers.models.Dense"),
            Cause::Unsupported,
            "Dense",
        ),
        ("modules.json", |table| table[1]["path"] = json!("../1_Pooling"), Cause::Data, "outside the folder"),
        (
            "1_Pooling/config.json",
            |table| table["pooling_mode_max_tokens"] = json!(true),
            Cause::Unsupported,
            "max_tokens",
        ),
        (
            "sentence_bert_config.json",
            |table| table["max_seq_length"] = json!(65),
            Cause::Data,
            "max_seq_length 65",
        ),
    ];
    for (file, edit, cause, word) in cases {
        let folder = copied("embeddings_mean");
        let pooling = Path::new("1_Pooling/config.json");
        std::fs::create_dir(folder.path().join("1_Pooling")).unwrap();
        std::fs::copy(fixture("embeddings_mean").join(pooling), folder.path().join(pooling)).unwrap();
        change(folder.path(), file, edit);
        let fault = Embedder::open(folder.path()).err().unwrap();
        assert_eq!(fault.cause, cause, "{fault}");
        assert!(fault.to_string().contains(word), "'{word}' is not in: {fault}");
    }
}

fn record(reply: &str, truth: &str) -> Record {
    Record {
        arm: "main".to_owned(),
        question: serde_json::from_value(json!({
            "cases": [], "template": "", "cell": "", "bundle": "", "structures": [], "text": "", "options": [],
            "truth": truth, "chance": 0.0, "facets": {}, "scene": null, "evidence": Evidence::default(),
        }))
        .unwrap(),
        trial: 0,
        prompt: Prompt::default(),
        reply: Some(Reply::text(reply)),
        fault: None,
        answer: Answer::answered(reply),
    }
}

#[test]
fn the_metric_is_the_cosine_of_reply_and_truth_with_and_without_seeing_all_records_first() {
    let reference = reference(&fixture("embeddings_mean").join("reference.json"));
    let spec: Box<dyn MetricSpec> =
        serde_json::from_value(json!({ "use": "sbert", "dir": fixture("embeddings_mean") })).unwrap();
    let metric = spec.build(&BuildContext::default()).unwrap();
    let records: Vec<Record> = reference.texts.windows(2).map(|texts| record(&texts[0], &texts[1])).collect();
    let replies = Replies::default();
    let alone: Vec<Score> =
        records.iter().map(|record| metric.score(record, &replies).unwrap().unwrap()).collect();
    assert!(metric.consult(&records, &replies).unwrap().is_empty(), "it asks nobody");
    for (record, (alone, pair)) in records.iter().zip(alone.iter().zip(reference.embeddings.windows(2))) {
        assert_eq!(metric.score(record, &replies).unwrap().as_ref(), Some(alone));
        let expected = cosine(&pair[0], &pair[1]);
        assert!((alone.value - expected).abs() < 1e-6, "{} {expected}", alone.value);
    }
    let signature = metric.signature().unwrap();
    for part in ["figure:cosine", "model:embeddings_mean", "pooling:mean", "norm:l2", "max:20"] {
        assert!(signature.contains(part), "{part} is not in {signature}");
    }
    let same = metric.score(&record("the liver", "the liver"), &replies).unwrap().unwrap();
    assert!((same.value - 1.0).abs() < 1e-12);
}

#[test]
fn empty_texts_are_embedded_unless_they_are_to_be_skipped() {
    for skip in [false, true] {
        let spec: Box<dyn MetricSpec> = serde_json::from_value(
            json!({ "use": "sbert", "dir": fixture("embeddings_mean"), "skip_empty": skip }),
        )
        .unwrap();
        let metric = spec.build(&BuildContext::default()).unwrap();
        let scored = metric.score(&record(" ", "the liver"), &Replies::default()).unwrap();
        assert_eq!(scored.is_none(), skip);
    }
}

#[test]
fn a_metric_without_a_model_says_what_it_needs() {
    let spec: Box<dyn MetricSpec> = serde_json::from_value(json!({ "use": "sbert" })).unwrap();
    let fault = spec.build(&BuildContext::default()).err().unwrap();
    assert_eq!(fault.cause, Cause::Config);
    assert!(fault.to_string().contains("dir"), "{fault}");
}
