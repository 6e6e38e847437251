//! Log lines of the library, handed to the host: a library's copy of `tracing` is not connected to the host's.

use super::super::abi;
use std::fmt::Write as _;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Sends what is logged to the host from now on.
pub(super) fn forward(host: &'static abi::Host) {
    if let Some(log) = host.log.filter(|_| host.log_level > 0) {
        // A library that was opened before has its subscriber already.
        let _ = tracing::subscriber::set_global_default(Forward { log, most: host.log_level });
    }
}

struct Forward {
    log: unsafe extern "C" fn(u32, *const u8, usize),
    most: u32,
}

fn number(level: &Level) -> u32 {
    match *level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

impl Subscriber for Forward {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        number(metadata.level()) <= self.most
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        // SAFETY: the host's function takes UTF-8 text for the call alone and lives as long as the process.
        unsafe { (self.log)(number(event.metadata().level()), line.0.as_ptr(), line.0.len()) }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// The message, then `name=value` for each field.
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let separator = if self.0.is_empty() { "" } else { " " };
        let _ = if field.name() == "message" {
            write!(self.0, "{separator}{value:?}")
        } else {
            write!(self.0, "{separator}{}={value:?}", field.name())
        };
    }
}
