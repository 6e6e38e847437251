//! The engine with toy components: what is asked, kept, repeated, refused and counted.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use situs_core::config::{Overrides, RunConfig};
use situs_core::model_backend::{DeviceLogits, Session};
use situs_core::prelude::*;
use situs_core::registry::Registry;
use situs_core::run::{self, Exit, Outcome, RunError, RunOptions, Silent};
use situs_core::space::Affine;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// Calls per tag and question, over all runs of this process.
static CALLS: Mutex<BTreeMap<(String, String), u32>> = Mutex::new(BTreeMap::new());

fn calls(tag: &str) -> u32 {
    CALLS.lock().unwrap().iter().filter(|((name, _), _)| name == tag).map(|(_, count)| count).sum()
}

situs_core::component! {
    /// Cubes with two structures.
    dataset "toy";
    pub struct Toy {
        /// Cases.
        pub cases: usize = 5,
        /// Index of a damaged case.
        pub damaged: Option<usize> = None,
    }
}

#[typetag::serde(name = "toy")]
impl DatasetSpec for Toy {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Dataset>, Fault> {
        let card = DatasetCard {
            name: "toy".to_owned(),
            licence: "none".to_owned(),
            modality_text: "CT scan".to_owned(),
            digest: "toy".to_owned(),
        };
        Ok(Box::new(ToyData { spec: self.clone(), card }))
    }
}

struct ToyData {
    spec: Toy,
    card: DatasetCard,
}

impl Dataset for ToyData {
    fn card(&self) -> &DatasetCard {
        &self.card
    }
    fn len(&self) -> usize {
        self.spec.cases
    }
    fn case(&self, index: usize) -> Result<Case, Fault> {
        let name = format!("c{index}");
        let volume = |what: &str| VolumeRef {
            id: format!("{name}/{what}"),
            source: VolumeSource::Dataset { key: format!("{name}/{what}") },
        };
        Ok(Case {
            cluster: name.clone(),
            modality: Modality::Ct,
            volumes: vec![volume("ct")],
            structures: StructureSource::LabelMap {
                volume: volume("labels"),
                names: BTreeMap::from([(1, "liver".to_owned()), (2, "spleen".to_owned())]),
            },
            facts: BTreeMap::new(),
            name,
        })
    }
    fn volume(&self, key: &str) -> Result<Volume, Fault> {
        if self.spec.damaged.is_some_and(|index| key.starts_with(&format!("c{index}/"))) {
            return Err(Fault::data(format!("{key}: truncated")));
        }
        let seed = key.bytes().map(u32::from).sum::<u32>() as f32;
        let voxels = (0..512u32)
            .map(|index| {
                if key.ends_with("labels") {
                    match index % 8 {
                        0..=1 => 2.0,
                        6..=7 => 1.0,
                        _ => 0.0,
                    }
                } else {
                    index as f32 + seed
                }
            })
            .collect();
        Ok(Volume::new([8, 8, 8], Affine::scaled([2.0; 3], [0.0; 3]), voxels))
    }
}

situs_core::component! {
    /// Numbered questions.
    family "toy";
    pub struct ToyFamily {
        /// Questions a case.
        pub questions: usize = 20,
        /// Word all questions alike.
        pub alike: bool = false,
    }
}

#[typetag::serde(name = "toy")]
impl QuestionFamilySpec for ToyFamily {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn QuestionFamily>, Fault> {
        Ok(Box::new(self.clone()))
    }
}

impl QuestionFamily for ToyFamily {
    fn version(&self) -> &str {
        "1"
    }
    fn ask(&self, cx: &AskContext<'_>) -> Result<Asked, Fault> {
        assert_eq!(cx.entry.measured.structures.len(), 2);
        let questions = (0..self.questions)
            .map(|number| Question {
                id: String::new(),
                volumes: Vec::new(),
                cases: vec![cx.case.name.clone()],
                cluster: String::new(),
                template: "T".to_owned(),
                cell: format!("{}", number % 4),
                bundle: format!("{}", number / 2),
                structures: vec!["liver".to_owned(), "spleen".to_owned()],
                text: if self.alike {
                    "Is it right?".to_owned()
                } else {
                    format!("Case {} number {number}. Is the liver right of the spleen?", cx.case.name)
                },
                options: vec!["yes".to_owned(), "no".to_owned()],
                truth: if number % 3 == 0 { "no" } else { "yes" }.to_owned(),
                chance: 0.5,
                facets: BTreeMap::from([
                    ("modality".to_owned(), "ct".to_owned()),
                    ("parity".to_owned(), (number % 2).to_string()),
                ]),
                scene: None,
                evidence: Evidence::default(),
                private: serde_json::Value::Null,
            })
            .collect();
        Ok(Asked::Questions { questions, left_out: Reasons::from([("too small".to_owned(), 1)]) })
    }
    fn read(&self, question: &Question, reply: &Reply) -> Result<Answer, Fault> {
        Ok(match question.options.iter().find(|option| **option == reply.text) {
            Some(option) => Answer::answered(option),
            None => Answer::without_value(AnswerState::Unparsed),
        })
    }
}

