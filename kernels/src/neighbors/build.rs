//! The exact nearest rows of every row, by blocks of approximate products and exact second looks.

use super::live::{Live, Scratch};
use super::panel::{Hit, PANEL, Panel, Sieve, error_bound};
use super::{BuildFault, Embeddings, MOST_NEIGHBORS, NeighborTable, TableFault, ranking};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Rows of a band: what is done between two places where a build can be put aside.
const BAND: usize = 1024;

/// Rows of products that are searched before the floors are raised.
const STRIP: usize = 64;

/// Candidates kept beyond the neighbors asked for. An approximate score misplaces near ties only, so a few suffice; rows
/// where they do not are found out and redone.
const SPARE: usize = 8;

/// Told how many more pairs of rows are done; may be called from any thread.
pub type Tick<'a> = &'a (dyn Fn(u64) + Sync);

/// A neighbor table in the making.
///
/// Cosines are computed in single precision first: every pair once (the matrix of cosines is symmetric), tile by tile,
/// each tile scaled by the inverse norms and searched along its rows and along its columns. Of every row the `K + 8` best
/// are kept. Then the kept ones are computed again in f64, rounded to f32 and ranked, ties by id. A bound on the error of
/// the first pass says whether a row that was not kept could belong to the `K`; where it could, the row is compared with
/// all others again and every candidate within the bound is looked at in f64. So the table is exact, and the same on every
/// machine and for every number of threads.
///
/// Memory: `8 V (K + 7)` bytes for the kept candidates, `4 * 1024 * D` for a band, for each thread `4 * 512 * D` and 2 MiB
/// for a panel and a tile, and at the end the table itself, `8 V K + V`: 135 MB at V = 151,936, K = 32, D = 5,120 and two
/// threads. The matrix may be a mapped file.
///
/// ```
/// use situs_kernels::neighbors::{Build, Embeddings};
///
/// let rows = [1.0, 0.0, 0.0, 1.0, 1.0, 1.0];
/// let mut build = Build::new(Embeddings::from_values(&rows, 2)?, vec![1; 3], 2)?;
/// while build.advance(&|_| ()) {}
/// let (table, _) = build.finish(&|_| ())?;
/// assert_eq!(table.row(0), Some((&[0, 2][..], &[1.0, 0.5f32.sqrt()][..])));
/// # Ok::<(), situs_kernels::neighbors::BuildFault>(())
/// ```
pub struct Build<'a> {
    live: Live<'a>,
    content: Vec<u8>,
    k: usize,
    /// Candidates kept of each row.
    kept: usize,
    /// Candidates of the rows of each panel, `kept` a row, best first.
    panels: Vec<Mutex<Vec<u64>>>,
    bands_done: usize,
}

/// What a finished build tells of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Certified {
    /// Content rows that are not zero.
    pub rows: usize,
    /// Rows whose first candidates could not be proven complete and that were compared with all others again.
    pub redone: usize,
}

impl<'a> Build<'a> {
    /// Reads every content row once; `content` has a flag for each row, `k` counts the token itself.
    ///
    /// # Errors
    /// A shape outside its limits, another number of flags than rows, or a content row with a number that is not finite.
    pub fn new(embeddings: Embeddings<'a>, content: Vec<u8>, k: usize) -> Result<Self, BuildFault> {
        let (rows, flags) = (embeddings.rows(), content.len());
        if rows != flags {
            return Err(BuildFault::Flags { rows, flags });
        }
        if let Some((token, &found)) = content.iter().enumerate().find(|(_, flag)| **flag > 1) {
            return Err(BuildFault::Table(TableFault::ContentFlag { token, found }));
        }
        if !(1..=MOST_NEIGHBORS).contains(&k) {
            return Err(BuildFault::Table(TableFault::Shape { rows, k }));
        }
        let live = Live::find(embeddings, &content)?;
        let kept = k - 1 + SPARE;
        let count = live.tokens.len();
        let sizes = (0..count).step_by(PANEL).map(|first| PANEL.min(count - first));
        let panels = sizes.map(|size| Mutex::new(vec![ranking::FREE; size * kept])).collect();
        Ok(Self { live, content, k, kept, panels, bands_done: 0 })
    }

