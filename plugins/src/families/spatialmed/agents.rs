//! Items worded and checked by models.

use situs_core::fault::Fault;

situs_core::component_table! {
    /// Roles that word and check items; without a writer items are worded by the templates.
    pub struct Agents {
        /// Role of the writer.
        pub writer: Option<String> = None,
    }
}

impl Agents {
    pub(super) fn check(&self) -> Result<(), Fault> {
        Ok(())
    }
}
