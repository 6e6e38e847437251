//! Several judges and what they say of every item of an arm.

use super::asking::{Asking, Join, Matching};
use super::items::{Item, ordered};
use super::template::Template;
use super::verdict_file::VerdictFile;
use super::votes::{Vote, read_votes};
use situs_core::build_context::BuildContext;
use situs_core::fault::Fault;
use situs_core::prompt::Prompt;
use situs_core::record::Record;
use situs_core::reply::{Consultation, Finish, Key, Replies};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Stands for the arm's name in the path of a verdict file.
const ARM: &str = "{arm}";

/// Who votes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rater {
    /// A model bound to a role.
    Role(String),
    /// A file of verdicts; `{arm}` in its path stands for the arm.
    File(String, PathBuf),
}

impl Rater {
    /// Name as in the config.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Role(name) | Self::File(name, _) => name,
        }
    }
}

/// Arm, question, trial.
type ItemKey = (String, String, u32);

/// Judges with one way of asking them.
#[derive(Debug)]
pub(crate) struct Panel {
    raters: Vec<Rater>,
    asking: Asking,
    join: Join,
    template: Template,
    files: Mutex<HashMap<PathBuf, Arc<VerdictFile>>>,
    /// Votes in the order of raters, as of the last call of [`Panel::consult`]: an item's batch, and with it the
    /// meaning of a reply, is known only where all items are seen together.
    votes: Mutex<BTreeMap<ItemKey, Vec<Vote>>>,
}

impl Panel {
    /// The pool of consultations that all judging metrics share.
    pub(crate) const POOL: &str = "judging";

    /// A panel of roles, then files.
    ///
    /// # Errors
    /// Nobody to vote, one name twice, settings that cannot work, a template or file that is not there.
    pub(crate) fn of(
        roles: &[String],
        files: &BTreeMap<String, PathBuf>,
        asking: &Asking,
        join: Join,
        cx: &BuildContext,
    ) -> Result<Self, Fault> {
        let in_asking = |fault: Fault| if fault.at.is_empty() { fault } else { fault.at("asking") };
        asking.check().map_err(in_asking)?;
        let mut raters: Vec<Rater> = roles.iter().cloned().map(Rater::Role).collect();
        for (name, path) in files {
            let path = cx.path(path);
            if !path.to_string_lossy().contains(ARM) && !path.is_file() {
                let what = format!("there is no file {}", path.display());
                return Err(Fault::config(what).at(name.as_str()).at("files"));
            }
            raters.push(Rater::File(name.clone(), path));
        }
        if let Some(twice) = raters
            .iter()
            .enumerate()
            .find(|(at, rater)| raters.iter().skip(at + 1).any(|other| other.name() == rater.name()))
        {
            return Err(Fault::config(format!("'{}' votes twice", twice.1.name())).at("roles"));
        }
        Ok(Self {
            raters,
            asking: asking.clone(),
            join,
            template: Template::of(asking, cx).map_err(in_asking)?,
            files: Mutex::default(),
            votes: Mutex::default(),
        })
    }

    /// Who votes, in the order of votes.
    pub(crate) fn raters(&self) -> &[Rater] {
        &self.raters
    }

    /// Everything about the asking that decides a verdict, e.g. `match:index|batch:5|...|prompt:sha256:...`.
    pub(crate) fn signature(&self) -> String {
        let Asking { batch, retries, ask_empty, longest, temperature, max_tokens, .. } = &self.asking;
        let names: Vec<&str> = self.raters.iter().map(Rater::name).collect();
        let matching = match self.asking.matching {
            Matching::Index => "index",
            Matching::Position => "position",
        };
        let join = match self.join {
            Join::Item => "item",
            Join::Row => "row",
        };
        let or_server = |value: Option<String>| value.unwrap_or_else(|| "server".to_owned());
        format!(
            "judges:{}|join:{join}|match:{matching}|batch:{batch}|retries:{retries}|empty:{}|longest:{longest}|temp:{}|\
             max:{}|prompt:sha256:{}",
            names.join(","),
            if *ask_empty { "asked" } else { "wrong" },
            or_server(temperature.map(|value| value.to_string())),
            or_server(max_tokens.map(|value| value.to_string())),
            self.template.sha256()
        )
    }

