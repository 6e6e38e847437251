//! The features of all tiles as one row of tokens.

use crate::layers::{broken, floats, matrix};
use crate::pixels::{Grid, Patches};
use candle_core::Tensor;
use situs_core::fault::Fault;

/// How features are packed.
pub(super) struct Packing {
    /// Features along the side of a tile.
    pub(super) side: usize,
    /// The feature that ends a row.
    pub(super) newline: Vec<f32>,
}

impl Packing {
    /// Tokens of a picture whose tiles hold that grid of features: those of the whole picture, then row by row those of
    /// the tiles, each row with its mark.
    pub(super) fn tokens(&self, grid: Grid) -> usize {
        self.side * self.side + grid.rows * (grid.columns + 1)
    }

    /// Packs features `[patches, hidden]` of the whole picture and of its tiles, row by row. Rows and columns that show
    /// padding are left out.
    ///
    /// # Errors
    /// Another number of tiles than the patches tell.
    pub(super) fn pack(&self, seen: &[Tensor], patches: &Patches) -> Result<Tensor, Fault> {
        let [tile_rows, tile_columns] = patches.tiles.unwrap_or([0, 0]);
        let Grid { rows, columns, .. } = patches.grid;
        let [whole, tiles @ ..] = seen else { return Err(Fault::internal("a picture without features")) };
        let (high, wide) = (tile_rows * self.side, tile_columns * self.side);
        if tiles.len() != tile_rows * tile_columns || rows > high || columns > wide {
            return Err(Fault::internal(format!("{} tiles instead of {tile_rows} x {tile_columns}", tiles.len())));
        }
        let copied = |tensor: &Tensor| floats(tensor, |values| Ok(values.to_vec())).map_err(broken);
        let hidden = self.newline.len();
        let tiles = tiles.iter().map(copied).collect::<Result<Vec<_>, _>>()?;
        let mut packed = copied(whole)?;
        let (top, left) = ((high - rows) / 2, (wide - columns) / 2);
        for row in top..top + rows {
            for column in left..left + columns {
                let tile = &tiles[row / self.side * tile_columns + column / self.side];
                let within = row % self.side * self.side + column % self.side;
                packed.extend_from_slice(&tile[within * hidden..(within + 1) * hidden]);
            }
            packed.extend_from_slice(&self.newline);
        }
        matrix(packed, self.tokens(patches.grid), hidden).map_err(broken)
    }
}
