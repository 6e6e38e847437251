//! Windows: values to grey levels, worked out by hand.

use crate::reference::folder;
use serde::Deserialize;
use situs_core::space::Affine;
use situs_core::volume::{PercentileWindow, Volume, Window, WindowPreset};

fn volume(voxels: Vec<f32>) -> Volume {
    Volume::new([voxels.len(), 1, 1], Affine::IDENTITY, voxels)
}

#[test]
fn soft_tissue_runs_from_minus_160_to_240() {
    let bounds = Window::Preset(WindowPreset::SoftTissue).bounds(&volume(vec![0.0])).unwrap();
    assert_eq!((bounds.black, bounds.width), (-160.0, 400.0));
    for (value, grey) in [(-1000.0, 0), (-160.0, 0), (40.0, 128), (240.0, 255), (3000.0, 255)] {
        assert_eq!(bounds.grey(value), grey, "{value}");
    }
}

#[test]
fn halves_are_rounded_up() {
    let bounds = Window::linear(510.0, 255.0).bounds(&volume(vec![0.0])).unwrap();
    // 1 / 510 * 255 is one half.
    assert_eq!(bounds.grey(1.0), 1);
    assert_eq!(bounds.grey(0.99), 0);
    assert_eq!(bounds.grey(3.0), 2);
}

#[test]
fn values_that_are_not_finite_are_black() {
    let bounds = Window::linear(2.0, 1.0).bounds(&volume(vec![0.0])).unwrap();
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert_eq!(bounds.grey(value), 0);
    }
}

#[test]
fn percentiles_are_numpys_over_the_values_that_are_not_zero() {
    // numpy.percentile([1, 2, 3, 4], [10, 90]) is [1.3, 3.7].
    let voxels = vec![0.0, 4.0, 0.0, 2.0, 1.0, f32::NAN, 3.0, 0.0, f32::INFINITY];
    let window = Window::Percentile(PercentileWindow { low: 10.0, high: 90.0 });
    let bounds = window.bounds(&volume(voxels)).unwrap();
    assert!((bounds.black - 1.3).abs() < 1e-12, "{bounds:?}");
    assert!((bounds.black + bounds.width - 3.7).abs() < 1e-12, "{bounds:?}");
}

#[test]
fn percentiles_of_nothing_or_of_one_value_still_give_a_window() {
    for voxels in [vec![], vec![0.0, 0.0], vec![5.0, 5.0], vec![f32::NAN]] {
        let bounds = Window::percentile().bounds(&volume(voxels)).unwrap();
        assert_eq!(bounds.width, 1.0);
    }
}

#[test]
fn percentiles_agree_with_a_full_sort_on_a_real_volume() {
    let Some(folder) = folder("ts-mr-3mm") else { return };
    let volume = Volume::read(&folder.join("mr.nii.gz")).unwrap();
    let mut sorted: Vec<f64> =
        volume.voxels.iter().filter(|value| **value != 0.0).map(|value| f64::from(*value)).collect();
    sorted.sort_by(f64::total_cmp);
    let at = |percent: f64| {
        let position = (sorted.len() - 1) as f64 * percent / 100.0;
        let (lower, upper) = (sorted[position.floor() as usize], sorted[position.ceil() as usize]);
        lower + (upper - lower) * position.fract()
    };
    let bounds = Window::percentile().bounds(&volume).unwrap();
    assert!((bounds.black - at(1.0)).abs() < 1e-9);
    assert!((bounds.black + bounds.width - at(99.0)).abs() < 1e-9);
}

#[test]
fn a_configuration_names_a_preset_or_gives_numbers() {
    #[derive(Deserialize)]
    struct Config {
        window: Window,
    }
    let read = |text: &str| toml::from_str::<Config>(text).map(|config| config.window);
    assert_eq!(read("window = \"lung\"").unwrap(), Window::Preset(WindowPreset::Lung));
    assert_eq!(read("window = { width = 350.0, level = 50.0 }").unwrap(), Window::linear(350.0, 50.0));
    assert_eq!(read("window = { low = 1.0, high = 99.0 }").unwrap(), Window::percentile());
    assert!(read("window = \"skin\"").is_err());
    assert!(read("window = { width = 350.0 }").is_err());
    for preset in WindowPreset::ALL {
        let name = serde_json::to_value(preset).unwrap();
        assert_eq!(read(&format!("window = {name}")).unwrap(), Window::Preset(preset));
    }
}

#[test]
fn windows_that_show_nothing_are_refused() {
    let image = volume(vec![1.0, 2.0]);
    for window in [
        Window::linear(0.0, 10.0),
        Window::linear(f64::NAN, 10.0),
        Window::Percentile(PercentileWindow { low: 99.0, high: 1.0 }),
        Window::Percentile(PercentileWindow { low: -1.0, high: 50.0 }),
    ] {
        assert!(window.bounds(&image).is_err(), "{window:?}");
    }
}
