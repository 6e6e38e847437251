//! Small synthetic cases and a store of media in a passing folder.

use situs_core::digest::Draw;
use situs_core::prelude::*;
use situs_core::run::MediaStore;
use situs_core::scene::{Backdrop, Colour, Mark, MarkShape, Scene};
use situs_core::space::{Affine, Canvas, Plane, Preset};
use situs_core::volume::{LabelVolume, Labels};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// One volume with its structures, and a folder for what is drawn.
pub(crate) struct Bench {
    pub(crate) volume: Arc<Volume>,
    pub(crate) segmentation: Arc<Segmentation>,
    pub(crate) case: Case,
    store: MediaStore,
    _folder: tempfile::TempDir,
}

impl Media for Bench {
    fn volume(&self, _: &VolumeRef) -> Result<Arc<Volume>, Fault> {
        Ok(Arc::clone(&self.volume))
    }
    fn segmentation(&self, _: &Case) -> Result<Arc<Segmentation>, Fault> {
        Ok(Arc::clone(&self.segmentation))
    }
    fn put_picture(&self, picture: &Picture) -> Result<ImageRef, Fault> {
        self.store.put_picture(picture)
    }
    fn png(&self, image: &ImageRef) -> Result<Arc<[u8]>, Fault> {
        self.store.png(image)
    }
    fn put_volume(&self, shape_zyx: [usize; 3], voxels: &[f32]) -> Result<VolumeRef, Fault> {
        self.store.put_volume(shape_zyx, voxels)
    }
    fn path(&self, digest: &str) -> Result<PathBuf, Fault> {
        self.store.path(digest)
    }
}

