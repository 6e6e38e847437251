//! The samplers over neighbor tables, through the registry, the trait and the engine.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use safetensors::tensor::{Dtype, TensorView, serialize};
use serde_json::{Value, json};
use situs_core::config::{Overrides, RunConfig};
use situs_core::digest::sha256_hex;
use situs_core::model_backend::{EmbeddingSource, Session, Vocabulary};
use situs_core::prelude::*;
use situs_core::registry::Registry;
use situs_core::run::{self, Exit, Progress, RunOptions};
use situs_plugins::neighbors::{Expectations, NeighborFile};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

/// Token texts; the last two are control tokens.
const WORDS: [&str; 6] = ["left", "right", " right", "Right", "</think>", ""];
const CONTENT: [u8; 6] = [1, 1, 1, 1, 0, 0];
/// Neighbors: the three spellings of "right" are near each other, "left" is alone.
const IDS: [[u32; 3]; 6] = [[0, 1, 0], [1, 2, 3], [2, 1, 3], [3, 1, 2], [4, 4, 4], [5, 5, 5]];
const COSINES: [[f32; 3]; 6] =
    [[1.0, 0.1, 0.0], [1.0, 0.9, 0.9], [1.0, 0.9, 0.9], [1.0, 0.9, 0.9], [0.0; 3], [0.0; 3]];
/// "left" alone against "right" in three spellings.
const SPLIT: [f32; 6] = [0.40, 0.25, 0.15, 0.20, 1e-6, 1e-6];
const THOUGHT: [f32; 6] = [1e-3, 1e-3, 1e-3, 1e-3, 0.99, 1e-3];
const END: [f32; 6] = [1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 0.99];

fn bytes<T: Copy, const N: usize>(values: impl IntoIterator<Item = T>, of: fn(T) -> [u8; N]) -> Vec<u8> {
    values.into_iter().flat_map(of).collect()
}

/// Writes a table; `change` may damage its parts.
fn write_table(folder: &Path, change: impl FnOnce(&mut Vec<u32>, &mut Vec<f32>, &mut Vec<u8>)) -> PathBuf {
    write_table_of(folder, "0", "0", change)
}

/// Writes a table made from those embeddings with that tokenizer.
fn write_table_of(
    folder: &Path,
    embedding: &str,
    tokenizer: &str,
    change: impl FnOnce(&mut Vec<u32>, &mut Vec<f32>, &mut Vec<u8>),
) -> PathBuf {
    let (mut ids, mut cosines) = (IDS.concat(), COSINES.concat());
    let mut content = CONTENT.to_vec();
    change(&mut ids, &mut cosines, &mut content);
    let (ids, cosines) = (bytes(ids, u32::to_le_bytes), bytes(cosines, f32::to_le_bytes));
    let rows = content.len();
    let tensors = [
        ("ids", TensorView::new(Dtype::U32, vec![rows, 3], &ids).unwrap()),
        ("similarities", TensorView::new(Dtype::F32, vec![rows, 3], &cosines).unwrap()),
        ("content", TensorView::new(Dtype::U8, vec![rows], &content).unwrap()),
    ];
    let metadata = HashMap::from([
        ("format", "situs-neighbors-1"),
        ("k", "3"),
        ("embedding_sha256", embedding),
        ("tokenizer_sha256", tokenizer),
        ("tool", "test"),
    ]);
    let metadata = metadata.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let path = folder.join("table.safetensors");
    std::fs::write(&path, serialize(tensors, Some(metadata)).unwrap()).unwrap();
    path
}

fn built(params: Value) -> Result<Box<dyn Sampler>, Fault> {
    let params = params.as_object().unwrap().clone();
    let registry = Registry::builtin().unwrap();
    registry.build::<dyn Sampler>(&params, &BuildContext::default()).map(|built| built.component)
}

fn semantic(table: &Path, more: Value) -> Value {
    let mut params =
        json!({"use": "semantic", "temperature": 1.0, "top_k": 2, "neighbors": 3, "table": table});
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    params
}

