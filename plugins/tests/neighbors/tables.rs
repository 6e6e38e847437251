//! Tables built, put aside, loaded and checked.

use crate::fixture::{Checkpoint, ROWS, TENSOR, WIDTH, raw_safetensors, safetensors, values};
use safetensors::SafeTensors;
use serde_json::{Map, Value, json};
use situs_core::fault::Fault;
use situs_core::run::{Progress, Silent};
use situs_kernels::neighbors::Build;
use situs_plugins::neighbors::{
    Built, ContentRule, EmbeddingFile, Expectations, Job, NeighborFile, Tokenizer, check,
};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

fn open(checkpoint: &Checkpoint) -> (EmbeddingFile, Tokenizer) {
    let embeddings = EmbeddingFile::open(&checkpoint.path("model.safetensors"), TENSOR).unwrap();
    (embeddings, Tokenizer::read(&checkpoint.path("tokenizer.json")).unwrap())
}

fn build(checkpoint: &Checkpoint, k: usize, out: &Path) -> Result<Built, Fault> {
    let (embeddings, tokenizer) = open(checkpoint);
    let rule = ContentRule::default();
    let job = Job { embeddings: &embeddings, tokenizer: &tokenizer, rule, k, out };
    job.run(&Silent, &AtomicBool::new(false)).map(Option::unwrap)
}

/// A checkpoint with its table of four neighbors.
fn built() -> (Checkpoint, PathBuf) {
    let checkpoint = Checkpoint::new();
    let out = checkpoint.path("T.safetensors");
    build(&checkpoint, 4, &out).unwrap();
    (checkpoint, out)
}

/// What fits a checkpoint's table.
fn own(checkpoint: &Checkpoint) -> Expectations {
    let (embeddings, tokenizer) = open(checkpoint);
    Expectations {
        rows: Some(ROWS),
        k: Some(4),
        embedding_sha256: Some(embeddings.sha256().to_owned()),
        tokenizer_sha256: Some(tokenizer.sha256().to_owned()),
        reuse: false,
    }
}

#[test]
fn a_table_is_a_safetensors_file_with_the_agreed_tensors_and_metadata() {
    let (checkpoint, out) = built();
    let bytes = std::fs::read(&out).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let told = header.metadata().as_ref().unwrap();
    let (embeddings, tokenizer) = open(&checkpoint);
    assert_eq!(told["format"], "situs-neighbors-1");
    assert_eq!(told["k"], "4");
    assert_eq!(told["embedding_sha256"], embeddings.sha256());
    assert_eq!(told["tokenizer_sha256"], tokenizer.sha256());
    assert!(told["tool"].starts_with("situs "));
    assert_eq!(told.len(), 5);
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let form = |name: &str| {
        let view = tensors.tensor(name).unwrap();
        (format!("{:?}", view.dtype()), view.shape().to_vec())
    };
    assert_eq!(form("ids"), ("U32".to_owned(), vec![ROWS, 4]));
    assert_eq!(form("similarities"), ("F32".to_owned(), vec![ROWS, 4]));
    assert_eq!(form("content"), ("U8".to_owned(), vec![ROWS]));
    assert_eq!(tensors.len(), 3);

    let again = checkpoint.path("again.safetensors");
    build(&checkpoint, 4, &again).unwrap();
    assert_eq!(std::fs::read(again).unwrap(), bytes, "the same table is the same file");
}

#[test]
fn neighbors_are_content_tokens_by_angle() {
    let (checkpoint, out) = built();
    let file = NeighborFile::load(&out, &own(&checkpoint)).unwrap();
    assert_eq!(file.reuse, None);
    // Content: 0 at 0 degrees, 1 at 10, 2 at 90, 3 at 100, 4 at 45, 6 at 46. Token 9 at 5 degrees is not content.
    assert_eq!(file.table.row(0).unwrap().0, [0, 1, 4, 6]);
    assert_eq!(file.table.row(3).unwrap().0, [3, 2, 6, 4]);
    assert_eq!(file.table.row(9).unwrap(), (&[9; 4][..], &[0.0; 4][..]));
    let cosine = file.table.row(0).unwrap().1[1];
    assert!((f64::from(cosine) - 10f64.to_radians().cos()).abs() < 1e-4, "{cosine}");
}

#[test]
fn k_may_exceed_the_content_tokens() {
    let checkpoint = Checkpoint::new();
    let out = checkpoint.path("T.safetensors");
    let built = build(&checkpoint, 9, &out).unwrap();
    assert_eq!((built.content, built.k, built.zero_rows), (6, 9, 0));
    let file = NeighborFile::load(&out, &own(&checkpoint)).unwrap();
    let (ids, similarities) = file.table.row(2).unwrap();
    assert_eq!(ids[6..], [2; 3]);
    assert_eq!(similarities[6..], [0.0; 3]);
}

