//! Names of structures: which classes are asked about, what they are called in print and in replies.

use serde::Deserialize;
use situs_core::digest::sha256_hex;
use situs_core::fault::{Fault, file_fault};
use situs_core::registry::BuildContext;
use situs_core::volume::side_words;
use std::collections::BTreeMap;
use std::path::Path;

const A: &str = include_str!("data/classes-67-a.toml");
const B: &str = include_str!("data/classes-67-b.toml");

/// Longest display name that is printed.
const MOST_NAME_CHARS: usize = 80;
/// Largest class file that is read, in bytes.
const MOST_FILE_BYTES: u64 = 4 << 20;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Class {
    name: String,
    display: String,
    #[serde(default)]
    synonyms: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClassFile {
    class: Vec<Class>,
}

/// The classes asked about.
#[derive(Debug, Clone)]
pub(in crate::families) struct Classes {
    /// SHA-256 of the class file, or of both embedded ones.
    pub(in crate::families) digest: String,
    /// How reasons call the list: `list a`, `file`.
    list: String,
    known: BTreeMap<String, Class>,
    open: bool,
}

impl Classes {
    /// The class list `a`, `b`, `all`, or of a file.
    ///
    /// # Errors
    /// A file that cannot be read, or names two classes or displays alike.
    pub(in crate::families) fn load(list: &str, cx: &BuildContext) -> Result<Self, Fault> {
        match list {
            "a" => Ok(Self { list: "list a".to_owned(), ..Self::parse(A, "classes-67-a.toml", false)? }),
            "b" => Ok(Self { list: "list b".to_owned(), ..Self::parse(B, "classes-67-b.toml", false)? }),
            "all" => {
                let mut all = Self::parse(A, "classes-67-a.toml", true)?;
                all.known.extend(Self::parse(B, "classes-67-b.toml", true)?.known);
                all.digest = sha256_hex([A, B].concat().as_bytes());
                Ok(all)
            }
            path => {
                let path = cx.path(Path::new(path));
                let size = std::fs::metadata(&path).map_err(|error| {
                    file_fault("read", &path, &error)
                        .help("classes is \"a\", \"b\", \"all\" or the path of a class file")
                })?;
                if size.len() > MOST_FILE_BYTES {
                    return Err(Fault::data(format!(
                        "{} has {} bytes, a class file at most {MOST_FILE_BYTES}",
                        path.display(),
                        size.len()
                    )));
                }
                let text =
                    std::fs::read_to_string(&path).map_err(|error| file_fault("read", &path, &error))?;
                Self::parse(&text, &path.display().to_string(), false)
            }
        }
    }

    fn parse(text: &str, origin: &str, open: bool) -> Result<Self, Fault> {
        let file: ClassFile =
            toml::from_str(text).map_err(|error| Fault::config(format!("{origin}: {error}")))?;
        let mut known: BTreeMap<String, Class> = BTreeMap::new();
        let mut displays = std::collections::BTreeSet::new();
        for class in file.class {
            if !is_printable(&class.display) || !displays.insert(class.display.to_lowercase()) {
                return Err(Fault::config(format!(
                    "{origin}: the display name {:?} of {:?} is not printable or taken twice",
                    class.display, class.name
                )));
            }
            let name = class.name.clone();
            if known.insert(name.clone(), class).is_some() {
                return Err(Fault::config(format!("{origin}: the class {name:?} is listed twice")));
            }
        }
        Ok(Self { digest: sha256_hex(text.as_bytes()), list: "file".to_owned(), known, open })
    }

    /// Whether a class of a CT is asked about. MR volumes carry their own class names, and all of them are.
    pub(super) fn asks_about(&self, name: &str, is_ct: bool) -> bool {
        self.open || !is_ct || self.known.contains_key(name)
    }

    /// Why a structure outside the list is not asked about.
    pub(super) fn outside(&self) -> String {
        format!("structure: not in class {} (try family.classes=\"all\")", self.list)
    }

    /// What a class is called in print; `None` when its name cannot be printed.
    pub(in crate::families) fn display(&self, name: &str) -> Option<String> {
        let display = match self.known.get(name) {
            Some(class) => class.display.clone(),
            None => plain_display(name),
        };
        is_printable(&display).then_some(display)
    }

    /// Everything a reply may call a class: display name, class name with spaces, synonyms.
    pub(super) fn spoken(&self, name: &str) -> Vec<String> {
        let mut spoken: Vec<String> = self.display(name).into_iter().collect();
        spoken.push(name.replace('_', " "));
        if let Some(class) = self.known.get(name) {
            spoken.extend(class.synonyms.iter().cloned());
        }
        spoken
    }

    /// Names of the classes that are known by themselves.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.known.keys().map(String::as_str)
    }
}

