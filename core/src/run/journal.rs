//! The journal: one finished request a line, appended and flushed to disk in small groups.
//!
//! A killed run leaves at most a torn last line, which is cut before anything is appended. Everything else about a run
//! can be derived again; what models replied cannot, so this file is the one that is never rewritten.

use crate::fault::{Fault, file_fault};
use crate::prompt::Part;
use crate::reply::Reply;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Longest line that is read, in bytes; a reply is text, and 64 MiB of it is a defect.
const MAX_LINE_BYTES: usize = 64 << 20;
/// Lines written between two flushes to disk, at most.
const GROUP: usize = 64;

/// Longest time that an appended line may wait for the next flush, once another is appended.
const LONGEST_UNSYNCED: Duration = Duration::from_secs(1);

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Line {
    /// The parts of a prompt, once per distinct prompt.
    Prompt {
        /// Prompt digest.
        id: String,
        /// Text, pictures and volumes by name.
        parts: Vec<Part>,
    },
    /// A finished request.
    Reply {
        /// Request id.
        request: String,
        /// Arm, or role for a consultation.
        arm: String,
        /// Question id, or the consultation's key.
        question: String,
        /// Trial.
        trial: u32,
        /// Prompt digest.
        prompt: String,
        /// The reply.
        reply: Reply,
    },
    /// A request that failed after all tries; asked again on the next run.
    Failed {
        /// Request id.
        request: String,
        /// Arm, or role.
        arm: String,
        /// Question id, or the consultation's key.
        question: String,
        /// Trial.
        trial: u32,
        /// Prompt digest.
        prompt: String,
        /// Why.
        fault: Fault,
    },
    /// A question that cannot be drawn by a renderer's rules.
    Dropped {
        /// Renderer identity.
        renderer: String,
        /// Question id.
        question: String,
        /// Why.
        reason: String,
    },
}

/// Where a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    offset: u64,
    length: u32,
}

/// What the journal holds, by identity; texts stay on disk. Identities are kept as numbers: a million of them fit.
#[derive(Debug, Default)]
pub struct Index {
    replies: HashMap<u128, Place>,
    failed: HashMap<u128, Place>,
    prompts: HashMap<u128, Place>,
    asked: HashMap<(u16, u128, u32), u128>,
    dropped: HashMap<(String, String), String>,
    arms: Vec<String>,
}

impl Index {
    /// Where the reply to a request is.
    pub fn reply(&self, request: &str) -> Option<Place> {
        self.replies.get(&identity(request)).copied()
    }

    /// Where the parts of a prompt are.
    pub fn prompt(&self, digest: &str) -> Option<Place> {
        self.prompts.get(&identity(digest)).copied()
    }

    /// Where the reply, else the fault, of an arm's question is.
    pub fn outcome(&self, arm: &str, question: &str, trial: u32) -> Option<Place> {
        let arm = self.arms.iter().position(|name| name == arm)? as u16;
        let request = self.asked.get(&(arm, identity(question), trial))?;
        self.replies.get(request).or_else(|| self.failed.get(request)).copied()
    }

    /// Whether an arm's question has a reply.
    pub fn answered(&self, arm: &str, question: &str, trial: u32) -> bool {
        let Some(arm) = self.arms.iter().position(|name| name == arm) else { return false };
        self.asked
            .get(&(arm as u16, identity(question), trial))
            .is_some_and(|request| self.replies.contains_key(request))
    }

    /// Why a renderer dropped a question, if it did.
    pub fn dropped(&self, renderer: &str, question: &str) -> Option<&str> {
        self.dropped.get(&(renderer.to_owned(), question.to_owned())).map(String::as_str)
    }

    /// Replies held.
    pub fn len(&self) -> usize {
        self.replies.len()
    }

    /// Whether nothing has been answered.
    pub fn is_empty(&self) -> bool {
        self.replies.is_empty()
    }

