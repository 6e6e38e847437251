//! Where progress goes; the command line draws bars, tests count.

/// Receives progress from all threads.
pub trait Progress: Sync {
    /// A stage begins; `total` steps are expected (0: unknown).
    fn stage(&self, name: &str, total: u64);
    /// Steps done.
    fn advance(&self, by: u64);
    /// A remark worth a line.
    fn line(&self, text: &str);
}

/// Says nothing.
pub struct Silent;

impl Progress for Silent {
    fn stage(&self, _name: &str, _total: u64) {}
    fn advance(&self, _by: u64) {}
    fn line(&self, _text: &str) {}
}