    /// Bands in all; one call of [`Build::advance`] does one.
    pub fn bands(&self) -> usize {
        // A token alone needs no comparison.
        if self.k == 1 { 0 } else { self.live.tokens.len().div_ceil(BAND) }
    }

    /// Bands done.
    pub fn bands_done(&self) -> usize {
        self.bands_done
    }

    /// Pairs of rows to compare in all, and how many of them are done.
    pub fn pairs(&self) -> (u64, u64) {
        let pairs = |rows: usize| rows as u64 * (rows as u64).saturating_sub(1) / 2;
        let count = if self.k == 1 { 0 } else { self.live.tokens.len() };
        let left = count.saturating_sub(self.bands_done * BAND);
        (pairs(count), pairs(count) - pairs(left))
    }

    /// Compares the next band of rows with itself and all later rows; `false` when none is left.
    pub fn advance(&mut self, tick: Tick<'_>) -> bool {
        if self.bands_done >= self.bands() {
            return false;
        }
        let count = self.live.tokens.len();
        let rows = self.bands_done * BAND..count.min((self.bands_done + 1) * BAND);
        let width = self.live.embeddings.width();
        let mut band = Panel::new(BAND.min(rows.len()), width);
        band.load(&self.live, rows.clone());
        let workspaces = Workspaces::new(width);
        (rows.start / PANEL..self.panels.len()).into_par_iter().with_max_len(1).for_each(|panel| {
            workspaces.with(|workspace| tick(self.compare(&band, &rows, panel, workspace)));
        });
        self.bands_done += 1;
        true
    }

    /// One tile: a band against a panel. Gives the number of pairs.
    fn compare(&self, band: &Panel, rows: &Range<usize>, index: usize, workspace: &mut Workspace) -> u64 {
        let Workspace { panel, dots, row_floor, column_floor, by_row, by_column, .. } = workspace;
        let first = index * PANEL;
        let count = PANEL.min(self.live.tokens.len() - first);
        panel.load(&self.live, first..first + count);
        // Rows past the end of the panel have their pairs with it in another tile.
        let height = rows.len().min(first + count - rows.start);
        band.products(height, panel, dots);
        for strip in (0..height).step_by(STRIP) {
            let size = STRIP.min(height - strip);
            let at = rows.start + strip;
            column_floor.fill(f32::INFINITY);
            self.floors(first..first + count, column_floor);
            self.floors(at..at + size, row_floor);
            let sieve = Sieve {
                row_inverse: &band.inverse[strip..strip + size],
                column_inverse: &panel.inverse,
                row_floor: &row_floor[..size],
                column_floor,
            };
            let dots = &dots[strip * PANEL..(strip + size) * PANEL];
            let admits = |row: usize, column: usize| column < count && first + column > at + row;
            self.live.arch.dispatch(|| sieve.run(dots, admits, by_row, by_column));
            // One lock at a time: on the diagonal both sides may be the same panel.
            if !by_row.is_empty() {
                let mut lists = lock(&self.panels[at / PANEL]);
                for hit in by_row.iter() {
                    let new = ranking::entry(hit.score, (first + hit.column) as u32);
                    ranking::insert(self.list(&mut lists, at + hit.row), new);
                }
            }
            if !by_column.is_empty() {
                let mut lists = lock(&self.panels[index]);
                for hit in by_column.iter() {
                    let new = ranking::entry(hit.score, (at + hit.row) as u32);
                    ranking::insert(self.list(&mut lists, first + hit.column), new);
                }
            }
        }
        (0..height).map(|row| count - (rows.start + row + 1).saturating_sub(first).min(count)).sum::<usize>()
            as u64
    }

    /// The scores that the rows of a range, all of one panel, ask of a new candidate.
    fn floors(&self, range: Range<usize>, floors: &mut [f32]) {
        let lists = lock(&self.panels[range.start / PANEL]);
        for (floor, position) in floors.iter_mut().zip(range) {
            let last = lists.get((position % PANEL + 1) * self.kept - 1);
            *floor = last.map_or(f32::INFINITY, |&last| ranking::score(last));
        }
    }