situs_core::component! {
    /// One grey picture and the text; the last question of each ten finds no place.
    renderer "toy";
    pub struct ToyRenderer {
        /// Drop every tenth question.
        pub drops: bool = false,
        /// Panic over questions with this text.
        pub panics: Option<String> = None,
        /// Draw nothing.
        pub text_only: bool = false,
    }
}

#[typetag::serde(name = "toy")]
impl PromptRendererSpec for ToyRenderer {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn PromptRenderer>, Fault> {
        Ok(Box::new(self.clone()))
    }
}

impl PromptRenderer for ToyRenderer {
    fn render(&self, cases: &[&Case], question: &Question, media: &dyn Media) -> Result<Prompt, Fault> {
        if self.drops && question.text.contains("9. ") {
            return Err(Fault::rejected("letter A finds no free place"));
        }
        assert!(!self.panics.as_ref().is_some_and(|part| question.text.contains(part.as_str())));
        if self.text_only {
            return Ok(Prompt::text(&question.text));
        }
        let volume = media.volume(&cases[0].volumes[0])?;
        let shade = volume.voxels[0] as u8;
        let image = media.put_picture(&Picture { width: 4, height: 4, rgb: vec![shade; 48] })?;
        Ok(Prompt { parts: vec![Part::Image { image }, Part::Text { text: question.text.clone() }] })
    }
}

situs_core::component! {
    /// Says yes, and fails where it is told to.
    model "scripted";
    pub struct Scripted {
        /// Name under which calls are counted.
        pub tag: String = "scripted".to_owned(),
        /// Questions with this text always fail.
        pub always_fails: Option<String> = None,
        /// Questions with this text are refused.
        pub rejects: Option<String> = None,
        /// The first so many calls fail in passing.
        pub flaky: u32 = 0,
        /// Nobody is there.
        pub unreachable: bool = false,
        /// Set the stop flag of this process after so many calls.
        pub panics: Option<String> = None,
        /// Reads the right answer.
        pub oracle: bool = false,
    }
}

#[typetag::serde(name = "scripted")]
impl ModelBackendSpec for Scripted {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn ModelBackend>, Fault> {
        let mut card = ModelCard::baseline("scripted", Digest::new("scripted").text(&self.tag).hex());
        card.reads_answers = self.oracle;
        Ok(Box::new(ScriptedModel { spec: self.clone(), card, flaky: AtomicU32::new(self.flaky) }))
    }
}

struct ScriptedModel {
    spec: Scripted,
    card: ModelCard,
    flaky: AtomicU32,
}

impl ModelBackend for ScriptedModel {
    fn card(&self) -> &ModelCard {
        &self.card
    }
    fn reply(&self, request: &Request, _: &Sampling, media: &dyn Media) -> Result<Reply, Fault> {
        let text = request.prompt.joined_text();
        for image in request.prompt.images() {
            assert!(media.png(image)?.starts_with(b"\x89PNG"));
        }
        *CALLS.lock().unwrap().entry((self.spec.tag.clone(), text.clone())).or_default() += 1;
        let holds = |part: &Option<String>| part.as_ref().is_some_and(|part| text.contains(part.as_str()));
        if self.spec.unreachable {
            return Err(Fault::unreachable("nobody answers at 127.0.0.1:1"));
        }
        if holds(&self.spec.always_fails) {
            return Err(Fault::transient("status 500", None));
        }
        if holds(&self.spec.rejects) {
            return Err(Fault::rejected("status 400: too long"));
        }
        assert!(!holds(&self.spec.panics), "a scripted panic");
        if self.flaky.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
            return Err(Fault::transient("status 429", Some(1)));
        }
        Ok(Reply::text(match &request.truth {
            Some(truth) => truth.clone(),
            None => "yes".to_owned(),
        }))
    }
}