    fn arm(&mut self, name: &str) -> u16 {
        if let Some(index) = self.arms.iter().position(|known| known == name) {
            return index as u16;
        }
        self.arms.push(name.to_owned());
        (self.arms.len() - 1) as u16
    }

    fn add(&mut self, head: &Head<'_>, place: Place) {
        match head.kind.as_ref() {
            "prompt" => {
                self.prompts.insert(identity(&head.id), place);
            }
            "reply" | "failed" => {
                let request = identity(&head.request);
                let arm = self.arm(&head.arm);
                self.asked.insert((arm, identity(&head.question), head.trial), request);
                if head.kind == "reply" {
                    self.failed.remove(&request);
                    self.replies.insert(request, place);
                } else if !self.replies.contains_key(&request) {
                    self.failed.insert(request, place);
                }
            }
            "dropped" => {
                self.dropped
                    .insert((head.renderer.to_string(), head.question.to_string()), head.reason.to_string());
            }
            _ => {}
        }
    }

    /// Notes a line that was just appended.
    pub fn note(&mut self, line: &Line, place: Place) {
        let mut head = Head::default();
        match line {
            Line::Prompt { id, .. } => {
                head.kind = "prompt".into();
                head.id = id.into();
            }
            Line::Reply { request, arm, question, trial, .. }
            | Line::Failed { request, arm, question, trial, .. } => {
                head.kind = if matches!(line, Line::Reply { .. }) { "reply".into() } else { "failed".into() };
                head.request = request.into();
                head.arm = arm.into();
                head.question = question.into();
                head.trial = *trial;
            }
            Line::Dropped { renderer, question, reason } => {
                head.kind = "dropped".into();
                head.renderer = renderer.into();
                head.question = question.into();
                head.reason = reason.into();
            }
        }
        self.add(&head, place);
    }
}

/// A digest of 32 hexadecimal digits as a number; any other text by its hash.
pub(super) fn identity(text: &str) -> u128 {
    if text.len() == 32
        && let Ok(number) = u128::from_str_radix(text, 16)
    {
        return number;
    }
    let hash = crate::digest::Digest::new("situs-journal-identity-1").text(text).short();
    u128::from_str_radix(&hash, 16).unwrap_or_default()
}

/// An open journal.
pub struct Journal {
    path: PathBuf,
    writer: Mutex<Writer>,
    reader: Mutex<File>,
}

struct Writer {
    file: File,
    end: u64,
    unsynced: usize,
    synced: Instant,
    broken: Option<Fault>,
}

/// The fields of a line that the index needs; everything else is skipped.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Head<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    request: Cow<'a, str>,
    #[serde(borrow)]
    arm: Cow<'a, str>,
    #[serde(borrow)]
    question: Cow<'a, str>,
    trial: u32,
    #[serde(borrow)]
    renderer: Cow<'a, str>,
    #[serde(borrow)]
    reason: Cow<'a, str>,
}

