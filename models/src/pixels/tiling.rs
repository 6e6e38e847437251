//! Tiles of a picture: which of some sizes it is fitted into, and what of the fitted picture is not padding.

use crate::checkpoint::Config;
use serde_json::Value;
use situs_core::fault::Fault;

/// Most tiles along a side.
const MAX_TILES: usize = 16;
/// Most sizes.
const MAX_SIZES: usize = 256;
/// Most pixels of a size.
const MAX_PIXELS: usize = 1 << 26;

/// Sizes, as rows and columns of tiles.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tiling {
    sizes: Vec<[usize; 2]>,
    side: usize,
}

impl Tiling {
    /// Reads `image_grid_pinpoints`: heights and widths in pixels, multiples of the tile's `side`.
    ///
    /// # Errors
    /// A missing or empty list, sizes that are no multiples, more tiles than are believed.
    pub(crate) fn read(config: &Config<'_>, side: usize) -> Result<Self, Fault> {
        const FIELD: &str = "image_grid_pinpoints";
        let wrong = |what: &str| config.fault(FIELD, what);
        let items =
            config.get(FIELD).and_then(Value::as_array).ok_or_else(|| wrong("a list of sizes is missing"))?;
        if items.is_empty() || items.len() > MAX_SIZES {
            return Err(wrong(&format!("1 to {MAX_SIZES} sizes are expected, found {}", items.len())));
        }
        let tiles = |length: &Value| {
            let pixels = length.as_u64().and_then(|pixels| usize::try_from(pixels).ok())?;
            Some(pixels / side).filter(|tiles| pixels % side == 0 && (1..=MAX_TILES).contains(tiles))
        };
        let size = |item: &Value| match item.as_array()?.as_slice() {
            [height, width] => {
                let size = [tiles(height)?, tiles(width)?];
                let pixels = size.iter().try_fold(1usize, |all, tiles| all.checked_mul(tiles * side));
                pixels.filter(|pixels| *pixels <= MAX_PIXELS).map(|_| size)
            }
            _ => None,
        };
        let sizes = items.iter().map(|item| {
            size(item).ok_or_else(|| {
                wrong(&format!(
                    "height and width of 1 to {MAX_TILES} tiles of {side} pixels are expected, {MAX_PIXELS} pixels at \
                     most, found {item}"
                ))
            })
        });
        Ok(Self { sizes: sizes.collect::<Result<_, _>>()?, side })
    }

    /// Rows and columns of tiles for a picture of that size (width, height): those that keep most of its pixels, and of
    /// these the fewest.
    pub(super) fn best(&self, size: (u32, u32)) -> [usize; 2] {
        let (width, height) = (f64::from(size.0), f64::from(size.1));
        let mut best = self.sizes.first().copied().unwrap_or([1, 1]);
        let (mut most, mut least) = (0.0, f64::INFINITY);
        for &[rows, columns] in &self.sizes {
            let (high, wide) = ((rows * self.side) as f64, (columns * self.side) as f64);
            let scale = (wide / width).min(high / height);
            let kept = ((width * scale).floor() * (height * scale).floor()).min(width * height);
            let wasted = wide * high - kept;
            if kept > most || (kept == most && wasted < least) {
                (best, most, least) = ([rows, columns], kept, wasted);
            }
        }
        best
    }

    /// Width and height of the picture within its tiles, before padding.
    pub(super) fn fitted(&self, size: (u32, u32), [rows, columns]: [usize; 2]) -> (usize, usize) {
        let (width, height) = (f64::from(size.0), f64::from(size.1));
        let (high, wide) = (rows * self.side, columns * self.side);
        let scale = (wide as f64 / width, high as f64 / height);
        if scale.0 < scale.1 {
            (wide, ((height * scale.0).ceil() as usize).min(high))
        } else {
            (((width * scale.1).ceil() as usize).min(wide), high)
        }
    }
}

/// Rows and columns of features that are left of `high x wide` when those that show padding alone are taken away on both
/// sides; the picture had that size (width, height).
///
/// A picture that is wider than the features is padded above and below, any other left and right.
pub(super) fn unpadded(size: (u32, u32), high: usize, wide: usize) -> (usize, usize) {
    let (width, height) = (f64::from(size.0), f64::from(size.1));
    // Rounded as the published code does, so that 23.9999999999 are 24.
    let whole = |length: f64| ((length * 1e7).round_ties_even() / 1e7).floor() as usize;
    let left = |all: usize, own: usize| all - all.saturating_sub(own) / 2 * 2;
    if width / height > wide as f64 / high as f64 {
        (left(high, whole(height * (wide as f64 / width))), wide)
    } else {
        (high, left(wide, whole(width * (high as f64 / height))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::path::PathBuf;

    fn published() -> Tiling {
        let table =
            json!({ "image_grid_pinpoints": [[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]] });
        Tiling::read(&Config::new(PathBuf::from("config.json"), &table), 336).unwrap()
    }

    /// From `select_best_resolution` and `LlavaNextProcessor._get_unpadded_features` of transformers 5.23.0.
    #[test]
    fn tiles_and_unpadded_features_are_those_of_the_published_processor() {
        for (size, tiles, features) in [
            ((672, 336), [1, 2], (24, 48)),
            ((336, 672), [2, 1], (48, 24)),
            ((512, 512), [2, 2], (48, 48)),
            ((1200, 300), [1, 3], (18, 72)),
            ((301, 173), [1, 2], (24, 42)),
            ((173, 301), [1, 2], (24, 14)),
            ((640, 480), [2, 2], (36, 48)),
            ((480, 640), [2, 2], (48, 36)),
            ((1000, 333), [1, 3], (24, 72)),
        ] {
            let found = published().best(size);
            assert_eq!(found, tiles, "{size:?}");
            assert_eq!(unpadded(size, tiles[0] * 24, tiles[1] * 24), features, "{size:?}");
        }
    }
}
