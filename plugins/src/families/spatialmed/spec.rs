//! Parameters of the family.

use super::agents::Agents;
use serde::{Deserialize, Serialize};
use situs_core::fault::Fault;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Relative position, multiple choice.
    Dir,
    /// Distance, multiple choice.
    Dist,
    /// Extent, multiple choice.
    Ext,
    /// Volume, multiple choice.
    Vol,
    /// Comparison of volumes, multiple choice.
    Comp,
    /// A volume as a free number.
    Absolute,
    /// A ratio or share of volumes as a free number.
    Ratio,
    /// Two patients compared, as a free number.
    Cross,
}

impl Task {
    /// All eight.
    pub const ALL: [Task; 8] = [
        Self::Dir,
        Self::Dist,
        Self::Ext,
        Self::Vol,
        Self::Comp,
        Self::Absolute,
        Self::Ratio,
        Self::Cross,
    ];

    /// Word of the facet `task`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Dir => "dir",
            Self::Dist => "dist",
            Self::Ext => "ext",
            Self::Vol => "vol",
            Self::Comp => "comp",
            Self::Absolute => "absolute",
            Self::Ratio => "ratio",
            Self::Cross => "cross",
        }
    }

    /// Whether the answer is a number of the model's own.
    pub fn is_free(self) -> bool {
        matches!(self, Self::Absolute | Self::Ratio | Self::Cross)
    }

    /// Whether only lengths or volumes of whole structures will do.
    pub(super) fn wants_whole(self) -> bool {
        !matches!(self, Self::Dir | Self::Dist)
    }

    /// Whether it is about volumes.
    pub(super) fn wants_volume(self) -> bool {
        !matches!(self, Self::Dir | Self::Dist | Self::Ext)
    }
}

/// Which items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// World units, options that a picture can decide.
    World,
    /// The paper's items in voxels, distractors one voxel apart: never part of a main score.
    PaperVoxel,
}

impl Profile {
    /// Word of the facet `profile`.
    pub fn word(self) -> &'static str {
        match self {
            Self::World => "world",
            Self::PaperVoxel => "paper-voxel",
        }
    }
}

/// How a reply is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Variant {
    /// The answer alone, as in the main table.
    Direct,
    /// Step by step first, as in the failure analysis.
    Reason,
}

impl Variant {
    /// Word of the facet `variant`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Reason => "reason",
        }
    }
}

situs_core::component! {
    /// SpatialMed: direction, distance, extent, volume and comparison by multiple choice, volumes as free numbers, from masks.
    family "spatialmed";
    pub struct SpatialMed {
        /// What is asked: "dir", "dist", "ext", "vol", "comp" (multiple choice), "absolute", "ratio", "cross" (free numbers).
        pub tasks: Vec<Task> = Task::ALL.to_vec(),
        /// "world" (mm, cm, cm³) or "paper-voxel" (the paper's items in voxels: they measure nothing a picture shows).
        pub profile: Profile = Profile::World,
        /// Items per case and task, before the filters.
        pub items: usize = 5,
        /// "direct" (the answer alone), "reason" (step by step first), or both, each item once in each form.
        pub variants: Vec<Variant> = vec![Variant::Direct],
        /// Templates to use, by id (`DIST-4`); empty: all of the tasks.
        pub templates: Vec<String> = Vec::new(),
        /// Whether the renderer prints the scale of its pictures; the paper prints none.
        pub scale_statement: bool = true,
        /// Smallest distance along an axis that a direction may be asked of, in mm; also 2 voxels and 5 % of the extent.
        pub margin_mm: f64 = 10.0,
        /// Smallest structure asked about, in voxels.
        pub fewest_voxels: u64 = 64,
        /// Patients that must hold a structure before their values serve as distractors and a textbook reader is asked.
        pub population: usize = 20,
        /// Share of right answers from which the textbook reader makes an item trivial.
        pub trivial_from: f64 = 0.9,
        /// Words of the volume, such as "CT scan of the abdomen"; empty: the data set's.
        pub modality_text: String = String::new(),
        /// Items worded and checked by models.
        pub agents: Agents = Agents::default(),
    }
}

/// Most items per case and task.
const MOST_ITEMS: usize = 10_000;

impl SpatialMed {
    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.tasks.is_empty() {
            return Err(Fault::config("no task is left to ask").at("tasks"));
        }
        if self.variants.is_empty() {
            return Err(Fault::config("no variant is left to ask").at("variants"));
        }
        if self.items == 0 || self.items > MOST_ITEMS {
            return Err(
                Fault::config(format!("expected 1 to {MOST_ITEMS} items, found {}", self.items)).at("items")
            );
        }
        if !(0.0..=1000.0).contains(&self.margin_mm) {
            return Err(
                Fault::config(format!("expected 0 to 1000 mm, found {}", self.margin_mm)).at("margin_mm")
            );
        }
        if !(0.5..=1.0).contains(&self.trivial_from) {
            return Err(
                Fault::config(format!("expected 0.5 to 1, found {}", self.trivial_from)).at("trivial_from")
            );
        }
        self.agents.check().map_err(|fault| fault.at("agents"))
    }
}
