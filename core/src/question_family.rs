//! Question families: what is asked of a case and how a reply is read.

use crate::build_context::BuildContext;
use crate::case::{Case, DatasetCard};
use crate::fault::Fault;
use crate::media::Media;
use crate::question::{Question, Reasons};
use crate::record::Answer;
use crate::reply::{Consultation, Replies, Reply};
use crate::structure::{Catalogue, CatalogueEntry};

/// What a family may look at while it asks.
pub struct AskContext<'a> {
    /// What the data set says of itself.
    pub card: &'a DatasetCard,
    /// The case.
    pub case: &'a Case,
    /// Its measurements.
    pub entry: &'a CatalogueEntry,
    /// Measurements of all cases.
    pub catalogue: &'a Catalogue,
    /// Seed of the run; draw by case name, cell and this seed, never by volume identity.
    pub seed: u64,
    /// Replies to consultations so far.
    pub replies: &'a Replies,
    /// Voxels, for families that measure slices.
    pub media: &'a dyn Media,
}

/// The outcome of asking.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// The questions of this case.
    Questions {
        /// The pool; the engine selects from it.
        questions: Vec<Question>,
        /// Why cells stayed empty or pairs were left out, with counts.
        left_out: Reasons,
    },
    /// Consultations that must be answered first.
    Needs(Vec<Consultation>),
}

/// Writes questions with exact answers, and reads replies.
pub trait QuestionFamily: Send + Sync {
    /// Version of texts and rules: part of every question's identity. A hash of the template data.
    fn version(&self) -> &str;

    /// The questions of one case.
    ///
    /// # Errors
    /// A fault costs this case only.
    fn ask(&self, cx: &AskContext<'_>) -> Result<Asked, Fault>;

    /// Reads a reply. A reply that cannot be read is `Unparsed`, not a fault.
    ///
    /// # Errors
    /// Only when the family itself is broken.
    fn read(&self, question: &Question, reply: &Reply) -> Result<Answer, Fault>;
}

/// Parameters of a question family.
#[typetag::serde(tag = "use")]
pub trait QuestionFamilySpec: Send + Sync + std::fmt::Debug {
    /// Builds the family.
    ///
    /// # Errors
    /// Config faults name the parameter in `Fault::at`.
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn QuestionFamily>, Fault>;
}