fn pick(sampler: &mut dyn Sampler, probabilities: &[f32], history: &[u32], draw: u64) -> Result<Pick, Fault> {
    let values: Vec<f32> = probabilities.iter().map(|p| p.ln()).collect();
    let logits = Logits { rows: 1, vocabulary: values.len(), place: LogitsPlace::Host(&values) };
    let mut out = Vec::new();
    sampler.pick(&logits, &[Row { index: 0, step: 0, draw, history }], &mut out)?;
    Ok(out.remove(0))
}

#[test]
fn the_ledger_names_both_tokens_with_both_scores() {
    let folder = tempfile::tempdir().unwrap();
    let table = write_table(folder.path(), |_, _, _| {});
    let mut sampler = built(semantic(&table, json!({}))).unwrap();
    let pick = pick(sampler.as_mut(), &SPLIT, &[], 0).unwrap();
    let note = pick.note.unwrap();
    assert_eq!(pick.token, 1);
    for (field, value) in [("fired", true), ("deferred", false), ("changed", true)] {
        assert_eq!(note[field], value, "{field}");
    }
    assert_eq!(
        (&note["default_token"], &note["token"], &note["candidates"]),
        (&json!(0), &json!(1), &json!(2))
    );
    // 0.40 + 0.1 * 0.25, and 0.25 + 0.9 * (0.15 + 0.20).
    assert!((note["default_score"].as_f64().unwrap() - 0.425).abs() < 1e-5);
    assert!((note["token_score"].as_f64().unwrap() - 0.565).abs() < 1e-5);
    assert_eq!(sampler.remote(), None);
    assert_eq!(sampler.digest().unwrap().len(), 64);
}

#[test]
fn a_step_with_a_control_token_defers_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let table = write_table(folder.path(), |_, _, _| {});
    let mut sampler = built(semantic(&table, json!({}))).unwrap();
    let pick = pick(sampler.as_mut(), &END, &[], 0).unwrap();
    let expected = json!({"fired": false, "deferred": true, "changed": false, "default_token": 5, "token": 5,
        "default_score": null, "token_score": null, "candidates": 2});
    assert_eq!((pick.token, pick.note), (5, Some(expected)));
}

#[test]
fn crowding_pushes_the_other_way() {
    let folder = tempfile::tempdir().unwrap();
    let table = write_table(folder.path(), |_, _, _| {});
    let crowd = [0.25, 0.35, 0.15, 0.25, 1e-6, 1e-6];
    let mut semantic_sampler = built(semantic(&table, json!({}))).unwrap();
    assert_eq!(pick(semantic_sampler.as_mut(), &crowd, &[], 0).unwrap().token, 1);
    // ln 0.35 - 0.9 * 0.40 = -1.410 against ln 0.25 - 0.1 * 0.35 = -1.421; with alpha 2: -1.770 against -1.456.
    for (alpha, token) in [(1.0, 1), (2.0, 0)] {
        let mut params = semantic(&table, json!({"use": "crowding", "alpha": alpha}));
        params["use"] = json!("crowding");
        assert_eq!(pick(built(params).unwrap().as_mut(), &crowd, &[], 0).unwrap().token, token, "{alpha}");
    }
}

#[test]
fn the_same_draw_gives_the_same_token_and_draws_follow_the_scores() {
    let folder = tempfile::tempdir().unwrap();
    let table = write_table(folder.path(), |_, _, _| {});
    let mut sampler = built(semantic(&table, json!({"select": "proportional"}))).unwrap();
    let mut again = built(semantic(&table, json!({"select": "proportional"}))).unwrap();
    let n = 20_000u64;
    let mut right = 0;
    for draw in 0..n {
        let token = pick(sampler.as_mut(), &SPLIT, &[], draw).unwrap().token;
        right += u32::from(token == 1);
        if draw < 100 {
            assert_eq!(pick(again.as_mut(), &SPLIT, &[], draw).unwrap().token, token);
        }
    }
    let share = f64::from(right) / n as f64;
    // Four standard errors of a share over 20,000 draws are at most 0.0142.
    assert!((share - 0.565 / 0.99).abs() < 0.0142, "{share}");
}

