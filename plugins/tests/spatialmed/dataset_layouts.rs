//! Tumours of the public data sets, in miniature folders: each is linked to its organ.

use crate::bench::{Clinic, family};
use serde_json::{Value, json};
use situs_core::prelude::*;
use std::collections::BTreeSet;
use std::path::Path;

const SIDE: usize = 48;
/// mm: 0.125 cm³ a voxel.
const SPACING: f32 = 5.0;

/// A NIfTI-1 file of 48³ voxels of 5 mm, uint8, RAS+.
fn nifti(voxels: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 352];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, &348_i32.to_le_bytes());
    for (index, length) in [3, SIDE as i16, SIDE as i16, SIDE as i16, 1, 1, 1, 1].into_iter().enumerate() {
        put(40 + 2 * index, &length.to_le_bytes());
    }
    put(70, &2_i16.to_le_bytes());
    put(72, &8_i16.to_le_bytes());
    for index in 0..4 {
        put(76 + 4 * index, &SPACING.to_le_bytes());
    }
    put(108, &352_f32.to_le_bytes());
    put(254, &2_i16.to_le_bytes());
    for row in 0..3 {
        put(280 + 16 * row + 4 * row, &SPACING.to_le_bytes());
    }
    put(344, b"n+1\0");
    bytes.extend_from_slice(voxels);
    bytes
}

/// A box of one label: lowest corner and voxels along each axis.
type Block = (u8, [usize; 3], [usize; 3]);

fn labels(blocks: &[Block]) -> Vec<u8> {
    let mut voxels = vec![0; SIDE * SIDE * SIDE];
    for (label, low, size) in blocks {
        for z in low[2]..low[2] + size[2] {
            for y in low[1]..low[1] + size[1] {
                for x in low[0]..low[0] + size[0] {
                    voxels[x + SIDE * (y + SIDE * z)] = *label;
                }
            }
        }
    }
    nifti(&voxels)
}

fn write(folder: &Path, file: &str, bytes: &[u8]) {
    let path = folder.join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// Organ of 20 x 22 x 24 voxels (1,320 cm³) with a tumour of 6 x 5 x 4 voxels (15 cm³) in it, and a neighbour.
const INSIDE: [Block; 3] =
    [(1, [4, 6, 8], [20, 22, 24]), (2, [10, 12, 14], [6, 5, 4]), (3, [30, 6, 8], [9, 12, 16])];
/// The tumour lies 40 mm from its organ.
const OUTSIDE: [Block; 3] =
    [(1, [4, 6, 8], [20, 22, 24]), (2, [32, 40, 40], [6, 5, 4]), (3, [30, 6, 8], [9, 12, 16])];

fn asked(dataset: Value) -> (Vec<Question>, Reasons) {
    Clinic::new(dataset).ask(&*family(json!({"items": 20, "tasks": ["dir", "dist", "vol", "ratio"]})))
}

fn tumours(questions: &[Question]) -> Vec<&str> {
    let found: BTreeSet<&str> = questions.iter().map(|question| question.facet("tumour")).collect();
    found.into_iter().filter(|tumour| *tumour != "-").collect()
}

fn msd(folder: &Path, name: &str, names: Value, blocks: &[Block]) -> Value {
    let description = json!({
        "name": name, "modality": {"0": "CT"}, "labels": names,
        "training": [{"image": "./imagesTr/a.nii", "label": "./labelsTr/a.nii"}],
    });
    write(folder, "dataset.json", description.to_string().as_bytes());
    write(folder, "imagesTr/a.nii", &labels(&[]));
    write(folder, "labelsTr/a.nii", &labels(blocks));
    json!({"use": "msd", "path": folder})
}

#[test]
fn kits_links_renal_tumours_to_the_kidney() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "case_00001/imaging.nii.gz", &labels(&[]));
    write(folder.path(), "case_00001/segmentation.nii.gz", &labels(&INSIDE));
    let (questions, _) = asked(json!({"use": "kits", "path": folder.path()}));
    assert_eq!(tumours(&questions), ["renal tumour"]);
    let share = questions.iter().find(|question| question.template == "RAT-3").unwrap();
    assert_eq!(share.structures, ["kidney_tumor", "kidney"]);
    // 6 x 5 x 4 of 20 x 22 x 24 voxels.
    assert!((share.truth.parse::<f64>().unwrap() - 100.0 * 120.0 / 10_560.0).abs() < 1e-4, "{}", share.truth);
    assert!(share.text.contains("the kidney together with the renal tumour (all its parts together)"));
}