    /// The candidates of a position, in the lists of its panel.
    fn list<'b>(&self, lists: &'b mut [u64], position: usize) -> &'b mut [u64] {
        let first = position % PANEL * self.kept;
        &mut lists[first..first + self.kept]
    }

    /// Entries of the candidates in all.
    pub fn entries(&self) -> usize {
        self.live.tokens.len() * self.kept
    }

    /// Hands out the candidates so far, panel by panel, for [`Build::resume`].
    ///
    /// # Errors
    /// The first one of `visit`.
    pub fn visit<E>(&self, mut visit: impl FnMut(&[u64]) -> Result<(), E>) -> Result<(), E> {
        self.panels.iter().try_for_each(|panel| visit(&lock(panel)))
    }

    /// Goes on where another build of the same matrix, flags and `k` was put aside: `fill` is handed the room of the
    /// panels that the other one handed out, in the same order.
    ///
    /// # Errors
    /// [`BuildFault::State`] for what cannot be of such a build, or the first error of `fill`; this build then begins anew.
    pub fn resume<E: From<BuildFault>>(
        &mut self,
        bands_done: usize,
        mut fill: impl FnMut(&mut [u64]) -> Result<(), E>,
    ) -> Result<(), E> {
        if bands_done > self.bands() {
            return Err(BuildFault::State.into());
        }
        let count = self.live.tokens.len();
        let taken = self.panels.iter().enumerate().try_for_each(|(index, panel)| {
            let mut lists = lock(panel);
            fill(&mut lists)?;
            let sound = |(place, &entry): (usize, &u64)| {
                let position = ranking::position(entry) as usize;
                let own = index * PANEL + place / self.kept;
                entry == ranking::FREE || (position < count && position != own)
            };
            if lists.iter().enumerate().all(sound) { Ok(()) } else { Err(BuildFault::State.into()) }
        });
        match &taken {
            Ok(()) => self.bands_done = bands_done,
            Err(_) => {
                self.panels.iter().for_each(|panel| lock(panel).fill(ranking::FREE));
                self.bands_done = 0;
            }
        }
        taken
    }

    /// Rows of the finished table for some tokens, each from exact cosines with all other rows and nothing else: slow, for
    /// checks. Gives token, ids and similarities; `tick` counts rows.
    pub fn exact_rows(&self, tokens: &[u32], tick: Tick<'_>) -> Vec<(u32, Vec<u32>, Vec<f32>)> {
        let row = |&token: &u32| {
            let (mut ids, mut similarities) = (vec![token; self.k], vec![0.0; self.k]);
            if self.content.get(token as usize) == Some(&1) {
                similarities[0] = 1.0;
            }
            if let Ok(position) = self.live.tokens.binary_search(&token) {
                // No approximation to rely on: every score could be anything.
                let others = (0..self.live.tokens.len() as u32).filter(|&other| other as usize != position);
                let others: Vec<u64> = others.map(|other| ranking::entry(1.0, other)).collect();
                let mut best = vec![ranking::FREE; self.k - 1];
                self.live.rank(position, &others, 0.0, &mut best, &mut Scratch::default());
                self.fill(&best, &mut ids[1..], &mut similarities[1..]);
            }
            tick(1);
            (token, ids, similarities)
        };
        tokens.par_iter().with_max_len(1).map(row).collect()
    }

    /// Writes entries into the slots of a row; free ones leave it as it is.
    fn fill(&self, entries: &[u64], ids: &mut [u32], similarities: &mut [f32]) {
        for ((id, similarity), &entry) in ids.iter_mut().zip(similarities).zip(entries) {
            if entry == ranking::FREE {
                return;
            }
            if let Some(&neighbor) = self.live.tokens.get(ranking::position(entry) as usize) {
                (*id, *similarity) = (neighbor, ranking::score(entry));
            }
        }
    }

    /// Does what is left to do, ranks the candidates exactly, redoes the rows that cannot be certified. `tick` counts rows
    /// whose neighbors are final.
    ///
    /// # Errors
    /// A table that does not fit into memory's addresses.
    pub fn finish(self, tick: Tick<'_>) -> Result<(NeighborTable, Certified), BuildFault> {
        self.finish_unless(&AtomicBool::new(false), tick)
    }

    /// As [`Build::finish`], until `stop` is set.
    ///
    /// # Errors
    /// As [`Build::finish`], and [`BuildFault::Stopped`].
    pub fn finish_unless(
        mut self,
        stop: &AtomicBool,
        tick: Tick<'_>,
    ) -> Result<(NeighborTable, Certified), BuildFault> {
        let stopped = || if stop.load(Ordering::Relaxed) { Err(BuildFault::Stopped) } else { Ok(()) };
        while self.advance(&|_| ()) {
            stopped()?;
        }
        let uncertain = self.rank(stop, tick);
        stopped()?;
        self.complete(&uncertain, stop, tick)
    }

    /// Redoes the uncertain rows and writes the table.
    fn complete(
        mut self,
        uncertain: &[u32],
        stop: &AtomicBool,
        tick: Tick<'_>,
    ) -> Result<(NeighborTable, Certified), BuildFault> {
        let stopped = || if stop.load(Ordering::Relaxed) { Err(BuildFault::Stopped) } else { Ok(()) };
        for rows in uncertain.chunks(BAND) {
            self.redo(rows);
            stopped()?;
            tick(rows.len() as u64);
        }
        let mut table =
            NeighborTable::unused(std::mem::take(&mut self.content), self.k).map_err(BuildFault::Table)?;
        for token in (0..table.rows).filter(|&token| table.content[token] == 1) {
            table.similarities[token * self.k] = 1.0;
        }
        for (panel, tokens) in self.panels.iter().zip(self.live.tokens.chunks(PANEL)) {
            let lists = lock(panel);
            for (list, &token) in lists.chunks_exact(self.kept).zip(tokens) {
                let first = token as usize * self.k + 1;
                let slots = first..first + self.k - 1;
                self.fill(list, &mut table.ids[slots.clone()], &mut table.similarities[slots]);
            }
        }
        let certified = Certified { rows: self.live.tokens.len(), redone: uncertain.len() };
        Ok((table, certified))
    }

    /// The rows that take part.
    pub(crate) fn live(&self) -> &Live<'a> {
        &self.live
    }

    /// Candidates to be kept of each row.
    pub(crate) fn kept(&self) -> usize {
        self.kept
    }

    /// Finishes from candidates that were found elsewhere: of each position in order the lowest approximate entry, or
    /// [`ranking::FREE`] where fewer were found than are kept, and all of them with exact scores, in any order. `bound` is
    /// how far an approximate score may be from the exact one.
    pub(crate) fn finish_with(
        self,
        found: impl Iterator<Item = (u64, Vec<u64>)>,
        bound: f64,
        stop: &AtomicBool,
        tick: Tick<'_>,
    ) -> Result<(NeighborTable, Certified), BuildFault> {
        let mut uncertain = Vec::new();
        let mut count = 0;
        for (position, (lowest, mut exact)) in found.enumerate() {
            exact.sort_unstable_by(|a, b| b.cmp(a));
            let known = |entry: &u64| (ranking::position(*entry) as usize) < self.live.tokens.len();
            let panel = self.panels.get(position / PANEL).ok_or(BuildFault::State)?;
            if exact.len() > self.kept || !exact.iter().all(known) {
                return Err(BuildFault::State);
            }
            let mut lists = lock(panel);
            let best = &mut self.list(&mut lists, position)[..self.k - 1];
            best.fill(ranking::FREE);
            best.iter_mut().zip(&exact).for_each(|(slot, entry)| *slot = *entry);
            if may_lack(lowest, bound, best) {
                uncertain.push(position as u32);
            }
            count += 1;
        }
        if count != self.live.tokens.len() {
            return Err(BuildFault::State);
        }
        tick((count - uncertain.len()) as u64);
        self.complete(&uncertain, stop, tick)
    }

    /// Replaces the candidates of every row by the exact ranking of the best `k - 1` of them. Gives the positions of the
    /// rows that may lack a neighbor. Once `stop` is set, no further panel is begun.
    fn rank(&self, stop: &AtomicBool, tick: Tick<'_>) -> Vec<u32> {
        let bound = error_bound(self.live.embeddings.width());
        let rank_panel = |(index, panel): (usize, &Mutex<Vec<u64>>)| {
            if stop.load(Ordering::Relaxed) {
                return Vec::new();
            }
            let mut scratch = Scratch::default();
            let mut uncertain = Vec::new();
            let mut lists = lock(panel);
            for (row, list) in lists.chunks_exact_mut(self.kept).enumerate() {
                let position = index * PANEL + row;
                let lowest = list.last().copied().unwrap_or(ranking::FREE);
                let filled = list.partition_point(|&entry| entry != ranking::FREE);
                let others = list[..filled].to_vec();
                list.fill(ranking::FREE);
                let best = &mut list[..self.k - 1];
                self.live.rank(position, &others, bound, best, &mut scratch);
                if may_lack(lowest, bound, best) {
                    uncertain.push(position as u32);
                }
            }
            let rows = lists.len() / self.kept;
            tick((rows - uncertain.len()) as u64);
            uncertain
        };
        let uncertain: Vec<Vec<u32>> =
            self.panels.par_iter().enumerate().with_max_len(1).map(rank_panel).collect();
        uncertain.concat()
    }

    /// Compares some rows, at most [`BAND`], with all others and ranks exactly whatever may be among their best.
    fn redo(&self, rows: &[u32]) {
        let width = self.live.embeddings.width();
        let bound = error_bound(width);
        let mut band = Panel::new(rows.len(), width);
        band.load(&self.live, rows.iter().map(|&row| row as usize));
        let row_floor: Vec<f32> = rows
            .iter()
            .map(|&row| {
                let mut lists = lock(&self.panels[row as usize / PANEL]);
                let last = self.list(&mut lists, row as usize)[..self.k - 1].last().copied();
                ((ranking::below(last.unwrap_or(ranking::FREE)) - bound) as f32).next_down()
            })
            .collect();
        let workspaces = Workspaces::new(width);
        let search = |index: usize, workspace: &mut Workspace| {
            let Workspace { panel, dots, column_floor, by_row, by_column, scratch, .. } = workspace;
            let first = index * PANEL;
            let count = PANEL.min(self.live.tokens.len() - first);
            panel.load(&self.live, first..first + count);
            band.products(rows.len(), panel, dots);
            column_floor.fill(f32::INFINITY);
            for strip in (0..rows.len()).step_by(STRIP) {
                let these = strip..rows.len().min(strip + STRIP);
                let sieve = Sieve {
                    row_inverse: &band.inverse[these.clone()],
                    column_inverse: &panel.inverse,
                    row_floor: &row_floor[these.clone()],
                    column_floor,
                };
                let rows = &rows[these.clone()];
                let dots = &dots[these.start * PANEL..these.end * PANEL];
                let admits =
                    |row: usize, column: usize| column < count && first + column != rows[row] as usize;
                self.live.arch.dispatch(|| sieve.run(dots, admits, by_row, by_column));
                for hits in by_row.chunk_by(|a, b| a.row == b.row) {
                    let position = rows[hits[0].row] as usize;
                    let others: Vec<u64> = hits
                        .iter()
                        .map(|hit| ranking::entry(hit.score, (first + hit.column) as u32))
                        .collect();
                    let lists = &self.panels[position / PANEL];
                    let mut best = self.list(&mut lock(lists), position)[..self.k - 1].to_vec();
                    self.live.rank(position, &others, bound, &mut best, scratch);
                    let mut lists = lock(lists);
                    let list = &mut self.list(&mut lists, position)[..self.k - 1];
                    best.iter().for_each(|&entry| ranking::insert(list, entry));
                }
            }
        };
        (0..self.panels.len()).into_par_iter().with_max_len(1).for_each(|panel| {
            workspaces.with(|workspace| search(panel, workspace));
        });
    }
}

