//! The nearest tokens of every token: the table that samplers look neighbors up in.

mod build;
mod embeddings;
pub(crate) mod live;
mod panel;
pub(crate) mod ranking;

pub use build::{Build, Certified, Tick};
pub use embeddings::{Element, Embeddings, MOST_COLUMNS};

use std::fmt;

/// Most neighbors a row can hold: far above any use, small enough that a row stays a row.
pub const MOST_NEIGHBORS: usize = 1024;

/// Neighbor table of a vocabulary of `V` rows with `K` slots each, row-major.
///
/// A content token's row lists that token first with similarity 1, then others by falling cosine (rounded to f32),
/// ties by id. Unused slots come last and hold the row's own id with similarity 0: all slots of a token that is not
/// content, and the slots past the last neighbor where there are fewer than `K` or the token's embedding is zero.
#[derive(Debug, Clone, PartialEq)]
pub struct NeighborTable {
    /// Number of tokens, `V`.
    pub rows: usize,
    /// Slots of a row, `K`.
    pub k: usize,
    /// Neighbor ids, `[V, K]`.
    pub ids: Vec<u32>,
    /// Cosine similarities in -1 to 1, `[V, K]`.
    pub similarities: Vec<f32>,
    /// 1 for tokens of ordinary text, 0 for all others, `[V]`.
    pub content: Vec<u8>,
}

/// What makes a neighbor table unusable.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TableFault {
    /// No rows, more rows than 32-bit ids reach, no slots, or more than [`MOST_NEIGHBORS`].
    Shape {
        /// Rows.
        rows: usize,
        /// Slots of a row.
        k: usize,
    },
    /// An array does not have as many entries as the shape says.
    Length {
        /// Name of the array.
        array: &'static str,
        /// Entries it has.
        found: usize,
        /// Entries it should have.
        expected: usize,
    },
    /// A content flag is neither 0 nor 1.
    ContentFlag {
        /// Token id.
        token: usize,
        /// The flag.
        found: u8,
    },
    /// A neighbor's id is not below the number of rows.
    Id {
        /// Token id of the row.
        token: usize,
        /// Slot in the row.
        slot: usize,
        /// The id.
        found: u32,
        /// Number of rows.
        rows: usize,
    },
    /// A similarity is not a number from -1 to 1.
    Similarity {
        /// Token id of the row.
        token: usize,
        /// Slot in the row.
        slot: usize,
        /// The similarity.
        found: f32,
    },
    /// The first slot of a used row is not the token itself with similarity 1.
    SelfFirst {
        /// Token id of the row.
        token: usize,
    },
    /// A slot is used where none may be: the row or the neighbor is not content, or the slots before are unused.
    Used {
        /// Token id of the row.
        token: usize,
        /// Slot in the row.
        slot: usize,
    },
    /// A slot stands before one with a higher similarity, or with the same and a lower id.
    Order {
        /// Token id of the row.
        token: usize,
        /// Slot in the row.
        slot: usize,
    },
    /// A neighbor is listed twice.
    Twice {
        /// Token id of the row.
        token: usize,
        /// The neighbor.
        neighbor: u32,
    },
}

impl fmt::Display for TableFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape { rows, k } => write!(
                f,
                "a table of {rows} rows with {k} slots; there must be 1 to {} rows with 1 to {MOST_NEIGHBORS}",
                u32::MAX
            ),
            Self::Length { array, found, expected } => {
                write!(f, "{array} has {found} entries, the shape asks for {expected}")
            }
            Self::ContentFlag { token, found } => {
                write!(f, "the content flag of token {token} is {found}, neither 0 nor 1")
            }
            Self::Id { token, slot, found, rows } => {
                write!(f, "token {token}, slot {slot}: neighbor {found} of a table with {rows} rows")
            }
            Self::Similarity { token, slot, found } => {
                write!(f, "token {token}, slot {slot}: similarity {found} is not in -1 to 1")
            }
            Self::SelfFirst { token } => {
                write!(f, "token {token}: the first slot is not the token itself with similarity 1")
            }
            Self::Used { token, slot } => {
                write!(
                    f,
                    "token {token}, slot {slot}: used, though row or neighbor is not content or a gap precedes"
                )
            }
            Self::Order { token, slot } => {
                write!(f, "token {token}, slot {slot}: not in the order of falling similarity, then id")
            }
            Self::Twice { token, neighbor } => {
                write!(f, "token {token}: neighbor {neighbor} is listed twice")
            }
        }
    }
}

impl std::error::Error for TableFault {}

