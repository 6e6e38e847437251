//! Wrong patient: questions of other patients whose pictures can stand in for a question's own.

use crate::digest::{Digest, Draw};
use crate::fault::{Fault, file_fault};
use crate::question::Question;
use crate::run::plan::QuestionReader;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Donors that are tried before a question goes without.
const MOST_TRIED: usize = 8;

/// Where the questions of a run lie, by form and patient.
pub struct Donors {
    path: PathBuf,
    file: Mutex<File>,
    /// Questions by form, in a seeded order.
    forms: HashMap<u64, Vec<Entry>>,
    seed: u64,
}

#[derive(Clone, Copy)]
struct Entry {
    /// Place in the seeded order.
    turn: u64,
    cluster: u64,
    offset: u64,
    length: u32,
}

impl Donors {
    /// Indexes the planned questions of a run folder.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn index(folder: &Path, seed: u64) -> Result<Self, Fault> {
        let path = folder.join("questions.jsonl");
        let file = File::open(&path).map_err(|error| file_fault("read", &path, &error))?;
        let mut forms: HashMap<u64, Vec<Entry>> = HashMap::new();
        let draw = Draw::new(seed).of("wrong-patient");
        let mut questions = QuestionReader::open(folder)?;
        let mut offset = questions.position();
        while let Some(question) = questions.next() {
            let question = question?;
            let end = questions.position();
            let entry = Entry {
                turn: draw.of(&question.id).bits(),
                cluster: number(&question.cluster),
                offset,
                length: u32::try_from(end - offset).unwrap_or(u32::MAX),
            };
            for form in of(&question) {
                forms.entry(form).or_default().push(entry);
            }
            offset = end;
        }
        for entries in forms.values_mut() {
            entries.sort_unstable_by_key(|entry| (entry.turn, entry.offset));
        }
        Ok(Self { path, file: Mutex::new(file), forms, seed })
    }

    /// Questions of other patients, the likest form first, in a seeded order.
    ///
    /// # Errors
    /// When the questions cannot be read again.
    pub fn of(&self, question: &Question) -> Result<Vec<Question>, Fault> {
        let own = number(&question.cluster);
        let draw = Draw::new(self.seed).of("donor").of(&question.id);
        let mut found: Vec<Entry> = Vec::new();
        for form in of(question) {
            let Some(entries) = self.forms.get(&form) else { continue };
            let start = draw.below(entries.len());
            let (late, early) = (&entries[start..], &entries[..start]);
            for entry in late.iter().chain(early).filter(|entry| entry.cluster != own) {
                if found.len() == MOST_TRIED {
                    break;
                }
                if !found.iter().any(|known| known.offset == entry.offset) {
                    found.push(*entry);
                }
            }
        }
        found.into_iter().map(|entry| self.read(entry)).collect()
    }

    fn read(&self, entry: Entry) -> Result<Question, Fault> {
        let mut line = vec![0; entry.length as usize];
        {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(entry.offset))
                .and_then(|_| file.read_exact(&mut line))
                .map_err(|error| file_fault("read", &self.path, &error))?;
        }
        serde_json::from_slice(&line)
            .map_err(|error| Fault::data(error.to_string()).within(self.path.display()))
    }
}

/// Forms of a question from the most to the least alike: template with all factor levels, template with modality, any.
fn of(question: &Question) -> [u64; 3] {
    let form = |name: &str| Digest::new("situs-form-1").text(name).text(&question.template).clone();
    [
        form("levels").json(&question.facets).number(),
        form("template").text(question.facet("modality")).number(),
        Digest::new("situs-form-1").text("any").number(),
    ]
}

fn number(cluster: &str) -> u64 {
    Digest::new("situs-form-cluster-1").text(cluster).number()
}
