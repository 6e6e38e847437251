//! Activations times the transpose of a weight matrix.

use super::panel::{FEW_LANES, LANES, Strided, TILE, multiply, pack};
use crate::checkpoint::{Numbers, Weight};
use rayon::prelude::*;

/// Bytes of weights that a thread keeps at hand while it walks over the panels: they fit into the second cache.
const CHUNK_BYTES: usize = 256 << 10;

/// `out[i][j] = sum over k of rows[i][k] * weight[j][k] + bias[j]`; `rows` holds `count * depth` numbers, row by row.
///
/// `depth` and the width of the result are those of `weight`, a matrix `[width, depth]`.
pub(crate) fn product(rows: &[f32], weight: &Weight, bias: Option<&[f32]>) -> Vec<f32> {
    let (width, depth) = weight.matrix();
    let count = rows.len() / depth.max(1);
    if count == 0 || width == 0 {
        return Vec::new();
    }
    let lanes = if count <= FEW_LANES { FEW_LANES } else { LANES };
    let panels: Vec<Vec<f32>> = (0..count.div_ceil(lanes))
        .into_par_iter()
        .map(|panel| {
            let first = panel * lanes;
            let mut packed = Vec::new();
            let row = |lane: usize| &rows[(first + lane) * depth..(first + lane + 1) * depth];
            pack(count - first, depth, lanes, 1.0, row, &mut packed);
            packed
        })
        .collect();
    let padded = panels.len() * lanes;
    let chunk = (CHUNK_BYTES / (depth * 4)).next_multiple_of(TILE).clamp(TILE, TILE * 341);
    // Outputs lie as [j][panel][lane] first: so each thread writes its own piece.
    let mut turned = vec![0.0f32; width * padded];
    turned.par_chunks_mut(chunk * padded).enumerate().for_each(|(index, out)| {
        let first = index * chunk;
        let held = chunk.min(width - first);
        let mut widened = Vec::new();
        let values = match weight.numbers() {
            Numbers::F32(values) => &values[first * depth..(first + held) * depth],
            _ => {
                weight.widen(first * depth..(first + held) * depth, &mut widened);
                widened.as_slice()
            }
        };
        let weights = Strided { values, row: depth, column: 1 };
        if let [panel] = panels.as_slice() {
            multiply(panel, lanes, weights, held, out);
            return;
        }
        let mut piece = vec![0.0f32; held * lanes];
        for (at, panel) in panels.iter().enumerate() {
            multiply(panel, lanes, weights, held, &mut piece);
            for (out, piece) in out.chunks_exact_mut(padded).zip(piece.chunks_exact(lanes)) {
                out[at * lanes..(at + 1) * lanes].copy_from_slice(piece);
            }
        }
    });
    let mut result = vec![0.0f32; count * width];
    let block = LANES * 2;
    result.par_chunks_mut(block * width).enumerate().for_each(|(index, out)| {
        let first = index * block;
        for (j, outputs) in turned.chunks_exact(padded).enumerate() {
            let add = bias.map_or(0.0, |bias| bias[j]);
            let column = &outputs[first..(first + block).min(count)];
            for (row, value) in out.chunks_exact_mut(width).zip(column) {
                row[j] = value + add;
            }
        }
    });
    result
}