impl NeighborTable {
    /// A table in which no slot is used yet.
    ///
    /// # Errors
    /// A shape outside its limits.
    pub fn unused(content: Vec<u8>, k: usize) -> Result<Self, TableFault> {
        let rows = content.len();
        check_shape(rows, k)?;
        let slots = rows.checked_mul(k).ok_or(TableFault::Shape { rows, k })?;
        let ids = (0..rows as u32).flat_map(|token| std::iter::repeat_n(token, k)).collect();
        Ok(Self { rows, k, ids, similarities: vec![0.0; slots], content })
    }

    /// Ids and similarities of a token's row, `K` each; `None` for a token outside the table.
    pub fn row(&self, token: u32) -> Option<(&[u32], &[f32])> {
        let first = (token as usize).checked_mul(self.k)?;
        let slots = first..first.checked_add(self.k)?;
        Some((self.ids.get(slots.clone())?, self.similarities.get(slots)?))
    }

    /// Whether a token is ordinary text; `false` for a token outside the table.
    pub fn is_content(&self, token: u32) -> bool {
        self.content.get(token as usize).is_some_and(|&flag| flag == 1)
    }

    /// Checks all that a sampler relies on: shape, ids below `V`, similarities in -1 to 1, the token itself first with
    /// 1, falling order, no neighbor twice, none that is not content, unused slots last. A content row whose slots are
    /// all unused passes: its token has no neighbor, not even itself.
    ///
    /// # Errors
    /// The first violation, in the order of the rows.
    pub fn check(&self) -> Result<(), TableFault> {
        let (rows, k) = (self.rows, self.k);
        check_shape(rows, k)?;
        let slots = rows.checked_mul(k).ok_or(TableFault::Shape { rows, k })?;
        let lengths = [
            ("ids", self.ids.len(), slots),
            ("similarities", self.similarities.len(), slots),
            ("content", self.content.len(), rows),
        ];
        for (array, found, expected) in lengths {
            if found != expected {
                return Err(TableFault::Length { array, found, expected });
            }
        }
        if let Some((token, &found)) = self.content.iter().enumerate().find(|(_, flag)| **flag > 1) {
            return Err(TableFault::ContentFlag { token, found });
        }
        let mut sorted = Vec::with_capacity(k);
        let pairs = self.ids.chunks_exact(k).zip(self.similarities.chunks_exact(k));
        pairs
            .enumerate()
            .try_for_each(|(token, (ids, cosines))| self.check_row(token, ids, cosines, &mut sorted))
    }

    fn check_row(
        &self,
        token: usize,
        ids: &[u32],
        cosines: &[f32],
        sorted: &mut Vec<u32>,
    ) -> Result<(), TableFault> {
        let own = token as u32;
        let slots = || ids.iter().copied().zip(cosines.iter().copied()).enumerate();
        for (slot, (id, cosine)) in slots() {
            if id as usize >= self.rows {
                return Err(TableFault::Id { token, slot, found: id, rows: self.rows });
            }
            if !(-1.0..=1.0).contains(&cosine) {
                return Err(TableFault::Similarity { token, slot, found: cosine });
            }
        }
        let unused = |(id, cosine): (u32, f32)| id == own && cosine == 0.0;
        if slots().all(|(_, pair)| unused(pair)) {
            return Ok(());
        }
        if !self.is_content(own) {
            return Err(TableFault::Used { token, slot: 0 });
        }
        if slots().next().is_none_or(|(_, pair)| pair != (own, 1.0)) {
            return Err(TableFault::SelfFirst { token });
        }
        sorted.clear();
        let mut before = None;
        let mut gap = false;
        for (slot, (id, cosine)) in slots().skip(1) {
            if unused((id, cosine)) {
                gap = true;
                continue;
            }
            if gap || !self.is_content(id) {
                return Err(TableFault::Used { token, slot });
            }
            if before.is_some_and(|(last, high)| cosine > high || (cosine == high && id < last)) {
                return Err(TableFault::Order { token, slot });
            }
            before = Some((id, cosine));
            sorted.push(id);
        }
        sorted.push(own);
        sorted.sort_unstable();
        match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(TableFault::Twice { token, neighbor: pair[0] }),
            None => Ok(()),
        }
    }
}

/// Why no table can be built.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BuildFault {
    /// The bytes are not a matrix of that shape, or the shape is outside its limits.
    Matrix {
        /// Rows.
        rows: usize,
        /// Numbers in a row.
        width: usize,
        /// Bytes there are.
        bytes: usize,
    },
    /// There must be a content flag for each row.
    Flags {
        /// Rows of the matrix.
        rows: usize,
        /// Flags.
        flags: usize,
    },
    /// A content token's row holds a number that is NaN or infinite.
    NotFinite {
        /// Token id.
        token: usize,
        /// Column of the number.
        column: usize,
    },
    /// The state is not of a build of this matrix.
    State,
    /// It was asked to stop.
    Stopped,
    /// The table cannot have that form.
    Table(TableFault),
}

