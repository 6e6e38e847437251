//! What the phantom promises to everything that measures, draws and asks about it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use situs_core::prelude::*;
use situs_core::registry::{Params, Registry};
use situs_plugins as _;
use std::collections::BTreeMap;

fn build(params: serde_json::Value, seed: u64) -> Result<Box<dyn Dataset>, Fault> {
    let serde_json::Value::Object(mut params) = params else { panic!("a table") };
    params.insert("use".to_owned(), "phantom".into());
    let registry = Registry::builtin().unwrap();
    let context = BuildContext { seed, ..BuildContext::default() };
    registry.build::<dyn Dataset>(&Params::from(params), &context).map(|built| built.component)
}

fn phantom(params: serde_json::Value) -> Box<dyn Dataset> {
    build(params, 0).unwrap()
}

/// Voxels, box and centroid (index) by name.
struct Found {
    voxels: usize,
    min: [usize; 3],
    max: [usize; 3],
    centroid: [f64; 3],
}

fn label_map(dataset: &dyn Dataset, index: usize) -> (Volume, BTreeMap<u32, String>) {
    let case = dataset.case(index).unwrap();
    let StructureSource::LabelMap { volume, names } = case.structures else { panic!("a label map") };
    let VolumeSource::Dataset { key } = volume.source else { panic!("a key") };
    (dataset.volume(&key).unwrap(), names)
}

fn measure(volume: &Volume, names: &BTreeMap<u32, String>) -> BTreeMap<String, Found> {
    let [nx, ny, _] = volume.grid.shape;
    let mut found: BTreeMap<u32, Found> = BTreeMap::new();
    for (offset, value) in volume.voxels.iter().enumerate().filter(|(_, value)| **value != 0.0) {
        assert_eq!(value.fract(), 0.0, "labels are whole numbers");
        let index = [offset % nx, offset / nx % ny, offset / (nx * ny)];
        let entry = found.entry(*value as u32).or_insert(Found {
            voxels: 0,
            min: index,
            max: index,
            centroid: [0.0; 3],
        });
        entry.voxels += 1;
        for (axis, position) in index.into_iter().enumerate() {
            entry.min[axis] = entry.min[axis].min(position);
            entry.max[axis] = entry.max[axis].max(position);
            entry.centroid[axis] += position as f64;
        }
    }
    for entry in found.values_mut() {
        entry.centroid = entry.centroid.map(|sum| sum / entry.voxels as f64);
    }
    found.into_iter().map(|(label, entry)| (names[&label].clone(), entry)).collect()
}

fn structures(dataset: &dyn Dataset, index: usize) -> BTreeMap<String, Found> {
    let (volume, names) = label_map(dataset, index);
    measure(&volume, &names)
}

fn class_table() -> Vec<String> {
    let table = include_str!("../src/datasets/totalsegmentator/v2.txt");
    table.lines().map(str::to_owned).collect()
}

