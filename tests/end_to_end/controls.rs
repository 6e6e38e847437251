//! Baselines and controls: what must be right always, what must be right by chance, and what a mirror must break.

#[path = "../../plugins/tests/support/answerable.rs"]
mod answerable;

use answerable::{Decided, decided};
use situs_core::config::{Overrides, RunConfig};
use situs_core::prelude::*;
use situs_core::registry::Registry;
use situs_core::run::{self, Exit, Outcome, RunOptions, Silent};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

situs_core::component! {
    /// Sends the text alone: for tests that look at truths and draw nothing.
    renderer "words-alone";
    pub struct WordsAlone {}
}

#[typetag::serde(name = "words-alone")]
impl PromptRendererSpec for WordsAlone {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn PromptRenderer>, Fault> {
        Ok(Box::new(self.clone()))
    }
}

impl PromptRenderer for WordsAlone {
    fn render(&self, _: &[&Case], question: &Question, _: &dyn Media) -> Result<Prompt, Fault> {
        Ok(Prompt::text(&question.text))
    }
}

/// Four arms over one phantom data set.
const CONFIG: &str = r#"
[dataset]
use = "phantom"

[family]
use = "mis-ground"
slice_filter = false
frames = 12
long_side = 128

[renderer]
use = "slices"

[run]

[run.slices.named]
text = ["name"]

[metrics.accuracy]
[metrics.accuracy_parsed]
use = "accuracy"
over = "parsed"

[[arm]]
name = "oracle"
model = { use = "oracle" }
[[arm]]
name = "pixel-reader"
model = { use = "pixel-reader" }
[[arm]]
name = "prior"
model = { use = "prior" }
[[arm]]
name = "random"
model = { use = "random" }
"#;

/// Every display that can be asked for.
pub const ALL_DISPLAYS: &str = r#"family.orientations=["standard_radiological", "standard_neurological", "ras_plus_raw",
    "ras_plus_transposed", "ras_first_raw", "ras_first_transposed"]"#;

/// Smallest torso that keeps the adrenal glands.
pub const SMALL_TORSO: &str = "dataset.shape=[94, 73, 125]";

pub struct Done {
    pub outcome: Outcome,
    pub records: Vec<Record>,
}

impl Done {
    /// Value and 95 % interval of a metric, for an arm over all questions or one slice of them.
    fn figure(&self, arm: &str, slice: Option<&str>) -> (f64, [f64; 2], f64) {
        let arm = self.outcome.summary.arms.iter().find(|one| one.name == arm).unwrap();
        let cell = slice.map_or(&arm.overall, |slice| &arm.slices[slice]);
        let figure = &cell.figures["accuracy"];
        (figure.value.unwrap(), figure.interval.unwrap(), cell.chance.unwrap())
    }

    fn of(&self, arm: &str) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(move |record| record.arm == arm)
    }

    /// Oracle always right; pixel-reader right on every question that marks make answerable, silent on every other.
    #[track_caller]
    pub fn check_bounds(&self) {
        assert_eq!((self.outcome.exit, self.outcome.failed, self.outcome.missing), (Exit::Done, 0, 0));
        assert!(self.of("oracle").all(Record::is_right));
        let mut answered = 0;
        let off: Vec<String> = self
            .of("pixel-reader")
            .filter(|record| {
                let is_silent = record.answer.state != AnswerState::Answered;
                let holds = match decided(&record.question) {
                    Decided::Yes => record.is_right(),
                    Decided::ByScale => is_silent || record.is_right(),
                    Decided::No => is_silent,
                };
                answered += usize::from(!is_silent);
                !holds
            })
            .map(|record| format!("{} {:?} {}", record.question.cell, record.answer, record.question.text))
            .collect();
        assert!(off.is_empty(), "the pixel-reader is off on {}: {}", off.len(), off[0]);
        assert!(answered > 20, "{answered} questions answered");
    }

    /// The true chance level lies within the arm's interval.
    #[track_caller]
    fn check_chance(&self, arm: &str, slice: Option<&str>) {
        let (value, [low, high], chance) = self.figure(arm, slice);
        assert!((low..=high).contains(&chance), "{arm}: {value} [{low}, {high}], chance {chance}");
    }
}

pub fn ask(sets: &[&str], folder: &Path) -> Done {
    ask_config(CONFIG, sets, folder)
}

pub fn ask_config(config: &str, sets: &[&str], folder: &Path) -> Done {
    let registry = Registry::builtin().unwrap();
    let mut overrides = Overrides::default();
    for set in sets {
        overrides.push(set).unwrap();
    }
    let config = RunConfig::parse("controls.toml", config.to_owned(), None, &overrides, &registry).unwrap();
    let options = RunOptions { folder: folder.to_owned(), limit: None, stop: Arc::default() };
    let outcome = run::run(&config, &registry, &options, &Silent).unwrap();
    Done { outcome, records: run::load_records(folder, &registry).unwrap() }
}

