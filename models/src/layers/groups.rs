//! Attention of rows over those of their own group, both ways.

use super::floats::{floats, matrix};
use crate::compute::{Keyed, Query, attend};
use candle_core::{Result, Tensor};
use std::ops::Range;

/// Attention with `heads` heads of rows that hold `count x width` numbers each, whatever their shape; `groups` cover all
/// rows in order, and a row sees its own group. Gives `[count, width]`.
///
/// # Errors
/// None for three tensors of one size.
pub(crate) fn attend_groups(
    query: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    heads: usize,
    groups: &[Range<usize>],
) -> Result<Tensor> {
    let count = groups.last().map_or(0, |group| group.end);
    let width = query.elem_count() / count.max(1);
    let head = width / heads;
    let mixed = floats(query, |query| {
        floats(keys, |keys| {
            floats(values, |values| {
                let mut mixed = Vec::with_capacity(query.len());
                for group in groups {
                    let part = group.start * width..group.end * width;
                    let query = Query { values: &query[part.clone()], heads, width: head };
                    let keyed = Keyed { keys: &keys[part.clone()], values: &values[part], heads };
                    mixed.extend(attend(query, keyed, |_| group.len()));
                }
                Ok(mixed)
            })
        })
    })?;
    matrix(mixed, count, width)
}