situs_core::component! {
    /// Decodes letter by letter: the logits spell "yes", then the end.
    model "stepper";
    pub struct Stepper {
        /// Sequences at once.
        pub slots: usize = 3,
        /// Hand out logits on a pretended device.
        pub device: bool = false,
    }
}

#[typetag::serde(name = "stepper")]
impl ModelBackendSpec for Stepper {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn ModelBackend>, Fault> {
        let mut card = ModelCard::baseline("stepper", "stepper".to_owned());
        card.stepwise = true;
        card.slots = self.slots;
        Ok(Box::new(StepperModel { spec: self.clone(), card }))
    }
}

struct StepperModel {
    spec: Stepper,
    card: ModelCard,
}

impl ModelBackend for StepperModel {
    fn card(&self) -> &ModelCard {
        &self.card
    }
    fn session(&self) -> Result<Box<dyn Session + '_>, Fault> {
        Ok(Box::new(StepperSession {
            device: self.spec.device,
            next: 0,
            texts: BTreeMap::new(),
            rows: Rows::default(),
        }))
    }
}

const TOKENS: [&str; 4] = ["y", "e", "s", ""];

struct StepperSession {
    device: bool,
    next: SlotId,
    texts: BTreeMap<SlotId, Vec<u32>>,
    rows: Rows,
}

/// Stands for memory that a sampler cannot read directly.
#[derive(Default)]
struct Rows(Vec<f32>);

impl DeviceLogits for Rows {
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
    fn copy_to(&self, out: &mut Vec<f32>) -> Result<(), Fault> {
        out.clone_from(&self.0);
        Ok(())
    }
}

impl Session for StepperSession {
    fn admit(&mut self, request: &Request, _: &dyn Media) -> Result<SlotId, Fault> {
        if request.prompt.joined_text().contains("number 5.") {
            return Err(Fault::rejected("the prompt is longer than the context"));
        }
        self.next += 1;
        self.texts.insert(self.next, Vec::new());
        Ok(self.next)
    }
    fn logits(&mut self, live: &[SlotId]) -> Result<Logits<'_>, Fault> {
        self.rows.0.clear();
        for slot in live {
            let step = self.texts[slot].len();
            self.rows.0.extend((0..4).map(|token| if token == step { 5.0 } else { 0.0 }));
        }
        let place =
            if self.device { LogitsPlace::Device(&self.rows) } else { LogitsPlace::Host(&self.rows.0) };
        Ok(Logits { rows: live.len(), vocabulary: 4, place })
    }
    fn push(&mut self, slot: SlotId, token: u32) -> Result<Flow, Fault> {
        self.texts.get_mut(&slot).ok_or_else(|| Fault::internal("unknown slot"))?.push(token);
        Ok(if token == 3 { Flow::Stop } else { Flow::Continue })
    }
    fn finish(&mut self, slot: SlotId) -> Result<Reply, Fault> {
        let tokens = self.texts.remove(&slot).ok_or_else(|| Fault::internal("unknown slot"))?;
        Ok(Reply::text(tokens.into_iter().map(|token| TOKENS[token as usize]).collect::<String>()))
    }
    fn cancel(&mut self, slot: SlotId) {
        self.texts.remove(&slot);
    }
}

situs_core::component! {
    /// The largest logit.
    sampler "greedy";
    pub struct Largest {
        /// Most new tokens.
        pub max_tokens: u32 = 16,
        /// Cannot be sent to a server.
        pub local: bool = false,
    }
}

#[typetag::serde(name = "greedy")]
impl SamplerSpec for Largest {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Sampler>, Fault> {
        Ok(Box::new(self.clone()))
    }
}

impl Sampler for Largest {
    fn remote(&self) -> Option<Sampling> {
        (!self.local).then(|| Sampling { temperature: Some(0.0), ..Sampling::default() })
    }
    fn max_tokens(&self) -> u32 {
        self.max_tokens
    }
    fn pick(&mut self, logits: &Logits<'_>, rows: &[Row<'_>], out: &mut Vec<Pick>) -> Result<(), Fault> {
        let mut copy = Vec::new();
        let values = match logits.place {
            LogitsPlace::Host(values) => values,
            LogitsPlace::Device(device) => {
                device.copy_to(&mut copy)?;
                &copy
            }
        };
        for row in rows {
            let values = &values[row.index * logits.vocabulary..][..logits.vocabulary];
            let best = (0..values.len()).max_by(|a, b| values[*a].total_cmp(&values[*b])).unwrap_or(0);
            out.push(Pick { token: best as u32, note: None });
        }
        Ok(())
    }
}

