//! Windows: from Hounsfield units or arbitrary intensities to 256 grey levels.

use super::Volume;
use crate::fault::Fault;
use serde::{Deserialize, Serialize};

/// How values become grey levels, as written in a configuration: `"soft_tissue"`, `{ width = 400, level = 40 }` or
/// `{ low = 1, high = 99 }`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Window {
    /// A CT window by name.
    Preset(WindowPreset),
    /// Values from `level - width / 2` (black) to `level + width / 2` (white).
    Linear(LinearWindow),
    /// Values between two percentiles of the whole volume, for images without a fixed unit such as MRI.
    Percentile(PercentileWindow),
}

/// A CT window by name, in Hounsfield units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowPreset {
    /// Width 400, level 40.
    SoftTissue,
    /// Width 350, level 50.
    Mediastinum,
    /// Width 1500, level -600.
    Lung,
    /// Width 1800, level 400.
    Bone,
    /// Width 80, level 40.
    Brain,
    /// Width 150, level 30.
    Liver,
    /// Width 600, level 300.
    Angio,
}

impl WindowPreset {
    /// All presets.
    pub const ALL: [WindowPreset; 7] =
        [Self::SoftTissue, Self::Mediastinum, Self::Lung, Self::Bone, Self::Brain, Self::Liver, Self::Angio];

    /// Width and level.
    pub fn linear(self) -> LinearWindow {
        let (width, level) = match self {
            Self::SoftTissue => (400.0, 40.0),
            Self::Mediastinum => (350.0, 50.0),
            Self::Lung => (1500.0, -600.0),
            Self::Bone => (1800.0, 400.0),
            Self::Brain => (80.0, 40.0),
            Self::Liver => (150.0, 30.0),
            Self::Angio => (600.0, 300.0),
        };
        LinearWindow { width, level }
    }
}

/// Width and level in the unit of the voxels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearWindow {
    /// Span of values between black and white; above zero.
    pub width: f64,
    /// Value in the middle.
    pub level: f64,
}

/// Two percentiles, 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PercentileWindow {
    /// Percentile that becomes black.
    pub low: f64,
    /// Percentile that becomes white.
    pub high: f64,
}

impl Default for PercentileWindow {
    fn default() -> Self {
        Self { low: 1.0, high: 99.0 }
    }
}

impl Window {
    /// A window by width and level.
    pub fn linear(width: f64, level: f64) -> Self {
        Self::Linear(LinearWindow { width, level })
    }

    /// The percentiles 1 and 99.
    pub fn percentile() -> Self {
        Self::Percentile(PercentileWindow::default())
    }

    /// Black and white values for a volume. Percentiles are taken over the whole volume, never over a slice.
    ///
    /// # Errors
    /// When the width is not above zero, or the percentiles are not 0 <= low < high <= 100.
    pub fn bounds(&self, volume: &Volume) -> Result<Bounds, Fault> {
        match self {
            Self::Preset(preset) => preset.linear().bounds(),
            Self::Linear(linear) => linear.bounds(),
            Self::Percentile(percentile) => percentile.bounds(&volume.voxels),
        }
    }
}

impl LinearWindow {
    /// Black at `level - width / 2`, white at `level + width / 2`.
    ///
    /// # Errors
    /// When the width is not above zero or a number is not finite.
    pub fn bounds(&self) -> Result<Bounds, Fault> {
        let Self { width, level } = *self;
        if !(width.is_finite() && width > 0.0 && level.is_finite()) {
            return Err(Fault::config(format!("a window of width {width} and level {level} shows nothing"))
                .help("the width is above zero"));
        }
        Ok(Bounds { black: level - width / 2.0, width })
    }
}

impl PercentileWindow {
    /// Percentiles of the finite values that are not zero, by linear interpolation (numpy's default). A volume without
    /// such values, or with one value only, gets a window of width 1 from that value (or 0) on.
    ///
    /// # Errors
    /// When the percentiles are not 0 <= low < high <= 100.
    pub fn bounds(&self, voxels: &[f32]) -> Result<Bounds, Fault> {
        let Self { low, high } = *self;
        if !(0.0..=100.0).contains(&low) || !(0.0..=100.0).contains(&high) || low >= high {
            return Err(Fault::config(format!(
                "percentiles {low} and {high} are not 0 <= low < high <= 100"
            )));
        }
        let mut values: Vec<f32> =
            voxels.iter().copied().filter(|value| *value != 0.0 && value.is_finite()).collect();
        let white = percentile(&mut values, high);
        let black = percentile(&mut values, low);
        Ok(match (black, white) {
            (Some(black), Some(white)) if white > black => Bounds { black, width: white - black },
            (black, _) => Bounds { black: black.unwrap_or(0.0), width: 1.0 },
        })
    }
}

/// numpy's `percentile(values, percent, method = "linear")`; reorders `values`.
fn percentile(values: &mut [f32], percent: f64) -> Option<f64> {
    let position = values.len().checked_sub(1)? as f64 * percent / 100.0;
    let lower = position.floor();
    let (_, below, above) = values.select_nth_unstable_by(lower as usize, f32::total_cmp);
    let below = f64::from(*below);
    // The next value in order is the smallest of those above.
    let above = above.iter().copied().min_by(f32::total_cmp).map_or(below, f64::from);
    Some(below + (above - below) * (position - lower))
}

/// A window fitted to a volume.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Value that becomes black.
    pub black: f64,
    /// Values from black to white; above zero.
    pub width: f64,
}

impl Bounds {
    /// Grey level of a value: `clamp((value - black) / width, 0, 1) * 255`, halves rounded up. A value that is NaN or
    /// infinite says nothing about tissue and is black.
    pub fn grey(&self, value: f32) -> u8 {
        if !value.is_finite() {
            return 0;
        }
        let share = ((f64::from(value) - self.black) / self.width).clamp(0.0, 1.0);
        (share * 255.0 + 0.5).floor() as u8
    }
}
