//! The store: one load for all, mirrored patients, catalogue entries.

use crate::fixture::{blobs, case, grid, in_dataset};
use situs_core::case::{Case, NamedBox, NamedMask, StructureSource};
use situs_core::fault::Fault;
use situs_core::structure::Warning;
use situs_core::volume::{Volume, VolumeMaker, VolumeStore, catalogue_entry};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const SHAPE: [usize; 3] = [23, 17, 11];

/// Volumes without files.
struct Phantom {
    loads: AtomicUsize,
    broken: AtomicUsize,
}

impl Phantom {
    fn new() -> Arc<Self> {
        Arc::new(Self { loads: AtomicUsize::new(0), broken: AtomicUsize::new(0) })
    }
}

impl VolumeMaker for Phantom {
    fn make(&self, key: &str) -> Result<Volume, Fault> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        if self.broken.load(Ordering::SeqCst) > 0 {
            self.broken.fetch_sub(1, Ordering::SeqCst);
            return Err(Fault::data("broken"));
        }
        let labels = blobs(SHAPE);
        let voxels: Vec<f32> = match key {
            "image" => {
                labels.iter().enumerate().map(|(at, label)| f32::from(*label) + (at % 7) as f32).collect()
            }
            "labels" => labels.iter().map(|label| f32::from(*label)).collect(),
            "left" => labels.iter().map(|label| f32::from(u8::from(*label == 1))).collect(),
            "right" => labels.iter().map(|label| f32::from(u8::from(*label == 2))).collect(),
            "halves" => labels.iter().map(|label| f32::from(*label) / 2.0).collect(),
            "negative" => vec![-1.0; labels.len()],
            "nan" => vec![f32::NAN; labels.len()],
            "short" => vec![0.0; 5],
            _ => return Err(Fault::data(format!("no volume {key}"))),
        };
        let mut volume = Volume { grid: grid(SHAPE), voxels, names: BTreeMap::new(), warnings: Vec::new() };
        volume.warnings.push(Warning::new("remark", "made here"));
        Ok(volume)
    }
}

fn labelled() -> Case {
    let names = [(1, "kidney_left"), (2, "kidney_right"), (7, "spleen"), (200, "rib_left_1")];
    let names = names.map(|(label, name)| (label, name.to_owned())).into();
    case(StructureSource::LabelMap { volume: in_dataset("labels"), names })
}

fn with_labels(key: &str) -> Case {
    case(StructureSource::LabelMap { volume: in_dataset(key), names: BTreeMap::new() })
}

#[test]
fn a_volume_is_loaded_once_while_it_fits_the_budget() {
    let phantom = Phantom::new();
    let store = VolumeStore::new(phantom.clone(), 1 << 30, false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| store.volume(&in_dataset("image")).unwrap());
        }
    });
    assert_eq!(phantom.loads.load(Ordering::SeqCst), 1);
    assert_eq!(store.held_bytes(), (23 * 17 * 11 * 4) as u64);
    let tight = VolumeStore::new(phantom.clone(), 1, false);
    for key in ["image", "labels", "image"] {
        tight.volume(&in_dataset(key)).unwrap();
    }
    assert_eq!(phantom.loads.load(Ordering::SeqCst), 4);
}

#[test]
fn a_fault_is_given_to_those_who_wait_and_then_forgotten() {
    let phantom = Phantom::new();
    phantom.broken.store(1, Ordering::SeqCst);
    let store = VolumeStore::new(phantom, 1 << 30, false);
    assert_eq!(store.volume(&in_dataset("image")).unwrap_err().what, "broken");
    assert!(store.volume(&in_dataset("image")).is_ok());
}

#[test]
fn label_maps_of_a_data_set_are_whole_numbers_or_refused() {
    let store = VolumeStore::new(Phantom::new(), 1 << 30, false);
    assert_eq!(store.segmentation(&labelled()).unwrap().measured.structures.len(), 4);
    for (key, needle) in
        [("halves", "is 0.5"), ("negative", "is -1"), ("nan", "is NaN"), ("short", "do not fill")]
    {
        let mut case = with_labels(key);
        case.name = key.to_owned();
        let fault = store.segmentation(&case).unwrap_err();
        assert!(fault.what.contains(needle) && fault.what.contains(key), "{fault}");
    }
}