#[test]
fn baselines_bound_the_table_and_a_mirror_breaks_the_prior() {
    let sets = [SMALL_TORSO, "dataset.cases=4", "run.questions=300"];
    let (plain, mirrored) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plain = ask(&sets, plain.path());
    let mirrored = ask(&[&sets[..], &["run.mirrored=true"]].concat(), mirrored.path());
    for done in [&plain, &mirrored] {
        done.check_bounds();
        done.check_chance("random", None);
    }
    let (seen, _, chance) = plain.figure("prior", Some("named"));
    let (turned, ..) = mirrored.figure("prior", Some("named"));
    assert!(seen > chance + 0.2, "names alone go far in a typical body: {seen}, chance {chance}");
    assert!(turned < seen, "and less far in its mirror image: {seen} fell to {turned}");
}

#[test]
fn where_organs_swap_places_names_say_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let done = ask(
        &[SMALL_TORSO, "dataset.cases=8", "dataset.arrangement=shuffled", "run.questions=400", ALL_DISPLAYS],
        folder.path(),
    );
    done.check_bounds();
    for arm in ["prior", "random"] {
        done.check_chance(arm, None);
        done.check_chance(arm, Some("named"));
    }
}

#[test]
fn knees_are_read_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let done = ask(
        &[
            "dataset.body=knee",
            "dataset.cases=2",
            "dataset.shape=[96, 96, 96]",
            "run.questions=300",
            ALL_DISPLAYS,
        ],
        folder.path(),
    );
    done.check_bounds();
    done.check_chance("random", None);
}

/// The name of the same voxels in the other run.
pub fn other_side(name: &str) -> String {
    match (name.contains("left"), name.contains("right")) {
        (true, false) => name.replace("left", "right"),
        (false, true) => name.replace("right", "left"),
        _ => name.to_owned(),
    }
}

/// Positions that answers were made from, with the name of the case.
fn positions_of(done: &Done) -> impl Iterator<Item = (&str, &Position)> {
    done.of("oracle").flat_map(|record| {
        let question = &record.question;
        question.evidence.positions.iter().map(|position| (question.cluster.as_str(), position))
    })
}

#[test]
fn in_the_mirror_right_and_left_change_places_and_nothing_else_does() {
    let sets = [
        SMALL_TORSO,
        "dataset.cases=10",
        "family.dims=[\"3d\"]",
        // Truths need no pictures.
        "renderer.use=words-alone",
        "family.ablations=[\"none\"]",
        "family.visual=[\"none\"]",
        "family.frames=16",
        "family.templates=[\"RA-O1\", \"RA-O2\", \"RC-O1\", \"RC-O2\", \"RF-O\"]",
        "family.view_statements=[\"edges\", \"convention\", \"none\"]",
    ];
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let plain = ask(&sets, folders[0].path());
    let mirrored = ask(&[&sets[..], &["run.mirrored=true"]].concat(), folders[1].path());

    // Positions: x changes its sign (the phantom's middle is the origin), y and z stay.
    let mut positions = BTreeMap::new();
    for (case, position) in positions_of(&plain) {
        positions.insert((case, position.structure.clone(), position.centre.clone()), position.ras_mm);
    }
    let mut compared = 0;
    for (case, position) in positions_of(&mirrored) {
        let key = (case, other_side(&position.structure), position.centre.clone());
        let Some([x, y, z]) = positions.get(&key) else { continue };
        let close = |a: f64, b: f64| (a - b).abs() < 1e-6;
        let [seen_x, seen_y, seen_z] = position.ras_mm;
        assert!(
            close(seen_x, -x) && close(seen_y, *y) && close(seen_z, *z),
            "{position:?}, was {:?}",
            [x, y, z]
        );
        compared += 1;
    }
    assert!(compared > 100, "{compared} positions");

    // Truths, for the same two organs in the same view and words.
    let key = |record: &Record, name: &dyn Fn(&str) -> String| {
        let question = &record.question;
        let structures: Vec<String> = question.structures.iter().take(2).map(|one| name(one)).collect();
        let facets = ["template", "plane", "orientation", "words", "axis"]
            .map(|facet| question.facet(facet).to_owned());
        (question.cluster.clone(), facets, structures)
    };
    let truths: BTreeMap<_, &str> = plain
        .of("oracle")
        .map(|record| (key(record, &str::to_owned), record.question.truth.as_str()))
        .collect();
    let (mut turned, mut kept) = (0, 0);
    for record in mirrored.of("oracle") {
        let Some(before) = truths.get(&key(record, &other_side)) else { continue };
        let now = record.question.truth.as_str();
        if record.question.facet("axis") == "right-left" {
            assert_ne!(now, *before, "{}", record.question.text);
            turned += 1;
        } else {
            assert_eq!(now, *before, "{}", record.question.text);
            kept += 1;
        }
    }
    // A name with a side stays true of its organ; of the others the prior is sure, and the mirror makes it wrong.
    let sure = |done: &Done| {
        let sided =
            |record: &&Record| record.question.structures.iter().any(|name| other_side(name) != *name);
        let of = |record: &&Record| record.question.facet("axis") == "right-left" && !sided(record);
        let all: Vec<&Record> = done.of("prior").filter(of).collect();
        assert!(all.len() >= 4, "{} questions", all.len());
        all.iter().filter(|record| record.is_right()).count() as f64 / all.len() as f64
    };
    assert!(sure(&plain) > 0.8 && sure(&mirrored) < 0.2, "{} and {}", sure(&plain), sure(&mirrored));
    assert!(turned >= 10 && kept >= 20, "{turned} turned, {kept} kept");
}