#[test]
fn the_same_word_means_another_tumour_in_each_msd_task() {
    for (task, names, expected) in [
        ("Liver", json!({"0": "background", "1": "liver", "2": "cancer", "3": "spleen"}), "liver tumour"),
        (
            "PANCREAS",
            json!({"0": "background", "1": "pancreas_x", "2": "cancer", "3": "pancreas"}),
            "pancreatic tumour",
        ),
        (
            "HepaticVessel",
            json!({"0": "background", "1": "Vessel", "2": "Tumour", "3": "y"}),
            "vessel tumour",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        // The pancreas is the small block beside the tumour here: within 5 mm of it.
        let blocks =
            if task == "PANCREAS" { [INSIDE[0], (2, [24, 7, 9], [6, 5, 4]), INSIDE[2]] } else { INSIDE };
        let (questions, left_out) = asked(msd(folder.path(), task, names, &blocks));
        assert_eq!(tumours(&questions), [expected], "{left_out:?}");
    }
}

#[test]
fn a_tumour_outside_its_organ_is_counted_and_not_asked_about() {
    let folder = tempfile::tempdir().unwrap();
    let names = json!({"0": "background", "1": "liver", "2": "cancer", "3": "spleen"});
    let (questions, left_out) = asked(msd(folder.path(), "Liver", names, &OUTSIDE));
    assert_eq!(left_out.get("1 structure: tumour outside its organ"), Some(&1));
    assert!(tumours(&questions).is_empty() && !questions.is_empty());
}

#[test]
fn regions_of_a_brain_tumour_are_parts_of_each_other() {
    let folder = tempfile::tempdir().unwrap();
    for ending in ["t1", "t1ce", "t2", "flair"] {
        write(folder.path(), &format!("BraTS2021_00001/BraTS2021_00001_{ending}.nii.gz"), &labels(&[]));
    }
    // Necrotic core, edema, enhancing tumour.
    let blocks = [(2, [8, 8, 8], [16, 14, 12]), (4, [10, 10, 10], [10, 9, 8]), (1, [12, 12, 12], [6, 5, 4])];
    write(folder.path(), "BraTS2021_00001/BraTS2021_00001_seg.nii.gz", &labels(&blocks));
    let (questions, _) = asked(json!({"use": "brats", "path": folder.path(), "structures": "regions"}));
    assert!(
        tumours(&questions).contains(&"whole tumour") && tumours(&questions).contains(&"enhancing tumour")
    );
    assert!(
        questions
            .iter()
            .all(|question| question.facet("modality") == "MR" && question.facet("region") == "brain")
    );
    // None lies beside the other, so that no pair of them is asked about.
    assert!(questions.iter().all(|question| question.structures.len() == 1), "{questions:?}");
}

#[test]
fn real_tumour_free_data_are_asked_about_whole_structures_alone() {
    let root = std::env::var_os("SITUS_TEST_DATA").map_or_else(
        || Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")).to_owned(),
        std::path::PathBuf::from,
    );
    let folder = root.join("ts-ct-3mm");
    if !folder.exists() {
        println!("skipped: {} does not exist", folder.display());
        return;
    }
    let params = situs_core::registry::detect(&folder).unwrap();
    let clinic = Clinic::new(Value::Object(params));
    let (questions, left_out) = clinic.ask(&*family(json!({"items": 20})));
    assert_eq!(left_out.get("2 item: cross: not run: one case"), Some(&20));
    let tasks: BTreeSet<&str> = questions.iter().map(|question| question.facet("task")).collect();
    assert_eq!(tasks.len(), 7, "{tasks:?} {left_out:#?}");
}
