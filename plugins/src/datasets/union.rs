//! Several data sets as one, for suites over more than one collection: CT and MR, two hospitals.

use situs_core::prelude::*;
use situs_core::registry::{Params, Registry};
use std::collections::{BTreeMap, BTreeSet};

situs_core::component! {
    /// Several data sets as one suite: each a table of its own, cases called PART:CASE.
    dataset "union";
    pub struct Union {
        /// The data sets by name of the part, each a table with `use`: `[dataset.parts.ct]`, `[dataset.parts.mr]`.
        pub parts: BTreeMap<String, Params> = BTreeMap::new(),
    }
}

/// Between the name of a part and that of a case, a patient or a volume; no part holds it.
const JOINT: char = ':';
/// Longest name of a part.
const MOST_NAME_BYTES: usize = 40;

#[typetag::serde(name = "union")]
impl DatasetSpec for Union {
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn Dataset>, Fault> {
        if self.parts.is_empty() {
            return Err(Fault::config("which data sets?")
                .help("write [dataset.parts.ct] and `use = \"...\"` below it, and another such table for each further one")
                .at("parts"));
        }
        let registry = Registry::builtin()?;
        let mut parts = Vec::with_capacity(self.parts.len());
        for (name, params) in &self.parts {
            let at = |fault: Fault| fault.at(name.as_str()).at("parts");
            let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
            if name.is_empty() || name.len() > MOST_NAME_BYTES || !name.chars().all(plain) {
                return Err(at(Fault::config(format!("{name:?} is no name of a part"))
                    .help(format!("at most {MOST_NAME_BYTES} letters, digits, - and _"))));
            }
            let dataset = registry.build::<dyn Dataset>(params, cx).map_err(at)?.component;
            parts.push(Part { name: name.clone(), dataset });
        }
        let card = joined(&parts);
        Ok(Box::new(Joined { card, parts }))
    }
}

/// A data set with the name that its cases carry.
struct Part {
    name: String,
    dataset: Box<dyn Dataset>,
}

struct Joined {
    card: DatasetCard,
    /// In order of name.
    parts: Vec<Part>,
}

/// One card for all: names and licences listed, words for the modality where all agree, and the parts' identities.
fn joined(parts: &[Part]) -> DatasetCard {
    let cards = || parts.iter().map(|part| part.dataset.card());
    let licences: BTreeSet<&str> = cards().map(|card| card.licence.as_str()).collect();
    let licence = match licences.first() {
        Some(one) if licences.len() == 1 => (*one).to_owned(),
        _ => parts
            .iter()
            .map(|part| format!("{}: {}", part.name, part.dataset.card().licence))
            .collect::<Vec<_>>()
            .join("; "),
    };
    let words: BTreeSet<&str> = cards().map(|card| card.modality_text.as_str()).collect();
    let mut digest = Digest::new("dataset-union");
    for part in parts {
        digest.text(&part.name).text(&part.dataset.card().digest);
    }
    DatasetCard {
        name: cards().map(|card| card.name.as_str()).collect::<Vec<_>>().join(" + "),
        licence,
        modality_text: words
            .first()
            .filter(|_| words.len() == 1)
            .map_or_else(String::new, |one| (*one).to_owned()),
        digest: digest.short(),
    }
}

impl Part {
    fn named(&self, name: &str) -> String {
        format!("{}{JOINT}{name}", self.name)
    }

    fn volume(&self, volume: VolumeRef) -> VolumeRef {
        let source = match volume.source {
            VolumeSource::Dataset { key } => VolumeSource::Dataset { key: self.named(&key) },
            file @ VolumeSource::File { .. } => file,
        };
        VolumeRef { id: self.named(&volume.id), source }
    }

    /// A case as the union shows it. Where the case does not say what its volumes are called, its data set does.
    fn case(&self, index: usize) -> Result<Case, Fault> {
        let case = self.dataset.case(index).map_err(|fault| fault.within(&self.name))?;
        let structures = match case.structures {
            StructureSource::LabelMap { volume, names } => {
                StructureSource::LabelMap { volume: self.volume(volume), names }
            }
            StructureSource::Masks { masks } => StructureSource::Masks {
                masks: masks
                    .into_iter()
                    .map(|mask| NamedMask { volume: self.volume(mask.volume), ..mask })
                    .collect(),
            },
            other @ (StructureSource::Boxes { .. } | StructureSource::None) => other,
        };
        let mut facts = case.facts;
        let words = &self.dataset.card().modality_text;
        if !words.is_empty() {
            facts.entry("modality_text".to_owned()).or_insert_with(|| words.clone());
        }
        Ok(Case {
            name: self.named(&case.name),
            cluster: self.named(&case.cluster),
            modality: case.modality,
            volumes: case.volumes.into_iter().map(|volume| self.volume(volume)).collect(),
            structures,
            facts,
        })
    }
}

impl Dataset for Joined {
    fn card(&self) -> &DatasetCard {
        &self.card
    }

    fn len(&self) -> usize {
        self.parts.iter().map(|part| part.dataset.len()).sum()
    }

    fn case(&self, index: usize) -> Result<Case, Fault> {
        let mut place = index;
        for part in &self.parts {
            match place.checked_sub(part.dataset.len()) {
                None => return part.case(place),
                Some(rest) => place = rest,
            }
        }
        Err(Fault::internal(format!("case {index} of {}", self.len())))
    }

    fn volume(&self, key: &str) -> Result<Volume, Fault> {
        let found = key
            .split_once(JOINT)
            .and_then(|(name, key)| Some((self.parts.iter().find(|part| part.name == name)?, key)));
        match found {
            Some((part, key)) => part.dataset.volume(key).map_err(|fault| fault.within(&part.name)),
            None => Err(Fault::unsupported(format!("no part of this data set has the volume {key:?}"))),
        }
    }
}
