//! The middle of the options: what picking the moderate answer is worth.

use crate::baseline::{guess, worded};
use crate::printed_number::read_all;
use situs_core::prelude::*;

situs_core::component! {
    /// Picks the middle one of numbers or ranges, and guesses where options have no order.
    model "median";
    pub struct Median {}
}

#[typetag::serde(name = "median")]
impl ModelBackendSpec for Median {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn ModelBackend>, Fault> {
        Ok(Box::new(Moderate { card: ModelCard::baseline("median", Digest::new("situs-median-1").hex()) }))
    }
}

struct Moderate {
    card: ModelCard,
}

impl ModelBackend for Moderate {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn reply(&self, request: &Request, _: &Sampling, _: &dyn Media) -> Result<Reply, Fault> {
        // Where any text or number is allowed there is no middle: nothing is said, and nothing scored.
        let option = middle(request).or_else(|| guess(request));
        Ok(Reply::text(option.map_or_else(String::new, |option| worded(&request.prompt.joined_text(), option))))
    }
}

/// The option in the middle of the line; of an even number one of the two, by the request's random bits.
fn middle(request: &Request) -> Option<&str> {
    let printed = read_all(&request.options)?;
    let mut order: Vec<usize> = (0..printed.len()).collect();
    order.sort_by(|a, b| printed[*a].rank().total_cmp(&printed[*b].rank()));
    let upper = order.len() / 2;
    let even = order.len().is_multiple_of(2);
    let place = if even && request.draw >> 63 == 0 { upper.checked_sub(1)? } else { upper };
    request.options.get(*order.get(place)?).map(String::as_str)
}