/// `kidney_left` is called "left kidney", `Precentral_L` "left Precentral", `medial_meniscus` "medial meniscus".
fn plain_display(name: &str) -> String {
    let spaced = |name: &str| -> String {
        name.split(['_', ' ']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    };
    let sides = side_words(name);
    let [(side, at)] = sides.as_slice() else { return spaced(name) };
    let rest = match (at.start == 0, at.end == name.len()) {
        (false, true) => &name[..at.start],
        (true, false) => &name[at.end..],
        _ => return spaced(name),
    };
    let rest = spaced(rest.trim_matches(['_', '-', '.', ' ']));
    if rest.is_empty() { spaced(name) } else { format!("{} {rest}", side.word()) }
}

fn is_printable(display: &str) -> bool {
    !display.is_empty()
        && display.chars().count() <= MOST_NAME_CHARS
        && display.chars().all(|c| c.is_alphanumeric() || " -'()./,".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lists_hold_67_classes_and_differ_in_the_cysts_the_sacral_vertebra_and_the_cartilages() {
        let cx = BuildContext::default();
        let a = Classes::load("a", &cx).unwrap();
        let b = Classes::load("b", &cx).unwrap();
        assert_eq!((a.known.len(), b.known.len()), (67, 67));
        let only = |x: &Classes, y: &Classes| -> Vec<String> {
            x.names().filter(|name| !y.known.contains_key(*name)).map(str::to_owned).collect()
        };
        assert_eq!(only(&a, &b), ["kidney_cyst_left", "kidney_cyst_right"]);
        assert_eq!(only(&b, &a), ["costal_cartilages", "vertebrae_S1"]);
    }

    #[test]
    fn every_list_has_a_digest_of_its_own_content() {
        let digests: std::collections::BTreeSet<String> = ["a", "b", "all"]
            .map(|list| Classes::load(list, &BuildContext::default()).unwrap().digest)
            .into();
        assert_eq!(digests.len(), 3);
        assert!(digests.iter().all(|digest| digest.len() == 64));
    }

    #[test]
    fn no_phrase_names_two_classes() {
        let a = Classes::load("all", &BuildContext::default()).unwrap();
        let mut owners: BTreeMap<String, String> = BTreeMap::new();
        for name in a.names() {
            for phrase in a.spoken(name) {
                let owner = owners.entry(phrase.to_lowercase()).or_insert_with(|| name.to_owned());
                assert_eq!(owner, name, "{phrase}");
            }
        }
    }

    #[test]
    fn unknown_names_are_put_in_order() {
        for (name, display) in [
            ("kidney_left", "left kidney"),
            ("left kidney", "left kidney"),
            ("medial_meniscus", "medial meniscus"),
            ("Frontal_Sup_L", "left Frontal Sup"),
            ("Right-Thalamus-Proper", "right Thalamus-Proper"),
            ("rib_left_4", "rib left 4"),
            ("left", "left"),
        ] {
            assert_eq!(plain_display(name), display);
        }
    }
}
