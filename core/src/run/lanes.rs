//! Work on several items at once, with a bound on how many are begun and not finished.
//!
//! A rayon task that waits for tasks of its own steals another item meanwhile, so that one thread can hold the volumes
//! and frames of many half-finished cases. Lanes are threads outside the pool: each works on one item to its end and
//! leaves the loops inside it to the pool.

use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// As many as the pool has threads: for work that computes.
pub(super) fn lanes() -> usize {
    rayon::current_num_threads()
}

/// The results of `work` in the order of `items`; at most `lanes` items are in work at once.
pub(super) fn in_lanes<T: Sync, R: Send>(items: &[T], lanes: usize, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let lanes = lanes.min(items.len());
    if lanes < 2 {
        return items.iter().map(work).collect();
    }
    let (next, work) = (AtomicUsize::new(0), &work);
    let mut done: Vec<(usize, R)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..lanes)
            .map(|_| {
                scope.spawn(|| {
                    let mut own = Vec::new();
                    while let Some((at, item)) = take(items, &next) {
                        own.push((at, work(item)));
                    }
                    own
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    done.par_sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

fn take<'a, T>(items: &'a [T], next: &AtomicUsize) -> Option<(usize, &'a T)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    items.get(at).map(|item| (at, item))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let items: Vec<usize> = (0..1000).collect();
        assert_eq!(
            in_lanes(&items, 3, |item| item * 3),
            items.iter().map(|item| item * 3).collect::<Vec<_>>()
        );
        assert!(in_lanes(&[] as &[usize], 3, |item| *item).is_empty());
    }

    #[test]
    fn no_more_items_are_begun_than_there_are_lanes_even_when_each_waits_for_the_pool() {
        let (begun, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        in_lanes(&[(); 64], 3, |()| {
            most.fetch_max(begun.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let sum: u64 = (0..10_000u64).into_par_iter().sum();
            begun.fetch_sub(1, Ordering::SeqCst);
            sum
        });
        assert!(most.into_inner() <= 3);
    }
}
