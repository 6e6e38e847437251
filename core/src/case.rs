//! A case: one examination of one patient, by name; voxels are named, never held.

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Imaging modality; decides windows and words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Modality {
    /// Computed tomography, values in HU.
    Ct,
    /// Magnetic resonance, values without a unit.
    Mr,
}

impl Modality {
    /// "CT" or "MR".
    pub fn word(self) -> &'static str {
        match self {
            Modality::Ct => "CT",
            Modality::Mr => "MR",
        }
    }
}

/// Where voxels come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "in", rename_all = "lowercase")]
pub enum VolumeSource {
    /// A NIfTI file.
    File {
        /// Path, absolute or relative to the working directory.
        path: PathBuf,
    },
    /// The data set itself, through `Dataset::volume`.
    Dataset {
        /// Key that the data set understands.
        key: String,
    },
}

/// A volume by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VolumeRef {
    /// Unique within the data set, e.g. `s0001/ct`.
    pub id: String,
    /// Where the voxels are.
    pub source: VolumeSource,
}

/// One binary mask of a structure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedMask {
    /// Class name such as `kidney_left`.
    pub name: String,
    /// Label id, where a name map gives one.
    #[serde(default)]
    pub label: Option<u32>,
    /// The mask; non-zero is inside.
    pub volume: VolumeRef,
}

/// One 3-D box of a structure, in canonical RAS+ voxel indices, both ends inclusive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NamedBox {
    /// Class name such as `patella`.
    pub name: String,
    /// Smallest voxel index inside, RAS+ (x, y, z).
    pub min: [usize; 3],
    /// Largest voxel index inside, RAS+ (x, y, z).
    pub max: [usize; 3],
}

/// Where a case's structures come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "form", rename_all = "snake_case")]
pub enum StructureSource {
    /// One volume of integer labels.
    LabelMap {
        /// The label map.
        volume: VolumeRef,
        /// Names by label; empty: the file's own label table, else `label_N`.
        #[serde(deserialize_with = "names_by_label")]
        names: BTreeMap<u32, String>,
    },
    /// One binary mask a structure.
    Masks {
        /// The masks, in order of name.
        masks: Vec<NamedMask>,
    },
    /// Boxes without masks.
    Boxes {
        /// The boxes, in order of name.
        boxes: Vec<NamedBox>,
    },
    /// No structures.
    None,
}

/// Names by label, whose keys are text in JSON: behind a tag serde does not turn them into numbers by itself.
fn names_by_label<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<u32, String>, D::Error> {
    struct Label(u32);

    impl<'de> Deserialize<'de> for Label {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_any(Digits)
        }
    }

    struct Digits;

    impl Visitor<'_> for Digits {
        type Value = Label;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a label")
        }

        fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Label, E> {
            u32::try_from(number).map(Label).map_err(|_| E::custom(format!("{number} is no label")))
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Label, E> {
            text.parse().map(Label).map_err(|_| E::custom(format!("{text:?} is no label")))
        }
    }

    // As pairs: a map would want an order of its keys.
    struct Pairs;

    impl<'de> Visitor<'de> for Pairs {
        type Value = BTreeMap<u32, String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("names by label")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut names = BTreeMap::new();
            while let Some((Label(label), name)) = map.next_entry()? {
                names.insert(label, name);
            }
            Ok(names)
        }
    }

    deserializer.deserialize_map(Pairs)
}

/// One examination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// Unique within the data set, e.g. `s0001`.
    pub name: String,
    /// Patient if known, else the case's name: the unit of resampling.
    pub cluster: String,
    /// Modality.
    pub modality: Modality,
    /// Image volumes; the first is the one shown.
    pub volumes: Vec<VolumeRef>,
    /// Structures.
    pub structures: StructureSource,
    /// Further facts that question texts may use, e.g. `side = "right"`, `region = "torso"`.
    #[serde(default)]
    pub facts: BTreeMap<String, String>,
}

/// What a data set says of itself; stored in the manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatasetCard {
    /// Name as a reader of a table knows it.
    pub name: String,
    /// Licence of the data, as far as known.
    pub licence: String,
    /// Modality words for question texts, e.g. "CT scan of the torso"; per case `facts.modality_text` overrides it.
    pub modality_text: String,
    /// Identity of the data set's definition (parameters, file list), not of every voxel.
    pub digest: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_structures_comes_back_from_json() {
        let volume = VolumeRef { id: "v".to_owned(), source: VolumeSource::Dataset { key: "k".to_owned() } };
        let mask = NamedMask { name: "liver".to_owned(), label: Some(5), volume: volume.clone() };
        for source in [
            StructureSource::LabelMap {
                volume,
                names: BTreeMap::from([(1, "a".to_owned()), (77, "b".to_owned())]),
            },
            StructureSource::Masks { masks: vec![mask] },
            StructureSource::Boxes {
                boxes: vec![NamedBox { name: "patella".to_owned(), min: [1, 2, 3], max: [4, 5, 6] }],
            },
            StructureSource::None,
        ] {
            let text = serde_json::to_string(&source).unwrap();
            assert_eq!(serde_json::from_str::<StructureSource>(&text).unwrap(), source, "{text}");
        }
        let wrong = r#"{"form": "label_map", "volume": {"id": "v", "source": {"in": "dataset", "key": "k"}}, "names": {"x": "a"}}"#;
        assert!(
            serde_json::from_str::<StructureSource>(wrong)
                .unwrap_err()
                .to_string()
                .contains("\"x\" is no label")
        );
    }
}
