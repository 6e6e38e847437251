//! A cache with a byte budget: one load for all who wait, the least recently used dropped first.

use crate::fault::Fault;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Values by key. A value is loaded by the first who asks; others who ask meanwhile wait for that load, and other keys
/// go on. No lock is held while loading. Faults are handed to those who waited and then forgotten.
pub(crate) struct Cache<K, V> {
    budget: u64,
    state: Mutex<State<K, V>>,
}

struct State<K, V> {
    entries: HashMap<K, Entry<V>>,
    /// Bytes of all entries that are ready.
    held: u64,
    /// Grows with every use.
    clock: u64,
}

enum Entry<V> {
    Ready { value: V, bytes: u64, used: u64 },
    Loading(Arc<Flight<V>>),
}

struct Flight<V> {
    outcome: Mutex<Option<Result<V, Fault>>>,
    landed: Condvar,
}

impl<K: Hash + Eq + Clone, V: Clone> Cache<K, V> {
    /// An empty cache that keeps at most `budget` bytes, but always the value loaded last: one that is larger than the
    /// budget would otherwise be loaded anew for every use.
    pub(crate) fn new(budget: u64) -> Self {
        Self { budget, state: Mutex::new(State { entries: HashMap::new(), held: 0, clock: 0 }) }
    }

    /// Bytes of all values held.
    pub(crate) fn held(&self) -> u64 {
        lock(&self.state).held
    }

    /// The value of a key; `load` gives it with its size in bytes.
    pub(crate) fn get(&self, key: &K, load: impl FnOnce() -> Result<(V, u64), Fault>) -> Result<V, Fault> {
        let flight = {
            let mut state = lock(&self.state);
            state.clock += 1;
            let now = state.clock;
            match state.entries.get_mut(key) {
                Some(Entry::Ready { value, used, .. }) => {
                    *used = now;
                    return Ok(value.clone());
                }
                Some(Entry::Loading(flight)) => Err(flight.clone()),
                None => {
                    let flight = Arc::new(Flight { outcome: Mutex::new(None), landed: Condvar::new() });
                    state.entries.insert(key.clone(), Entry::Loading(flight.clone()));
                    Ok(flight)
                }
            }
        };
        match flight {
            Err(other) => other.wait(),
            Ok(own) => {
                let mut landing = Landing { cache: self, key, flight: own, outcome: None };
                let outcome = load();
                let answer = outcome.as_ref().map(|(value, _)| value.clone()).map_err(Clone::clone);
                landing.outcome = Some(outcome);
                answer
            }
        }
    }

    /// Drops everything that is not being loaded right now.
    pub(crate) fn clear(&self) {
        let mut state = lock(&self.state);
        state.entries.retain(|_, entry| matches!(entry, Entry::Loading(_)));
        state.held = 0;
    }

    fn land(&self, key: &K, outcome: Result<(V, u64), Fault>) {
        let mut state = lock(&self.state);
        let Ok((value, bytes)) = outcome else {
            state.entries.remove(key);
            return;
        };
        state.clock += 1;
        let used = state.clock;
        state.held += bytes;
        state.entries.insert(key.clone(), Entry::Ready { value, bytes, used });
        while state.held > self.budget {
            let ready = state.entries.iter().filter_map(|(other, entry)| match entry {
                Entry::Ready { used, bytes, .. } if other != key => Some((*used, *bytes, other)),
                _ => None,
            });
            let Some((_, bytes, oldest)) = ready.min_by_key(|(used, ..)| *used) else { break };
            let oldest = oldest.clone();
            state.entries.remove(&oldest);
            state.held -= bytes;
        }
    }
}

