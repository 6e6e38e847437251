//! A slice of 512 pixels and a stack of 32 frames, marks and letters included, to PNG bytes, beside encoding the same
//! pictures alone. A further question of a case finds its grey slices kept; the first does not.

use criterion::{
    BatchSize, BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime,
};
use rayon::prelude::*;
use serde_json::json;
use situs_core::prelude::*;
use situs_core::registry::{Params, Registry};
use situs_core::run::{encode_png, pixel_digest};
use situs_core::volume::{VolumeStore, catalogue_entry};
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

// Built-in components register themselves; this links them in.
use situs_plugins as _;

// The allocator of the `situs` command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Volumes from a store; pictures become PNG bytes that nobody keeps.
struct Easel {
    volumes: VolumeStore,
    /// What was drawn, while this is set.
    drawn: Mutex<Option<Vec<Picture>>>,
}

impl Easel {
    fn watch(&self, watched: Option<Vec<Picture>>) -> Vec<Picture> {
        std::mem::replace(&mut *self.drawn.lock().unwrap_or_else(PoisonError::into_inner), watched)
            .unwrap_or_default()
    }
}

impl Media for Easel {
    fn volume(&self, volume: &VolumeRef) -> Result<Arc<Volume>, Fault> {
        self.volumes.volume(volume)
    }

    fn segmentation(&self, case: &Case) -> Result<Arc<Segmentation>, Fault> {
        self.volumes.segmentation(case)
    }

    fn put_picture(&self, picture: &Picture) -> Result<ImageRef, Fault> {
        let pixels = pixel_digest(picture);
        black_box(encode_png(picture)?);
        if let Some(drawn) = &mut *self.drawn.lock().unwrap_or_else(PoisonError::into_inner) {
            drawn.push(picture.clone());
        }
        Ok(ImageRef { pixels, png: String::new(), width: picture.width, height: picture.height })
    }

    fn png(&self, _: &ImageRef) -> Result<Arc<[u8]>, Fault> {
        Err(Fault::unsupported("nothing is kept"))
    }

    fn put_volume(&self, _: [usize; 3], _: &[f32]) -> Result<VolumeRef, Fault> {
        Err(Fault::unsupported("nothing is kept"))
    }

    fn path(&self, _: &str) -> Result<PathBuf, Fault> {
        Err(Fault::unsupported("nothing is kept"))
    }
}

struct Studio {
    registry: Registry,
    easel: Easel,
    case: Case,
    questions: Vec<Question>,
}

fn params(value: serde_json::Value) -> Params {
    value.as_object().cloned().unwrap_or_default()
}

impl Studio {
    fn open() -> Result<Self, Fault> {
        let (registry, cx) = (Registry::builtin()?, BuildContext::default());
        let spec = params(json!({"use": "phantom", "preset": "full", "cases": 1}));
        let dataset: Arc<dyn Dataset> = registry.build::<dyn Dataset>(&spec, &cx)?.component.into();
        let card = dataset.card().clone();
        let case = dataset.case(0)?;
        let easel = Easel { volumes: VolumeStore::new(dataset, 1 << 32, false), drawn: Mutex::new(None) };
        let entry = catalogue_entry(&case, &easel.volumes)?;
        let catalogue = Catalogue { digest: String::new(), cases: vec![entry] };
        let family =
            registry.build::<dyn QuestionFamily>(&params(json!({"use": "mis-ground"})), &cx)?.component;
        let asked = family.ask(&AskContext {
            card: &card,
            case: &case,
            entry: &catalogue.cases[0],
            catalogue: &catalogue,
            seed: 0,
            replies: &Replies::default(),
            media: &easel,
        })?;
        let Asked::Questions { questions, .. } = asked else {
            return Err(Fault::internal("this family consults nobody"));
        };
        Ok(Self { registry, easel, case, questions })
    }

    fn renderer(&self) -> Result<Box<dyn PromptRenderer>, Fault> {
        let spec = params(json!({"use": "slices"}));
        Ok(self.registry.build::<dyn PromptRenderer>(&spec, &BuildContext::default())?.component)
    }

    fn draw(&self, renderer: &dyn PromptRenderer, question: &Question) -> Result<usize, Fault> {
        Ok(renderer.render(&[&self.case], question, &self.easel)?.images().count())
    }

    /// The question with masks and letters that shows most marks, among those that can be drawn, and its pictures.
    fn richest(&self, dim: &str) -> Result<(&Question, Vec<Picture>), Fault> {
        let levels = [
            ("dim", dim),
            ("visual", "mask"),
            ("identity", "both"),
            ("ablation", "none"),
            ("plane", "axial"),
        ];
        let fits = |question: &&Question| levels.iter().all(|(facet, level)| question.facet(facet) == *level);
        let marks = |question: &Question| question.scene.as_ref().map_or(0, |scene| scene.marks.len());
        let mut fitting: Vec<&Question> = self.questions.iter().filter(fits).collect();
        fitting.sort_by_key(|question| std::cmp::Reverse(marks(question)));
        let renderer = self.renderer()?;
        for question in fitting {
            self.easel.watch(Some(Vec::new()));
            let drawn = self.draw(renderer.as_ref(), question);
            let pictures = self.easel.watch(None);
            if drawn.is_ok() {
                println!("{dim}: {} marks, {} pictures", marks(question), pictures.len());
                return Ok((question, pictures));
            }
        }
        Err(Fault::data(format!("no question with letters and masks can be drawn in {dim}")))
    }

    fn measure(&self, group: &mut BenchmarkGroup<'_, WallTime>, name: &str, dim: &str) -> Result<(), Fault> {
        let (question, pictures) = self.richest(dim)?;
        let kept = self.renderer()?;
        group.bench_function(format!("{name}/png_alone"), |bencher| {
            bencher.iter(|| pictures.par_iter().all(|picture| encode_png(black_box(picture)).is_ok()));
        });
        group.bench_function(format!("{name}/first_of_its_case"), |bencher| {
            bencher.iter_batched(
                || self.renderer().ok(),
                |fresh| fresh.map(|fresh| self.draw(fresh.as_ref(), question).is_ok()),
                BatchSize::PerIteration,
            );
        });
        group.bench_function(format!("{name}/further_question"), |bencher| {
            bencher.iter(|| self.draw(kept.as_ref(), black_box(question)).is_ok());
        });
        Ok(())
    }
}

fn bench(criterion: &mut Criterion) -> Result<(), Fault> {
    let studio = Studio::open()?;
    let mut group = criterion.benchmark_group("render");
    group.sample_size(20).measurement_time(Duration::from_secs(4)).warm_up_time(Duration::from_secs(1));
    studio.measure(&mut group, "slice_512px", "2d")?;
    studio.measure(&mut group, "stack_32_frames", "3d")?;
    group.finish();
    Ok(())
}

fn render(criterion: &mut Criterion) {
    if let Err(fault) = bench(criterion) {
        println!("skipped: {fault}");
    }
}

criterion_group!(benches, render);
criterion_main!(benches);
