//! Pictures and lessons from phantoms, with the project's own family and renderer.

use crate::lesson::{Drawn, Lesson, Teacher};
use rayon::prelude::*;
use serde_json::json;
use situs_core::prelude::*;
use situs_core::registry::{Params, Registry};
use situs_core::run::pixel_digest;
use situs_core::scene::Mark;
use situs_core::volume::{VolumeStore, catalogue_entry};
use situs_models::small::Reduced;
use situs_plugins::renderers::slices::letters;
use std::collections::BTreeMap;
use std::io::{BufRead as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Pictures drawn from one phantom.
const PICTURES_A_CASE: usize = 32;

/// Reduced pictures and the lessons on them.
#[derive(Default)]
pub struct Studio {
    pub pictures: Vec<Reduced>,
    /// Lessons, those on one picture beside each other.
    pub lessons: Vec<Lesson>,
}

/// Volumes from a store; the picture drawn last is kept.
struct Easel {
    volumes: VolumeStore,
    drawn: Mutex<Option<Picture>>,
}

impl Media for Easel {
    fn volume(&self, volume: &VolumeRef) -> Result<Arc<Volume>, Fault> {
        self.volumes.volume(volume)
    }

    fn segmentation(&self, case: &Case) -> Result<Arc<Segmentation>, Fault> {
        self.volumes.segmentation(case)
    }

    fn put_picture(&self, picture: &Picture) -> Result<ImageRef, Fault> {
        *self.drawn.lock().unwrap_or_else(PoisonError::into_inner) = Some(picture.clone());
        Ok(ImageRef {
            pixels: pixel_digest(picture),
            png: String::new(),
            width: picture.width,
            height: picture.height,
        })
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

fn params(value: serde_json::Value) -> Params {
    value.as_object().cloned().unwrap_or_default()
}

impl Studio {
    /// Draws at least `count` pictures of shuffled phantoms, or reads them from an earlier call's files.
    pub fn open(folder: &Path, seed: u64, count: usize) -> Result<Self, Fault> {
        let stem = folder.join(format!("seed-{seed}-{count}"));
        let (pixels, lessons) = (stem.with_extension("rgb"), stem.with_extension("jsonl"));
        if lessons.is_file() {
            return Self::read(&pixels, &lessons);
        }
        let studio = Self::draw(seed, count)?;
        studio
            .write(&pixels, &lessons)
            .map_err(|error| Fault::data(format!("{}: {error}", stem.display())))?;
        Ok(studio)
    }

    fn draw(seed: u64, count: usize) -> Result<Self, Fault> {
        let cases = count.div_ceil(PICTURES_A_CASE);
        let registry = Registry::builtin()?;
        let cx = BuildContext { seed, ..BuildContext::default() };
        let phantoms = json!({"use": "phantom", "arrangement": "shuffled", "cases": cases});
        let dataset: Arc<dyn Dataset> =
            registry.build::<dyn Dataset>(&params(phantoms), &cx)?.component.into();
        let family = json!({
            "use": "mis-ground",
            "dims": ["2d"],
            "texts": ["mark"],
            "ablations": ["none"],
            "slices_per_volume": 3,
            "orientations": ["standard_radiological", "standard_neurological", "ras_plus_raw"],
            "templates": ["RC-O1", "RC-C", "RC-I", "RA-O1", "RA-C", "RA-I", "LR-OA", "LR-OC", "LR-C", "LR-I", "LX-O"],
        });
        let family = registry.build::<dyn QuestionFamily>(&params(family), &cx)?.component;
        let teacher = Teacher::new()?;
        let parts: Vec<Result<Self, Fault>> = (0..cases)
            .into_par_iter()
            .map(|case| Self::of_case(&registry, &dataset, family.as_ref(), &teacher, case, seed))
            .collect();
        let mut studio = Self::default();
        for part in parts {
            let mut part = part?;
            for lesson in &mut part.lessons {
                lesson.picture += studio.pictures.len();
            }
            studio.pictures.append(&mut part.pictures);
            studio.lessons.append(&mut part.lessons);
        }
        Ok(studio)
    }

    fn of_case(
        registry: &Registry,
        dataset: &Arc<dyn Dataset>,
        family: &dyn QuestionFamily,
        teacher: &Teacher,
        index: usize,
        seed: u64,
    ) -> Result<Self, Fault> {
        let case = dataset.case(index)?;
        let volumes = VolumeStore::new(Arc::clone(dataset), 1 << 28, false);
        let easel = Easel { volumes, drawn: Mutex::new(None) };
        let catalogue =
            Catalogue { digest: String::new(), cases: vec![catalogue_entry(&case, &easel.volumes)?] };
        let asked = family.ask(&AskContext {
            card: dataset.card(),
            case: &case,
            entry: &catalogue.cases[0],
            catalogue: &catalogue,
            seed,
            replies: &Replies::default(),
            media: &easel,
        })?;
        let Asked::Questions { questions, .. } = asked else {
            return Err(Fault::internal("this family consults nobody"));
        };
        let mut by_picture: BTreeMap<String, Vec<Question>> = BTreeMap::new();
        for question in questions {
            let key = question.evidence.facts.get("drawn_as").map(ToString::to_string).unwrap_or_default();
            by_picture.entry(key).or_default().push(question);
        }
        let groups: Vec<Vec<Question>> = by_picture.into_values().collect();
        let slices = registry
            .build::<dyn PromptRenderer>(&params(json!({"use": "slices"})), &BuildContext::default())?;
        let mut studio = Self::default();
        // Every other picture from questions about all marks: there each of them has a known place.
        let order = Draw::new(seed).of("lessons").of(&case.name).order(groups.len());
        let about_all = |group: &&usize| groups[**group].iter().any(|question| question.template == "LX-O");
        let (all, two): (Vec<usize>, Vec<usize>) = (
            order.iter().filter(about_all).copied().collect(),
            order.iter().filter(|group| !about_all(group)).copied().collect(),
        );
        let longer = all.len().max(two.len());
        let turns = (0..longer).flat_map(|turn| [two.get(turn), all.get(turn)]).flatten();
        for group in turns.copied() {
            if studio.pictures.len() >= PICTURES_A_CASE {
                break;
            }
            let questions = &groups[group];
            let Some(first) = questions.first() else { continue };
            // A question whose letters find no place is dropped, as in a run.
            if slices.component.render(&[&case], first, &easel).is_err() {
                continue;
            }
            let taken = easel.drawn.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Some(picture) = taken else { continue };
            let longer = f64::from(picture.width.max(picture.height));
            let before = studio.lessons.len();
            for question in questions {
                let place = |mark: &Mark| drawn(&picture, mark);
                studio.lessons.extend(teacher.lesson(question, studio.pictures.len(), longer, &place)?);
            }
            if studio.lessons.len() > before {
                let reduced =
                    Reduced::of_pixels(picture.width as usize, picture.height as usize, &picture.rgb)?;
                studio.pictures.push(reduced);
            }
        }
        Ok(studio)
    }

    fn write(&self, pixels: &Path, lessons: &Path) -> std::io::Result<()> {
        let mut file = std::io::BufWriter::new(std::fs::File::create(pixels)?);
        for picture in &self.pictures {
            file.write_all(picture.bytes())?;
        }
        file.flush()?;
        let mut file = std::io::BufWriter::new(std::fs::File::create(lessons)?);
        for lesson in &self.lessons {
            writeln!(file, "{}", serde_json::to_string(lesson)?)?;
        }
        file.flush()
    }

    fn read(pixels: &Path, lessons: &Path) -> Result<Self, Fault> {
        use situs_models::small::SIDE;
        let damaged = |error: &dyn std::fmt::Display| Fault::data(format!("{}: {error}", lessons.display()));
        let bytes = std::fs::read(pixels).map_err(|error| damaged(&error))?;
        let pictures = bytes.chunks_exact(SIDE * SIDE * 3).map(|bytes| Reduced::of_pixels(SIDE, SIDE, bytes));
        let file = std::fs::File::open(lessons).map_err(|error| damaged(&error))?;
        let lessons = std::io::BufReader::new(file).lines().map(|line| {
            let line = line.map_err(|error| damaged(&error))?;
            serde_json::from_str(&line).map_err(|error| damaged(&error))
        });
        Ok(Self {
            pictures: pictures.collect::<Result<_, _>>()?,
            lessons: lessons.collect::<Result<_, _>>()?,
        })
    }
}

/// Where a mark is drawn: pixels of exactly its colour are its strokes.
fn drawn(picture: &Picture, mark: &Mark) -> Option<Drawn> {
    let mut extent = [f64::MAX, f64::MAX, f64::MIN, f64::MIN];
    for (at, pixel) in picture.rgb.chunks_exact(3).enumerate() {
        if pixel == mark.colour.rgb() {
            let (x, y) = ((at % picture.width as usize) as f64, (at / picture.width as usize) as f64);
            extent = [extent[0].min(x), extent[1].min(y), extent[2].max(x), extent[3].max(y)];
        }
    }
    (extent[0] <= extent[2]).then(|| Drawn { extent, plate: plate(picture, mark) })
}

/// Middle of the letter plate of a mark, in pixels: the one place where its whole rim is there.
fn plate(picture: &Picture, mark: &Mark) -> Option<[f64; 2]> {
    mark.letter?;
    let (width, height) = (picture.width as usize, picture.height as usize);
    let scale = letters::scale(picture.width.max(picture.height));
    let (across, down) = letters::plate_size(scale);
    let (across, down) = (across as usize, down as usize);
    let tint = letters::tint(mark.colour);
    let is_rim = |x: usize, y: usize| picture.rgb[(y * width + x) * 3..][..3] == tint;
    for y in 0..(height + 1).saturating_sub(down) {
        for x in 0..(width + 1).saturating_sub(across) {
            let level = |y: usize| (x..x + across).all(|x| is_rim(x, y));
            let upright = |x: usize| (y..y + down).all(|y| is_rim(x, y));
            if is_rim(x, y) && level(y) && level(y + down - 1) && upright(x) && upright(x + across - 1) {
                return Some([x as f64 + across as f64 / 2.0, y as f64 + down as f64 / 2.0]);
            }
        }
    }
    None
}
