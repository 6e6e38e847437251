//! How many requests a server gets at once: more while it keeps up, fewer as soon as it does not; and how often one
//! request is tried.

use crate::fault::{Cause, Fault};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Requests at once after the first reply; until then there is one, which finds out whether anybody is there.
const START: f64 = 8.0;
/// Longest pause between two tries, unless the server asks for more.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often a pause looks whether the run was stopped.
const LOOK: Duration = Duration::from_millis(20);

/// Limits concurrent requests to one model: additive increase, multiplicative decrease.
pub struct Gate {
    state: Mutex<State>,
    freed: Condvar,
    most: usize,
    /// Whether the model has ever replied in this run.
    pub replied: AtomicBool,
    /// Tries that failed and were repeated.
    pub retries: AtomicU64,
}

struct State {
    limit: f64,
    active: usize,
    proven: bool,
}

/// How stubborn to be.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Tries after the first.
    pub retries: u32,
    /// First pause; doubled each time.
    pub backoff: Duration,
}

impl Gate {
    /// A gate that lets at most `most` through at once.
    pub fn new(most: usize) -> Self {
        let most = most.max(1);
        Self {
            state: Mutex::new(State { limit: 1.0, active: 0, proven: false }),
            freed: Condvar::new(),
            most,
            replied: AtomicBool::new(false),
            retries: AtomicU64::new(0),
        }
    }

    fn enter(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.active >= (state.limit as usize).max(1) {
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.active += 1;
    }

    fn leave(&self, kept_up: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.active -= 1;
        state.limit = match (kept_up, state.proven) {
            (true, false) => START.min(self.most as f64),
            (true, true) => (state.limit + 1.0 / state.limit).min(self.most as f64),
            (false, _) => (state.limit / 2.0).max(1.0),
        };
        state.proven |= kept_up;
        self.freed.notify_all();
    }

    /// Tries `call` until it succeeds, fails for good, or patience ends. `None` when the run was stopped meanwhile.
    pub fn call<T>(
        &self,
        patience: Patience,
        stop: &AtomicBool,
        mut call: impl FnMut() -> Result<T, Fault>,
    ) -> Option<Result<T, Fault>> {
        let mut pause = patience.backoff;
        for attempt in 0..=patience.retries {
            if stop.load(Ordering::Relaxed) {
                return None;
            }
            self.enter();
            let outcome = call();
            self.leave(!matches!(&outcome, Err(fault) if fault.may_pass()));
            let fault = match outcome {
                Ok(value) => {
                    self.replied.store(true, Ordering::Relaxed);
                    return Some(Ok(value));
                }
                Err(fault) if !fault.may_pass() || attempt == patience.retries => return Some(Err(fault)),
                Err(fault) => fault,
            };
            self.retries.fetch_add(1, Ordering::Relaxed);
            tracing::debug!("try {} failed: {fault}", attempt + 1);
            let asked = match fault.cause {
                Cause::Transient { retry_after_ms: Some(ms) } => Duration::from_millis(ms),
                _ => Duration::ZERO,
            };
            if !wait(pause.min(LONGEST_PAUSE).max(asked), stop) {
                return None;
            }
            pause = pause.saturating_mul(2);
        }
        None
    }
}

/// Waits unless the run is stopped; tells whether the wait was full.
fn wait(pause: Duration, stop: &AtomicBool) -> bool {
    let mut left = pause;
    while !left.is_zero() {
        if stop.load(Ordering::Relaxed) {
            return false;
        }
        let nap = left.min(LOOK);
        std::thread::sleep(nap);
        left -= nap;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience { retries: 3, backoff: Duration::from_millis(1) };

    #[test]
    fn a_passing_fault_is_tried_again_and_counted() {
        let gate = Gate::new(4);
        let mut tries = 0;
        let outcome = gate.call(PATIENCE, &AtomicBool::new(false), || {
            tries += 1;
            if tries < 3 { Err(Fault::transient("503", Some(1))) } else { Ok(tries) }
        });
        assert_eq!(outcome, Some(Ok(3)));
        assert_eq!(gate.retries.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_refusal_is_not_tried_again() {
        let gate = Gate::new(4);
        let mut tries = 0;
        let outcome: Option<Result<(), Fault>> = gate.call(PATIENCE, &AtomicBool::new(false), || {
            tries += 1;
            Err(Fault::rejected("400"))
        });
        assert!(matches!(outcome, Some(Err(_))));
        assert_eq!(tries, 1);
    }

    #[test]
    fn patience_ends_and_a_stop_is_heard() {
        let gate = Gate::new(4);
        let mut tries = 0;
        let fail = || Err::<(), _>(Fault::transient("500", None));
        let outcome = gate.call(PATIENCE, &AtomicBool::new(false), || {
            tries += 1;
            fail()
        });
        assert!(matches!(outcome, Some(Err(_))));
        assert_eq!(tries, 4);
        assert!(gate.call(PATIENCE, &AtomicBool::new(true), fail).is_none());
    }

    #[test]
    fn the_limit_falls_with_overload_and_grows_again() {
        let gate = Gate::new(32);
        let limit = |gate: &Gate| gate.state.lock().unwrap().limit;
        assert!((limit(&gate) - 1.0).abs() < 1e-9, "one request finds out whether anybody is there");
        gate.enter();
        gate.leave(true);
        assert!((limit(&gate) - 8.0).abs() < 1e-9);
        gate.enter();
        gate.leave(false);
        assert!((limit(&gate) - 4.0).abs() < 1e-9);
        for _ in 0..200 {
            gate.enter();
            gate.leave(true);
        }
        assert!(limit(&gate) > 15.0 && limit(&gate) <= 32.0);
    }
}
