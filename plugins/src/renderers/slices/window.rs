//! Which values a picture shows from black to white, as renderers take it from a configuration.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use situs_core::case::Modality;
use situs_core::fault::Fault;
use situs_core::volume::{Bounds, Volume, Window, WindowPreset};

/// `"auto"`, `"percentile"` (1st to 99th), for CT alone a window's name such as `"soft_tissue"`, `{ width = 400, level = 40 }` or
/// `{ low = 1, high = 99 }` in percentiles of the whole volume.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shades {
    /// `soft_tissue` for CT, `percentile` for MR.
    Auto,
    /// The same for every volume.
    Set(Window),
}

impl Shades {
    /// Black and white for one volume.
    ///
    /// # Errors
    /// A config fault for a window in Hounsfield units over an MR volume, whose values have no unit, and for one without
    /// width.
    pub fn bounds(self, modality: Modality, volume: &Volume) -> Result<Bounds, Fault> {
        let window = match (self, modality) {
            (Self::Set(Window::Preset(_) | Window::Linear(_)), Modality::Mr) => {
                let window = serde_json::to_value(self).unwrap_or_default();
                return Err(Fault::config(format!(
                    "{window} is a window in Hounsfield units, and an MR volume has none"
                ))
                .help("use \"auto\", \"percentile\" or { low = P, high = P } in percentiles")
                .at("window"));
            }
            (Self::Set(window), _) => window,
            (Self::Auto, Modality::Ct) => Window::Preset(WindowPreset::SoftTissue),
            (Self::Auto, Modality::Mr) => Window::percentile(),
        };
        window.bounds(volume)
    }

    /// Refuses windows that would show nothing in any volume.
    ///
    /// # Errors
    /// A config fault.
    pub fn check(self) -> Result<(), Fault> {
        match self {
            Self::Set(Window::Linear(linear)) => linear.bounds().map(drop),
            Self::Set(Window::Percentile(percentile)) => percentile.bounds(&[]).map(drop),
            Self::Auto | Self::Set(Window::Preset(_)) => Ok(()),
        }
    }
}

impl Serialize for Shades {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Set(window) => window.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Shades {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        match value.as_str() {
            Some("auto") => return Ok(Self::Auto),
            Some("percentile") => return Ok(Self::Set(Window::percentile())),
            _ => {}
        }
        serde_json::from_value(value.clone()).map(Self::Set).map_err(|_| {
            let names: Vec<String> = WindowPreset::ALL
                .iter()
                .filter_map(|preset| serde_json::to_value(preset).ok()?.as_str().map(str::to_owned))
                .collect();
            D::Error::custom(format!(
                "unknown window {value}: auto, percentile, {}, {{ width = W, level = L }} or {{ low = P, high = P }}",
                names.join(", ")
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use situs_core::space::Affine;

    fn read(json: &str) -> Result<Shades, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn every_form_is_read_and_written_back() {
        for json in [
            r#""auto""#,
            r#""soft_tissue""#,
            r#""lung""#,
            r#"{"width":400.0,"level":40.0}"#,
            r#"{"low":0.5,"high":99.5}"#,
        ] {
            let shades = read(json).unwrap();
            assert_eq!(serde_json::to_string(&shades).unwrap(), json);
            shades.check().unwrap();
        }
        assert_eq!(read(r#""percentile""#), read(r#"{"low":1,"high":99}"#));
    }

    #[test]
    fn an_unknown_window_lists_the_known_ones() {
        let message = read(r#""sunny""#).unwrap_err();
        assert!(message.contains("sunny") && message.contains("mediastinum"), "{message}");
        assert!(read("7").is_err() && read(r#"{"width":1}"#).is_err());
        assert!(read(r#"{"width":0,"level":40}"#).unwrap().check().is_err());
    }

    #[test]
    fn hounsfield_units_are_refused_where_there_are_none() {
        let volume = Volume::new([3, 1, 1], Affine::IDENTITY, vec![0.0, 10.0, 20.0]);
        for json in [r#""soft_tissue""#, r#""brain""#, r#"{"width":400.0,"level":40.0}"#] {
            let shades = read(json).unwrap();
            assert!(shades.bounds(Modality::Ct, &volume).is_ok());
            let fault = shades.bounds(Modality::Mr, &volume).unwrap_err();
            assert_eq!(fault.cause, situs_core::fault::Cause::Config);
            assert!(fault.to_string().starts_with("window: ") && fault.what.contains("Hounsfield"), "{fault}");
        }
        for json in [r#""auto""#, r#""percentile""#, r#"{"low":0.5,"high":99.5}"#] {
            assert!(read(json).unwrap().bounds(Modality::Mr, &volume).is_ok(), "{json}");
        }
    }

    #[test]
    fn the_modality_decides_what_auto_means() {
        let volume = Volume::new([3, 1, 1], Affine::IDENTITY, vec![0.0, 10.0, 20.0]);
        let ct = Shades::Auto.bounds(Modality::Ct, &volume).unwrap();
        assert_eq!([-200.0, -160.0, 40.0, 240.0, 900.0].map(|hu| ct.grey(hu)), [0, 0, 128, 255, 255]);
        let mr = Shades::Auto.bounds(Modality::Mr, &volume).unwrap();
        assert!((mr.black - 10.1).abs() < 1e-9 && (mr.width - 9.8).abs() < 1e-9, "{mr:?}");
    }
}