    /// What still has to be asked, and the votes as far as they are known now.
    ///
    /// # Errors
    /// A prompt that cannot be filled in; a verdict file that cannot be read.
    pub(crate) fn consult(&self, records: &[Record], replies: &Replies) -> Result<Vec<Consultation>, Fault> {
        let items = ordered(records);
        let mut needs = Vec::new();
        let mut columns = Vec::new();
        for rater in &self.raters {
            columns.push(match rater {
                Rater::Role(role) => self.asked(role, &items, replies, &mut needs)?,
                Rater::File(_, path) => self.read(path, &items)?,
            });
        }
        let mut table = self.votes.lock().unwrap_or_else(PoisonError::into_inner);
        for (at, item) in items.iter().enumerate() {
            let votes =
                columns.iter().map(|column| column.get(at).copied().unwrap_or(Vote::Absent)).collect();
            table.insert(item.key(), votes);
        }
        Ok(needs)
    }

    /// The votes on one record, in the order of raters; `None` before it was seen by [`Panel::consult`]. Joined by row,
    /// a vote is whatever each judge has at the item's row.
    pub(crate) fn votes(&self, record: &Record) -> Option<Vec<Vote>> {
        let table = self.votes.lock().unwrap_or_else(PoisonError::into_inner);
        table.get(&Item { record }.key()).cloned()
    }

