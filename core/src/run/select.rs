//! Balanced selection from the pool, independent of order, threads and shards.
//!
//! Every bundle (questions that belong together, such as a closed question and its inversion) gets a key
//! `-ln(u) / w`: `u` is a hash of its identity and the seed, `w = 1 / (n_A + n_B)` with the pool counts of its two
//! structures, so that rare structures are not drowned by common ones. Within a cell bundles are ranked by key; cells
//! are filled evenly, rank by rank, in a seeded order of their own, so that a total below the number of cells favours
//! no kind of cell. A larger total keeps what a smaller one chose, up to bundles that did not fit.
//!
//! Quotas per level keep their proportions: where the pool of one level is too small for its quota, all are scaled
//! down together, and a limit is shared out in the proportions of what was selected.

use crate::digest::Draw;
use std::collections::{BTreeMap, HashMap};

/// A question of the pool, reduced to what selection needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Question id.
    pub id: u128,
    /// Index of its case.
    pub case: usize,
    /// Cell of the factor grid, as a hash of its name.
    pub cell: u64,
    /// Bundle, unique within the case.
    pub bundle: u64,
    /// Structures asked about: the first two weigh.
    pub structures: [u32; 2],
    /// Level of the quota facet.
    pub level: u32,
}

/// How much to take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quota {
    /// Total, over all levels.
    pub total: Option<u64>,
    /// Total per level of the quota facet.
    pub per_level: BTreeMap<u32, u64>,
    /// Applied last: the first so many of what was selected.
    pub limit: Option<u64>,
}

/// Quotas scaled down together until every level's pool can fill its own; levels without a pool do not count.
fn fitting(quotas: &BTreeMap<u32, u64>, pool: &BTreeMap<u32, u64>) -> BTreeMap<u32, u64> {
    let factor = quotas
        .iter()
        .filter_map(|(level, quota)| Some((*pool.get(level)? as f64 / (*quota).max(1) as f64).min(1.0)))
        .fold(1.0, f64::min);
    quotas.iter().map(|(level, quota)| (*level, (*quota as f64 * factor).floor() as u64)).collect()
}

/// `limit` shared out in the proportions of `sizes`, by largest remainder.
fn shares(sizes: &BTreeMap<u32, u64>, limit: u64) -> BTreeMap<u32, u64> {
    let all: u64 = sizes.values().sum();
    if limit >= all {
        return sizes.clone();
    }
    let part = |size: u64| u128::from(limit) * u128::from(size);
    let whole = u128::from(all.max(1));
    let mut shares: BTreeMap<u32, u64> =
        sizes.iter().map(|(level, size)| (*level, (part(*size) / whole) as u64)).collect();
    let mut order: Vec<u32> = sizes.keys().copied().collect();
    order.sort_by_key(|level| (std::cmp::Reverse(part(sizes[level]) % whole), *level));
    let left = limit.saturating_sub(shares.values().sum()) as usize;
    for level in order.into_iter().take(left) {
        *shares.entry(level).or_default() += 1;
    }
    shares
}

struct Bundle {
    members: Vec<usize>,
    level: u32,
    cells: Vec<u64>,
    /// Turn of these cells among all, within a rank.
    turn: u64,
    key: f64,
    tie: u128,
}

/// Indices of the selected candidates, ascending.
pub fn select(candidates: &[Candidate], quota: &Quota, seed: u64) -> Vec<usize> {
    let bundles = rank(candidates, seed);
    let mut chosen: Vec<usize> = (0..bundles.len()).collect();
    let by_level = |chosen: &[usize], totals: &BTreeMap<u32, u64>| -> Vec<usize> {
        let mut levels: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for bundle in chosen {
            levels.entry(bundles[*bundle].level).or_default().push(*bundle);
        }
        levels.iter().flat_map(|(level, of)| take(&bundles, of, totals.get(level).copied())).collect()
    };
    let sizes = |chosen: &[usize]| -> BTreeMap<u32, u64> {
        let mut sizes = BTreeMap::new();
        for bundle in chosen {
            *sizes.entry(bundles[*bundle].level).or_default() += bundles[*bundle].members.len() as u64;
        }
        sizes
    };
    if !quota.per_level.is_empty() {
        chosen = by_level(&chosen, &fitting(&quota.per_level, &sizes(&chosen)));
    }
    chosen = take(&bundles, &chosen, quota.total);
    if let Some(limit) = quota.limit {
        chosen = if quota.per_level.is_empty() {
            take(&bundles, &chosen, Some(limit))
        } else {
            by_level(&chosen, &shares(&sizes(&chosen), limit))
        };
    }
    let mut selected: Vec<usize> =
        chosen.iter().flat_map(|bundle| bundles[*bundle].members.iter().copied()).collect();
    selected.sort_unstable();
    selected
}