/// Whether a row that was not kept could belong to the best: if not, by the bound above the lowest kept, it would have
/// been kept.
fn may_lack(lowest: u64, bound: f64, best: &[u64]) -> bool {
    let reach = f64::from(ranking::score(lowest)) + bound;
    lowest != ranking::FREE && best.last().is_some_and(|&last| reach >= ranking::below(last))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What one thread needs for a tile.
struct Workspace {
    panel: Panel,
    dots: Vec<f32>,
    row_floor: Vec<f32>,
    column_floor: Vec<f32>,
    by_row: Vec<Hit>,
    by_column: Vec<Hit>,
    scratch: Scratch,
}

/// Workspaces that are handed from tile to tile; there are never more than threads.
struct Workspaces {
    width: usize,
    free: Mutex<Vec<Workspace>>,
}

impl Workspaces {
    fn new(width: usize) -> Self {
        Self { width, free: Mutex::new(Vec::new()) }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Workspace) -> T) -> T {
        let free = lock(&self.free).pop();
        let mut workspace = free.unwrap_or_else(|| Workspace {
            panel: Panel::new(PANEL, self.width),
            dots: vec![0.0; BAND * PANEL],
            row_floor: vec![0.0; STRIP],
            column_floor: vec![f32::INFINITY; PANEL],
            by_row: Vec::new(),
            by_column: Vec::new(),
            scratch: Scratch::default(),
        });
        let result = work(&mut workspace);
        lock(&self.free).push(workspace);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(values: &[f32], width: usize, content: &[u8], k: usize) -> Build<'static> {
        Build::new(Embeddings::from_values(values, width).unwrap(), content.to_vec(), k).unwrap()
    }

    /// Candidates as another machine may find them: scores off by up to `error`, the best of them kept.
    fn found_elsewhere(build: &Build<'_>, error: f32) -> Vec<(u64, Vec<u64>)> {
        let count = build.live.tokens.len();
        let all = |position: usize| {
            let others = (0..count as u32).filter(move |&other| other as usize != position);
            others.map(|other| ranking::entry(1.0, other)).collect::<Vec<u64>>()
        };
        (0..count)
            .map(|position| {
                let mut ranked = vec![ranking::FREE; count - 1];
                build.live.rank(position, &all(position), 0.0, &mut ranked, &mut Scratch::default());
                let noise = |entry: u64| {
                    let other = ranking::position(entry);
                    let part = (other.wrapping_mul(2_654_435_761) >> 8) as f32 / (1u32 << 23) as f32 - 1.0;
                    ranking::entry(ranking::score(entry) + error * part, other)
                };
                let mut kept: Vec<(u64, u64)> = ranked.iter().map(|&exact| (noise(exact), exact)).collect();
                kept.sort_unstable_by(|a, b| b.cmp(a));
                let lowest = kept.get(build.kept - 1).map_or(ranking::FREE, |(lowest, _)| *lowest);
                (lowest, kept.into_iter().take(build.kept).map(|(_, exact)| exact).rev().collect())
            })
            .collect()
    }

    #[test]
    fn candidates_found_elsewhere_make_the_same_table_however_rough_they_are() {
        let (rows, width, k) = (700, 9, 6);
        let mut state = 3u32;
        let values: Vec<f32> = (0..rows * width)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1u32 << 24) as f32 - 0.5
            })
            .collect();
        let content: Vec<u8> = (0..rows).map(|token| u8::from(token % 10 != 4)).collect();
        let fresh = || build(&values, width, &content, k);
        let (expected, _) = fresh().finish(&|_| ()).unwrap();
        let go_on = AtomicBool::new(false);
        for (error, some_redone) in [(0.0, false), (1e-4, false), (0.05, true), (0.5, true)] {
            let found = found_elsewhere(&fresh(), error);
            let finished = fresh().finish_with(found.into_iter(), f64::from(error) * 1.01, &go_on, &|_| ());
            let (table, certified) = finished.unwrap();
            assert_eq!(table, expected, "off by {error}");
            assert_eq!(certified.redone > 20, some_redone, "off by {error}: {certified:?}");
        }
    }

    #[test]
    fn candidates_of_another_matrix_are_refused() {
        let values: Vec<f32> = (0..40).map(|number| (number * 7 % 11) as f32 - 4.5).collect();
        let fresh = || build(&values, 4, &[1; 10], 3);
        let go_on = AtomicBool::new(false);
        let refused = |found: Vec<(u64, Vec<u64>)>| {
            fresh().finish_with(found.into_iter(), 0.0, &go_on, &|_| ()).unwrap_err()
        };
        let sound = found_elsewhere(&fresh(), 0.0);
        assert_eq!(refused(sound[..9].to_vec()), BuildFault::State);
        let mut outside = sound.clone();
        outside[3].1[0] = ranking::entry(0.5, 10);
        assert_eq!(refused(outside), BuildFault::State);
        let mut many = sound;
        many[0].1 = vec![ranking::entry(0.5, 1); 20];
        assert_eq!(refused(many), BuildFault::State);
    }
}
