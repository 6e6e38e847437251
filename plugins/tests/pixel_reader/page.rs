//! A little painter: marks as the picture conventions describe them, independent of the renderer.

use situs_core::media::Picture;
use situs_core::scene::{Colour, MarkShape};
use situs_plugins::renderers::slices::letters::{self, PlatePixel};

#[derive(Clone)]
pub(crate) struct Page {
    width: i64,
    height: i64,
    rgb: Vec<[u8; 3]>,
}

impl Page {
    /// A noisy grey picture.
    pub(crate) fn grey(width: i64, height: i64) -> Self {
        let rgb = (0..width * height).map(|at| [(at * 7919 % 251) as u8; 3]).collect();
        Self { width, height, rgb }
    }

    /// A white page.
    pub(crate) fn white(width: i64, height: i64) -> Self {
        Self { width, height, rgb: vec![[255; 3]; (width * height) as usize] }
    }

    pub(crate) fn picture(&self) -> Picture {
        Picture {
            width: self.width as u32,
            height: self.height as u32,
            rgb: self.rgb.iter().flatten().copied().collect(),
        }
    }

    /// Left and right exchanged.
    pub(crate) fn mirrored(&self) -> Self {
        let mut copy = self.clone();
        for row in copy.rgb.chunks_exact_mut(self.width as usize) {
            row.reverse();
        }
        copy
    }

    /// Top and bottom exchanged.
    pub(crate) fn upside_down(&self) -> Self {
        let rgb = self.rgb.chunks_exact(self.width as usize).rev().flatten().copied().collect();
        Self { rgb, ..self.clone() }
    }

    /// A mark of any form, about 40 x 30 pixels, centred here.
    pub(crate) fn mark(self, shape: MarkShape, colour: Colour, [x, y]: [i64; 2]) -> Self {
        match shape {
            MarkShape::Mask => self.mask(colour, |column, row| {
                let (dx, dy) = ((column - x) as f64 / 20.0, (row - y) as f64 / 15.0);
                dx * dx + dy * dy <= 1.0
            }),
            MarkShape::Box => self.rectangle(colour, [x - 20, y - 15], [x + 20, y + 15]),
            MarkShape::Point => self.dot(colour, [x as f64 + 0.3, y as f64 + 0.4]),
        }
    }

    /// Alpha 0.35 fill and a 2 px outline within the form.
    pub(crate) fn mask(mut self, colour: Colour, inside: impl Fn(i64, i64) -> bool) -> Self {
        for row in 0..self.height {
            for column in 0..self.width {
                if !inside(column, row) {
                    continue;
                }
                let edge = (-2..=2).any(|dy| {
                    (-2..=2).any(|dx| !inside(column + dx, row + dy) && i64::abs(dx) + i64::abs(dy) <= 2)
                });
                let under = self.rgb[(row * self.width + column) as usize];
                let rgb = if edge {
                    colour.rgb()
                } else {
                    let mix = |a: u8, b: u8| (0.65 * f64::from(a) + 0.35 * f64::from(b) + 0.5).floor() as u8;
                    std::array::from_fn(|channel| mix(under[channel], colour.rgb()[channel]))
                };
                self.put(column, row, rgb);
            }
        }
        self
    }

    /// 2 px outline, from the first to before the last pixel.
    pub(crate) fn rectangle(
        mut self,
        colour: Colour,
        [left, top]: [i64; 2],
        [right, bottom]: [i64; 2],
    ) -> Self {
        for row in top..bottom {
            for column in left..right {
                if row < top + 2 || row >= bottom - 2 || column < left + 2 || column >= right - 2 {
                    self.put(column, row, colour.rgb());
                }
            }
        }
        self
    }

    /// Radius 5 px with a white ring of 1 px.
    pub(crate) fn dot(mut self, colour: Colour, [x, y]: [f64; 2]) -> Self {
        for row in 0..self.height {
            for column in 0..self.width {
                let distance = (column as f64 + 0.5 - x).hypot(row as f64 + 0.5 - y);
                if distance <= 5.0 {
                    self.put(column, row, colour.rgb());
                } else if distance <= 6.0 {
                    self.put(column, row, [255; 3]);
                }
            }
        }
        self
    }

    /// A letter on its plate, with a leader to a mark.
    pub(crate) fn plate(
        mut self,
        letter: char,
        colour: Colour,
        [left, top]: [i64; 2],
        mark: [i64; 2],
    ) -> Self {
        let (width, height) = letters::plate_size(1);
        let middle = [left + i64::from(width) / 2, top + i64::from(height) / 2];
        for step in 0..=400 {
            let [x, y] = [0, 1].map(|axis| middle[axis] + (mark[axis] - middle[axis]) * step / 400);
            self.put(x, y, letters::tint(colour));
        }
        for y in 0..height {
            for x in 0..width {
                let rgb = match letters::plate_pixel(letter, 1, x, y).unwrap() {
                    PlatePixel::Rim => letters::tint(colour),
                    PlatePixel::Ground => [0; 3],
                    PlatePixel::Ink => [255; 3],
                };
                self.put(left + i64::from(x), top + i64::from(y), rgb);
            }
        }
        self
    }

    fn put(&mut self, column: i64, row: i64, rgb: [u8; 3]) {
        if (0..self.width).contains(&column) && (0..self.height).contains(&row) {
            self.rgb[(row * self.width + column) as usize] = rgb;
        }
    }
}