impl<V: Clone> Flight<V> {
    fn wait(&self) -> Result<V, Fault> {
        let mut outcome = lock(&self.outcome);
        loop {
            match &*outcome {
                Some(outcome) => return outcome.clone(),
                None => outcome = self.landed.wait(outcome).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

/// Wakes those who wait however the load ends, a panic included.
struct Landing<'a, K: Hash + Eq + Clone, V: Clone> {
    cache: &'a Cache<K, V>,
    key: &'a K,
    flight: Arc<Flight<V>>,
    outcome: Option<Result<(V, u64), Fault>>,
}

impl<K: Hash + Eq + Clone, V: Clone> Drop for Landing<'_, K, V> {
    fn drop(&mut self) {
        let outcome =
            self.outcome.take().unwrap_or_else(|| Err(Fault::internal("the loading of a volume broke off")));
        let answer = outcome.as_ref().map(|(value, _)| value.clone()).map_err(Clone::clone);
        self.cache.land(self.key, outcome);
        *lock(&self.flight.outcome) = Some(answer);
        self.flight.landed.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change under these locks is whole before anything can panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn load(cache: &Cache<u32, u32>, key: u32, bytes: u64, loads: &AtomicUsize) -> u32 {
        let loading = || {
            loads.fetch_add(1, Ordering::SeqCst);
            Ok((key * 10, bytes))
        };
        cache.get(&key, loading).unwrap()
    }

    #[test]
    fn the_least_recently_used_value_is_dropped_first() {
        let (cache, loads) = (Cache::new(100), AtomicUsize::new(0));
        for key in [1, 2, 1, 3] {
            assert_eq!(load(&cache, key, 40, &loads), key * 10);
        }
        assert_eq!(loads.load(Ordering::SeqCst), 3);
        assert_eq!(cache.held(), 80);
        load(&cache, 1, 40, &loads);
        assert_eq!(loads.load(Ordering::SeqCst), 3, "1 was used after 2 and is still there");
        load(&cache, 2, 40, &loads);
        assert_eq!(loads.load(Ordering::SeqCst), 4);
    }

    #[test]
    fn a_value_larger_than_the_budget_is_kept_alone() {
        let (cache, loads) = (Cache::new(100), AtomicUsize::new(0));
        load(&cache, 1, 40, &loads);
        load(&cache, 2, 400, &loads);
        load(&cache, 2, 400, &loads);
        assert_eq!((loads.load(Ordering::SeqCst), cache.held()), (2, 400));
        load(&cache, 3, 10, &loads);
        assert_eq!(cache.held(), 10);
    }

    #[test]
    fn all_who_ask_at_once_share_one_load_and_other_keys_go_on() {
        let (cache, loads) = (Cache::<u32, u32>::new(100), AtomicUsize::new(0));
        let (cache, loads) = (&cache, &loads);
        let started = &Barrier::new(2);
        let finish = &Barrier::new(2);
        std::thread::scope(|scope| {
            let slow = scope.spawn(move || {
                cache.get(&1, || {
                    loads.fetch_add(1, Ordering::SeqCst);
                    started.wait();
                    finish.wait();
                    Ok((10, 1))
                })
            });
            started.wait();
            let waiting: Vec<_> = (0..4).map(|_| scope.spawn(move || load(cache, 1, 1, loads))).collect();
            // Key 1 is still loading: this would hang if it blocked other keys.
            assert_eq!(load(cache, 2, 1, loads), 20);
            finish.wait();
            assert_eq!(slow.join().unwrap().unwrap(), 10);
            for waiter in waiting {
                assert_eq!(waiter.join().unwrap(), 10);
            }
        });
        assert_eq!(loads.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_fault_is_not_kept() {
        let cache = Cache::<u32, u32>::new(100);
        let fault = cache.get(&1, || Err(Fault::data("cut off"))).unwrap_err();
        assert_eq!(fault.what, "cut off");
        assert_eq!(cache.get(&1, || Ok((5, 1))).unwrap(), 5);
    }

    #[test]
    fn a_load_that_panics_leaves_nobody_waiting() {
        let cache = Cache::<u32, u32>::new(100);
        let broken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            cache.get(&1, || panic!("a plug-in broke"))
        }));
        assert!(broken.is_err());
        assert_eq!(cache.get(&1, || Ok((5, 1))).unwrap(), 5);
    }
}