#[test]
fn a_mirrored_store_shows_another_patient() {
    let (straight, mirrored) =
        (VolumeStore::new(Phantom::new(), 1 << 30, false), VolumeStore::new(Phantom::new(), 1 << 30, true));
    let image = in_dataset("image");
    let (a, b) = (straight.volume(&image).unwrap(), mirrored.volume(&image).unwrap());
    assert_eq!(a.grid, b.grid);
    assert_eq!(a.get([0, 3, 4]), b.get([22, 3, 4]));
    assert_eq!(a.get([5, 16, 10]), b.get([17, 16, 10]));
    let case = labelled();
    let (a, b) = (straight.segmentation(&case).unwrap(), mirrored.segmentation(&case).unwrap());
    let names = |names: &[&str]| names.iter().map(|name| a.find(name).is_some()).collect::<Vec<_>>();
    assert_eq!(
        names(&["kidney_left", "kidney_right", "rib_left_1", "rib_right_1"]),
        [true, true, true, false]
    );
    assert!(b.find("rib_right_1").is_some() && b.find("rib_left_1").is_none());
    // The organ that was the left kidney is now called the right one, and lies where a mirror shows it.
    let (left, right) = (a.find("kidney_left").unwrap(), b.find("kidney_right").unwrap());
    let (left, right) = (&a.measured.structures[left], &b.measured.structures[right]);
    assert_eq!(left.voxels, right.voxels);
    let (left, right) = (left.centroid_index.unwrap(), right.centroid_index.unwrap());
    assert!((left[0] + right[0] - 22.0).abs() < 1e-9);
    assert_eq!(left[1..], right[1..]);
}

#[test]
fn mirrored_masks_and_boxes_stay_in_order_of_name() {
    let store = VolumeStore::new(Phantom::new(), 1 << 30, true);
    let mask =
        |name: &str, key: &str| NamedMask { name: name.to_owned(), label: None, volume: in_dataset(key) };
    let masks = vec![mask("lung_left", "left"), mask("lung_right", "right"), mask("liver", "labels")];
    let segmentation = store.segmentation(&case(StructureSource::Masks { masks })).unwrap();
    let names: Vec<_> = segmentation.measured.structures.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["liver", "lung_left", "lung_right"]);
    let plain = VolumeStore::new(Phantom::new(), 1 << 30, false).segmentation(&labelled()).unwrap();
    let right = segmentation.find("lung_right").unwrap();
    assert_eq!(segmentation.measured.structures[right].voxels, plain.measured.structures[0].voxels);
    let pairs: Vec<_> = segmentation.measured.overlaps.iter().map(|o| (o.a.as_str(), o.b.as_str())).collect();
    assert_eq!(pairs, [("liver", "lung_left"), ("liver", "lung_right")]);
    assert_eq!(segmentation.overlap_share(0, right), 1.0);
    let named = NamedBox { name: "left_patella".to_owned(), min: [1, 2, 3], max: [4, 5, 6] };
    let mut knee = case(StructureSource::Boxes { boxes: vec![named] });
    knee.name = "knee".to_owned();
    let knee = store.segmentation(&knee).unwrap();
    assert_eq!(knee.measured.structures[0].name, "right_patella");
    assert_eq!(knee.measured.structures[0].bbox_min, Some([18, 2, 3]));
    assert_eq!(knee.measured.structures[0].bbox_max, Some([21, 5, 6]));
}

#[test]
fn facts_of_a_mirrored_patient_change_sides() {
    let mut case = labelled();
    case.facts.insert("side".to_owned(), "right".to_owned());
    case.facts.insert("region".to_owned(), "torso".to_owned());
    let seen = VolumeStore::new(Phantom::new(), 1, true).seen(&case);
    assert_eq!((seen.facts["side"].as_str(), seen.facts["region"].as_str()), ("left", "torso"));
    assert_eq!(seen.facts["mirrored"], "yes");
    assert_eq!(seen.structures, case.structures);
    assert_eq!(VolumeStore::new(Phantom::new(), 1, false).seen(&case), case);
}

#[test]
fn a_catalogue_entry_names_the_volume_by_content() {
    let case = labelled();
    let entry =
        |mirrored| catalogue_entry(&case, &VolumeStore::new(Phantom::new(), 1 << 30, mirrored)).unwrap();
    let (one, again, mirrored) = (entry(false), entry(false), entry(true));
    assert_eq!(one, again);
    assert_ne!(one.volume_id, mirrored.volume_id);
    assert_eq!((one.case.as_str(), one.grid), ("one", grid(SHAPE)));
    assert_eq!(one.measured.warnings.len(), 1, "the same remark of image and labels is made once");
    let other =
        catalogue_entry(&with_labels("left"), &VolumeStore::new(Phantom::new(), 1 << 30, false)).unwrap();
    assert_ne!(one.volume_id, other.volume_id, "the segmentation is part of the identity");
    let mut blind = case;
    blind.volumes.clear();
    let store = VolumeStore::new(Phantom::new(), 1, false);
    assert!(catalogue_entry(&blind, &store).is_err());
}
