//! Progress on stderr: a bar on a terminal, a plain line now and then otherwise.

use indicatif::{ProgressBar, ProgressStyle};
use situs_core::run::Progress;
use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::sync::PoisonError;

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
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None => eprintln!("{text}"),
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

/// One line per stage and per tenth of it.
#[derive(Default)]
struct Lines(Mutex<Stage>);

#[derive(Default)]
struct Stage {
    name: String,
    total: u64,
    done: u64,
}

impl Progress for Lines {
    fn stage(&self, name: &str, total: u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
            Stage { name: name.to_owned(), total, done: 0 };
        eprintln!("{}", if total == 0 { name.to_owned() } else { format!("{name}: {total} to do") });
    }

    fn advance(&self, by: u64) {
        let mut stage = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tenth = |done: u64| (u128::from(done) * 10).checked_div(u128::from(stage.total));
        let (before, after) = (tenth(stage.done), tenth(stage.done.saturating_add(by)));
        stage.done = stage.done.saturating_add(by);
        if before != after && stage.total >= 10 {
            eprintln!("{}: {} of {}", stage.name, stage.done, stage.total);
        }
    }

    fn line(&self, text: &str) {
        eprintln!("{text}");
    }
}
