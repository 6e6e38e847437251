//! Typical places of structures, by any of their names.

use serde::Deserialize;
use situs_core::fault::Fault;
use situs_core::space::Point;
use std::collections::BTreeMap;

const DATA: &str = include_str!("atlas.toml");

#[derive(Deserialize)]
struct Data {
    torso: Torso,
    knee: BTreeMap<String, Point>,
}

#[derive(Deserialize)]
struct Torso {
    paired: BTreeMap<String, Point>,
    #[serde(flatten)]
    single: BTreeMap<String, Point>,
}

/// Which knee a picture shows; decides what lateral means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Region {
    /// Torso, neck and head.
    Torso,
    /// The patient's right knee, or one whose side is not told.
    RightKnee,
    /// The patient's left knee.
    LeftKnee,
}

/// Typical centres in RAS+ mm, by canonical name.
pub(crate) struct Atlas {
    torso: BTreeMap<String, Point>,
    knee: BTreeMap<String, Point>,
}

impl Atlas {
    /// The embedded atlas.
    ///
    /// # Errors
    /// An internal fault when the embedded file is damaged.
    pub(crate) fn load() -> Result<Self, Fault> {
        let data: Data =
            toml::from_str(DATA).map_err(|error| Fault::internal(format!("atlas.toml: {error}")))?;
        let mut torso = BTreeMap::new();
        for (name, [x, y, z]) in data.torso.paired {
            torso.insert(canonical(&format!("{name}_right")), [x, y, z]);
            torso.insert(canonical(&format!("{name}_left")), [-x, y, z]);
        }
        torso.extend(data.torso.single.into_iter().map(|(name, place)| (canonical(&name), place)));
        let knee = data.knee.into_iter().map(|(name, place)| (canonical(&name), place)).collect();
        Ok(Self { torso, knee })
    }

    /// Typical centre of a structure, RAS+ mm from an origin that all structures of the region share.
    pub(crate) fn place(&self, name: &str, region: Region) -> Option<Point> {
        let name = canonical(name);
        match region {
            Region::Torso => self.torso.get(&name).copied(),
            Region::RightKnee => self.knee.get(&name).copied(),
            Region::LeftKnee => self.knee.get(&name).map(|[x, y, z]| [-x, *y, *z]),
        }
    }
}

/// One form for class names and printed names: `lung_upper_lobe_left` and "upper lobe of the left lung" are the same
/// words in another order; a few words have two forms.
pub(crate) fn canonical(name: &str) -> String {
    let lower = name.to_lowercase().replace('\'', "");
    let mut words: Vec<&str> = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !matches!(*word, "" | "of" | "the" | "and" | "bone" | "muscle" | "muscles" | "back"))
        .map(|word| match word {
            "vertebrae" => "vertebra",
            "clavicula" => "clavicle",
            "vena" => "vein",
            "autochthonous" => "autochthon",
            "oesophagus" => "esophagus",
            "hoffas" => "hoffa",
            "disc" => "discs",
            "first" | "1st" => "1",
            "second" | "2nd" => "2",
            "third" | "3rd" => "3",
            "fourth" | "4th" => "4",
            "fifth" | "5th" => "5",
            "sixth" | "6th" => "6",
            "seventh" | "7th" => "7",
            "eighth" | "8th" => "8",
            "ninth" | "9th" => "9",
            "tenth" | "10th" => "10",
            "eleventh" | "11th" => "11",
            "twelfth" | "12th" => "12",
            other => other,
        })
        .collect();
    words.sort_unstable();
    words.join(" ")
}