impl Journal {
    /// Opens a journal, cuts a torn tail and indexes what is there.
    ///
    /// # Errors
    /// A data fault naming the line when something other than the tail is damaged.
    pub fn open(path: &Path) -> Result<(Self, Index), Fault> {
        let fail = |action: &str, error: std::io::Error| file_fault(action, path, &error);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)
            .map_err(|error| fail("open", error))?;
        let (index, end) = scan(&mut file, path)?;
        let length = file.metadata().map_err(|error| fail("read", error))?.len();
        if end < length {
            tracing::warn!("{}: cutting {} bytes of a torn last line", path.display(), length - end);
            file.set_len(end).map_err(|error| fail("cut", error))?;
            file.sync_all().map_err(|error| fail("flush", error))?;
        }
        file.seek(SeekFrom::Start(end)).map_err(|error| fail("seek in", error))?;
        let reader = File::open(path).map_err(|error| fail("open", error))?;
        let writer = Writer { file, end, unsynced: 0, synced: Instant::now(), broken: None };
        Ok((Self { path: path.to_owned(), writer: Mutex::new(writer), reader: Mutex::new(reader) }, index))
    }

    /// Appends lines together; they are on disk after the next [`Journal::flush`] at the latest.
    ///
    /// # Errors
    /// When the disk is full: the journal is cut back to its last whole line and takes no more.
    pub fn append(&self, lines: &[Line]) -> Result<Vec<Place>, Fault> {
        let mut bytes = Vec::new();
        let mut sizes = Vec::with_capacity(lines.len());
        for line in lines {
            let start = bytes.len();
            serde_json::to_writer(&mut bytes, line).map_err(|error| Fault::internal(error.to_string()))?;
            bytes.push(b'\n');
            sizes.push((bytes.len() - start) as u32);
        }
        let mut writer = lock(&self.writer);
        if let Some(fault) = &writer.broken {
            return Err(fault.clone());
        }
        let start = writer.end;
        if let Err(error) = writer.file.write_all(&bytes) {
            let fault = file_fault("append to", &self.path, &error)
                .help("the journal stays valid: make room and run the same command again");
            // Best effort: a tail that cannot be cut now is cut by the next run.
            let _ = writer.file.set_len(start);
            let _ = writer.file.sync_all();
            writer.broken = Some(fault.clone());
            return Err(fault);
        }
        writer.end += bytes.len() as u64;
        writer.unsynced += lines.len();
        if writer.unsynced >= GROUP || writer.synced.elapsed() >= LONGEST_UNSYNCED {
            sync(&mut writer, &self.path)?;
        }
        let mut offset = start;
        Ok(sizes
            .into_iter()
            .map(|length| {
                let place = Place { offset, length };
                offset += u64::from(length);
                place
            })
            .collect())
    }

    /// Puts all appended lines on disk.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn flush(&self) -> Result<(), Fault> {
        sync(&mut lock(&self.writer), &self.path)
    }

    /// Reads a line back.
    ///
    /// # Errors
    /// When the file was changed under our feet.
    pub fn read(&self, place: Place) -> Result<Line, Fault> {
        let mut bytes = vec![0; place.length as usize];
        {
            let mut reader = lock(&self.reader);
            reader
                .seek(SeekFrom::Start(place.offset))
                .and_then(|_| reader.read_exact(&mut bytes))
                .map_err(|error| file_fault("read", &self.path, &error))?;
        }
        serde_json::from_slice(&bytes).map_err(|error| {
            Fault::data(format!("{} at byte {}: {error}", self.path.display(), place.offset))
        })
    }
}