#[test]
fn a_temperature_of_the_draws_sharpens_them() {
    let folder = tempfile::tempdir().unwrap();
    let table = write_table(folder.path(), |_, _, _| {});
    let share = |more: Value| {
        let mut sampler = built(semantic(&table, more)).unwrap();
        let right = (0..4_000).filter(|draw| pick(sampler.as_mut(), &SPLIT, &[], *draw).unwrap().token == 1);
        right.count() as f64 / 4_000.0
    };
    // 0.565 against 0.425, squared: 0.3192 against 0.1806. Four standard errors over 4,000 draws are at most 0.032.
    let squared = share(json!({"select": "proportional", "tau": 0.5}));
    assert!((squared - 0.3192 / 0.4998).abs() < 0.032, "{squared}");
    // e^(0.14 / 0.05) = 16.44 to 1.
    let softmax = share(json!({"select": "softmax", "tau": 0.05}));
    assert!((softmax - 16.44 / 17.44).abs() < 0.032, "{softmax}");
}

#[test]
fn a_softmax_of_bare_scores_is_warned_of_where_it_is_nearly_flat() {
    let folder = tempfile::tempdir().unwrap();
    let table = write_table(folder.path(), |_, _, _| {});
    let warnings = |more: Value| built(semantic(&table, more)).unwrap().warnings();
    assert!(warnings(json!({"select": "softmax"}))[0].contains("almost evenly"));
    assert!(warnings(json!({"select": "softmax", "tau": 0.1})).is_empty());
    assert!(warnings(json!({"select": "proportional"})).is_empty());
}

#[test]
fn neighbors_that_are_not_asked_for_are_as_many_as_the_table_stores() {
    let folder = tempfile::tempdir().unwrap();
    let table = write_table(folder.path(), |_, _, _| {});
    let mut sampler = built(semantic(&table, json!({"neighbors": null}))).unwrap();
    let score =
        pick(sampler.as_mut(), &SPLIT, &[], 0).unwrap().note.unwrap()["token_score"].as_f64().unwrap();
    assert!((score - 0.565).abs() < 1e-5, "{score}");
}

#[test]
fn a_step_that_defers_to_the_draw_takes_the_token_of_categorical() {
    let folder = tempfile::tempdir().unwrap();
    let table = write_table(folder.path(), |_, _, _| {});
    let rule = json!({"temperature": 0.7, "top_k": 5, "top_p": 0.97});
    let mut plain = rule.clone();
    plain["use"] = json!("categorical");
    let mut plain = built(plain).unwrap();
    let mut rescored: Vec<_> = ["semantic", "crowding"]
        .map(|name| {
            let mut params = semantic(&table, rule.clone());
            (params["use"], params["otherwise"]) = (json!(name), json!("draw"));
            built(params).unwrap()
        })
        .into();
    // Token 4 is no content and among the candidates.
    let row = [0.3, 0.2, 0.2, 0.05, 0.2, 0.05];
    let mut seen = [0; 6];
    for draw in 0..2_000u64 {
        let draw = draw.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let expected = pick(plain.as_mut(), &row, &[], draw).unwrap().token;
        seen[expected as usize] += 1;
        for sampler in &mut rescored {
            let pick = pick(sampler.as_mut(), &row, &[], draw).unwrap();
            assert_eq!(pick.note.unwrap()["deferred"], true);
            assert_eq!(pick.token, expected, "{draw}");
        }
    }
    assert!(seen[..3].iter().all(|count| *count > 100), "{seen:?}");
}

#[test]
fn parameters_are_refused_by_name_before_anything_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let table = write_table(folder.path(), |_, _, _| {});
    let cases = [
        (json!({"top_k": null}), "no truncation is configured"),
        (json!({"top_k": 1025}), "top_k: sampler 'semantic': must be at most 1024"),
        (json!({"temperature": 0.0}), "temperature: "),
        (json!({"neighbors": 4}), "holds 3 neighbors a token, 4 are asked for"),
        (json!({"neighbors": 65}), "neighbors: "),
        (json!({"threshold": 1.5}), "threshold: "),
        (json!({"tau": 0.5}), "tau: "),
        (json!({"select": "softmax", "tau": 0.0}), "tau: "),
        (json!({"select": "proportional", "tau": -1.0}), "tau: "),
        (json!({"select": "best"}), "select: "),
        (json!({"only_after": ""}), "only_after: "),
        (json!({"max_tokens": 0}), "max_tokens: "),
        (json!({"table": "nowhere.safetensors"}), "nowhere.safetensors"),
    ];
    for (more, start) in cases {
        let text = built(semantic(&table, more)).err().unwrap().to_string();
        assert!(text.contains(start), "{start:?} in {text}");
    }
    let text = built(json!({"use": "crowding", "top_k": 5, "alpha": -1.0})).err().unwrap().to_string();
    assert!(text.starts_with("alpha: "), "{text}");
}