fn rank(candidates: &[Candidate], seed: u64) -> Vec<Bundle> {
    let mut counts: HashMap<u32, u64> = HashMap::new();
    for candidate in candidates {
        for structure in candidate.structures {
            *counts.entry(structure).or_default() += 1;
        }
    }
    let mut groups: BTreeMap<(usize, u64), Vec<usize>> = BTreeMap::new();
    for (index, candidate) in candidates.iter().enumerate() {
        groups.entry((candidate.case, candidate.bundle)).or_default().push(index);
    }
    let root = Draw::new(seed).of("select");
    groups
        .into_values()
        .map(|members| {
            // The smallest question id names the bundle: case order and indices must not matter.
            let tie = members.iter().map(|index| candidates[*index].id).min().unwrap_or_default();
            let first = &candidates[members[0]];
            let weight: u64 = first.structures.iter().map(|structure| counts[structure]).sum();
            let mut cells: Vec<u64> = members.iter().map(|index| candidates[*index].cell).collect();
            cells.sort_unstable();
            cells.dedup();
            let key = -root.of(format_args!("{tie:032x}")).unit().ln() * weight as f64;
            let turn = root.of(format!("{cells:?}")).bits();
            Bundle { level: first.level, cells, turn, key, tie, members }
        })
        .collect()
}