fn sync(writer: &mut Writer, path: &Path) -> Result<(), Fault> {
    if writer.unsynced > 0 {
        writer.file.sync_data().map_err(|error| file_fault("flush", path, &error))?;
        writer.unsynced = 0;
        writer.synced = Instant::now();
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Indexes a journal in blocks, so that a large one never stands in memory whole; gives the end of the last whole line.
fn scan(file: &mut File, path: &Path) -> Result<(Index, u64), Fault> {
    const BLOCK: usize = 16 << 20;
    let mut index = Index::default();
    let mut pending: Vec<u8> = Vec::new();
    let (mut start, mut lines) = (0u64, 0usize);
    loop {
        let old = pending.len();
        let read = Read::by_ref(file)
            .take(BLOCK as u64)
            .read_to_end(&mut pending)
            .map_err(|error| file_fault("read", path, &error))?;
        let whole = pending.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let (head, tail) = pending.split_at(whole);
        let at_end = read < BLOCK;
        let added = add_lines(&mut index, head, start, at_end && tail.is_empty(), &mut lines)
            .map_err(|fault| fault.within(path.display()))?;
        start += added as u64;
        if at_end {
            return Ok((index, start));
        }
        pending.drain(..whole);
        if pending.len() > MAX_LINE_BYTES && pending.len() == old + read {
            let what =
                format!("{}: line {} is longer than {MAX_LINE_BYTES} bytes", path.display(), lines + 1);
            return Err(Fault::data(what));
        }
    }
}

/// Adds whole lines; gives the bytes taken. A last line that cannot be read counts as torn, any other is a fault.
fn add_lines(
    index: &mut Index,
    bytes: &[u8],
    start: u64,
    is_end: bool,
    lines: &mut usize,
) -> Result<usize, Fault> {
    let list: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let heads: Vec<Result<Head<'_>, String>> = list
        .par_iter()
        .with_min_len(1024)
        .map(|line| serde_json::from_slice(line).map_err(|error| error.to_string()))
        .collect();
    let mut offset = 0;
    for (position, (line, head)) in list.iter().zip(heads).enumerate() {
        match head {
            Ok(head) => index.add(&head, Place { offset: start + offset as u64, length: line.len() as u32 }),
            Err(_) if is_end && position + 1 == list.len() => return Ok(offset),
            Err(error) => {
                return Err(Fault::data(format!("line {}: {error}", *lines + 1))
                    .help("the journal is damaged before its end; restore it or start in another folder"));
            }
        }
        *lines += 1;
        offset += line.len();
    }
    Ok(offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Draw;

    fn line(number: usize) -> Line {
        Line::Reply {
            request: format!("{number:032x}"),
            arm: "main".to_owned(),
            question: format!("{:032x}", number + 1000),
            trial: 0,
            prompt: "p".to_owned(),
            reply: Reply::text(format!("<answer>{number}</answer> \u{e9}")),
        }
    }

    #[test]
    fn a_journal_cut_at_any_byte_keeps_every_whole_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let (journal, _) = Journal::open(&path).unwrap();
        for number in 0..40 {
            journal.append(&[line(number)]).unwrap();
        }
        journal.flush().unwrap();
        drop(journal);
        let bytes = std::fs::read(&path).unwrap();
        for attempt in 0..50 {
            let cut = Draw::new(11).of(attempt).below(bytes.len() + 1);
            let whole = bytes[..cut].iter().filter(|byte| **byte == b'\n').count();
            std::fs::write(&path, &bytes[..cut]).unwrap();
            let (journal, mut index) = Journal::open(&path).unwrap();
            assert_eq!(index.len(), whole, "cut at byte {cut}");
            for number in whole..40 {
                let place = journal.append(&[line(number)]).unwrap()[0];
                index.note(&line(number), place);
            }
            journal.flush().unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), bytes, "cut at byte {cut}");
            let place = index.outcome("main", &format!("{:032x}", 1039), 0).unwrap();
            assert_eq!(journal.read(place).unwrap(), line(39));
        }
    }

    #[test]
    fn a_reply_replaces_a_failure_and_not_the_other_way_round() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let (journal, _) = Journal::open(&path).unwrap();
        let failed = |number: usize| Line::Failed {
            request: format!("{number:032x}"),
            arm: "main".to_owned(),
            question: format!("{:032x}", number + 1000),
            trial: 0,
            prompt: "p".to_owned(),
            fault: Fault::transient("500", None),
        };
        journal.append(&[failed(1), line(1), failed(2), line(3), failed(3)]).unwrap();
        journal.flush().unwrap();
        drop(journal);
        let (_, index) = Journal::open(&path).unwrap();
        let answered = |number: usize| index.answered("main", &format!("{:032x}", number + 1000), 0);
        assert!(answered(1) && !answered(2) && answered(3));
        assert!(index.outcome("main", &format!("{:032x}", 1002), 0).is_some(), "the failure itself is kept");
    }

    #[test]
    fn damage_before_the_end_is_named_by_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        std::fs::write(&path, "{\"kind\":\"dropped\"}\nrubbish\n{\"kind\":\"dropped\"}\n").unwrap();
        let error = Journal::open(&path).err().unwrap();
        assert!(error.what.contains("line 2"), "{error}");
    }
}