#[test]
fn damaged_tables_are_named_faults() {
    let folder = tempfile::tempdir().unwrap();
    let text = |change: fn(&mut Vec<u32>, &mut Vec<f32>, &mut Vec<u8>)| {
        let table = write_table(folder.path(), change);
        built(semantic(&table, json!({}))).err().unwrap().to_string()
    };
    assert!(text(|_, cosines, _| cosines[1] = 1.5).contains("similarity 1.5 is not in -1 to 1"));
    assert!(text(|_, cosines, _| cosines[1] = f32::NAN).contains("similarity NaN"));
    assert!(text(|ids, _, _| ids[1] = 6).contains("neighbor 6 of a table with 6 rows"));
    let table = write_table(folder.path(), |_, _, _| {});
    let whole = std::fs::read(&table).unwrap();
    for cut in [0, 7, 100, whole.len() - 1] {
        std::fs::write(&table, &whole[..cut]).unwrap();
        let fault = built(semantic(&table, json!({}))).err().unwrap();
        assert_eq!(fault.cause, situs_core::fault::Cause::Data);
        assert!(fault.to_string().contains("table.safetensors"), "{fault}");
    }
}

#[test]
fn broken_rows_and_other_vocabularies_are_named_faults() {
    let folder = tempfile::tempdir().unwrap();
    let table = write_table(folder.path(), |_, _, _| {});
    let mut sampler = built(semantic(&table, json!({}))).unwrap();
    let text = |sampler: &mut dyn Sampler, values: &[f32]| {
        let logits = Logits { rows: 1, vocabulary: values.len(), place: LogitsPlace::Host(values) };
        let row = Row { index: 0, step: 3, draw: 0, history: &[] };
        sampler.pick(&logits, &[row], &mut Vec::new()).unwrap_err().to_string()
    };
    let nan = text(sampler.as_mut(), &[0.0, f32::NAN, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(nan, "row 0, step 3: the logit of token 1 is NaN");
    let masked = text(sampler.as_mut(), &[f32::NEG_INFINITY; 6]);
    assert_eq!(masked, "row 0, step 3: none of the 6 logits is finite");
    let narrow = text(sampler.as_mut(), &[0.0; 5]);
    assert!(narrow.contains("the neighbor table has 6 rows, the logits have 5"), "{narrow}");
    let mut without = built(json!({"use": "semantic", "top_k": 2})).unwrap();
    let fault = text(without.as_mut(), &[0.0; 6]);
    assert!(fault.contains("no neighbor table") && fault.contains("situs neighbors build"), "{fault}");
    let mut tagged = built(semantic(&table, json!({"only_after": "</think>"}))).unwrap();
    let fault = text(tagged.as_mut(), &[0.0; 6]);
    assert!(fault.starts_with("only_after: ") && fault.contains("no token texts"), "{fault}");
}

situs_core::component! {
    /// Says one of two words, thinks, says it again, ends.
    model "two-words";
    pub struct TwoWords {
        /// Control tokens at the end of the vocabulary.
        pub control: usize = 2,
        /// Whether the vocabulary has token texts.
        pub texts: bool = true,
        /// Folder that its embeddings and its tokenizer.json are said to lie in.
        pub checkpoint: Option<PathBuf> = None,
        /// Digest of its embeddings.
        pub embedding: String = "0".to_owned(),
        /// Rows of padding behind the vocabulary.
        pub padding: usize = 0,
    }
}

#[typetag::serde(name = "two-words")]
impl ModelBackendSpec for TwoWords {
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn ModelBackend>, Fault> {
        let mut card = ModelCard::baseline("two-words", format!("{self:?}"));
        (card.stepwise, card.slots) = (true, 4);
        let width = WORDS.len() + self.padding;
        let content = (0..width).map(|token| token + self.control < WORDS.len()).collect();
        let mut words: Vec<String> = WORDS.iter().map(|word| (*word).to_owned()).collect();
        words.resize(width, String::new());
        let file = self.checkpoint.as_ref().map(|folder| cx.path(folder).join("model.safetensors"));
        let embedding = self.embedding.clone();
        Ok(Box::new(Speaker { card, words, content, texts: self.texts, file, embedding }))
    }
}

struct Speaker {
    card: ModelCard,
    words: Vec<String>,
    content: Vec<bool>,
    texts: bool,
    file: Option<PathBuf>,
    embedding: String,
}

impl ModelBackend for Speaker {
    fn card(&self) -> &ModelCard {
        &self.card
    }
    fn vocabulary(&self) -> Result<Option<Vocabulary<'_>>, Fault> {
        Ok(self.texts.then_some(Vocabulary { texts: &self.words, content: &self.content }))
    }
    fn embeddings(&self) -> Result<Option<EmbeddingSource<'_>>, Fault> {
        let (tensor, sha256) = ("embed_tokens.weight".to_owned(), self.embedding.clone());
        Ok(self.file.clone().map(|path| EmbeddingSource::File { path, tensor, sha256 }))
    }
    fn session(&self) -> Result<Box<dyn Session + '_>, Fault> {
        Ok(Box::new(Speech { said: Vec::new(), rows: Vec::new(), padding: self.words.len() - WORDS.len() }))
    }
}