situs_core::component! {
    /// Right or wrong.
    metric "accuracy";
    pub struct Right {
        /// Ignored here.
        pub over: String = "all".to_owned(),
    }
}

#[typetag::serde(name = "accuracy")]
impl MetricSpec for Right {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Metric>, Fault> {
        Ok(Box::new(self.clone()))
    }
}

impl Metric for Right {
    fn score(&self, record: &Record, _: &Replies) -> Result<Option<Score>, Fault> {
        Ok(Some(Score::mean(f64::from(u8::from(record.is_right())))))
    }
}

fn config(body: &str) -> RunConfig {
    let registry = Registry::builtin().unwrap();
    let text = format!(
        "[dataset]\nuse = \"toy\"\n[family]\nuse = \"toy\"\n[renderer]\nuse = \"toy\"\n[model]\nuse = \"scripted\"\n\
         [run]\nbackoff_ms = 1\nretries = 2\n{body}"
    );
    RunConfig::parse("toy.toml", text, None, &Overrides::default(), &registry).unwrap()
}

fn options(folder: &Path, limit: Option<u64>) -> RunOptions {
    RunOptions { folder: folder.to_owned(), limit, stop: Arc::new(AtomicBool::new(false)) }
}

fn run_limited(body: &str, folder: &Path, limit: Option<u64>) -> Result<Outcome, RunError> {
    let registry = Registry::builtin().unwrap();
    run::run(&config(body), &registry, &options(folder, limit), &Silent)
}

fn run_in(body: &str, folder: &Path) -> Result<Outcome, RunError> {
    run_limited(body, folder, None)
}

/// The files that must be the same from run to run.
fn results(folder: &Path) -> Vec<Vec<u8>> {
    ["questions.jsonl", "scores.parquet", "summary.json"]
        .iter()
        .map(|name| std::fs::read(folder.join(name)).unwrap())
        .collect()
}

fn accuracy(outcome: &Outcome, arm: usize) -> f64 {
    outcome.summary.arms[arm].overall.figures["accuracy"].value.unwrap()
}

#[test]
fn a_run_asks_everything_and_scores_it() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = run_in(
        "[[arm]]\nname = \"yes\"\nmodel = { use = \"scripted\", tag = \"all\" }\n\
         [[arm]]\nname = \"oracle\"\nmodel = { use = \"scripted\", tag = \"oracle\", oracle = true }\n",
        folder.path(),
    )
    .unwrap();
    assert_eq!(outcome.exit, Exit::Done);
    assert_eq!((outcome.asked, outcome.failed, outcome.missing), (200, 0, 0));
    assert_eq!(calls("all"), 100);
    assert!((accuracy(&outcome, 0) - 0.65).abs() < 1e-12, "13 of 20 are yes");
    assert!((accuracy(&outcome, 1) - 1.0).abs() < 1e-12);
    assert_eq!(outcome.summary.arms[1].stamps, ["reads answers"]);
    let plan = &outcome.summary.plan;
    assert_eq!((plan.cases, plan.usable, plan.pool, plan.selected), (5, 5, 100, 100));
    assert_eq!(plan.left_out["too small"], 5);
    let comparison = &outcome.summary.comparisons[0];
    assert!((comparison.difference + 0.35).abs() < 1e-12);
    assert_eq!(comparison.n, 100);
    assert_eq!(run::count_rows(&folder.path().join("scores.parquet")).unwrap(), 200);
    let registry = Registry::builtin().unwrap();
    let records = run::load_records(folder.path(), &registry).unwrap();
    assert_eq!(records.len(), 200);
    assert_eq!(records[0].prompt.images().count(), 1);
    let journal = std::fs::read_to_string(folder.path().join("journal.jsonl")).unwrap();
    assert!(!journal.contains("truth"), "the right answer is never stored with a request");
}

