//! What arms under a control are asked and shown, made from the plain question and its plain prompt.
//!
//! The question keeps its id, so that records of an arm and of its twin meet; what is sent belongs to the request's
//! identity as always. An item to which a control cannot be applied (no picture to take away, no other patient) is
//! dropped from that arm and counted with its reason, so that a pair always differs in what the control changes.

mod donors;
mod options;
mod pictures;
mod prompts;

pub use donors::Donors;
pub use prompts::{Cases, Drawings};

use super::plan::Item;
use crate::config::Control;
use crate::fault::Fault;
use crate::question::Question;

/// A question that a control cannot be applied to.
fn cannot(control: Control, why: &str) -> Fault {
    Fault::rejected(format!("{control}: {why}"))
}

/// The question that an arm is asked.
///
/// # Errors
/// Rejected, with the reason, where the control has none for it.
pub fn question(item: &Item, control: Option<Control>, seed: u64) -> Result<Question, Fault> {
    match control {
        Some(Control::Mirror) => item
            .mirrored
            .clone()
            .ok_or_else(|| cannot(Control::Mirror, "the mirrored patient has no such question")),
        Some(Control::ShuffledOptions) => options::shuffled(&item.plain, seed),
        _ => Ok(item.plain.clone()),
    }
}
