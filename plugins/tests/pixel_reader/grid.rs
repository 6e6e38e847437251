//! The whole way: phantom, mis-ground questions, rendered PNG, pixel-reader, truth.

#[path = "../support/answerable.rs"]
mod answerable;

use answerable::{Decided, decided};
use situs_core::media::{Media, Picture};
use situs_core::prelude::*;
use situs_core::run::MediaStore;
use situs_core::space::Preset;
use situs_core::volume::{VolumeStore, catalogue_entry};
use situs_plugins::backends::pixel_reader::PixelReader;
use situs_plugins::datasets::phantom::{Arrangement, Body, Phantom};
use situs_plugins::families::mis_ground::{MisGround, SliceFilter, ViewStatement};
use situs_plugins::renderers::slices::Slices;
use std::path::PathBuf;
use std::sync::Arc;

struct Desk {
    volumes: VolumeStore,
    pictures: MediaStore,
    _folder: tempfile::TempDir,
}

impl Media for Desk {
    fn volume(&self, volume: &VolumeRef) -> Result<Arc<Volume>, Fault> {
        self.volumes.volume(volume)
    }
    fn segmentation(&self, case: &Case) -> Result<Arc<Segmentation>, Fault> {
        self.volumes.segmentation(case)
    }
    fn put_picture(&self, picture: &Picture) -> Result<ImageRef, Fault> {
        self.pictures.put_picture(picture)
    }
    fn png(&self, image: &ImageRef) -> Result<Arc<[u8]>, Fault> {
        self.pictures.png(image)
    }
    fn put_volume(&self, shape: [usize; 3], voxels: &[f32]) -> Result<VolumeRef, Fault> {
        self.pictures.put_volume(shape, voxels)
    }
    fn path(&self, digest: &str) -> Result<PathBuf, Fault> {
        self.pictures.path(digest)
    }
}

fn spec() -> MisGround {
    MisGround {
        slice_filter: SliceFilter::Switch(false),
        orientations: vec![Preset::StandardRadiological, Preset::RasPlusRaw, Preset::RasFirstRaw],
        view_statements: vec![ViewStatement::Edges, ViewStatement::Convention],
        frames: 24,
        long_side: 384,
        ..MisGround::default()
    }
}

/// What became of the questions of one patient.
#[derive(Default)]
struct Tally {
    right: usize,
    by_scale: usize,
    silent: usize,
    turned: usize,
    wrong: Vec<String>,
}

/// Asks, renders and reads one question in `every` of one patient's slices and stacks.
fn walk(phantom: &Phantom, seed: u64, every: [usize; 2]) -> Tally {
    let cx = BuildContext { seed, ..BuildContext::default() };
    let dataset: Arc<dyn Dataset> = phantom.build(&cx).unwrap().into();
    let case = dataset.case(0).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let card = dataset.card().clone();
    let desk = Desk {
        volumes: VolumeStore::new(dataset, 1 << 30, false),
        pictures: MediaStore::new(folder.path().to_owned()),
        _folder: folder,
    };
    let entry = catalogue_entry(&case, &desk.volumes).unwrap();
    let family = spec().build(&cx).unwrap();
    let asked = family.ask(&AskContext {
        card: &card,
        case: &case,
        entry: &entry,
        catalogue: &Catalogue::default(),
        seed,
        replies: &Replies::default(),
        media: &desk,
    });
    let Ok(Asked::Questions { questions, .. }) = asked else { panic!("no questions: {asked:?}") };
    let renderer = Slices::default().build(&cx).unwrap();
    let reader = PixelReader::default().build(&cx).unwrap();
    let read = |question: &Question, prompt: Prompt| {
        let request = Request {
            id: String::new(),
            question: String::new(),
            prompt,
            options: Vec::new(),
            trial: 0,
            draw: 0,
            truth: None,
        };
        let reply = reader.reply(&request, &Sampling::default(), &desk).unwrap();
        family.read(question, &reply).unwrap()
    };

    let mut tally = Tally::default();
    let (slices, stacks): (Vec<&Question>, Vec<&Question>) =
        questions.iter().partition(|question| question.facet("dim") == "2d");
    for question in slices.into_iter().step_by(every[0]).chain(stacks.into_iter().step_by(every[1])) {
        let prompt = match renderer.render(&[&case], question, &desk) {
            Ok(prompt) => prompt,
            Err(fault) if fault.cause == Cause::Rejected => continue,
            Err(fault) => panic!("{fault}"),
        };
        let answer = read(question, prompt.clone());
        let is_right = answer.value.as_ref() == Some(&question.truth);
        let is_silent = answer.state != AnswerState::Answered;
        match decided(question) {
            Decided::Yes if is_right => tally.right += 1,
            Decided::ByScale if is_right => tally.by_scale += 1,
            Decided::ByScale | Decided::No if is_silent => tally.silent += 1,
            _ => tally.wrong.push(format!("{}: {answer:?}, truth {}", question.text, question.truth)),
        }
        if decided(question) == Decided::Yes && is_across(question) {
            let turned = read(question, mirrored(prompt, &desk));
            if turned.state == AnswerState::Answered && turned.value != answer.value {
                tally.turned += 1;
            } else {
                tally.wrong.push(format!("{}: {turned:?} in the mirror too", question.text));
            }
        }
    }
    tally
}

/// Whether two marks are compared along the horizontal direction of the picture.
fn is_across(question: &Question) -> bool {
    let phrases = ["along its horizontal direction", "nearer the left edge", "nearer the right edge"];
    question.template.starts_with("RC-") && phrases.iter().any(|phrase| question.text.contains(phrase))
}

/// The same prompt with every picture's left and right exchanged.
fn mirrored(mut prompt: Prompt, desk: &Desk) -> Prompt {
    for part in &mut prompt.parts {
        if let Part::Image { image } = part {
            let png = desk.png(image).unwrap();
            let decoded = image::load_from_memory(&png).unwrap().fliph().into_rgb8();
            let (width, height) = decoded.dimensions();
            *image = desk.put_picture(&Picture { width, height, rgb: decoded.into_raw() }).unwrap();
        }
    }
    prompt
}

fn check(tally: &Tally) {
    let Tally { right, by_scale, silent, turned, wrong } = tally;
    println!("{right} right, {by_scale} by scale, {silent} silent, {turned} turned, {} wrong", wrong.len());
    assert!(
        wrong.is_empty(),
        "{} wrong, {right} right\n{}",
        wrong.len(),
        wrong[..wrong.len().min(4)].join("\n\n")
    );
    assert!(*right > 100 && *silent > 20 && *turned > 5, "{right} right, {silent} silent, {turned} turned");
}

#[test]
fn in_a_torso_every_question_that_marks_decide_is_answered_right_and_no_other_is_answered() {
    let torso = Phantom { cases: 1, arrangement: Arrangement::Shuffled, ..Phantom::default() };
    check(&walk(&torso, 5, [23, 151]));
}

#[test]
fn in_a_knee_of_boxes_too() {
    let knee = Phantom { cases: 1, body: Body::Knee, ..Phantom::default() };
    check(&walk(&knee, 6, [11, 61]));
}
