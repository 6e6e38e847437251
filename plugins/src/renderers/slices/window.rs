//! Grey levels: which values a picture shows from black to white.

use situs_core::case::Modality;
use situs_core::fault::Fault;
use situs_core::volume::Volume;

/// CT windows by name: width and level in HU.
const PRESETS: [(&str, f64, f64); 7] = [
    ("soft-tissue", 400.0, 40.0),
    ("mediastinum", 350.0, 50.0),
    ("lung", 1500.0, -600.0),
    ("bone", 1800.0, 400.0),
    ("brain", 80.0, 40.0),
    ("liver", 150.0, 30.0),
    ("angio", 600.0, 300.0),
];

/// How the values between black and white are chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Window {
    /// `soft-tissue` for CT, `percentile` for MR.
    Auto,
    /// A fixed width and level, in the units of the volume.
    Fixed {
        /// Values from black to white.
        width: f64,
        /// The value in the middle.
        level: f64,
    },
    /// The 1st to the 99th percentile of the non-zero voxels of the whole volume, so that no slice is brighter for
    /// what lies on it.
    Percentile,
}

/// Values shown black and white; linear in between, clamped beyond.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shades {
    /// Shown black, as is everything below it and everything that is not finite.
    pub black: f64,
    /// Shown white.
    pub white: f64,
}

impl Window {
    /// Reads `auto`, `percentile`, a preset's name, or `WIDTH/LEVEL` such as `400/40`.
    ///
    /// # Errors
    /// A config fault that lists what is known.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        match text {
            "auto" => return Ok(Self::Auto),
            "percentile" => return Ok(Self::Percentile),
            _ => {}
        }
        if let Some((_, width, level)) = PRESETS.iter().find(|(name, ..)| *name == text) {
            return Ok(Self::Fixed { width: *width, level: *level });
        }
        let numbers = text.split_once('/').and_then(|(width, level)| {
            Some((width.trim().parse::<f64>().ok()?, level.trim().parse::<f64>().ok()?))
        });
        match numbers {
            Some((width, level)) if width > 0.0 && width.is_finite() && level.is_finite() => {
                Ok(Self::Fixed { width, level })
            }
            _ => {
                let names: Vec<&str> = PRESETS.iter().map(|(name, ..)| *name).collect();
                Err(Fault::config(format!("unknown window {text:?}")).help(format!(
                    "one of auto, percentile, {}, or WIDTH/LEVEL with a width above 0",
                    names.join(", ")
                )))
            }
        }
    }

    /// The values between which this window runs for one volume.
    pub fn shades(self, modality: Modality, volume: &Volume) -> Shades {
        match (self, modality) {
            (Self::Fixed { width, level }, _) => {
                Shades { black: level - width / 2.0, white: level + width / 2.0 }
            }
            (Self::Auto, Modality::Ct) => Shades { black: -160.0, white: 240.0 },
            (Self::Auto, Modality::Mr) | (Self::Percentile, _) => percentiles(volume),
        }
    }
}

impl Shades {
    /// Position between black (0) and white (1).
    pub fn fraction(&self, value: f32) -> f64 {
        if !value.is_finite() {
            return 0.0;
        }
        let above = f64::from(value) - self.black;
        let width = self.white - self.black;
        if width > 0.0 { (above / width).clamp(0.0, 1.0) } else { f64::from(u8::from(above > 0.0)) }
    }

    /// Grey level, rounded half up.
    pub fn grey(&self, value: f32) -> u8 {
        (self.fraction(value) * 255.0 + 0.5).floor() as u8
    }
}

/// 1st and 99th percentile of the finite non-zero voxels, interpolated linearly between ranks.
fn percentiles(volume: &Volume) -> Shades {
    let mut values: Vec<f32> =
        volume.voxels.iter().copied().filter(|value| value.is_finite() && *value != 0.0).collect();
    if values.is_empty() {
        return Shades { black: 0.0, white: 1.0 };
    }
    let black = percentile(&mut values, 0.01);
    let white = percentile(&mut values, 0.99);
    Shades { black, white }
}

fn percentile(values: &mut [f32], share: f64) -> f64 {
    let rank = share * (values.len() - 1) as f64;
    let below = rank.floor() as usize;
    let (_, at, above) = values.select_nth_unstable_by(below, f32::total_cmp);
    let (at, next) = (*at, above.iter().copied().min_by(f32::total_cmp).unwrap_or(*at));
    f64::from(at) + (f64::from(next) - f64::from(at)) * (rank - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use situs_core::space::Affine;

    #[test]
    fn soft_tissue_runs_from_minus_160_to_240() {
        let window = Window::parse("soft-tissue").unwrap();
        let volume = Volume::new([1, 1, 1], Affine::IDENTITY, vec![0.0]);
        let shades = window.shades(Modality::Ct, &volume);
        assert_eq!([-200.0, -160.0, 40.0, 240.0, 900.0].map(|hu| shades.grey(hu)), [0, 0, 128, 255, 255]);
        assert_eq!(shades, Window::Auto.shades(Modality::Ct, &volume));
        assert_eq!([f32::NAN, f32::INFINITY, f32::NEG_INFINITY].map(|odd| shades.grey(odd)), [0; 3]);
    }

    #[test]
    fn percentiles_are_those_of_numpy_over_non_zero_voxels() {
        // numpy.percentile(numpy.arange(1, 202), [1, 99]) is [3., 199.]; zeros and NaN are left out.
        let mut voxels: Vec<f32> = (1..=201).rev().map(|value| value as f32).collect();
        voxels.extend([0.0, 0.0, f32::NAN]);
        let volume = Volume::new([204, 1, 1], Affine::IDENTITY, voxels);
        let shades = Window::Auto.shades(Modality::Mr, &volume);
        assert!((shades.black - 3.0).abs() < 1e-9 && (shades.white - 199.0).abs() < 1e-9, "{shades:?}");
    }

    #[test]
    fn unknown_windows_are_refused() {
        for text in ["", "softtissue", "0/40", "nan/3", "400/inf"] {
            assert!(Window::parse(text).is_err(), "{text}");
        }
        assert_eq!(Window::parse("80/40").unwrap(), Window::parse("brain").unwrap());
    }
}
