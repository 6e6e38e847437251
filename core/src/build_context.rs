//! What a component may know while it is built.

use std::path::{Path, PathBuf};

/// What a component may know while it is built.
#[derive(Debug, Clone, Default)]
pub struct BuildContext {
    /// Folder against which relative paths of a config are taken; `None`: the working directory.
    pub base: Option<PathBuf>,
    /// Seed of the run.
    pub seed: u64,
    /// Most threads a component should use by itself; 0: as many as there are cores.
    pub workers: usize,
}

impl BuildContext {
    /// A path of the config, taken against its folder.
    pub fn path(&self, path: &Path) -> PathBuf {
        match &self.base {
            Some(base) if path.is_relative() => base.join(path),
            _ => path.to_owned(),
        }
    }
}