#[test]
fn jobs_that_make_no_table_are_refused() {
    let checkpoint = Checkpoint::new();
    let out = checkpoint.path("T.safetensors");
    for k in [0, 1_025] {
        let fault = build(&checkpoint, k, &out).unwrap_err();
        assert_eq!(fault.cause, situs_core::fault::Cause::Config, "{fault}");
    }
    assert!(build(&checkpoint, 4, &checkpoint.path("no/folder/T")).unwrap_err().what.contains("no folder"));
    assert!(build(&checkpoint, 4, checkpoint.folder()).unwrap_err().what.ends_with("is a folder"));
    let mut broken = values();
    broken[2 * WIDTH + 1] = f32::NAN;
    let fault = build(&Checkpoint::of(&broken), 4, &out).unwrap_err();
    assert!(fault.what.ends_with("the embedding of token 2 is not finite in column 1"), "{fault}");
    let special =
        json!({ "model": { "vocab": {} }, "added_tokens": [{ "id": 0, "content": "a", "special": true }] });
    checkpoint.put("tokenizer.json", special.to_string().as_bytes());
    assert!(build(&checkpoint, 4, &out).unwrap_err().what.ends_with("no token is content"));
    assert!(!out.exists());
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

/// A checkpoint with 2,200 content tokens: three bands of a build.
fn larger() -> Checkpoint {
    let rows = 2_200usize;
    let numbers: Vec<f32> = (0..rows * WIDTH)
        .map(|at| (at as u32).wrapping_mul(2_654_435_761) as f32 / 2f32.powi(31) - 1.0)
        .collect();
    let checkpoint = Checkpoint::of(&numbers);
    let vocab: Map<String, Value> = (0..rows).map(|id| (format!("t{id}"), json!(id))).collect();
    checkpoint.put("tokenizer.json", json!({ "model": { "vocab": vocab } }).to_string().as_bytes());
    checkpoint
}

/// Builds until the first state has been put aside and is killed there.
fn interrupted(checkpoint: &Checkpoint, k: usize, out: &Path) {
    struct Kill(PathBuf);
    impl Progress for Kill {
        fn stage(&self, _: &str, _: u64) {}
        fn advance(&self, _: u64) {
            assert!(!self.0.exists(), "interrupted");
        }
        fn line(&self, _: &str) {}
    }
    let (embeddings, tokenizer) = open(checkpoint);
    let rule = ContentRule::default();
    let job = Job { embeddings: &embeddings, tokenizer: &tokenizer, rule, k, out };
    let kill = Kill(part(out));
    let never = AtomicBool::new(false);
    let stopped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| job.run(&kill, &never).is_ok()));
    assert!(stopped.is_err() && part(out).exists() && !out.exists());
}

/// Asks for an end as soon as a stage has made a step.
struct StopIn<'a> {
    stage: &'static str,
    now: Mutex<String>,
    stop: &'a AtomicBool,
}