struct Speech {
    said: Vec<Vec<u32>>,
    rows: Vec<f32>,
    padding: usize,
}

impl Session for Speech {
    fn admit(&mut self, _: &Request, _: &dyn Media) -> Result<u32, Fault> {
        self.said.push(Vec::new());
        Ok(self.said.len() as u32 - 1)
    }
    fn logits(&mut self, live: &[u32]) -> Result<Logits<'_>, Fault> {
        let step = |slot: &u32| [SPLIT, THOUGHT, SPLIT, END][self.said[*slot as usize].len().min(3)];
        let padded = |slot| step(slot).into_iter().chain(std::iter::repeat_n(1e-6, self.padding));
        self.rows = live.iter().flat_map(padded).map(f32::ln).collect();
        let place = LogitsPlace::Host(&self.rows);
        Ok(Logits { rows: live.len(), vocabulary: WORDS.len() + self.padding, place })
    }
    fn push(&mut self, slot: u32, token: u32) -> Result<Flow, Fault> {
        self.said[slot as usize].push(token);
        Ok(if token == 5 { Flow::Stop } else { Flow::Continue })
    }
    fn finish(&mut self, slot: u32) -> Result<Reply, Fault> {
        let said = &self.said[slot as usize];
        Ok(Reply::text(said.iter().map(|token| WORDS[*token as usize]).collect::<String>()))
    }
    fn cancel(&mut self, _: u32) {}
}

/// Keeps the lines it is told.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Progress for Told {
    fn stage(&self, _: &str, _: u64) {}
    fn advance(&self, _: u64) {}
    fn line(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
}

fn ask(folder: &Path, arms: &str) -> Result<Vec<Record>, String> {
    told(folder, arms).map(|(records, _)| records)
}

/// Records of a run, and the lines it told a person.
fn told(folder: &Path, arms: &str) -> Result<(Vec<Record>, Vec<String>), String> {
    let text = format!(
        "[dataset]\nuse = \"phantom\"\ncases = 1\n[family]\nuse = \"mis-ground\"\n[renderer]\nuse = \"slices\"\n\
         [model]\nuse = \"two-words\"\n[run]\nquestions = 2\n{arms}"
    );
    let registry = Registry::builtin().unwrap();
    let base = Some(folder.to_owned());
    let config = RunConfig::parse("toy.toml", text, base, &Overrides::default(), &registry).unwrap();
    let target = folder.join("run");
    let options = RunOptions { folder: target.clone(), limit: None, stop: Arc::new(AtomicBool::new(false)) };
    let told = Told::default();
    match run::run(&config, &registry, &options, &told) {
        Ok(outcome) => assert_eq!(outcome.exit, Exit::Done),
        Err(run::RunError::Fault(fault)) => return Err(fault.to_string()),
        Err(run::RunError::Config(error)) => return Err(error.fault.to_string()),
        Err(run::RunError::Interrupted) => return Err("interrupted".to_owned()),
    }
    Ok((run::load_records(&target, &registry).unwrap(), told.0.into_inner().unwrap()))
}