/// Takes bundles cell by cell, rank by rank, until `total` questions are reached.
fn take(bundles: &[Bundle], of: &[usize], total: Option<u64>) -> Vec<usize> {
    let Some(total) = total else { return of.to_vec() };
    let mut by_cells: BTreeMap<&[u64], Vec<usize>> = BTreeMap::new();
    for bundle in of {
        by_cells.entry(&bundles[*bundle].cells).or_default().push(*bundle);
    }
    let mut ranked: Vec<(usize, usize)> = Vec::with_capacity(of.len());
    for cell in by_cells.values_mut() {
        cell.sort_by(|a, b| {
            let (a, b) = (&bundles[*a], &bundles[*b]);
            a.key.total_cmp(&b.key).then_with(|| a.tie.cmp(&b.tie))
        });
        ranked.extend(cell.iter().enumerate().map(|(rank, bundle)| (rank, *bundle)));
    }
    ranked.sort_by(|(rank_a, a), (rank_b, b)| {
        let (a, b) = (&bundles[*a], &bundles[*b]);
        rank_a.cmp(rank_b).then_with(|| a.turn.cmp(&b.turn)).then_with(|| a.tie.cmp(&b.tie))
    });
    let mut left = total;
    let mut taken = Vec::new();
    for (_, bundle) in ranked {
        let size = bundles[bundle].members.len() as u64;
        if size <= left {
            left -= size;
            taken.push(bundle);
        }
        if left == 0 {
            break;
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool() -> Vec<Candidate> {
        let mut pool = Vec::new();
        for case in 0..6 {
            for cell in 0..5u64 {
                // Cell 0 is full, cell 4 nearly empty.
                for item in 0..(10 - 2 * cell) {
                    for member in 0..2 {
                        pool.push(Candidate {
                            id: ((case as u128 * 10 + u128::from(cell)) * 100 + u128::from(item)) * 10
                                + u128::from(member),
                            case,
                            cell: cell * 2 + member,
                            bundle: cell * 100 + item,
                            structures: [item as u32, item as u32 + 1],
                            level: u32::from(case > 3),
                        });
                    }
                }
            }
        }
        pool
    }

    fn ids(pool: &[Candidate], selected: &[usize]) -> Vec<u128> {
        let mut ids: Vec<u128> = selected.iter().map(|index| pool[*index].id).collect();
        ids.sort();
        ids
    }

    #[test]
    fn order_of_the_pool_does_not_matter() {
        let pool = pool();
        let mut turned = pool.clone();
        turned.reverse();
        let quota = Quota { total: Some(60), ..Quota::default() };
        assert_eq!(ids(&pool, &select(&pool, &quota, 3)), ids(&turned, &select(&turned, &quota, 3)));
        assert_ne!(ids(&pool, &select(&pool, &quota, 3)), ids(&pool, &select(&pool, &quota, 4)));
    }

    #[test]
    fn cells_are_filled_evenly_and_bundles_stay_whole() {
        let pool = pool();
        let selected = select(&pool, &Quota { total: Some(60), ..Quota::default() }, 1);
        assert_eq!(selected.len(), 60);
        let mut per_cell = [0; 10];
        for index in &selected {
            per_cell[pool[*index].cell as usize] += 1;
        }
        assert_eq!(per_cell, [6; 10]);
    }

    #[test]
    fn a_larger_total_keeps_what_a_smaller_one_chose() {
        let pool = pool();
        let small = select(&pool, &Quota { total: Some(20), ..Quota::default() }, 1);
        let large = select(&pool, &Quota { total: Some(80), ..Quota::default() }, 1);
        assert!(small.iter().all(|index| large.contains(index)));
    }

    #[test]
    fn levels_have_quotas_of_their_own() {
        let pool = pool();
        let quota = Quota { per_level: BTreeMap::from([(0, 30), (1, 12)]), ..Quota::default() };
        let selected = select(&pool, &quota, 1);
        assert_eq!(selected.iter().filter(|index| pool[**index].level == 0).count(), 30);
        assert_eq!(selected.iter().filter(|index| pool[**index].level == 1).count(), 12);
    }

    #[test]
    fn quotas_shrink_together_and_a_limit_keeps_their_proportions() {
        let pool = pool();
        let of = |selected: &[usize], level: u32| {
            selected.iter().filter(|index| pool[**index].level == level).count()
        };
        // Level 1 holds 120 questions: a quota of 240 halves both.
        let quota = Quota { per_level: BTreeMap::from([(0, 100), (1, 240)]), ..Quota::default() };
        let selected = select(&pool, &quota, 1);
        assert_eq!((of(&selected, 0), of(&selected, 1)), (50, 120));
        let selected = select(&pool, &Quota { limit: Some(34), ..quota }, 1);
        assert_eq!((of(&selected, 0), of(&selected, 1)), (10, 24));
    }

    #[test]
    fn a_total_below_the_number_of_cells_favours_no_kind_of_cell() {
        // Every other cell asks about rare structures; one question a cell.
        let pool: Vec<Candidate> = (0..2000u32)
            .map(|item| Candidate {
                id: u128::from(item),
                case: 0,
                cell: u64::from(item),
                bundle: u64::from(item),
                structures: if item % 2 == 0 { [item + 10, item + 5000] } else { [0, 1] },
                level: 0,
            })
            .collect();
        let selected = select(&pool, &Quota { total: Some(400), ..Quota::default() }, 2);
        let rare = selected.iter().filter(|index| **index % 2 == 0).count();
        assert!((160..=240).contains(&rare), "{rare} of 400 ask about rare structures");
    }

    #[test]
    fn rare_structures_are_preferred_within_a_cell() {
        let mut pool = Vec::new();
        for item in 0..1000u32 {
            let structures = if item < 100 { [item + 10, item + 200] } else { [0, 1] };
            pool.push(Candidate {
                id: u128::from(item),
                case: 0,
                cell: 0,
                bundle: u64::from(item),
                structures,
                level: 0,
            });
        }
        let selected = select(&pool, &Quota { total: Some(100), ..Quota::default() }, 5);
        let rare = selected.iter().filter(|index| **index < 100).count();
        assert!(rare > 90, "{rare} of 100 are rare");
    }
}
