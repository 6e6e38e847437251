//! What a reader of books may know: the measurements of the patients that a question does not show.

use super::journal::identity;
use super::plan::{QuestionReader, list_cases};
use crate::dataset::Dataset;
use crate::fault::Fault;
use crate::structure::{Catalogue, OtherPatients};
use crate::volume::{VolumeStore, catalogue_entry};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// The patients of a run, measured by its plan or when the first question is asked of somebody who wants to know.
pub struct Population {
    dataset: Arc<dyn Dataset>,
    volumes: Arc<VolumeStore>,
    folder: PathBuf,
    catalogue: OnceLock<Result<Arc<Catalogue>, Fault>>,
    shown: OnceLock<Result<HashMap<u128, Vec<String>>, Fault>>,
}

impl Population {
    /// The patients of a data set as `volumes` shows them; the questions of `folder` say who is shown.
    pub fn new(dataset: Arc<dyn Dataset>, volumes: Arc<VolumeStore>, folder: PathBuf) -> Self {
        Self { dataset, volumes, folder, catalogue: OnceLock::new(), shown: OnceLock::new() }
    }

    /// Takes what the plan measured.
    pub fn learn(&self, catalogue: Catalogue) {
        self.catalogue.get_or_init(|| Ok(Arc::new(catalogue)));
    }

    /// Everybody.
    ///
    /// # Errors
    /// When the data set cannot be listed.
    pub fn catalogue(&self) -> Result<Arc<Catalogue>, Fault> {
        self.catalogue.get_or_init(|| self.measure()).clone()
    }

    /// Everybody but the patients that a question shows.
    ///
    /// # Errors
    /// When questions cannot be read, or the question is none of this run.
    pub fn others(&self, question: &str) -> Result<OtherPatients, Fault> {
        let shown = self.shown.get_or_init(|| self.who_is_shown()).as_ref().map_err(Fault::clone)?;
        let cases = shown.get(&identity(question)).ok_or_else(|| {
            Fault::unsupported(format!("{question} is no question of this run"))
                .help("readers of books answer questions, not consultations")
        })?;
        Ok(OtherPatients::of(self.catalogue()?, cases))
    }

    fn who_is_shown(&self) -> Result<HashMap<u128, Vec<String>>, Fault> {
        QuestionReader::open(&self.folder)?
            .map(|question| question.map(|question| (identity(&question.id), question.cases)))
            .collect()
    }

    fn measure(&self) -> Result<Arc<Catalogue>, Fault> {
        let mut catalogue = Catalogue::default();
        for case in list_cases(self.dataset.as_ref())?.0 {
            // Damaged patients are told of by the plan; a book knows nothing of them.
            catalogue.cases.extend(catalogue_entry(&case, &self.volumes).ok());
        }
        Ok(Arc::new(catalogue))
    }
}
