//! The files of Princeton's WordNet, and the names that share a meaning with a word, as NLTK's reader finds them.

use super::python::split;
use situs_core::digest::Digest;
use situs_core::fault::{Fault, file_fault};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Largest file, in bytes; the largest of WordNet 3.1 has 16 MB.
const MAX_FILE_BYTES: u64 = 128 << 20;
/// Parts of speech, as the files' names have them.
const PARTS: [&str; 4] = ["noun", "verb", "adj", "adv"];
/// Kinds of file, each with the part of speech in its name.
const KINDS: [(&str, &str); 3] = [("index.", ""), ("data.", ""), ("", ".exc")];

/// Ending and what replaces it, by part of speech: the rules of morphy.
const ENDINGS: [&[(&str, &str)]; 4] = [
    &[
        ("s", ""),
        ("ses", "s"),
        ("ves", "f"),
        ("xes", "x"),
        ("zes", "z"),
        ("ches", "ch"),
        ("shes", "sh"),
        ("men", "man"),
        ("ies", "y"),
    ],
    &[("s", ""), ("ies", "y"), ("es", "e"), ("es", ""), ("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", "")],
    &[("er", ""), ("est", ""), ("er", "e"), ("est", "e")],
    &[],
];

/// Words that one thing is called by.
type Names = Box<[Box<str>]>;

/// Words, their meanings, and the names of each meaning.
#[derive(Debug)]
pub struct WordNet {
    /// By part of speech: a word's meanings, as indices into `meanings`.
    words: [HashMap<Box<str>, Box<[u32]>>; 4],
    /// By part of speech: base forms of irregular ones.
    exceptions: [HashMap<Box<str>, Names>; 4],
    /// Names of each meaning, by number, in WordNet's own case, those of several words left out.
    meanings: Vec<Box<[u32]>>,
    /// Names by number, and back.
    names: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32>,
    digest: String,
}

impl WordNet {
    /// Reads `index.*`, `data.*` and `*.exc` of nouns, verbs, adjectives and adverbs in a folder.
    ///
    /// # Errors
    /// A config fault that lists the files a folder lacks; a data fault with file and line for a malformed one.
    pub fn read(folder: &Path) -> Result<Self, Fault> {
        let path = |(before, after): (&str, &str), part: &str| folder.join(format!("{before}{part}{after}"));
        let all = KINDS.iter().flat_map(|kind| PARTS.map(|part| path(*kind, part)));
        let missing: Vec<String> = all
            .filter(|path| !path.is_file())
            .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
            .collect();
        if !missing.is_empty() {
            let what = format!("{} lacks {} of WordNet", folder.display(), missing.join(", "));
            return Err(Fault::config(what).help(
                "name the folder that holds index.noun, data.noun, noun.exc and so on, e.g. /usr/share/wordnet",
            ));
        }
        let mut digest = Digest::new("situs-wordnet-1");
        let mut net = Self {
            words: Default::default(),
            exceptions: Default::default(),
            meanings: Vec::new(),
            names: Vec::new(),
            numbers: HashMap::new(),
            digest: String::new(),
        };
        let [index, data, exceptions] = KINDS;
        for (at, part) in PARTS.into_iter().enumerate() {
            let mut text = |kind| {
                let path = path(kind, part);
                let text = read(&path)?;
                digest.text(&text);
                Ok::<(PathBuf, String), Fault>((path, text))
            };
            let (data_path, data) = text(data)?;
            let places = each_line(&data_path, &data, |line| net.add_meaning(line))?;
            let places: HashMap<u64, u32> = places.into_iter().collect();
            let (index_path, index) = text(index)?;
            net.words[at] =
                each_line(&index_path, &index, |line| word_of(line, &places))?.into_iter().collect();
            let (path, exceptions) = text(exceptions)?;
            net.exceptions[at] = each_line(&path, &exceptions, irregular)?.into_iter().collect();
        }
        net.digest = digest.hex();
        Ok(net)
    }

    /// Digest of all files read.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Calls `with` on every name of every meaning of a word in lower case, or of one of its base forms; names of several
    /// words are left out, and a name may come more than once.
    pub fn synonyms<'a>(&'a self, word: &str, mut with: impl FnMut(&'a str)) {
        self.names_of_meanings(word, |name| {
            if let Some(name) = self.names.get(name as usize) {
                with(name);
            }
        });
    }

