//! One full-size case (117 structures in 224 x 176 x 440 voxels) to its whole pool of questions: less than 1 s after
//! loading. Beside it what no family could do without: the same structures measured per slice and per part.

#[path = "support/no_pictures.rs"]
mod no_pictures;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use no_pictures::NoPictures;
use serde_json::json;
use situs_core::prelude::*;
use situs_core::registry::{Params, Registry};
use situs_core::volume::{VolumeStore, catalogue_entry};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

// Built-in components register themselves; this links them in.
use situs_plugins as _;

// The allocator of the `situs` command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A case as the engine lends it to a family: measured, its segmentation in memory.
struct Loaded {
    card: DatasetCard,
    case: Case,
    catalogue: Catalogue,
    segmentation: Arc<Segmentation>,
}

fn params(value: serde_json::Value) -> Params {
    value.as_object().cloned().unwrap_or_default()
}

fn load(registry: &Registry) -> Result<Loaded, Fault> {
    let spec = params(json!({"use": "phantom", "preset": "full", "cases": 1}));
    let dataset: Arc<dyn Dataset> =
        registry.build::<dyn Dataset>(&spec, &BuildContext::default())?.component.into();
    let card = dataset.card().clone();
    let case = dataset.case(0)?;
    let store = VolumeStore::new(dataset, 1 << 32, false);
    let entry = catalogue_entry(&case, &store)?;
    let catalogue = Catalogue { digest: String::new(), cases: vec![entry] };
    let segmentation = store.segmentation(&case)?;
    Ok(Loaded { card, case, catalogue, segmentation })
}

fn ask(family: &dyn QuestionFamily, loaded: &Loaded, media: &dyn Media) -> Result<usize, Fault> {
    let asked = family.ask(&AskContext {
        card: &loaded.card,
        case: &loaded.case,
        entry: &loaded.catalogue.cases[0],
        catalogue: &loaded.catalogue,
        seed: 0,
        replies: &Replies::default(),
        media,
    })?;
    match asked {
        Asked::Questions { questions, .. } => Ok(questions.len()),
        Asked::Needs(_) => Err(Fault::internal("this family consults nobody")),
    }
}

/// Sections of the middle slice of each plane, profiles along each axis, and largest parts, of every structure.
fn measure(segmentation: &Segmentation) -> Result<usize, Fault> {
    let mut measured = 0;
    for axis in 0..3 {
        measured += segmentation.sections(axis, segmentation.grid().shape[axis] / 2)?.len();
        for structure in 0..segmentation.masks.len() {
            measured += segmentation.profile(structure, axis).len();
        }
    }
    let parts = (0..segmentation.masks.len()).map(|structure| segmentation.largest_part_share(structure));
    Ok(measured + parts.filter(|share| *share > 0.0).count())
}

fn bench(criterion: &mut Criterion) -> Result<(), Fault> {
    let registry = Registry::builtin()?;
    let loaded = load(&registry)?;
    let mut group = criterion.benchmark_group("questions");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    // A segmentation remembers what it found out; a copy of an untouched one knows nothing yet.
    let fresh = || NoPictures(Some(Arc::new(Segmentation::clone(&loaded.segmentation))));
    group.bench_function("measured", |bencher| {
        bencher.iter_batched(
            fresh,
            |media| media.0.is_some_and(|segmentation| measure(black_box(&segmentation)).is_ok()),
            BatchSize::LargeInput,
        );
    });
    let spec = params(json!({"use": "mis-ground", "classes": "all"}));
    let family = registry.build::<dyn QuestionFamily>(&spec, &BuildContext::default())?.component;
    println!("{} questions", ask(family.as_ref(), &loaded, &fresh())?);
    group.bench_function("whole_pool", |bencher| {
        bencher.iter_batched(
            fresh,
            |media| ask(family.as_ref(), &loaded, black_box(&media)).is_ok(),
            BatchSize::LargeInput,
        );
    });
    group.finish();
    Ok(())
}

fn questions(criterion: &mut Criterion) {
    if let Err(fault) = bench(criterion) {
        println!("skipped: {fault}");
    }
}

criterion_group!(benches, questions);
criterion_main!(benches);
