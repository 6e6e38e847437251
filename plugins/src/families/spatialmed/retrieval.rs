//! Passages of a user's own texts that go with a question, by BM25.

use bm25::{SearchEngine, SearchEngineBuilder, Tokenizer};
use situs_core::digest::Digest;
use situs_core::fault::{Fault, file_fault};
use std::path::Path;

/// Most files of a folder.
const MOST_FILES: usize = 100_000;
/// Largest file, in bytes.
const MOST_FILE_BYTES: u64 = 1 << 20;
/// Characters of a passage that a prompt carries.
const PASSAGE_CHARS: usize = 2000;
/// Endings of files that are read.
const ENDINGS: [&str; 2] = ["txt", "md"];
/// Words that tell nothing.
const STOP_WORDS: [&str; 24] = [
    "a", "an", "and", "are", "as", "at", "be", "between", "by", "for", "from", "in", "is", "it", "of", "on", "or", "that",
    "the", "their", "this", "to", "was", "with",
];

/// Lower-case words without stop words.
struct Words;

impl Tokenizer for Words {
    fn tokenize(&self, text: &str) -> Vec<String> {
        text.split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .filter(|word| !STOP_WORDS.contains(&word.as_str()))
            .collect()
    }
}

/// Texts of a folder, one passage a paragraph.
pub(super) struct Library {
    engine: SearchEngine<u32, u32, Words>,
    passages: Vec<String>,
    /// Digest of all passages.
    pub(super) digest: String,
}

impl Library {
    /// Reads the `.txt` and `.md` files of a folder, in order of name; paragraphs are parted by empty lines.
    ///
    /// # Errors
    /// A folder that cannot be read or holds no text.
    pub(super) fn open(folder: &Path) -> Result<Self, Fault> {
        let listed = std::fs::read_dir(folder).map_err(|error| file_fault("list", folder, &error))?;
        let mut files = Vec::new();
        for entry in listed {
            let path = entry.map_err(|error| file_fault("list", folder, &error))?.path();
            let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
            if ENDINGS.contains(&ending) && path.is_file() {
                files.push(path);
            }
            if files.len() > MOST_FILES {
                return Err(Fault::data(format!("{} holds more than {MOST_FILES} texts", folder.display())));
            }
        }
        files.sort();
        let mut passages = Vec::new();
        for path in files {
            let size = std::fs::metadata(&path).map_err(|error| file_fault("read", &path, &error))?.len();
            if size > MOST_FILE_BYTES {
                return Err(Fault::data(format!(
                    "{} has {size} bytes, a text at most {MOST_FILE_BYTES}",
                    path.display()
                ))
                .help("split it into several files"));
            }
            let bytes = std::fs::read(&path).map_err(|error| file_fault("read", &path, &error))?;
            let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
            let paragraphs = text.split("\n\n").map(str::trim).filter(|passage| !passage.is_empty());
            passages.extend(paragraphs.map(|passage| passage.chars().take(PASSAGE_CHARS).collect::<String>()));
        }
        if passages.is_empty() {
            return Err(Fault::data(format!("{} holds no .txt or .md file with text", folder.display())));
        }
        let mut digest = Digest::new("spatialmed-library-1");
        passages.iter().for_each(|passage| {
            digest.text(passage);
        });
        let engine =
            SearchEngineBuilder::<u32, u32, Words>::with_tokenizer_and_corpus(Words, passages.iter().map(String::as_str))
                .build();
        Ok(Self { engine, passages, digest: digest.short() })
    }

    /// The passages nearest to a query, best first; equal ones in order of the files.
    pub(super) fn search(&self, query: &str, count: usize) -> Vec<&str> {
        let mut found: Vec<(f32, u32)> = self
            .engine
            .search(query, self.passages.len())
            .into_iter()
            .map(|result| (result.score, result.document.id))
            .collect();
        found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        found
            .into_iter()
            .take(count)
            .filter_map(|(_, id)| self.passages.get(id as usize))
            .map(String::as_str)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_passage_about_the_organ_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("a.txt"),
            "The spleen lies on the left.\n\nThe volume of the liver is about 1500 cm3.",
        )
        .unwrap();
        std::fs::write(folder.path().join("b.md"), "The volume of a stomach varies widely.").unwrap();
        std::fs::write(folder.path().join("c.pdf"), "liver liver liver volume").unwrap();
        let library = Library::open(folder.path()).unwrap();
        let found = library.search("The volume of the liver", 5);
        assert_eq!(found, ["The volume of the liver is about 1500 cm3.", "The volume of a stomach varies widely."]);
        assert_eq!(library.search("knee", 5), Vec::<&str>::new());
        let empty = tempfile::tempdir().unwrap();
        assert!(Library::open(empty.path()).err().unwrap().what.contains("holds no .txt"));
    }
}
