//! Pixels of a PNG file, reduced to the size that the network sees.

use super::network::SIDE;
use situs_core::fault::Fault;

/// Longest picture side that is decoded, in pixels.
const MAX_SIDE: u32 = 4096;

/// A picture of `SIDE` x `SIDE` RGB bytes, row by row; a shorter side is filled with black at the right or the bottom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reduced(Vec<u8>);

impl Reduced {
    /// Decodes and reduces a PNG file.
    ///
    /// # Errors
    /// A data fault for anything but a PNG of at most 4096 pixels a side.
    pub fn of_png(png: &[u8]) -> Result<Self, Fault> {
        let damaged =
            |error: image::ImageError| Fault::data(format!("a picture of the prompt is no PNG: {error}"));
        let mut reader = image::ImageReader::with_format(std::io::Cursor::new(png), image::ImageFormat::Png);
        let mut limits = image::Limits::default();
        limits.max_image_width = Some(MAX_SIDE);
        limits.max_image_height = Some(MAX_SIDE);
        reader.limits(limits);
        let rgb = reader.decode().map_err(damaged)?.into_rgb8();
        Self::of_pixels(rgb.width() as usize, rgb.height() as usize, rgb.as_raw())
    }

    /// Reduces RGB pixels by the mean over the area that each new pixel covers.
    ///
    /// # Errors
    /// A data fault when the bytes are not `height * width * 3`, or there are none.
    pub fn of_pixels(width: usize, height: usize, rgb: &[u8]) -> Result<Self, Fault> {
        let longer = width.max(height);
        if width == 0
            || height == 0
            || width.checked_mul(height).and_then(|count| count.checked_mul(3)) != Some(rgb.len())
        {
            return Err(Fault::data(format!("{} bytes are no {width} x {height} RGB pixels", rgb.len())));
        }
        let step = longer as f64 / SIDE as f64;
        let across = shares(width, step);
        let mut lines = vec![0f32; height * SIDE * 3];
        for (line, out) in rgb.chunks_exact(width * 3).zip(lines.chunks_exact_mut(SIDE * 3)) {
            for (parts, pixel) in across.iter().zip(out.chunks_exact_mut(3)) {
                for (column, share) in parts {
                    for (sum, value) in pixel.iter_mut().zip(&line[column * 3..column * 3 + 3]) {
                        *sum += share * f32::from(*value);
                    }
                }
            }
        }
        let mut reduced = vec![0u8; SIDE * SIDE * 3];
        for (parts, out) in shares(height, step).iter().zip(reduced.chunks_exact_mut(SIDE * 3)) {
            let mut sums = vec![0f32; SIDE * 3];
            for (line, share) in parts {
                for (sum, value) in sums.iter_mut().zip(&lines[line * SIDE * 3..(line + 1) * SIDE * 3]) {
                    *sum += share * value;
                }
            }
            for (byte, sum) in out.iter_mut().zip(sums) {
                *byte = (sum + 0.5) as u8;
            }
        }
        Ok(Self(reduced))
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// For each new pixel the old ones it covers, with their share of it.
fn shares(length: usize, step: f64) -> Vec<Vec<(usize, f32)>> {
    let count = ((length as f64 / step).round() as usize).clamp(1, SIDE);
    (0..count)
        .map(|at| {
            let (start, end) = (at as f64 * step, ((at + 1) as f64 * step).min(length as f64));
            let covered = (end - start).max(f64::EPSILON);
            (start as usize..length)
                .take_while(|old| (*old as f64) < end)
                .map(|old| {
                    let part = (end.min(old as f64 + 1.0) - start.max(old as f64)) / covered;
                    (old, part as f32)
                })
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_the_size_is_the_mean_of_four_and_the_rest_is_black() {
        let (width, height) = (2 * SIDE, SIDE);
        let rgb: Vec<u8> = (0..width * height).flat_map(|at| [(at % 2) as u8 * 100, 7, 200]).collect();
        let reduced = Reduced::of_pixels(width, height, &rgb).unwrap();
        assert_eq!(&reduced.bytes()[..6], [50, 7, 200, 50, 7, 200]);
        assert!(reduced.bytes()[SIDE * SIDE * 3 / 2..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn any_size_keeps_a_flat_grey() {
        for (width, height) in [(1, 1), (3, 700), (255, 256), (513, 512), (1023, 40)] {
            let reduced = Reduced::of_pixels(width, height, &vec![90; width * height * 3]).unwrap();
            assert_eq!(reduced.bytes()[0], 90, "{width} x {height}");
        }
        assert!(Reduced::of_pixels(2, 2, &[0; 11]).is_err());
        assert!(Reduced::of_png(b"no picture").is_err());
    }
}