    /// The number of a name, as [`WordNet::names_of_meanings`] gives it.
    pub(super) fn name(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    /// [`WordNet::synonyms`] by number.
    pub(super) fn names_of_meanings(&self, word: &str, mut with: impl FnMut(u32)) {
        let mut form = String::new();
        for (at, words) in self.words.iter().enumerate() {
            let mut look_up = |form: &str| {
                let meanings = words.get(form).into_iter().flat_map(|meanings| meanings.iter());
                let meanings = meanings.filter_map(|at| self.meanings.get(*at as usize));
                meanings.flat_map(|names| names.iter()).for_each(|name| with(*name));
            };
            look_up(word);
            if let Some(forms) = self.exceptions.get(at).and_then(|exceptions| exceptions.get(word)) {
                forms.iter().for_each(|form| look_up(form));
                continue;
            }
            for (ending, by) in ENDINGS.get(at).copied().unwrap_or_default() {
                if let Some(stem) = word.strip_suffix(ending) {
                    form.clear();
                    form.push_str(stem);
                    form.push_str(by);
                    look_up(&form);
                }
            }
        }
    }

    /// Takes in one line of a data file: `offset file kind count(hex) [name id]* ...`; gives offset and place.
    fn add_meaning(&mut self, line: &str) -> Option<(u64, u32)> {
        let mut fields = split(line);
        let offset = fields.next()?.parse().ok()?;
        let count = usize::from_str_radix(fields.nth(2)?, 16).ok()?;
        let mut names = Vec::new();
        for _ in 0..count {
            let name = without_marker(fields.next()?);
            fields.next()?;
            if !name.contains('_') {
                names.push(self.numbered(name)?);
            }
        }
        self.meanings.push(names.into());
        Some((offset, u32::try_from(self.meanings.len() - 1).ok()?))
    }

    fn numbered(&mut self, name: &str) -> Option<u32> {
        if let Some(number) = self.numbers.get(name) {
            return Some(*number);
        }
        let number = u32::try_from(self.names.len()).ok()?;
        self.names.push(name.into());
        self.numbers.insert(name.into(), number);
        Some(number)
    }
}

/// `galore(ip)` without the mark of where an adjective may stand.
fn without_marker(name: &str) -> &str {
    match name.strip_suffix(')').and_then(|name| name.rsplit_once('(')) {
        Some((plain, marker)) if !marker.contains(')') => plain,
        _ => name,
    }
}

/// One line of an index file: `word kind meanings pointers [pointer]* senses tagged [offset]*`.
fn word_of(line: &str, places: &HashMap<u64, u32>) -> Option<(Box<str>, Box<[u32]>)> {
    let mut fields = split(line);
    let word = fields.next()?;
    let count: usize = fields.nth(1)?.parse().ok()?;
    let pointers: usize = fields.next()?.parse().ok()?;
    let rest = fields.skip(pointers.checked_add(2)?);
    let meanings: Vec<u32> =
        rest.map(|offset| places.get(&offset.parse().ok()?).copied()).collect::<Option<_>>()?;
    (meanings.len() == count && count > 0).then(|| (word.into(), meanings.into()))
}

/// One line of an exception file: `form base*`.
fn irregular(line: &str) -> Option<(Box<str>, Names)> {
    let mut fields = split(line);
    Some((fields.next()?.into(), fields.map(Box::from).collect()))
}

/// What `reads` makes of each line that is neither empty nor a comment, which begins with a space.
fn each_line<T>(path: &Path, text: &str, mut reads: impl FnMut(&str) -> Option<T>) -> Result<Vec<T>, Fault> {
    let lines = text.lines().zip(1..).filter(|(line, _)| !line.starts_with(' ') && !line.is_empty());
    lines
        .map(|(line, number)| {
            reads(line).ok_or_else(|| {
                let start: String = line.chars().take(60).collect();
                Fault::data(format!("{}:{number}: not a line of WordNet: {start:?}", path.display()))
            })
        })
        .collect()
}

fn read(path: &Path) -> Result<String, Fault> {
    let length = std::fs::metadata(path).map_err(|error| file_fault("read", path, &error))?.len();
    if length > MAX_FILE_BYTES {
        let what = format!("{} has {length} bytes, more than any file of WordNet", path.display());
        return Err(Fault::data(what));
    }
    let bytes = std::fs::read(path).map_err(|error| file_fault("read", path, &error))?;
    String::from_utf8(bytes).map_err(|_| Fault::data(format!("{} is no UTF-8 text", path.display())))
}