#[test]
fn running_again_asks_nothing_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let body = "[[arm]]\nname = \"a\"\nmodel = { use = \"scripted\", tag = \"again\" }\n";
    run_in(body, folder.path()).unwrap();
    let before = results(folder.path());
    let outcome = run_in(body, folder.path()).unwrap();
    assert_eq!((outcome.asked, calls("again")), (0, 100));
    assert_eq!(results(folder.path()), before);
    let registry = Registry::builtin().unwrap();
    run::score(folder.path(), &registry, None, &Silent).unwrap();
    assert_eq!(results(folder.path()), before, "scoring alone gives the same files");
}

#[test]
fn a_run_cut_at_any_byte_of_its_journal_ends_in_the_same_files() {
    let folder = tempfile::tempdir().unwrap();
    let body = "[[arm]]\nname = \"a\"\nmodel = { use = \"scripted\", tag = \"cut\" }\n[[arm]]\nname = \"b\"\nmodel = { use = \"stepper\" }\n";
    run_in(body, folder.path()).unwrap();
    let before = results(folder.path());
    let journal = folder.path().join("journal.jsonl");
    let bytes = std::fs::read(&journal).unwrap();
    for attempt in 0..50 {
        let cut = Draw::new(5).of(attempt).below(bytes.len() + 1);
        std::fs::write(&journal, &bytes[..cut]).unwrap();
        if attempt % 5 == 0 {
            for name in ["scores.parquet", "summary.json", "plan.json"] {
                std::fs::remove_file(folder.path().join(name)).unwrap();
            }
        }
        run_in(body, folder.path()).unwrap();
        assert_eq!(results(folder.path()), before, "cut at byte {cut}");
    }
}

#[test]
fn one_question_that_always_fails_costs_itself_and_is_asked_again_next_time() {
    let folder = tempfile::tempdir().unwrap();
    let body = |fails: &str| {
        format!("[[arm]]\nname = \"a\"\nmodel = {{ use = \"scripted\", tag = \"fails\"{fails} }}\n")
    };
    let outcome = run_in(&body(", always_fails = \"Case c1 number 7.\""), folder.path()).unwrap();
    assert_eq!((outcome.exit, outcome.asked, outcome.failed), (Exit::Failures, 99, 1));
    assert_eq!(outcome.retries, 2);
    let cell = &outcome.summary.arms[0].overall;
    assert_eq!((cell.n, cell.states["failed"], cell.figures["accuracy"].n), (100, 1, 99));
    let before = calls("fails");
    // The parameters of the model belong to its identity only through its card's digest, which is the same here.
    let outcome = run_in(&body(""), folder.path()).unwrap();
    assert_eq!((outcome.exit, outcome.asked, outcome.failed), (Exit::Done, 1, 0));
    assert_eq!(calls("fails") - before, 1);
}

#[test]
fn faults_that_pass_leave_a_count_and_nothing_else() {
    let calm = tempfile::tempdir().unwrap();
    let flaky = tempfile::tempdir().unwrap();
    let body = |flaky: u32| {
        format!("[[arm]]\nname = \"a\"\nmodel = {{ use = \"scripted\", tag = \"calm\", flaky = {flaky} }}\n")
    };
    run_in(&body(0), calm.path()).unwrap();
    let outcome = run_in(&body(2), flaky.path()).unwrap();
    assert_eq!((outcome.exit, outcome.retries), (Exit::Done, 2));
    assert_eq!(results(calm.path()), results(flaky.path()));
}

#[test]
fn a_refused_request_fails_and_a_panic_fails_its_item_only() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = run_in(
        "[[arm]]\nname = \"a\"\nmodel = { use = \"scripted\", tag = \"panics\", rejects = \"number 3.\", panics = \"number 4.\" }\n",
        folder.path(),
    )
    .unwrap();
    assert_eq!((outcome.exit, outcome.asked, outcome.failed), (Exit::Failures, 90, 10));
}

#[test]
fn a_model_that_is_not_there_ends_the_run_before_anything_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let error =
        run_in("[[arm]]\nname = \"a\"\nmodel = { use = \"scripted\", unreachable = true }\n", folder.path())
            .err()
            .unwrap();
    assert_eq!(error.exit(), Exit::Unreachable);
    assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
}

#[test]
fn items_that_cannot_be_drawn_are_dropped_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = run_in(
        "[[arm]]\nname = \"a\"\nrenderer = { use = \"toy\", drops = true }\nmodel = { use = \"scripted\", tag = \"drops\" }\n",
        folder.path(),
    )
    .unwrap();
    assert_eq!(outcome.exit, Exit::Done);
    assert_eq!(outcome.summary.plan.dropped["letter A finds no free place"], 10);
    assert_eq!(outcome.summary.arms[0].overall.n, 90);
}

