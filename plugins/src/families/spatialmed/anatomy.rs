//! What is known of structures by name: organ, region, tumours with their hosts, plausible limits.

use serde::Deserialize;
use situs_core::digest::sha256_hex;
use situs_core::fault::Fault;
use std::collections::BTreeMap;

const SOURCE: &str = include_str!("data/anatomy.toml");

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct OrganEntry {
    name: String,
    region: String,
    prefixes: Vec<String>,
    volume_cm3: Option<[f64; 2]>,
    length_mm: Option<[f64; 2]>,
    source: Option<String>,
    #[serde(default)]
    #[allow(dead_code, reason = "read by people: renderers choose windows by name")]
    window: Option<String>,
}

/// A kind of tumour.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tumour {
    /// As printed.
    pub(super) kind: String,
    /// As in tables; default: `kind`.
    facet: Option<String>,
    names: Vec<String>,
    /// Classes that may hold it.
    #[serde(default)]
    pub(super) hosts: Vec<String>,
    #[serde(default)]
    dataset: Option<String>,
    /// Whether it lies beside its hosts rather than in them.
    #[serde(default)]
    pub(super) apart: bool,
}

impl Tumour {
    /// Level of the facet `tumour`.
    pub(super) fn facet(&self) -> &str {
        self.facet.as_deref().unwrap_or(&self.kind)
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Defaults {
    volume_cm3: [f64; 2],
    length_mm: [f64; 2],
    source: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    sources: BTreeMap<String, String>,
    defaults: Defaults,
    organ: Vec<OrganEntry>,
    tumour: Vec<Tumour>,
}

/// The parsed file.
#[derive(Debug, Clone)]
pub(super) struct Anatomy {
    /// SHA-256 of the file.
    pub(super) digest: String,
    file: File,
}

/// Organ and limits of one structure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Known {
    /// Organ in tables; the class name where nothing is known.
    pub(super) organ: String,
    /// Body region; `other` where nothing is known.
    pub(super) region: String,
    /// Plausible volume in cm³.
    pub(super) volume_cm3: [f64; 2],
    /// Plausible longest side of the box in mm.
    pub(super) length_mm: [f64; 2],
}

impl Anatomy {
    /// Parses the embedded file.
    ///
    /// # Errors
    /// An internal fault when the embedded file is broken.
    pub(super) fn embedded() -> Result<Self, Fault> {
        let file: File =
            toml::from_str(SOURCE).map_err(|error| Fault::internal(format!("anatomy.toml: {error}")))?;
        let sources = file.organ.iter().filter_map(|organ| organ.source.as_ref());
        for source in sources.chain([&file.defaults.source]) {
            if !file.sources.contains_key(source) {
                return Err(Fault::internal(format!("anatomy.toml: {source:?} is not among its sources")));
            }
        }
        Ok(Self { digest: sha256_hex(SOURCE.as_bytes()), file })
    }

    /// What is known of a structure.
    pub(super) fn known(&self, class: &str) -> Known {
        let class = class.to_lowercase();
        let begins = |prefix: &String| {
            class.strip_prefix(prefix.as_str()).is_some_and(|rest| !rest.starts_with(char::is_alphabetic))
        };
        let entry = self.file.organ.iter().find(|organ| organ.prefixes.iter().any(begins));
        let defaults = &self.file.defaults;
        Known {
            organ: entry.map_or(class.clone(), |organ| organ.name.clone()),
            region: entry.map_or("other", |organ| &organ.region).to_owned(),
            volume_cm3: entry.and_then(|organ| organ.volume_cm3).unwrap_or(defaults.volume_cm3),
            length_mm: entry.and_then(|organ| organ.length_mm).unwrap_or(defaults.length_mm),
        }
    }

    /// Limits of a tumour: those of no organ.
    pub(super) fn tumour_limits(&self) -> ([f64; 2], [f64; 2]) {
        (self.file.defaults.volume_cm3, self.file.defaults.length_mm)
    }

    /// The kind of tumour that a class is, if it is one; `present` tells whether the case has a class.
    pub(super) fn tumour(
        &self,
        class: &str,
        dataset: &str,
        present: &dyn Fn(&str) -> bool,
    ) -> Option<&Tumour> {
        let class = class.to_lowercase();
        let dataset = dataset.to_lowercase();
        let named = || self.file.tumour.iter().filter(|tumour| tumour.names.contains(&class));
        let hosted = |tumour: &&Tumour| tumour.hosts.iter().any(|host| present(host));
        let told = |tumour: &&Tumour| tumour.dataset.as_ref().is_some_and(|word| dataset.contains(word));
        named().find(|tumour| tumour.hosts.is_empty() || hosted(tumour)).or_else(|| named().find(told)).or_else(|| {
            // A name of its own says the kind without help; `cancer` alone does not.
            named().find(|tumour| tumour.dataset.is_none())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_find_their_organ_and_tumours_their_host() {
        let anatomy = Anatomy::embedded().unwrap();
        assert_eq!(anatomy.known("kidney_left").organ, "kidney");
        assert_eq!(anatomy.known("kidney_cyst_left").organ, "kidney cyst");
        assert_eq!(anatomy.known("lung_upper_lobe_left").region, "thorax");
        assert_eq!(anatomy.known("ribosome").organ, "ribosome");
        let kind = |class: &str, dataset: &str, here: &[&str]| {
            anatomy.tumour(class, dataset, &|name| here.contains(&name)).map(|tumour| tumour.facet().to_owned())
        };
        // Medical Segmentation Decathlon: the same word in four data sets.
        assert_eq!(kind("cancer", "Liver", &["liver"]).as_deref(), Some("liver tumour"));
        assert_eq!(kind("cancer", "PANCREAS", &["pancreas"]).as_deref(), Some("pancreatic tumour"));
        assert_eq!(kind("tumour", "HepaticVessel", &["vessel"]).as_deref(), Some("vessel tumour"));
        assert_eq!(kind("cancer", "Lung", &[]).as_deref(), Some("lung tumour"));
        assert_eq!(kind("kidney_tumor", "KiTS", &["kidney"]).as_deref(), Some("renal tumour"));
        assert_eq!(kind("whole_tumor", "BraTS", &[]).as_deref(), Some("whole tumour"));
        assert_eq!(kind("cancer", "unheard of", &["brain"]), None);
        assert_eq!(kind("liver", "Liver", &["liver"]), None);
    }

    #[test]
    fn an_organ_that_no_adult_has_is_outside_the_limits() {
        // Rows of the paper: 0.01 mm³ is no liver, 1,450 cm³ is one.
        let [least, most] = Anatomy::embedded().unwrap().known("liver").volume_cm3;
        assert!(0.000_01 < least && (least..=most).contains(&1450.0));
    }
}
