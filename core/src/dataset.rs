//! Datasets: where cases come from.

use crate::build_context::BuildContext;
use crate::case::{Case, DatasetCard};
use crate::fault::Fault;
use crate::volume::{Volume, VolumeMaker};

/// A source of cases. Loading a case is cheap: it names volumes and does not read them.
pub trait Dataset: Send + Sync {
    /// Name, licence and identity.
    fn card(&self) -> &DatasetCard;

    /// Number of cases.
    fn len(&self) -> usize;

    /// Whether there are no cases.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The case at an index below `len`.
    ///
    /// # Errors
    /// A data fault when the case is damaged; the engine leaves it out and says so.
    fn case(&self, index: usize) -> Result<Case, Fault>;

    /// A volume of a source without files, in canonical RAS+. Label maps come as whole numbers.
    ///
    /// Called once while other threads wait for the result: work handed to rayon's global pool from here could wait for
    /// itself, so do it on this thread.
    ///
    /// # Errors
    /// Unsupported by default.
    fn volume(&self, key: &str) -> Result<Volume, Fault> {
        Err(Fault::unsupported(format!("this data set has no volume {key:?} of its own")))
    }
}

impl VolumeMaker for dyn Dataset {
    fn make(&self, key: &str) -> Result<Volume, Fault> {
        self.volume(key)
    }
}

/// Parameters of a data set, as written in a config.
#[typetag::serde(tag = "use")]
pub trait DatasetSpec: Send + Sync + std::fmt::Debug {
    /// Builds the data set.
    ///
    /// # Errors
    /// Config faults name the parameter in `Fault::at`; data faults the file.
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn Dataset>, Fault>;
}