#[test]
fn records_hold_the_ledger_of_every_step() {
    let folder = tempfile::tempdir().unwrap();
    write_table(folder.path(), |_, _, _| {});
    let semantic =
        "use = \"semantic\", temperature = 1.0, top_k = 2, neighbors = 3, table = \"table.safetensors\"";
    let records = ask(
        folder.path(),
        &format!(
            "[[arm]]\nname = \"always\"\nsampler = {{ {semantic} }}\n\
             [[arm]]\nname = \"after\"\nsampler = {{ {semantic}, only_after = \"</think>\" }}\n\
             [[arm]]\nname = \"greedy\"\nsampler = {{ use = \"greedy\" }}\n"
        ),
    )
    .unwrap();
    assert_eq!(records.len(), 6);
    for record in records {
        let reply = record.reply.unwrap();
        let ledger: Vec<(bool, bool, bool)> = reply
            .notes
            .iter()
            .map(|note| ["fired", "deferred", "changed"].map(|field| note[field].as_bool().unwrap()).into())
            .collect();
        let (fired, deferred, waited) = ((true, false, true), (false, true, false), (false, false, false));
        match record.arm.as_str() {
            "always" => {
                assert_eq!(reply.text, "right</think>right");
                assert_eq!(ledger, [fired, deferred, fired, deferred]);
            }
            "after" => {
                assert_eq!(reply.text, "left</think>right");
                assert_eq!(ledger, [waited, waited, fired, deferred]);
            }
            _ => assert_eq!((reply.text.as_str(), ledger.len()), ("left</think>left", 0)),
        }
    }
}

#[test]
fn a_model_that_does_not_fit_is_refused_before_it_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    write_table(folder.path(), |_, _, _| {});
    let arm = |model: &str, more: &str| {
        format!(
            "[[arm]]\nname = \"a\"\nmodel = {{ use = \"two-words\", {model} }}\n\
             sampler = {{ use = \"semantic\", top_k = 2, neighbors = 3{more} }}\n"
        )
    };
    let with = ", table = \"table.safetensors\"";
    let other = ask(folder.path(), &arm("control = 3", with)).unwrap_err();
    assert!(other.contains("token 3 is content in the table and not content in two-words"), "{other}");
    let texts = format!("{with}, only_after = \"</think>\"");
    let mute = ask(folder.path(), &arm("texts = false", &texts)).unwrap_err();
    assert!(mute.contains("no token texts") && mute.contains("two-words gives none"), "{mute}");
    let none = ask(folder.path(), &arm("texts = true", "")).unwrap_err();
    assert!(none.contains("situs neighbors build"), "{none}");
}

/// A folder with a checkpoint's tokenizer, its digest, and a table that was made with it from embeddings "a".
fn checkpoint() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let tokenizer = json!({ "model": { "vocab": { "left": 0 } } }).to_string();
    std::fs::create_dir(folder.path().join("checkpoint")).unwrap();
    std::fs::write(folder.path().join("checkpoint/tokenizer.json"), &tokenizer).unwrap();
    let sha256 = sha256_hex(tokenizer.as_bytes());
    write_table_of(folder.path(), "a", &sha256, |_, _, _| {});
    (folder, sha256)
}

/// One arm over that checkpoint.
fn arm(model: &str, sampler: &str) -> String {
    format!(
        "[[arm]]\nname = \"a\"\nmodel = {{ use = \"two-words\", checkpoint = \"checkpoint\", {model} }}\n\
         sampler = {{ use = \"semantic\", temperature = 1.0, top_k = 2, table = \"table.safetensors\"{sampler} }}\n"
    )
}

fn manifest(folder: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join("run/manifest.json")).unwrap()).unwrap()
}

