//! The samplers over neighbor tables, through the registry, the trait and the engine.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use safetensors::tensor::{Dtype, TensorView, serialize};
use serde_json::{Value, json};
use situs_core::config::{Overrides, RunConfig};
use situs_core::model_backend::{Session, Vocabulary};
use situs_core::prelude::*;
use situs_core::registry::Registry;
use situs_core::run::{self, Exit, RunOptions, Silent};
use situs_plugins as _;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

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
        ("embedding_sha256", "0"),
        ("tokenizer_sha256", "0"),
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
    }
}

#[typetag::serde(name = "two-words")]
impl ModelBackendSpec for TwoWords {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn ModelBackend>, Fault> {
        let mut card = ModelCard::baseline("two-words", format!("{self:?}"));
        (card.stepwise, card.slots) = (true, 4);
        let content = (0..WORDS.len()).map(|token| token + self.control < WORDS.len()).collect();
        let words = WORDS.iter().map(|word| (*word).to_owned()).collect();
        Ok(Box::new(Speaker { card, words, content, texts: self.texts }))
    }
}

struct Speaker {
    card: ModelCard,
    words: Vec<String>,
    content: Vec<bool>,
    texts: bool,
}

impl ModelBackend for Speaker {
    fn card(&self) -> &ModelCard {
        &self.card
    }
    fn vocabulary(&self) -> Result<Option<Vocabulary<'_>>, Fault> {
        Ok(self.texts.then_some(Vocabulary { texts: &self.words, content: &self.content }))
    }
    fn session(&self) -> Result<Box<dyn Session + '_>, Fault> {
        Ok(Box::new(Speech { said: Vec::new(), rows: Vec::new() }))
    }
}

struct Speech {
    said: Vec<Vec<u32>>,
    rows: Vec<f32>,
}

impl Session for Speech {
    fn admit(&mut self, _: &Request, _: &dyn Media) -> Result<u32, Fault> {
        self.said.push(Vec::new());
        Ok(self.said.len() as u32 - 1)
    }
    fn logits(&mut self, live: &[u32]) -> Result<Logits<'_>, Fault> {
        let step = |slot: &u32| [SPLIT, THOUGHT, SPLIT, END][self.said[*slot as usize].len().min(3)];
        self.rows = live.iter().flat_map(step).map(f32::ln).collect();
        let place = LogitsPlace::Host(&self.rows);
        Ok(Logits { rows: live.len(), vocabulary: WORDS.len(), place })
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

fn ask(folder: &Path, arms: &str) -> Result<Vec<Record>, String> {
    let text = format!(
        "[dataset]\nuse = \"phantom\"\ncases = 1\n[family]\nuse = \"mis-ground\"\n[renderer]\nuse = \"slices\"\n\
         [model]\nuse = \"two-words\"\n[run]\nquestions = 2\n{arms}"
    );
    let registry = Registry::builtin().unwrap();
    let base = Some(folder.to_owned());
    let config = RunConfig::parse("toy.toml", text, base, &Overrides::default(), &registry).unwrap();
    let target = folder.join("run");
    let options = RunOptions { folder: target.clone(), limit: None, stop: Arc::new(AtomicBool::new(false)) };
    match run::run(&config, &registry, &options, &Silent) {
        Ok(outcome) => assert_eq!(outcome.exit, Exit::Done),
        Err(run::RunError::Fault(fault)) => return Err(fault.to_string()),
        Err(run::RunError::Config(error)) => return Err(error.fault.to_string()),
        Err(run::RunError::Interrupted) => return Err("interrupted".to_owned()),
    }
    Ok(run::load_records(&target, &registry).unwrap())
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
