//! A run in small: the first cases are measured and asked about, one question is drawn, nothing is sent.

use super::engine::{Job, RunOptions};
use super::exit::RunError;
use super::parts::Parts;
use super::plan::{PlanFile, QuestionReader};
use super::progress::Silent;
use crate::case::{Case, DatasetCard};
use crate::config::RunConfig;
use crate::dataset::Dataset;
use crate::fault::Fault;
use crate::registry::Registry;
use crate::volume::Volume;
use std::path::Path;
use std::sync::Arc;

/// What a rehearsal came to.
#[derive(Debug, Clone)]
pub struct Rehearsal {
    /// The funnel from cases to one question.
    pub plan: PlanFile,
    /// Pictures of one question, by renderer.
    pub pictures: Vec<(String, usize)>,
}

/// Plans a run over the first `cases` cases and draws one question with every renderer, in a folder of its own.
///
/// # Errors
/// What would stop the run: no case that can be read, no question that can be asked or drawn.
pub fn rehearse(
    config: &RunConfig,
    registry: &Registry,
    cases: usize,
    folder: &Path,
) -> Result<Rehearsal, RunError> {
    let mut parts = Parts::build(config, registry)?;
    parts.dataset = Arc::new(FirstCases { whole: parts.dataset, most: cases });
    let options = RunOptions { folder: folder.to_owned(), limit: Some(1), stop: Arc::default() };
    let job = Job::open(config, parts, &options, &Silent)?;
    job.with_desk(|desk, stores| {
        let (plan, cases) = job.plan(desk, stores, &mut Default::default())?;
        let question = QuestionReader::open(folder)?
            .next()
            .ok_or_else(|| Fault::internal("a plan without questions was accepted"))??;
        let shown: Vec<&Case> = question.cases.iter().filter_map(|name| cases.plain.get(name)).collect();
        let mut pictures = Vec::new();
        for renderer in &desk.parts.renderers {
            let prompt = renderer.renderer.render(&shown, &question, desk.media)?;
            pictures.push((renderer.identity.name.clone(), prompt.images().count()));
        }
        Ok(Rehearsal { plan, pictures })
    })
}

/// The first cases of a data set.
struct FirstCases {
    whole: Arc<dyn Dataset>,
    most: usize,
}

impl Dataset for FirstCases {
    fn card(&self) -> &DatasetCard {
        self.whole.card()
    }

    fn len(&self) -> usize {
        self.whole.len().min(self.most)
    }

    fn case(&self, index: usize) -> Result<Case, Fault> {
        self.whole.case(index)
    }

    fn volume(&self, key: &str) -> Result<Volume, Fault> {
        self.whole.volume(key)
    }
}