impl Bench {
    /// A CT case; label n is named `s<n>`.
    pub(crate) fn new(volume: Volume, labels: Vec<u8>) -> Self {
        let names: BTreeMap<u32, String> = (1..=255).map(|label| (label, format!("s{label}"))).collect();
        let map = LabelVolume::new(volume.grid, Labels::U8(labels));
        let segmentation = Segmentation::from_labels(&map.view(), Some(&names)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        Self {
            volume: Arc::new(volume),
            segmentation: Arc::new(segmentation),
            case: Case {
                name: "one".into(),
                cluster: "one".into(),
                modality: Modality::Ct,
                volumes: vec![VolumeRef {
                    id: "one/ct".into(),
                    source: VolumeSource::Dataset { key: "one".into() },
                }],
                structures: StructureSource::None,
                facts: BTreeMap::new(),
            },
            store: MediaStore::new(folder.path().join("media")),
            _folder: folder,
        }
    }

    /// Renders one scene under default parameters.
    pub(crate) fn prompt(&self, scene: Scene) -> Result<Prompt, Fault> {
        self.prompt_by(&*slices(), scene)
    }

    pub(crate) fn prompt_by(&self, renderer: &dyn PromptRenderer, scene: Scene) -> Result<Prompt, Fault> {
        renderer.render(&[&self.case], &question(Some(scene)), self)
    }

    /// The pictures of a prompt, decoded from their PNG bytes.
    pub(crate) fn pictures(&self, prompt: &Prompt) -> Vec<Picture> {
        prompt.images().map(|image| decode(&self.png(image).unwrap())).collect()
    }

    /// The first picture of a scene.
    pub(crate) fn picture(&self, scene: Scene) -> Picture {
        let prompt = self.prompt(scene).unwrap();
        self.pictures(&prompt).remove(0)
    }

    pub(crate) fn canvas(&self, scene: &Scene) -> Canvas {
        let grid = &self.volume.grid;
        scene.view.canvas(grid.shape, grid.affine.spacing(), scene.long_side)
    }

    pub(crate) fn structure(&self, name: &str) -> &Structure {
        &self.segmentation.measured.structures[self.segmentation.find(name).unwrap()]
    }
}

pub(crate) fn slices() -> Box<dyn PromptRenderer> {
    situs_plugins::renderers::slices::Slices::default().build(&BuildContext::default()).unwrap()
}

pub(crate) fn decode(png: &[u8]) -> Picture {
    let decoded = image::load_from_memory(png).unwrap().into_rgb8();
    let (width, height) = decoded.dimensions();
    Picture { width, height, rgb: decoded.into_raw() }
}

pub(crate) fn question(scene: Option<Scene>) -> Question {
    Question {
        id: String::new(),
        volumes: Vec::new(),
        cases: vec!["one".into()],
        cluster: String::new(),
        template: "T".into(),
        cell: "c".into(),
        bundle: "b".into(),
        structures: Vec::new(),
        text: "Which?".into(),
        options: Vec::new(),
        truth: String::new(),
        chance: 0.5,
        facets: BTreeMap::new(),
        scene,
        evidence: Evidence::default(),
        private: serde_json::Value::Null,
    }
}

/// A scene of one slice.
pub(crate) fn slice_scene(preset: Preset, plane: Plane, slice: usize, marks: Vec<Mark>) -> Scene {
    Scene {
        view: preset.view(plane),
        frames: vec![slice],
        stack: false,
        step_mm: 0.0,
        long_side: 256,
        backdrop: Backdrop::Image,
        marks,
        keep_clear: Vec::new(),
    }
}

pub(crate) fn mark(structure: &str, shape: MarkShape, colour: Colour) -> Mark {
    Mark { structure: structure.into(), shape, colour, letter: None }
}

pub(crate) fn lettered(structure: &str, shape: MarkShape, colour: Colour, letter: char) -> Mark {
    Mark { letter: Some(letter), ..mark(structure, shape, colour) }
}

/// A volume whose every voxel is different from its neighbours, in soft-tissue range.
pub(crate) fn textured(shape: [usize; 3], affine: Affine, seed: u64) -> Volume {
    let start = Draw::new(seed).of("texture").bits();
    let voxels = (0..shape.iter().product::<usize>() as u64)
        .map(|voxel| {
            // Knuth's multiplicative hash: a draw for each voxel would take most of the tests' time.
            let mixed = (voxel ^ start).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
            (mixed % 4000) as f32 / 10.0 - 160.0
        })
        .collect();
    Volume::new(shape, affine, voxels)
}

/// Paints an ellipsoid of one label.
pub(crate) fn ellipsoid(labels: &mut [u8], shape: [usize; 3], centre: [f64; 3], radii: [f64; 3], label: u8) {
    let [nx, ny, nz] = shape;
    for (k, j, i) in (0..nz).flat_map(|k| (0..ny).flat_map(move |j| (0..nx).map(move |i| (k, j, i)))) {
        let at = [i as f64, j as f64, k as f64];
        let square: f64 = (0..3).map(|axis| ((at[axis] - centre[axis]) / radii[axis]).powi(2)).sum();
        if square <= 1.0 {
            labels[i + nx * (j + ny * k)] = label;
        }
    }
}

pub(crate) fn pixel(picture: &Picture, column: usize, row: usize) -> [u8; 3] {
    let at = (row * picture.width as usize + column) * 3;
    [picture.rgb[at], picture.rgb[at + 1], picture.rgb[at + 2]]
}

/// Columns and rows of all pixels of exactly this colour.
pub(crate) fn pixels_of(picture: &Picture, rgb: [u8; 3]) -> Vec<(usize, usize)> {
    let width = picture.width as usize;
    picture
        .rgb
        .chunks_exact(3)
        .enumerate()
        .filter(|(_, found)| **found == rgb)
        .map(|(at, _)| (at % width, at / width))
        .collect()
}

/// Mean position of all pixels of exactly this colour, (0, 0) at the picture's outer corner.
pub(crate) fn centre_of(picture: &Picture, rgb: [u8; 3]) -> Option<[f64; 2]> {
    let found = pixels_of(picture, rgb);
    let count = found.len() as f64;
    (!found.is_empty()).then(|| {
        let sum = found.iter().fold([0.0, 0.0], |[x, y], (c, r)| [x + *c as f64 + 0.5, y + *r as f64 + 0.5]);
        [sum[0] / count, sum[1] / count]
    })
}