impl fmt::Display for BuildFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Matrix { rows, width, bytes } => write!(
                f,
                "{bytes} bytes are no embedding matrix of {rows} rows and {width} columns, of which there may be {} and \
                 {MOST_COLUMNS}",
                u32::MAX
            ),
            Self::Flags { rows, flags } => write!(f, "{flags} content flags for {rows} embedding rows"),
            Self::NotFinite { token, column } => {
                write!(f, "the embedding of token {token} is not finite in column {column}")
            }
            Self::State => f.write_str("the candidates put aside are not those of this build"),
            Self::Stopped => f.write_str("stopped before the table was finished"),
            Self::Table(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for BuildFault {}

fn check_shape(rows: usize, k: usize) -> Result<(), TableFault> {
    let fits = (1..=u32::MAX as usize).contains(&rows) && (1..=MOST_NEIGHBORS).contains(&k);
    if fits { Ok(()) } else { Err(TableFault::Shape { rows, k }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tokens 0 and 1 are neighbors with cosine 0.5, token 2 is not content.
    fn small() -> NeighborTable {
        NeighborTable {
            rows: 3,
            k: 3,
            ids: vec![0, 1, 0, 1, 0, 1, 2, 2, 2],
            similarities: vec![1.0, 0.5, 0.0, 1.0, 0.5, 0.0, 0.0, 0.0, 0.0],
            content: vec![1, 1, 0],
        }
    }

    #[test]
    fn rows_are_looked_up_by_token() {
        let table = small();
        assert_eq!(table.check(), Ok(()));
        assert_eq!(table.row(1), Some((&[1, 0, 1][..], &[1.0, 0.5, 0.0][..])));
        assert_eq!(table.row(3), None);
        assert_eq!(table.row(u32::MAX), None);
        assert!(table.is_content(0) && !table.is_content(2) && !table.is_content(3));
    }

    #[test]
    fn an_unused_table_is_sound() {
        let table = NeighborTable::unused(vec![1, 0], 2).unwrap();
        assert_eq!(table.ids, [0, 0, 1, 1]);
        assert_eq!(table.check(), Ok(()));
        assert_eq!(NeighborTable::unused(vec![1], 0), Err(TableFault::Shape { rows: 1, k: 0 }));
        assert_eq!(NeighborTable::unused(vec![], 1), Err(TableFault::Shape { rows: 0, k: 1 }));
    }

    #[test]
    fn every_violation_has_a_name() {
        let broken = |change: fn(&mut NeighborTable)| {
            let mut table = small();
            change(&mut table);
            table.check().unwrap_err()
        };
        assert_eq!(broken(|t| t.k = 0), TableFault::Shape { rows: 3, k: 0 });
        let short = TableFault::Length { array: "ids", found: 8, expected: 9 };
        assert_eq!(broken(|t| t.ids.truncate(8)), short);
        assert_eq!(broken(|t| t.content[1] = 2), TableFault::ContentFlag { token: 1, found: 2 });
        assert_eq!(broken(|t| t.ids[1] = 3), TableFault::Id { token: 0, slot: 1, found: 3, rows: 3 });
        let high = TableFault::Similarity { token: 0, slot: 1, found: 1.5 };
        assert_eq!(broken(|t| t.similarities[1] = 1.5), high);
        assert!(matches!(broken(|t| t.similarities[1] = f32::NAN), TableFault::Similarity { .. }));
        assert_eq!(broken(|t| t.similarities[0] = 0.9), TableFault::SelfFirst { token: 0 });
        assert_eq!(broken(|t| t.ids[0] = 1), TableFault::SelfFirst { token: 0 });
        assert_eq!(broken(|t| t.ids[1] = 2), TableFault::Used { token: 0, slot: 1 });
        assert_eq!(broken(|t| t.similarities[6] = 1.0), TableFault::Used { token: 2, slot: 0 });
        let gap = |t: &mut NeighborTable| {
            (t.ids[1], t.ids[2], t.similarities[1], t.similarities[2]) = (0, 1, 0.0, 0.5)
        };
        assert_eq!(broken(gap), TableFault::Used { token: 0, slot: 2 });
        let twice = |t: &mut NeighborTable| (t.ids[2], t.similarities[2]) = (1, 0.4);
        assert_eq!(broken(twice), TableFault::Twice { token: 0, neighbor: 1 });
        let order = |t: &mut NeighborTable| (t.content[2], t.ids[2], t.similarities[2]) = (1, 2, 0.6);
        assert_eq!(broken(order), TableFault::Order { token: 0, slot: 2 });
    }
}
