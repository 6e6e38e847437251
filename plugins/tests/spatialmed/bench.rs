//! A data set asked as the engine would ask it.

use serde_json::{Value, json};
use situs_core::prelude::*;
use situs_core::registry::{Params, Registry};
use situs_core::run::MediaStore;
use situs_core::volume::{VolumeStore, catalogue_entry};
use situs_plugins as _;
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) fn params(value: Value) -> Params {
    value.as_object().unwrap().clone()
}

/// Cases measured, with volumes in memory and pictures in a passing folder.
pub(crate) struct Clinic {
    pub(crate) card: DatasetCard,
    pub(crate) cases: Vec<Case>,
    pub(crate) catalogue: Catalogue,
    store: VolumeStore,
    pictures: MediaStore,
    _folder: tempfile::TempDir,
}

impl Media for Clinic {
    fn volume(&self, volume: &VolumeRef) -> Result<Arc<Volume>, Fault> {
        self.store.volume(volume)
    }
    fn segmentation(&self, case: &Case) -> Result<Arc<Segmentation>, Fault> {
        self.store.segmentation(case)
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

/// Coarse phantoms: 4 mm voxels.
pub(crate) fn phantoms(cases: usize) -> Value {
    json!({"use": "phantom", "cases": cases, "shape": [94, 73, 125], "tumours": true})
}

impl Clinic {
    pub(crate) fn new(dataset: Value) -> Self {
        let registry = Registry::builtin().unwrap();
        let dataset: Arc<dyn Dataset> = registry
            .build::<dyn Dataset>(&params(dataset), &BuildContext::default())
            .unwrap()
            .component
            .into();
        let cases: Vec<Case> = (0..dataset.len()).map(|index| dataset.case(index).unwrap()).collect();
        let card = dataset.card().clone();
        let store = VolumeStore::new(dataset, 1 << 30, false);
        let entries = cases.iter().map(|case| catalogue_entry(case, &store).unwrap()).collect();
        let folder = tempfile::tempdir().unwrap();
        Self {
            card,
            cases,
            catalogue: Catalogue { digest: String::new(), cases: entries },
            store,
            pictures: MediaStore::new(folder.path().join("media")),
            _folder: folder,
        }
    }

    /// The questions of one case.
    pub(crate) fn ask_case(&self, family: &dyn QuestionFamily, index: usize) -> (Vec<Question>, Reasons) {
        let replies = Replies::default();
        match self.ask_with(family, index, &replies).unwrap() {
            Asked::Questions { questions, left_out } => (questions, left_out),
            Asked::Needs(needs) => panic!("{} consultations nobody asked for", needs.len()),
        }
    }

    pub(crate) fn ask_with(
        &self,
        family: &dyn QuestionFamily,
        index: usize,
        replies: &Replies,
    ) -> Result<Asked, Fault> {
        family.ask(&AskContext {
            card: &self.card,
            case: &self.cases[index],
            entry: &self.catalogue.cases[index],
            catalogue: &self.catalogue,
            seed: 7,
            replies,
            media: self,
        })
    }

    /// The questions of all cases.
    pub(crate) fn ask(&self, family: &dyn QuestionFamily) -> (Vec<Question>, Reasons) {
        let mut all = (Vec::new(), Reasons::new());
        for index in 0..self.cases.len() {
            let (questions, left_out) = self.ask_case(family, index);
            all.0.extend(questions);
            for (reason, count) in left_out {
                *all.1.entry(reason).or_default() += count;
            }
        }
        all
    }
}

pub(crate) fn family(spec: Value) -> Box<dyn QuestionFamily> {
    build_family(spec).unwrap()
}

pub(crate) fn build_family(spec: Value) -> Result<Box<dyn QuestionFamily>, Fault> {
    let mut spec = params(spec);
    spec.insert("use".to_owned(), json!("spatialmed"));
    let registry = Registry::builtin().unwrap();
    Ok(registry.build::<dyn QuestionFamily>(&spec, &BuildContext::default())?.component)
}
