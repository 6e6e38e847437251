//! Class tables of TotalSegmentator: one name a line, line N is label N.

use situs_core::prelude::*;
use std::collections::BTreeMap;

/// Which class table the numbers of a label map follow. Numbers above 6 mean other structures in another table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LabelTable {
    /// `total` of version 2: 117 classes.
    V2,
    /// `total` of version 1: 104 classes.
    V1,
    /// `total_mr`: 50 classes.
    Mr,
}

impl LabelTable {
    /// Names by label.
    pub fn names(self) -> BTreeMap<u32, String> {
        let lines = match self {
            Self::V2 => include_str!("v2.txt"),
            Self::V1 => include_str!("v1.txt"),
            Self::Mr => include_str!("mr.txt"),
        };
        (1..).zip(lines.lines().map(str::to_owned)).collect()
    }
}