impl Progress for StopIn<'_> {
    fn stage(&self, name: &str, _: u64) {
        name.clone_into(&mut self.now.lock().unwrap());
    }
    fn advance(&self, by: u64) {
        if by > 0 && *self.now.lock().unwrap() == self.stage {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
    fn line(&self, _: &str) {}
}

#[test]
fn a_build_that_is_stopped_in_any_stage_leaves_no_half_table_and_goes_on() {
    let checkpoint = larger();
    let (whole, out) = (checkpoint.path("whole.safetensors"), checkpoint.path("T.safetensors"));
    build(&checkpoint, 8, &whole).unwrap();
    for stage in ["hashing", "comparing", "ranking"] {
        let (embeddings, tokenizer) = open(&checkpoint);
        let job = Job {
            embeddings: &embeddings,
            tokenizer: &tokenizer,
            rule: ContentRule::default(),
            k: 8,
            out: &out,
        };
        let stop = AtomicBool::new(false);
        let progress = StopIn { stage, now: Mutex::default(), stop: &stop };
        assert_eq!(job.run(&progress, &stop).unwrap(), None, "{stage}");
        assert!(!out.exists() && Job::being_written(&out).iter().all(|file| !file.exists()), "{stage}");
        assert_eq!(part(&out).exists(), stage != "hashing", "{stage}");
    }
    assert_eq!(resumed(&checkpoint, 8, &out), ["going on where the last build was put aside"]);
    assert_eq!(std::fs::read(&out).unwrap(), std::fs::read(&whole).unwrap());
}

#[test]
fn a_place_or_a_number_that_cannot_be_is_refused_before_anything_is_hashed() {
    let checkpoint = Checkpoint::new();
    let (embeddings, tokenizer) = open(&checkpoint);
    let nowhere = checkpoint.path("no/folder/T");
    let out = checkpoint.path("T.safetensors");
    for (k, out) in [(4, &nowhere), (0, &out), (1_025, &out)] {
        let job =
            Job { embeddings: &embeddings, tokenizer: &tokenizer, rule: ContentRule::default(), k, out };
        let stop = AtomicBool::new(false);
        let progress = StopIn { stage: "hashing", now: Mutex::default(), stop: &stop };
        assert!(job.run(&progress, &stop).is_err());
        assert!(!stop.into_inner(), "{k}");
    }
}

fn part(out: &Path) -> PathBuf {
    out.with_extension("safetensors.part")
}

fn resumed(checkpoint: &Checkpoint, k: usize, out: &Path) -> Vec<String> {
    let (embeddings, tokenizer) = open(checkpoint);
    let rule = ContentRule::default();
    let told = Told::default();
    let job = Job { embeddings: &embeddings, tokenizer: &tokenizer, rule, k, out };
    job.run(&told, &AtomicBool::new(false)).unwrap().unwrap();
    assert!(!part(out).exists());
    told.0.into_inner().unwrap()
}

#[test]
fn an_interrupted_build_goes_on_and_ends_in_the_same_file() {
    let checkpoint = larger();
    let (whole, out) = (checkpoint.path("whole.safetensors"), checkpoint.path("T.safetensors"));
    build(&checkpoint, 8, &whole).unwrap();
    interrupted(&checkpoint, 8, &out);
    assert_eq!(resumed(&checkpoint, 8, &out), ["going on where the last build was put aside"]);
    assert_eq!(std::fs::read(&out).unwrap(), std::fs::read(&whole).unwrap());
}

#[test]
fn an_unfinished_table_of_another_job_or_a_damaged_one_is_not_taken_up() {
    let checkpoint = larger();
    let (whole, out) = (checkpoint.path("whole.safetensors"), checkpoint.path("T.safetensors"));
    build(&checkpoint, 8, &whole).unwrap();
    interrupted(&checkpoint, 8, &out);
    let aside = std::fs::read(part(&out)).unwrap();

    let mut flipped = aside.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for damaged in [&flipped[..], &aside[..aside.len() - 8], b"", b"{}\n"] {
        std::fs::write(part(&out), damaged).unwrap();
        let lines = resumed(&checkpoint, 8, &out);
        assert!(lines[0].starts_with("beginning anew: "), "{lines:?}");
        assert_eq!(std::fs::read(&out).unwrap(), std::fs::read(&whole).unwrap());
    }
    let other = Checkpoint::new();
    let elsewhere = other.path("T.safetensors");
    std::fs::write(part(&elsewhere), &aside).unwrap();
    assert!(resumed(&other, 8, &elsewhere)[0].starts_with("beginning anew: "));
}

#[test]
fn tables_that_do_not_fit_are_refused_by_name() {
    let (checkpoint, out) = built();
    let refused = |change: fn(&mut Expectations)| {
        let mut expected = own(&checkpoint);
        change(&mut expected);
        NeighborFile::load(&out, &expected).unwrap_err().what
    };
    assert!(refused(|it| it.k = Some(5)).ends_with("holds 4 neighbors a token, 5 are asked for"));
    assert!(refused(|it| it.rows = Some(13)).ends_with("has 12 rows, the model has 13"));
    assert!(refused(|it| it.tokenizer_sha256 = Some("0".into())).contains("made for another tokenizer"));
    assert!(refused(|it| it.embedding_sha256 = Some("0".into())).contains("made from other embeddings"));
    // Reuse never passes over the tokenizer, known or unknown.
    let reuse = |it: &mut Expectations| (it.reuse, it.tokenizer_sha256) = (true, Some("0".into()));
    assert!(refused(reuse).contains("made for another tokenizer"));
    let unknown = |it: &mut Expectations| {
        (it.reuse, it.tokenizer_sha256, it.embedding_sha256) = (true, None, Some("0".into()));
    };
    assert!(refused(unknown).contains("made from other embeddings"));
}

#[test]
fn reuse_across_checkpoints_is_recorded_with_both_digests() {
    let (checkpoint, out) = built();
    let expected = Expectations {
        embedding_sha256: Some("another".into()),
        rows: Some(ROWS + 4),
        reuse: true,
        ..own(&checkpoint)
    };
    let file = NeighborFile::load(&out, &expected).unwrap();
    let reuse = file.reuse.unwrap();
    assert_eq!(reuse.table_embedding_sha256, file.embedding_sha256);
    assert_eq!(reuse.model_embedding_sha256, "another");
    assert!(reuse.warning.contains("another"));
    // Fewer rows than content tokens need.
    let fewer = Expectations { rows: Some(6), ..expected };
    assert!(NeighborFile::load(&out, &fewer).unwrap_err().what.ends_with("has 12 rows, the model has 6"));
}

#[test]
fn damaged_tables_are_refused() {
    let (checkpoint, out) = built();
    let whole = std::fs::read(&out).unwrap();
    let data = whole.len() - (ROWS * 4 * 8 + ROWS);
    let load = |bytes: &[u8]| {
        let path = checkpoint.put("damaged.safetensors", bytes);
        NeighborFile::load(&path, &Expectations::default()).unwrap_err()
    };
    for cut in [0, 7, 60, data, whole.len() - 1] {
        load(&whole[..cut]);
    }
    assert!(load(&whole[..whole.len() - 1]).help.unwrap().contains("incomplete"));
    let patched = |at: usize, bytes: &[u8]| {
        let mut patched = whole.clone();
        patched[at..at + bytes.len()].copy_from_slice(bytes);
        load(&patched).what
    };
    let similarities = data + ROWS * 16;
    assert!(patched(similarities + 4, &1.5f32.to_le_bytes()).ends_with("similarity 1.5 is not in -1 to 1"));
    assert!(patched(similarities + 4, &f32::NAN.to_le_bytes()).ends_with("similarity NaN is not in -1 to 1"));
    assert!(patched(data + 4, &99u32.to_le_bytes()).contains("neighbor 99 of a table with 12 rows"));
    assert!(patched(data + ROWS * 32, &[7]).contains("content flag of token 0 is 7"));
    let embeddings = safetensors(&[(TENSOR, &values(), WIDTH)]);
    assert!(load(&embeddings).what.ends_with("its metadata lack 'format'"));
    let other = json!({ "__metadata__": { "format": "situs-neighbors-9" } });
    assert!(load(&raw_safetensors(&other, &[])).what.contains("format 'situs-neighbors-9'"));
    let bare = json!({ "__metadata__": { "format": "situs-neighbors-1", "k": "4" } });
    assert!(load(&raw_safetensors(&bare, &[])).what.contains("no tensor 'ids'"));
}

#[test]
fn a_check_finds_what_differs() {
    let (checkpoint, out) = built();
    let (embeddings, tokenizer) = open(&checkpoint);
    let checked = check(&out, &embeddings, &tokenizer, 64, &Silent).unwrap();
    assert!(checked.ok && checked.recomputed == 6, "{checked:?}");
    assert_eq!(check(&out, &embeddings, &tokenizer, 2, &Silent).unwrap().recomputed, 2);

    let mut turned = values();
    turned.swap(0, 1);
    let other = Checkpoint::of(&turned);
    let (others, _) = open(&other);
    let found = check(&out, &others, &tokenizer, 64, &Silent).unwrap();
    assert!(!found.ok);
    assert!(found.differences[0].starts_with("embeddings: "), "{found:?}");
    assert!(found.differences.contains(&"token 0: other neighbors".to_owned()), "{found:?}");

    let bare = json!({ "model": { "vocab": { "a": 0 } } });
    let bare = Tokenizer::read(&checkpoint.put("bare.json", bare.to_string().as_bytes())).unwrap();
    let found = check(&out, &embeddings, &bare, 0, &Silent).unwrap();
    assert!(found.differences[0].starts_with("tokenizer: "), "{found:?}");
    assert!(found.differences[1].starts_with("content: "), "{found:?}");
}

#[test]
fn a_check_accepts_every_rule_of_content() {
    let checkpoint = Checkpoint::new();
    let (embeddings, tokenizer) = open(&checkpoint);
    for added in [false, true] {
        for byte_fragments in [false, true] {
            let out = checkpoint.path("T.safetensors");
            let rule = ContentRule { added, byte_fragments };
            let job = Job { embeddings: &embeddings, tokenizer: &tokenizer, rule, k: 3, out: &out };
            job.run(&Silent, &AtomicBool::new(false)).unwrap().unwrap();
            assert!(check(&out, &embeddings, &tokenizer, 64, &Silent).unwrap().ok, "{rule:?}");
        }
    }
}

#[test]
fn exact_rows_are_the_rows_of_the_table() {
    let (checkpoint, out) = built();
    let (embeddings, tokenizer) = open(&checkpoint);
    let content = tokenizer.content(ROWS, ContentRule::default()).unwrap();
    let table = NeighborFile::load(&out, &own(&checkpoint)).unwrap().table;
    let build = Build::new(embeddings.embeddings().unwrap(), content, 4).unwrap();
    let tokens: Vec<u32> = (0..ROWS as u32).collect();
    for (token, ids, similarities) in build.exact_rows(&tokens, &|_| ()) {
        assert_eq!(table.row(token), Some((&ids[..], &similarities[..])));
    }
}
