//! How judges are asked.

use serde::{Deserialize, Serialize};
use situs_core::fault::Fault;
use situs_core::reply::Sampling;
use std::path::PathBuf;

/// Most items in one request.
const MOST_ITEMS: usize = 200;
/// Most times that one item is asked about alone: with the first request, within the engine's rounds.
const MOST_RETRIES: u32 = 6;

/// How a verdict finds its item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Matching {
    /// By the number it bears. A reply with a number that no item has is not trusted at all.
    Index,
    /// By its place in the list, whatever number it bears: what published code does. A short list drops the last items.
    Position,
}

/// How the votes of several judges on one item find each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Join {
    /// By item.
    Item,
    /// By row of each judge's list, whatever item it is about: what published code does. After the first item that one
    /// judge dropped, the votes that are counted together belong to different items.
    Row,
}

situs_core::component_table! {
    /// How judges are asked; metrics with the same settings share every reply.
    pub struct Asking {
        /// Prompt template (minijinja) with `items` (each with `index`, `question`, `reference`, `prediction`) and
        /// `again` (0, then 1, 2, ... when an item is asked about alone); the filter `quoted` writes a text as JSON.
        /// Replies are JSON objects with `index` and `is_correct`. Not set: the built-in one.
        pub prompt: Option<PathBuf> = None,
        /// Items in one request.
        pub batch: usize = 5,
        /// Times that an item without a readable verdict is asked about alone.
        pub retries: u32 = 3,
        /// `index`: a verdict belongs to the item whose number it bears. `position`: to the item at its place.
        pub matching: Matching = Matching::Index,
        /// Whether judges are asked about empty answers; if not, these are wrong without a question.
        pub ask_empty: bool = false,
        /// Most characters of one text in a prompt; the rest is cut off, and the cut is marked.
        pub longest: usize = 8000,
        /// Softmax temperature. Not set: the server's own.
        pub temperature: Option<f64> = Some(0.0),
        /// Most new tokens of a reply. Not set: the server's own.
        pub max_tokens: Option<u32> = Some(512),
    }
}

impl Asking {
    /// Refuses settings that cannot work.
    ///
    /// # Errors
    /// A config fault with the field.
    pub fn check(&self) -> Result<(), Fault> {
        if !(1..=MOST_ITEMS).contains(&self.batch) {
            let what = format!("must be 1 to {MOST_ITEMS} items a request, found {}", self.batch);
            return Err(Fault::config(what).at("batch"));
        }
        if self.retries > MOST_RETRIES {
            let what = format!("must be at most {MOST_RETRIES}, found {}", self.retries);
            return Err(Fault::config(what).at("retries"));
        }
        if self.longest == 0 {
            return Err(Fault::config("must be at least 1, found 0").at("longest"));
        }
        if self.temperature.is_some_and(|value| !value.is_finite() || value < 0.0) {
            return Err(Fault::config("must be 0 or more").at("temperature"));
        }
        Ok(())
    }

    pub(super) fn sampling(&self) -> Sampling {
        Sampling { temperature: self.temperature, max_tokens: self.max_tokens, ..Sampling::default() }
    }
}
