//! 10,400 items from 100 phantoms with tumours, after loading: less than 10 s on two cores. Beside it the three tools on
//! the 117 masks of a full-size case: volume and box of each, and the surface distances of neighbours.

use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::json;
use situs_core::prelude::*;
use situs_core::registry::{Params, Registry};
use situs_core::volume::{VolumeStore, catalogue_entry, surface_distance_mm};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

// Built-in components register themselves; this links them in.
use situs_plugins as _;

// The allocator of the `situs` command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Cases measured, segmentations in memory.
struct Loaded {
    card: DatasetCard,
    cases: Vec<Case>,
    catalogue: Catalogue,
    segmentations: BTreeMap<String, Arc<Segmentation>>,
}

fn refused<T>() -> Result<T, Fault> {
    Err(Fault::unsupported("this bench has nothing to draw"))
}

impl Media for Loaded {
    fn volume(&self, _: &VolumeRef) -> Result<Arc<Volume>, Fault> {
        refused()
    }
    fn segmentation(&self, case: &Case) -> Result<Arc<Segmentation>, Fault> {
        self.segmentations.get(&case.name).cloned().map_or_else(refused, Ok)
    }
    fn put_picture(&self, _: &Picture) -> Result<ImageRef, Fault> {
        refused()
    }
    fn png(&self, _: &ImageRef) -> Result<Arc<[u8]>, Fault> {
        refused()
    }
    fn put_volume(&self, _: [usize; 3], _: &[f32]) -> Result<VolumeRef, Fault> {
        refused()
    }
    fn path(&self, _: &str) -> Result<PathBuf, Fault> {
        refused()
    }
}

fn params(value: serde_json::Value) -> Params {
    value.as_object().cloned().unwrap_or_default()
}

fn load(registry: &Registry, dataset: serde_json::Value) -> Result<Loaded, Fault> {
    let dataset: Arc<dyn Dataset> =
        registry.build::<dyn Dataset>(&params(dataset), &BuildContext::default())?.component.into();
    let card = dataset.card().clone();
    let cases = (0..dataset.len()).map(|index| dataset.case(index)).collect::<Result<Vec<_>, _>>()?;
    let store = VolumeStore::new(dataset, 1 << 32, false);
    let mut catalogue = Catalogue::default();
    let mut segmentations = BTreeMap::new();
    for case in &cases {
        catalogue.cases.push(catalogue_entry(case, &store)?);
        segmentations.insert(case.name.clone(), store.segmentation(case)?);
    }
    Ok(Loaded { card, cases, catalogue, segmentations })
}

fn ask(family: &dyn QuestionFamily, loaded: &Loaded) -> Result<usize, Fault> {
    let mut count = 0;
    for (case, entry) in loaded.cases.iter().zip(&loaded.catalogue.cases) {
        let asked = family.ask(&AskContext {
            card: &loaded.card,
            case,
            entry,
            catalogue: &loaded.catalogue,
            seed: 0,
            replies: &Replies::default(),
            media: loaded,
        })?;
        if let Asked::Questions { questions, .. } = asked {
            count += questions.len();
        }
    }
    Ok(count)
}

/// Volumes, boxes and gaps between neighbours in the list of one segmentation.
fn tools(segmentation: &Segmentation) -> f64 {
    let spacing = segmentation.grid().affine.spacing();
    let masks: Vec<_> = segmentation.masks.iter().flatten().collect();
    let gaps = masks.windows(2).map(|pair| surface_distance_mm(pair[0], pair[1], spacing));
    let volumes: f64 = segmentation.measured.structures.iter().map(|structure| structure.volume_ml).sum();
    gaps.sum::<f64>() + volumes
}

fn bench(criterion: &mut Criterion) -> Result<(), Fault> {
    let registry = Registry::builtin()?;
    let mut group = criterion.benchmark_group("spatialmed");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    let hundred = load(
        &registry,
        json!({"use": "phantom", "cases": 100, "tumours": true, "shape": [94, 73, 125], "noise": 0.0}),
    )?;
    // More than needed: items that no try can make are given up.
    let spec = params(json!({"use": "spatialmed", "items": 16, "fewest_voxels": 24}));
    let family = registry.build::<dyn QuestionFamily>(&spec, &BuildContext::default())?.component;
    println!("{} questions of 100 cases", ask(family.as_ref(), &hundred)?);
    group.bench_function("questions_100_cases", |bencher| {
        bencher.iter(|| ask(family.as_ref(), black_box(&hundred)).is_ok());
    });
    drop(hundred);
    let full = load(&registry, json!({"use": "phantom", "cases": 1, "preset": "full"}))?;
    if let Some(segmentation) = full.segmentations.values().next() {
        group.bench_function("tools_117_structures", |bencher| {
            bencher.iter(|| tools(black_box(segmentation)));
        });
    }
    group.finish();
    Ok(())
}

fn spatialmed(criterion: &mut Criterion) {
    if let Err(fault) = bench(criterion) {
        println!("skipped: {fault}");
    }
}

criterion_group!(benches, spatialmed);
criterion_main!(benches);