#[test]
fn a_damaged_case_fails_its_items_and_none_usable_is_a_data_error() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::builtin().unwrap();
    let mut set = Overrides::default();
    set.push("dataset.damaged=2").unwrap();
    let text = "[dataset]\nuse = \"toy\"\n[family]\nuse = \"toy\"\n[renderer]\nuse = \"toy\"\n[model]\nuse = \"scripted\"\n";
    let config = RunConfig::parse("toy.toml", text.to_owned(), None, &set, &registry).unwrap();
    let outcome = run::run(&config, &registry, &options(folder.path(), None), &Silent).unwrap();
    assert_eq!((outcome.summary.plan.usable, outcome.summary.plan.selected), (4, 80));
    assert!(outcome.summary.plan.damaged["c2"].contains("truncated"));

    set.push("dataset.cases=1").unwrap();
    set.push("dataset.damaged=0").unwrap();
    let config = RunConfig::parse("toy.toml", text.to_owned(), None, &set, &registry).unwrap();
    let other = tempfile::tempdir().unwrap();
    let error = run::run(&config, &registry, &options(other.path(), None), &Silent).err().unwrap();
    assert_eq!(error.exit(), Exit::Data);
}

#[test]
fn a_limit_is_balanced_and_may_grow_in_the_same_folder() {
    let folder = tempfile::tempdir().unwrap();
    let body = "[[arm]]\nname = \"a\"\nmodel = { use = \"scripted\", tag = \"limit\" }\n";
    let outcome = run_limited(body, folder.path(), Some(20)).unwrap();
    assert_eq!((outcome.asked, outcome.summary.plan.selected), (20, 20));
    let outcome = run_limited(body, folder.path(), Some(60)).unwrap();
    assert_eq!((outcome.asked, outcome.summary.plan.selected), (40, 60), "the first 20 are not asked again");
}

#[test]
fn another_run_in_the_same_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let body = "[[arm]]\nname = \"a\"\nmodel = { use = \"scripted\", tag = \"drift\" }\n";
    run_in(body, folder.path()).unwrap();
    let error =
        run_in("[[arm]]\nname = \"b\"\nmodel = { use = \"scripted\", tag = \"drift\" }\n", folder.path())
            .err()
            .unwrap();
    assert_eq!(error.exit(), Exit::Usage);
    assert!(error.to_string().contains("arms[0].name was \"a\", is \"b\""), "{error}");

    let lock = std::fs::OpenOptions::new().write(true).open(folder.path().join(".lock")).unwrap();
    lock.lock().unwrap();
    let error = run_in(body, folder.path()).err().unwrap();
    assert_eq!(error.exit(), Exit::Usage);
    assert!(error.to_string().contains("another run is using"), "{error}");
}

#[test]
fn a_stopped_run_resumes() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::builtin().unwrap();
    let stopped = options(folder.path(), None);
    stopped.stop.store(true, Ordering::Relaxed);
    let body = "[[arm]]\nname = \"a\"\nmodel = { use = \"scripted\", tag = \"stop\" }\n";
    let error = run::run(&config(body), &registry, &stopped, &Silent).err().unwrap();
    assert_eq!(error.exit(), Exit::Interrupted);
    assert_eq!(run_in(body, folder.path()).unwrap().asked, 100);
}