fn bytes(volume: &Volume) -> Vec<u32> {
    volume.voxels.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn by_default_twelve_torso_cts_of_at_least_200_slices() {
    let dataset = phantom(serde_json::json!({}));
    assert_eq!(dataset.len(), 12);
    assert_eq!(dataset.card().modality_text, "CT scan of the torso");
    let case = dataset.case(3).unwrap();
    assert_eq!((case.name.as_str(), case.cluster.as_str()), ("phantom-0003", "phantom-0003"));
    assert_eq!(case.modality, Modality::Ct);
    assert_eq!(case.facts["region"], "torso");
    assert_eq!(case.facts["arrangement"], "anatomical");
    let image = dataset.volume("phantom-0003/ct").unwrap();
    assert!(image.grid.shape[2] >= 200);
    assert_eq!(image.grid.affine.orientation().codes(), "RAS");
    assert!(dataset.case(12).is_err());
    assert!(dataset.volume("phantom-0012/ct").is_err());
    assert!(dataset.volume("phantom-3/ct").is_err());
    assert!(dataset.volume("phantom-0003/pet").is_err());
}

#[test]
fn a_volume_depends_on_seed_and_case_name_alone() {
    let few = phantom(serde_json::json!({ "cases": 2 }));
    let many = phantom(serde_json::json!({ "cases": 40 }));
    for key in ["phantom-0001/ct", "phantom-0001/labels"] {
        let expected = bytes(&few.volume(key).unwrap());
        let again: Vec<Vec<u32>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..3).map(|_| scope.spawn(|| bytes(&many.volume(key).unwrap()))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(again.iter().all(|voxels| *voxels == expected), "{key}");
    }
    let labels = |dataset: &dyn Dataset, key: &str| bytes(&dataset.volume(key).unwrap());
    let other = build(serde_json::json!({}), 1).unwrap();
    let fixed = build(serde_json::json!({ "seed": 0 }), 1).unwrap();
    let own = labels(few.as_ref(), "phantom-0000/labels");
    assert_ne!(own, labels(other.as_ref(), "phantom-0000/labels"), "another seed, another patient");
    assert_ne!(own, labels(few.as_ref(), "phantom-0001/labels"), "another name, another patient");
    assert_eq!(own, labels(fixed.as_ref(), "phantom-0000/labels"), "a seed of its own hides the run's");
    assert_ne!(few.card().digest, other.card().digest);
}

#[test]
fn every_structure_is_there_and_inside_the_body_in_every_arrangement() {
    for arrangement in ["anatomical", "inversus", "shuffled"] {
        let dataset = phantom(serde_json::json!({ "arrangement": arrangement, "noise": 0.0 }));
        for index in 0..6 {
            let (volume, names) = label_map(dataset.as_ref(), index);
            let found = measure(&volume, &names);
            assert_eq!(found.len(), names.len(), "{arrangement} {index}: structures lost");
            assert!(found.len() >= 40);
            for (name, entry) in &found {
                assert!(class_table().contains(name), "{name}");
                assert!(entry.voxels >= 40, "{arrangement} {index} {name}: {} voxels", entry.voxels);
            }
            let image = dataset.volume(&format!("phantom-{index:04}/ct")).unwrap();
            let [nx, ny, _] = volume.grid.shape;
            for (row, labels) in volume.voxels.chunks(nx).enumerate() {
                let labelled: Vec<usize> = (0..nx).filter(|i| labels[*i] != 0.0).collect();
                let (Some(first), Some(last)) = (labelled.first(), labelled.last()) else { continue };
                let grey = &image.voxels[row * nx..(row + 1) * nx];
                let skin = |side: &[f32]| side.iter().any(|value| (-200.0..200.0).contains(value));
                assert!(
                    skin(&grey[..*first]) && skin(&grey[last + 1..]),
                    "{arrangement} {index}: row {} of slice {} has no tissue outside its structures",
                    row % ny,
                    row / ny
                );
            }
        }
    }
}

#[test]
fn anatomy_is_where_a_textbook_has_it() {
    let dataset = phantom(serde_json::json!({}));
    for index in 0..6 {
        let found = structures(dataset.as_ref(), index);
        let at = |name: &str| found[name].centroid;
        assert!(at("liver")[0] > at("spleen")[0] + 20.0, "the liver lies right of the spleen");
        assert!(at("heart")[2] > at("liver")[2], "the heart lies above the liver");
        assert!(at("sternum")[1] > at("vertebrae_L1")[1], "the sternum lies in front of the spine");
        assert!(at("aorta")[0] < at("inferior_vena_cava")[0], "the aorta lies left of the cava");
        assert!(at("gallbladder")[0] > at("stomach")[0]);
        for name in found.keys().filter(|name| name.ends_with("_left")) {
            let right = name.replace("_left", "_right");
            if found.contains_key(&right) {
                assert!(at(name)[0] < at(&right)[0], "{name}");
            }
        }
    }
}

#[test]
fn inversus_mirrors_the_organs_and_keeps_the_names_of_sides_true() {
    let dataset = phantom(serde_json::json!({ "arrangement": "inversus" }));
    for index in 0..6 {
        let found = structures(dataset.as_ref(), index);
        let at = |name: &str| found[name].centroid;
        assert!(at("liver")[0] < at("spleen")[0] - 20.0, "the liver lies left of the spleen");
        assert!(at("heart")[0] > at("sternum")[0], "the heart points to the right");
        assert!(at("heart")[2] > at("liver")[2], "up stays up");
        for name in found.keys().filter(|name| name.ends_with("_left")) {
            let right = name.replace("_left", "_right");
            if found.contains_key(&right) {
                assert!(at(name)[0] < at(&right)[0], "{name}");
            }
        }
        let middle = dataset.volume("phantom-0000/labels").unwrap().grid.shape[0] as f64 / 2.0;
        assert!(at("lung_middle_lobe_right")[0] > middle, "a name without a partner keeps its side");
    }
}

#[test]
fn shuffled_makes_every_relation_a_coin_toss() {
    // A coarse grid: places do not depend on it.
    let dataset = phantom(serde_json::json!({
        "arrangement": "shuffled", "cases": 200, "shape": [96, 74, 126], "noise": 0.0
    }));
    let names = ["liver", "spleen", "kidney_left", "kidney_right", "aorta", "urinary_bladder", "trachea"];
    let mut wins: BTreeMap<(usize, usize, usize), usize> = BTreeMap::new();
    for index in 0..200 {
        let found = structures(dataset.as_ref(), index);
        assert_eq!(found.len(), 44);
        for a in 0..names.len() {
            for b in 0..a {
                for axis in 0..3 {
                    let (a_at, b_at) = (found[names[a]].centroid[axis], found[names[b]].centroid[axis]);
                    *wins.entry((a, b, axis)).or_default() += usize::from(a_at > b_at);
                }
            }
        }
    }
    // Binomial(200, 1/2) has deviation 7.07; 63 relations at 4.3 deviations: together about one false alarm in 900.
    for ((a, b, axis), count) in wins {
        let (a, b) = (names[a], names[b]);
        assert!((70..=130).contains(&count), "{a} beyond {b} on axis {axis}: {count} of 200");
    }
}

#[test]
fn full_holds_the_117_classes_of_totalsegmentator() {
    let dataset = phantom(serde_json::json!({ "preset": "full" }));
    let (volume, names) = label_map(dataset.as_ref(), 0);
    assert!((200..=450).contains(&volume.grid.shape[2]));
    let table = class_table();
    for (label, name) in &names {
        assert_eq!(table[*label as usize - 1], *name, "label {label}");
    }
    let found = measure(&volume, &names);
    let missing: Vec<&String> = table.iter().filter(|name| !found.contains_key(*name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    for (name, entry) in &found {
        assert!(entry.voxels >= 100, "{name}: {} voxels", entry.voxels);
    }
}

#[test]
fn full_keeps_all_classes_when_shuffled_or_mirrored_even_on_a_coarse_grid() {
    for arrangement in ["anatomical", "shuffled", "inversus"] {
        let dataset = phantom(
            serde_json::json!({ "preset": "full", "arrangement": arrangement, "shape": [120, 94, 230] }),
        );
        for index in 0..3 {
            let (volume, names) = label_map(dataset.as_ref(), index);
            let found = measure(&volume, &names);
            let missing: Vec<&String> = names.values().filter(|name| !found.contains_key(*name)).collect();
            assert!(missing.is_empty(), "{arrangement} {index}: {missing:?}");
        }
    }
}

#[test]
fn tumours_grow_inside_their_organs_on_request() {
    let plain = phantom(serde_json::json!({}));
    let ill = phantom(serde_json::json!({ "tumours": true }));
    for index in 0..4 {
        let (before, names) = label_map(plain.as_ref(), index);
        let (after, all) = label_map(ill.as_ref(), index);
        let found = measure(&after, &all);
        assert_eq!(found.len(), names.len() + 4);
        for (tumour, host) in [
            ("liver_tumor", "liver"),
            ("kidney_tumor", "kidney"),
            ("pancreas_tumor", "pancreas"),
            ("lung_tumor", "lung"),
        ] {
            assert!(found[tumour].voxels >= 10, "{tumour}: {}", found[tumour].voxels);
            let label = all.iter().find(|(_, name)| *name == tumour).map(|(label, _)| *label as f32).unwrap();
            for (was, is) in before.voxels.iter().zip(&after.voxels) {
                if *is == label {
                    assert!(names[&(*was as u32)].starts_with(host), "{tumour} outside its organ");
                }
            }
        }
    }
}

#[test]
fn organs_touch_and_grey_values_are_plausible() {
    let dataset = phantom(serde_json::json!({}));
    let (labels, names) = label_map(dataset.as_ref(), 0);
    let image = dataset.volume("phantom-0000/ct").unwrap();
    let mean = |name: &str| {
        let label = names.iter().find(|(_, own)| *own == name).map(|(label, _)| *label as f32).unwrap();
        let inside: Vec<f64> = (labels.voxels.iter().zip(&image.voxels))
            .filter(|(own, _)| **own == label)
            .map(|(_, value)| f64::from(*value))
            .collect();
        let mean = inside.iter().sum::<f64>() / inside.len() as f64;
        let spread =
            (inside.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / inside.len() as f64).sqrt();
        (mean, spread)
    };
    for (name, low, high) in
        [("liver", 80.0, 140.0), ("lung_lower_lobe_left", -900.0, -700.0), ("hip_left", 250.0, 500.0)]
    {
        let (mean, spread) = mean(name);
        assert!((low..high).contains(&mean), "{name}: {mean} HU");
        assert!((spread - 12.0).abs() < 0.3, "{name}: noise of {spread} HU");
    }
    let touching =
        labels.voxels.windows(2).filter(|pair| pair[0] != pair[1] && pair[0] * pair[1] > 0.0).count();
    assert!(touching > 1000, "{touching} contacts");
}

#[test]
fn the_body_differs_from_its_mirror_image_and_a_table_lies_below() {
    let dataset = phantom(serde_json::json!({ "noise": 0.0 }));
    let image = dataset.volume("phantom-0000/ct").unwrap();
    let [nx, ny, nz] = image.grid.shape;
    let body = |i: usize, j: usize, k: usize| image.get([i, j, k]).unwrap() > -400.0;
    let slice = nz / 2;
    let differing = (0..ny)
        .flat_map(|j| (0..nx).map(move |i| (i, j)))
        .filter(|(i, j)| body(*i, *j, slice) != body(nx - 1 - i, *j, slice))
        .count();
    assert!(differing > 100, "{differing} voxels differ from the mirror image");
    assert!((0..ny / 8).any(|j| body(nx / 2, j, slice)), "no table");
    assert!(!(ny * 19 / 20..ny).any(|j| body(nx / 2, j, slice)), "nothing lies on the belly");
}

#[test]
fn an_oblique_grid_turns_the_world_and_not_the_voxels() {
    let straight = phantom(serde_json::json!({}));
    let oblique = phantom(serde_json::json!({ "oblique": 4.0 }));
    let (a, b) =
        (straight.volume("phantom-0000/labels").unwrap(), oblique.volume("phantom-0000/labels").unwrap());
    assert_eq!(bytes(&a), bytes(&b));
    assert!((b.grid.affine.obliquity() - 4.0).abs() < 1e-9);
    assert!((a.grid.affine.voxel_volume() - b.grid.affine.voxel_volume()).abs() < 1e-9);
    assert_eq!(b.grid.affine.orientation().codes(), "RAS");
    let middle = b.grid.shape.map(|count| (count as f64 - 1.0) / 2.0);
    assert!(b.grid.affine.apply(middle).iter().all(|mm| mm.abs() < 1e-9));
}

#[test]
fn knees_are_sagittal_mr_with_ten_boxes_and_a_side() {
    let dataset = phantom(serde_json::json!({ "body": "knee", "cases": 10 }));
    let mut sides = Vec::new();
    for index in 0..10 {
        let case = dataset.case(index).unwrap();
        assert_eq!(case.modality, Modality::Mr);
        let StructureSource::Boxes { boxes } = &case.structures else { panic!("boxes") };
        assert_eq!(boxes.len(), 10);
        assert!(boxes.windows(2).all(|pair| pair[0].name < pair[1].name));
        let side = case.facts["side"].clone();
        assert_eq!(case.facts["modality_text"], format!("MR scan (DESS) of the {side} knee of the patient"));
        let middle = |name: &str, axis: usize| {
            let found = boxes.iter().find(|own| own.name == name).unwrap();
            (found.min[axis] + found.max[axis]) as f64 / 2.0
        };
        let medial_is_left = middle("medial_meniscus", 0) < middle("lateral_meniscus", 0);
        assert_eq!(medial_is_left, side == "right", "medial is toward the other leg");
        assert!(middle("patella", 1) > middle("femur", 1) && middle("femur", 2) > middle("tibia", 2));
        sides.push(side);
        if index == 0 {
            let image = dataset.volume("knee-0000/mr").unwrap();
            assert_eq!(image.grid.shape[0], 160, "sagittal slices");
            assert!(image.voxels.iter().all(|value| *value >= 0.0), "magnitudes");
            let labels = dataset.volume("knee-0000/labels").unwrap();
            let names = labels.names.clone();
            let found = measure(&labels, &names);
            for own in boxes {
                assert_eq!((own.min, own.max), (found[&own.name].min, found[&own.name].max), "{}", own.name);
            }
        }
    }
    assert!(sides.contains(&"left".to_owned()) && sides.contains(&"right".to_owned()));
}

#[test]
fn wrong_parameters_name_themselves() {
    for (params, at) in [
        (serde_json::json!({ "cases": 0 }), "cases"),
        (serde_json::json!({ "noise": -1.0 }), "noise"),
        (serde_json::json!({ "oblique": 90.0 }), "oblique"),
        (serde_json::json!({ "shape": [8, 8, 8] }), "shape"),
        (serde_json::json!({ "shape": [100_000, 100_000, 100_000] }), "shape"),
        (serde_json::json!({ "spacing": [0.0, 1.0, 1.0] }), "spacing"),
        (serde_json::json!({ "body": "knee", "arrangement": "inversus" }), "arrangement"),
        (serde_json::json!({ "body": "knee", "tumours": true }), "tumours"),
        (serde_json::json!({ "arangement": "inversus" }), "arangement"),
    ] {
        let fault = build(params.clone(), 0).map(|_| ()).unwrap_err();
        assert_eq!(fault.cause, Cause::Config, "{params}");
        assert!(fault.to_string().contains(at), "{params}: {fault}");
    }
}