    /// Votes of a model, one an item; what is not known yet is asked for.
    fn asked(
        &self,
        role: &str,
        items: &[Item<'_>],
        replies: &Replies,
        needs: &mut Vec<Consultation>,
    ) -> Result<Vec<Vote>, Fault> {
        let mut votes = Vec::with_capacity(items.len());
        // Failed requests keep their place in the batches: once they are answered, no other batch changes.
        let groups = groups(items).into_iter().filter_map(|(range, _)| items.get(range));
        for slots in groups.flat_map(|group| group.chunks(self.asking.batch)) {
            let asked: Vec<Item<'_>> = slots.iter().copied().filter(|item| self.is_asked(item)).collect();
            let mut verdicts = self.batch(role, &asked, replies, needs)?.into_iter();
            votes.extend(slots.iter().map(|item| match (item.is_there(), self.is_asked(item)) {
                (_, true) => verdicts.next().unwrap_or(Vote::Unknown),
                (true, false) => Vote::No,
                (false, _) => Vote::Absent,
            }));
        }
        Ok(self.laid_out(votes, items))
    }

    fn is_asked(&self, item: &Item<'_>) -> bool {
        item.is_there() && (self.asking.ask_empty || !item.prediction().is_empty())
    }

    fn batch(
        &self,
        role: &str,
        items: &[Item<'_>],
        replies: &Replies,
        needs: &mut Vec<Consultation>,
    ) -> Result<Vec<Vote>, Fault> {
        let Some(first) = items.first() else { return Ok(Vec::new()) };
        let key = key(role, first, "together");
        let mut votes = match reply(replies, &key) {
            Known::Said(text) => read_votes(text, items.len(), self.asking.matching),
            Known::Nothing => vec![Vote::Unknown; items.len()],
            Known::NotYet => {
                needs.push(self.need(role, key, items, 0)?);
                return Ok(vec![Vote::Unknown; items.len()]);
            }
        };
        for (item, vote) in items.iter().zip(&mut votes).filter(|(_, vote)| **vote == Vote::Unknown) {
            *vote = self.alone(role, item, replies, needs)?;
        }
        Ok(votes)
    }

    /// Asks about one item alone, again and again, until there is a verdict, a request fails, or patience ends.
    fn alone(
        &self,
        role: &str,
        item: &Item<'_>,
        replies: &Replies,
        needs: &mut Vec<Consultation>,
    ) -> Result<Vote, Fault> {
        for again in 1..=self.asking.retries {
            let key = key(role, item, &format!("alone {again}"));
            match reply(replies, &key) {
                Known::Said(text) => {
                    if let Some(vote @ (Vote::Yes | Vote::No)) =
                        read_votes(text, 1, self.asking.matching).first().copied()
                    {
                        return Ok(vote);
                    }
                }
                Known::Nothing => break,
                Known::NotYet => {
                    needs.push(self.need(role, key, std::slice::from_ref(item), again)?);
                    break;
                }
            }
        }
        Ok(Vote::Unknown)
    }

    fn need(&self, role: &str, key: Key, items: &[Item<'_>], again: u32) -> Result<Consultation, Fault> {
        Ok(Consultation {
            key,
            role: role.to_owned(),
            prompt: Prompt::text(self.template.about(items, again)?),
            sampling: self.asking.sampling(),
        })
    }

    /// Votes of a file, one an item.
    fn read(&self, path: &Path, items: &[Item<'_>]) -> Result<Vec<Vote>, Fault> {
        let mut votes = vec![Vote::Absent; items.len()];
        for (range, arm) in groups(items) {
            let path = PathBuf::from(path.to_string_lossy().replace(ARM, arm));
            let file = self.file(&path)?;
            let (Some(items), Some(votes)) = (items.get(range.clone()), votes.get_mut(range)) else {
                continue;
            };
            match self.join {
                Join::Item => {
                    for (item, vote) in items.iter().zip(votes) {
                        *vote = file.vote_on(item).map_err(|fault| fault.within(path.display()))?;
                    }
                }
                Join::Row => {
                    let there = items.iter().zip(votes).filter(|(item, _)| item.is_there());
                    there.zip(file.rows()).for_each(|((_, vote), row)| *vote = *row);
                }
            }
        }
        Ok(votes)
    }

    fn file(&self, path: &Path) -> Result<Arc<VerdictFile>, Fault> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = files.get(path) {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(VerdictFile::read(path)?);
        files.insert(path.to_owned(), Arc::clone(&file));
        Ok(file)
    }

    /// Joined by row, a judge's list closes up where it dropped an item: from there on, votes stand beside other items.
    fn laid_out(&self, votes: Vec<Vote>, items: &[Item<'_>]) -> Vec<Vote> {
        if self.join == Join::Item {
            return votes;
        }
        let mut rows = vec![Vote::Absent; votes.len()];
        for (range, _) in groups(items) {
            let (Some(group), Some(votes), Some(rows)) =
                (items.get(range.clone()), votes.get(range.clone()), rows.get_mut(range))
            else {
                continue;
            };
            let listed = votes.iter().filter(|vote| **vote != Vote::Absent);
            let places = group.iter().zip(rows).filter(|(item, _)| item.is_there());
            places.zip(listed).for_each(|((_, row), vote)| *row = *vote);
        }
        rows
    }
}

/// Ranges of items that share arm and trial, with the arm's name.
fn groups<'a>(items: &[Item<'a>]) -> Vec<(Range<usize>, &'a str)> {
    let mut start = 0;
    items
        .chunk_by(|a, b| (&a.record.arm, a.record.trial) == (&b.record.arm, b.record.trial))
        .filter_map(|group| {
            let range = start..start + group.len();
            start = range.end;
            Some((range, group.first()?.record.arm.as_str()))
        })
        .collect()
}

fn key(role: &str, item: &Item<'_>, how: &str) -> Key {
    let (_, question, trial) = item.key();
    Key { about: question, name: format!("{role}, trial {trial}, {how}") }
}

/// What is known of a consultation.
enum Known<'a> {
    Said(&'a str),
    Nothing,
    NotYet,
}

fn reply<'a>(replies: &'a Replies, key: &Key) -> Known<'a> {
    match replies.get(&key.about, &key.name) {
        Some(reply) if reply.finish == Finish::Refused => Known::Said(""),
        Some(reply) => Known::Said(&reply.text),
        None if replies.failed(key) => Known::Nothing,
        None => Known::NotYet,
    }
}
