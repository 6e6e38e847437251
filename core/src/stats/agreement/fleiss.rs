//! A fixed number of raters an item.

use std::collections::BTreeMap;

/// Fleiss' kappa; `ratings[r][i]` is rater r's category of item i.
///
/// `None` with fewer than two raters, rows of different length, no items, or one category only.
pub fn fleiss_kappa(ratings: &[Vec<u32>]) -> Option<f64> {
    let (agreement, shares) = agreement(ratings)?;
    let chance: f64 = shares.iter().map(|share| share * share).sum();
    (shares.len() > 1).then(|| (agreement - chance) / (1.0 - chance))
}

/// Randolph's free-marginal kappa: chance is one over the number of categories that occur.
pub fn randolph_kappa(ratings: &[Vec<u32>]) -> Option<f64> {
    let (agreement, shares) = agreement(ratings)?;
    let chance = 1.0 / shares.len() as f64;
    (shares.len() > 1).then(|| (agreement - chance) / (1.0 - chance))
}

/// Mean agreement of pairs of raters and the share of each category.
fn agreement(ratings: &[Vec<u32>]) -> Option<(f64, Vec<f64>)> {
    let items = ratings.first()?.len();
    let raters = ratings.len();
    if raters < 2 || items == 0 || ratings.iter().any(|row| row.len() != items) {
        return None;
    }
    let mut totals: BTreeMap<u32, f64> = BTreeMap::new();
    let mut agreeing = 0.0;
    for item in 0..items {
        let mut counts: BTreeMap<u32, f64> = BTreeMap::new();
        for row in ratings {
            *counts.entry(*row.get(item)?).or_default() += 1.0;
        }
        for (category, count) in counts {
            agreeing += count * (count - 1.0);
            *totals.entry(category).or_default() += count;
        }
    }
    let (items, raters) = (items as f64, raters as f64);
    let shares = totals.values().map(|total| total / (items * raters)).collect();
    Some((agreeing / (items * raters * (raters - 1.0)), shares))
}