#[test]
fn step_by_step_decoding_gives_the_same_replies_for_any_number_of_slots() {
    let mut seen = Vec::new();
    for (slots, device) in [(1, false), (2, false), (7, true)] {
        let folder = tempfile::tempdir().unwrap();
        let outcome = run_in(
            &format!(
                "[[arm]]\nname = \"a\"\nmodel = {{ use = \"stepper\", slots = {slots}, device = {device} }}\n"
            ),
            folder.path(),
        )
        .unwrap();
        assert_eq!((outcome.asked, outcome.failed), (95, 5), "one prompt a case is too long");
        assert!((accuracy(&outcome, 0) - 12.0 / 19.0).abs() < 1e-12);
        seen.push(results(folder.path())[1].clone());
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_reply_that_runs_into_the_limit_is_marked_as_cut() {
    let folder = tempfile::tempdir().unwrap();
    run_in(
        "[sampler]\nuse = \"greedy\"\nmax_tokens = 2\n[[arm]]\nname = \"a\"\nmodel = { use = \"stepper\" }\n",
        folder.path(),
    )
    .unwrap();
    let registry = Registry::builtin().unwrap();
    let records = run::load_records(folder.path(), &registry).unwrap();
    let reply = records.iter().find_map(|record| record.reply.as_ref()).unwrap();
    assert_eq!((reply.text.as_str(), reply.finish, reply.tokens.completion), ("ye", Finish::Length, Some(2)));
}

#[test]
fn a_rule_that_no_server_parameter_expresses_is_refused_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let error = run_in(
        "[sampler]\nuse = \"greedy\"\nlocal = true\n[[arm]]\nname = \"a\"\nmodel = { use = \"scripted\", tag = \"local\" }\n",
        folder.path(),
    )
    .err()
    .unwrap();
    assert_eq!((error.exit(), calls("local")), (Exit::Usage, 0));
    assert!(
        error.to_string().starts_with("toy.toml:12: sampler: sampler 'greedy' cannot be written"),
        "{error}"
    );
}

#[test]
fn trials_are_asked_apart_and_averaged_per_question() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = run_in(
        "trials = 3\n[[arm]]\nname = \"a\"\nmodel = { use = \"scripted\", tag = \"trials\" }\n",
        folder.path(),
    )
    .unwrap();
    assert_eq!((outcome.asked, calls("trials")), (300, 300));
    let cell = &outcome.summary.arms[0].overall;
    assert_eq!(
        (cell.n, cell.figures["accuracy"].n, cell.clusters),
        (300, 100, 5),
        "300 records, 100 questions"
    );
}

#[test]
fn questions_that_read_alike_keep_their_own_replies() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::builtin().unwrap();
    let mut set = Overrides::default();
    set.push("family.alike=true").unwrap();
    set.push("renderer.text_only=true").unwrap();
    let text = "[dataset]\nuse = \"toy\"\n[family]\nuse = \"toy\"\n[renderer]\nuse = \"toy\"\n[model]\nuse = \"scripted\"\noracle = true\n";
    let config = RunConfig::parse("toy.toml", text.to_owned(), None, &set, &registry).unwrap();
    let outcome = run::run(&config, &registry, &options(folder.path(), None), &Silent).unwrap();
    assert!(outcome.summary.plan.selected > 5);
    assert!(
        (accuracy(&outcome, 0) - 1.0).abs() < 1e-12,
        "an oracle is right even where prompts are the same"
    );
}

#[test]
fn a_renderer_that_panics_fails_its_item_only() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = run_in(
        "[[arm]]\nname = \"a\"\nrenderer = { use = \"toy\", panics = \"number 3.\" }\nmodel = { use = \"scripted\", tag = \"undrawn\" }\n",
        folder.path(),
    )
    .unwrap();
    assert_eq!((outcome.exit, outcome.asked, outcome.failed), (Exit::Failures, 95, 5));
}

#[test]
fn scoring_a_part_of_a_run_says_that_it_is_a_part() {
    let folder = tempfile::tempdir().unwrap();
    run_in("[[arm]]\nname = \"a\"\nmodel = { use = \"scripted\", tag = \"part\" }\n", folder.path()).unwrap();
    let journal = folder.path().join("journal.jsonl");
    let bytes = std::fs::read(&journal).unwrap();
    std::fs::write(&journal, &bytes[..bytes.len() / 2]).unwrap();
    let registry = Registry::builtin().unwrap();
    let outcome = run::score(folder.path(), &registry, None, &Silent).unwrap();
    let arm = &outcome.summary.arms[0];
    assert!(outcome.missing > 0 && arm.missing == outcome.missing);
    assert_eq!(outcome.exit, Exit::Failures);
    assert_eq!(arm.stamps, [format!("incomplete: {} not asked", arm.missing)]);
}

#[test]
fn misspelt_facets_and_levels_are_refused_with_what_there_is() {
    for (body, expected) in [
        (
            "facets = [\"party\"]\n",
            "run.facets: no question has a facet 'party' (did you mean 'parity'? facets: modality, parity)",
        ),
        ("[run.slices.odd]\nparty = [\"1\"]\n", "run.slices.odd: no question has a facet 'party'"),
        (
            "[run.quota]\nMRI = 5\n",
            "run.quota: no question has one of its levels of 'modality' (levels found: ct)",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let error = run_in(body, folder.path()).err().unwrap();
        assert_eq!(error.exit(), Exit::Usage);
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}
