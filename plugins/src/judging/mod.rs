//! Models as judges of free text: how they are asked, how their replies are read, and how votes become a verdict.
//!
//! The metrics `judge`, `jury` and `agreement` share this room and one pool of consultations: what a judge was asked for
//! one of them is not asked again for another with the same settings. A vote that is missing stays visible as such: the
//! null policy of the metric decides what it counts as, never the code that reads replies.

mod asking;
mod items;
mod objects;
mod panel;
mod template;
mod verdict_file;
mod votes;

pub use asking::{Asking, Join, Matching};
pub use items::{Item, ordered};
pub use objects::{Object, objects};
pub(crate) use panel::{Panel, Rater};
pub use verdict_file::VerdictFile;
pub use votes::{Vote, read_votes};