#[test]
fn the_manifest_names_the_table_of_each_arm_and_a_swapped_table_is_drift() {
    let (folder, tokenizer) = checkpoint();
    let folder = folder.path();
    let (records, lines) = told(folder, &arm("embedding = \"a\"", "")).unwrap();
    assert_eq!(records[0].reply.as_ref().unwrap().text, "right</think>right");
    assert!(lines.iter().all(|line| !line.contains("embeddings")), "{lines:?}");
    let table = &manifest(folder)["arms"][0]["table"];
    let file = std::fs::read(folder.join("table.safetensors")).unwrap();
    let expected = json!({"sha256": sha256_hex(&file), "embedding_sha256": "a", "tokenizer_sha256": tokenizer,
        "model_embedding_sha256": "a", "reused": false});
    assert_eq!(*table, expected);
    // The same config and another table under the same name.
    write_table_of(folder, "a", &tokenizer, |_, cosines, _| cosines[1] = 0.2);
    let drift = ask(folder, &arm("embedding = \"a\"", "")).unwrap_err();
    assert!(drift.contains("holds another run: arms[0].table.sha256 was"), "{drift}");
}

#[test]
fn a_table_of_another_checkpoint_serves_when_reuse_is_asked_for_and_a_person_is_told() {
    let (folder, tokenizer) = checkpoint();
    let folder = folder.path();
    let refused = ask(folder, &arm("embedding = \"b\"", "")).unwrap_err();
    assert!(refused.contains("made from other embeddings: sha256 a, the model's is b"), "{refused}");
    let (records, lines) = told(folder, &arm("embedding = \"b\"", ", reuse = true")).unwrap();
    assert_eq!(records[0].reply.as_ref().unwrap().text, "right</think>right");
    let told: Vec<_> = lines.iter().filter(|line| line.starts_with("a: ")).collect();
    assert_eq!(told.len(), 1, "{lines:?}");
    assert!(told[0].contains("come from embeddings a, not from the model's own b"), "{told:?}");
    let table = &manifest(folder)["arms"][0]["table"];
    assert_eq!((&table["reused"], &table["tokenizer_sha256"]), (&json!(true), &json!(tokenizer)));
    assert_eq!((&table["embedding_sha256"], &table["model_embedding_sha256"]), (&json!("a"), &json!("b")));
}

#[test]
fn reuse_takes_on_the_model_s_rows_of_padding() {
    let (folder, _) = checkpoint();
    let folder = folder.path();
    let refused = ask(folder, &arm("embedding = \"b\", padding = 3", "")).unwrap_err();
    assert!(refused.contains("has 6 rows, the model has 9"), "{refused}");
    let records = ask(folder, &arm("embedding = \"b\", padding = 3", ", reuse = true")).unwrap();
    assert_eq!(records[0].reply.as_ref().unwrap().text, "right</think>right");
}

#[test]
fn reuse_never_passes_over_the_tokenizer() {
    let (folder, _) = checkpoint();
    let folder = folder.path();
    write_table_of(folder, "a", "another", |_, _, _| {});
    let refused = ask(folder, &arm("embedding = \"b\"", ", reuse = true")).unwrap_err();
    assert!(refused.contains("made for another tokenizer: sha256 another"), "{refused}");
}

#[test]
fn a_table_with_another_rule_of_content_serves_when_the_tokenizer_is_the_same() {
    let (folder, _) = checkpoint();
    // The model counts "Right" as no content, the table as content.
    let records = ask(folder.path(), &arm("embedding = \"a\", control = 3", "")).unwrap();
    assert_eq!(records[0].reply.as_ref().unwrap().text, "right</think>right");
}

#[test]
fn arms_that_name_one_table_share_it_in_memory() {
    let (folder, _) = checkpoint();
    let path = folder.path().join("table.safetensors");
    let load = |rows| {
        let tokenizer_sha256 = NeighborFile::load(&path, &Expectations::default()).unwrap().tokenizer_sha256;
        let tokenizer_sha256 = Some(tokenizer_sha256);
        let expected = Expectations { rows, tokenizer_sha256, reuse: true, ..Expectations::default() };
        NeighborFile::load(&path, &expected).unwrap().table
    };
    let (one, two) = (load(None), load(None));
    assert!(Arc::ptr_eq(&one, &two));
    let (wider, again) = (load(Some(8)), load(Some(8)));
    assert!(Arc::ptr_eq(&wider, &again) && wider.rows == 8 && wider.check().is_ok());
}
