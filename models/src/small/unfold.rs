//! The 3 x 3 surroundings of each pixel side by side, so that a convolution is one matrix product. Differentiable.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

/// `[b, h, w, c]` to `[b, h / stride, w / stride, 9 c]`, one pixel of zeros around; `h` and `w` are multiples of `stride`.
pub(super) struct Unfold {
    pub(super) stride: usize,
}

/// The gradient of [`Unfold`]: every value goes back to the pixel it came from, added up.
struct Fold {
    stride: usize,
    /// Rows, columns and channels of the pixels.
    size: [usize; 3],
}

fn floats<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let (CpuStorage::F32(values), Some((start, end))) = (storage, layout.contiguous_offsets()) else {
        candle_core::bail!("unfolding takes contiguous f32");
    };
    values
        .get(start..end)
        .ok_or_else(|| candle_core::Error::Msg("unfolding: a layout beyond its storage".to_owned()))
}

/// For each of the three rows around an output pixel: where it starts in the input (in pixels of its line), how many
/// columns of it exist, and how many of the three are missing at the left.
fn window(column: usize, stride: usize, width: usize) -> (usize, usize, usize) {
    let middle = column * stride;
    let first = middle.saturating_sub(1);
    let last = (middle + 1).min(width - 1);
    (first, last - first + 1, usize::from(middle == 0))
}

fn row(line: usize, offset: usize, stride: usize, height: usize) -> Option<usize> {
    (line * stride + offset).checked_sub(1).filter(|row| *row < height)
}

impl CustomOp1 for Unfold {
    fn name(&self) -> &'static str {
        "unfold"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (batch, height, width, channels) = layout.shape().dims4()?;
        let (lines, columns) = (height / self.stride, width / self.stride);
        let values = floats(storage, layout)?;
        let mut out = vec![0f32; batch * lines * columns * 9 * channels];
        out.par_chunks_mut((columns * 9 * channels).max(1)).enumerate().for_each(|(at, line_out)| {
            let (picture, line) = (at / lines, at % lines);
            for (column, pixel) in line_out.chunks_exact_mut(9 * channels).enumerate() {
                let (first, count, missing) = window(column, self.stride, width);
                for offset in 0..3 {
                    let Some(row) = row(line, offset, self.stride, height) else { continue };
                    let from = ((picture * height + row) * width + first) * channels;
                    let to = (offset * 3 + missing) * channels;
                    pixel[to..to + count * channels].copy_from_slice(&values[from..from + count * channels]);
                }
            }
        });
        Ok((CpuStorage::F32(out), Shape::from((batch, lines, columns, 9 * channels))))
    }

    fn bwd(&self, arg: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (_, height, width, channels) = arg.dims4()?;
        let fold = Fold { stride: self.stride, size: [height, width, channels] };
        Ok(Some(grad.contiguous()?.apply_op1_no_bwd(&fold)?))
    }
}

impl CustomOp1 for Fold {
    fn name(&self) -> &'static str {
        "fold"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (batch, lines, columns, _) = layout.shape().dims4()?;
        let [height, width, channels] = self.size;
        let values = floats(storage, layout)?;
        let mut out = vec![0f32; batch * height * width * channels];
        out.par_chunks_mut((height * width * channels).max(1)).enumerate().for_each(|(picture, pixels)| {
            for line in 0..lines {
                for column in 0..columns {
                    let (first, count, missing) = window(column, self.stride, width);
                    let at = ((picture * lines + line) * columns + column) * 9 * channels;
                    for offset in 0..3 {
                        let Some(row) = row(line, offset, self.stride, height) else { continue };
                        let from = at + (offset * 3 + missing) * channels;
                        let to = (row * width + first) * channels;
                        let source = &values[from..from + count * channels];
                        for (sum, value) in pixels[to..to + count * channels].iter_mut().zip(source) {
                            *sum += value;
                        }
                    }
                }
            }
        });
        Ok((CpuStorage::F32(out), Shape::from((batch, height, width, channels))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn a_pixel_finds_its_neighbours_and_zeros_beyond_the_edge() -> Result<()> {
        let pixels = Tensor::arange(1f32, 17., &Device::Cpu)?.reshape((1, 4, 4, 1))?;
        let all = pixels.apply_op1(Unfold { stride: 2 })?;
        assert_eq!(all.dims(), [1, 2, 2, 9]);
        let rows = all.reshape((4, 9))?.to_vec2::<f32>()?;
        assert_eq!(rows[0], [0., 0., 0., 0., 1., 2., 0., 5., 6.]);
        assert_eq!(rows[3], [6., 7., 8., 10., 11., 12., 14., 15., 16.]);
        Ok(())
    }

    #[test]
    fn the_gradient_counts_how_often_a_pixel_was_used() -> Result<()> {
        let pixels = Var::ones((1, 4, 4, 1), candle_core::DType::F32, &Device::Cpu)?;
        let sum = pixels.apply_op1(Unfold { stride: 1 })?.sum_all()?;
        let grads = sum.backward()?;
        let grad = grads.get(&pixels).map(|grad| grad.flatten_all()?.to_vec1::<f32>()).transpose()?;
        let expected = [4., 6., 6., 4., 6., 9., 9., 6., 6., 9., 9., 6., 4., 6., 6., 4.];
        assert_eq!(grad.as_deref(), Some(expected.as_slice()));
        Ok(())
    }
}
