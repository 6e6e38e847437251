//! Progress on stderr: a bar on a terminal, a plain line now and then otherwise.

use crate::output::note;
use indicatif::{ProgressBar, ProgressStyle};
use situs_core::run::Progress;
use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// The progress display that fits where stderr goes.
pub(super) fn progress() -> Box<dyn Progress> {
    if std::io::stderr().is_terminal() { Box::new(Bar::default()) } else { Box::new(Lines::default()) }
}

#[derive(Default)]
struct Bar(Mutex<Option<ProgressBar>>);

impl Bar {
    fn with(&self, work: impl FnOnce(&mut Option<ProgressBar>)) {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Progress for Bar {
    fn stage(&self, name: &str, total: u64) {
        let bar = if total == 0 { ProgressBar::new_spinner() } else { ProgressBar::new(total) };
        let form =
            if total == 0 { "{msg:10} {pos}" } else { "{msg:10} {bar:32} {pos}/{len} {per_sec} {eta}" };
        if let Ok(style) = ProgressStyle::with_template(form) {
            bar.set_style(style);
        }
        bar.set_message(name.to_owned());
        self.with(|current| {
            if let Some(done) = current.replace(bar) {
                done.finish_and_clear();
            }
        });
    }

    fn advance(&self, by: u64) {
        self.with(|current| {
            if let Some(bar) = current {
                bar.inc(by);
            }
        });
    }

    fn line(&self, text: &str) {
        self.with(|current| match current {
            Some(bar) => bar.suspend(|| note(text)),
            None => note(text),
        });
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.with(|current| {
            if let Some(bar) = current.take() {
                bar.finish_and_clear();
            }
        });
    }
}

/// Parts of a long stage that get a line each.
const PARTS: u128 = 4;
/// A stage that takes less time gets one line when it is over.
const SHORT: Duration = Duration::from_secs(1);

/// A line at the start of a stage, after each quarter and at its end; one line for a stage that is over at once.
#[derive(Default)]
struct Lines(Mutex<Option<Stage>>);

struct Stage {
    name: String,
    total: u64,
    done: u64,
    began: Instant,
    announced: bool,
}

impl Stage {
    /// The lines that further steps are worth, `elapsed` after the stage began.
    fn advance(&mut self, by: u64, elapsed: Duration) -> Option<String> {
        let part = |done: u64| (u128::from(done) * PARTS).checked_div(u128::from(self.total));
        let before = part(self.done);
        self.done = self.done.saturating_add(by);
        let passed = before != part(self.done);
        let over = self.done >= self.total;
        if elapsed < SHORT && !over || self.announced && !passed || self.total == 0 {
            return None;
        }
        self.announced = true;
        Some(format!("{}: {} of {}", self.name, self.done, self.total))
    }

    /// The line of a stage that ended without having had one.
    fn close(&self) -> Option<String> {
        (!self.announced).then(|| match self.total {
            0 => self.name.clone(),
            total => format!("{}: {} of {total}", self.name, self.done),
        })
    }
}

impl Lines {
    fn with(&self, work: impl FnOnce(&mut Option<Stage>) -> Option<String>) {
        if let Some(line) = work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner)) {
            note(&line);
        }
    }
}

impl Progress for Lines {
    fn stage(&self, name: &str, total: u64) {
        let next = Stage { name: name.to_owned(), total, done: 0, began: Instant::now(), announced: false };
        self.with(|current| current.replace(next).and_then(|stage| stage.close()));
    }

    fn advance(&self, by: u64) {
        self.with(|current| {
            let stage = current.as_mut()?;
            stage.advance(by, stage.began.elapsed())
        });
    }

    fn line(&self, text: &str) {
        note(text);
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.with(|current| current.take().and_then(|stage| stage.close()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(total: u64) -> Stage {
        Stage { name: "ask".into(), total, done: 0, began: Instant::now(), announced: false }
    }

    #[test]
    fn a_long_stage_gets_a_line_when_it_turns_out_long_and_one_a_quarter() {
        let mut stage = stage(1000);
        let lines: Vec<String> = (0..1000).filter_map(|_| stage.advance(1, SHORT)).collect();
        assert_eq!(
            lines,
            [
                "ask: 1 of 1000",
                "ask: 250 of 1000",
                "ask: 500 of 1000",
                "ask: 750 of 1000",
                "ask: 1000 of 1000"
            ]
        );
        assert_eq!(stage.close(), None);
    }

    #[test]
    fn a_stage_that_is_over_at_once_gets_one_line() {
        let mut done = stage(12);
        let lines: Vec<String> = (0..12).filter_map(|_| done.advance(1, Duration::ZERO)).collect();
        assert_eq!(lines, ["ask: 12 of 12"]);
        // All was there already.
        assert_eq!(stage(12).close().unwrap(), "ask: 0 of 12");
        assert_eq!(stage(0).close().unwrap(), "ask");
    }
}
