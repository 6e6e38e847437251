//! Label maps: smallest type, names from the file, and refusal of what is no label.

use crate::image::{Image, file};
use crate::reference::{folder, json};
use situs_core::fault::Cause;
use situs_core::volume::{LabelReader, LabelSlice, LabelVolume, Labels, Volume, read_header};

fn values(labels: LabelSlice<'_>) -> Vec<u32> {
    match labels {
        LabelSlice::U8(labels) => labels.iter().copied().map(u32::from).collect(),
        LabelSlice::U16(labels) => labels.iter().copied().map(u32::from).collect(),
        LabelSlice::U32(labels) => labels.to_vec(),
    }
}

#[test]
fn every_numeric_type_gives_the_same_bytes() {
    let Some(folder) = folder("nifti-awkward") else { return };
    let wanted = LabelVolume::read(&folder.join("orient_RAS_labels.nii.gz")).unwrap();
    assert!(matches!(wanted.labels, Labels::U8(_)));
    for name in [
        "labels_scl_identity",
        "labels_float32",
        "labels_float64",
        "labels_int64",
        "orient_LIA_labels",
        "orient_SRP_labels",
        "orient_LPS_labels",
    ] {
        let found = LabelVolume::read(&folder.join(format!("{name}.nii.gz"))).unwrap();
        assert_eq!(found.labels, wanted.labels, "{name}");
        assert!(found.grid.matches(&wanted.grid, 1e-4), "{name}");
    }
}

#[test]
fn labels_above_255_take_sixteen_bits() {
    let Some(folder) = folder("nifti-awkward") else { return };
    let labels = LabelVolume::read(&folder.join("labels_uint16_large.nii.gz")).unwrap().labels;
    let Labels::U16(labels) = labels else { panic!("16 bits expected") };
    assert_eq!(labels.iter().max(), Some(&22616));
    assert_eq!(labels.iter().map(|label| u64::from(*label)).sum::<u64>(), 73_714_796);
}

#[test]
fn what_is_no_label_is_refused_with_its_value() {
    let Some(folder) = folder("nifti-awkward") else { return };
    for (name, value) in [("labels_fractional.nii.gz", "1.5"), ("labels_negative.nii.gz", "-3")] {
        let fault = LabelVolume::read(&folder.join(name)).unwrap_err();
        assert_eq!(fault.cause, Cause::Data);
        assert!(fault.what.contains(name) && fault.what.contains(&format!("is {value},")), "{fault}");
        assert!(LabelReader::new().read(&folder.join(name)).is_err());
    }
    for name in ["nan_inf_float32.nii.gz", "vol_4d.nii.gz", "gz_bad_crc.nii.gz"] {
        assert!(LabelVolume::read(&folder.join(name)).is_err(), "{name}");
    }
}

#[test]
fn labels_behind_a_scaling_count_by_their_scaled_value() {
    let folder = tempfile::tempdir().unwrap();
    let identity = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]];
    let mut image = Image::int16([2, 2, 1], identity, &[0, 1, 2, 30_000]);
    image.scaling = [4.0, 0.0];
    let path = file(&folder, "scaled.nii", &image.bytes());
    assert_eq!(LabelVolume::read(&path).unwrap().labels, Labels::U32(vec![0, 4, 8, 120_000]));
    image.scaling = [0.5, 0.0];
    let path = file(&folder, "halves.nii", &image.bytes());
    assert!(LabelVolume::read(&path).unwrap_err().what.contains("0.5"));
}

#[test]
fn a_trailing_axis_of_length_one_is_no_further_volume() {
    let folder = tempfile::tempdir().unwrap();
    let identity = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]];
    let mut image = Image::int16([2, 2, 1], identity, &[0, 1, 2, 3]);
    image.dims.extend([1, 1]);
    let path = file(&folder, "singleton.nii", &image.bytes());
    assert_eq!(LabelVolume::read(&path).unwrap().labels, Labels::U8(vec![0, 1, 2, 3]));
}

#[test]
fn one_reader_for_many_files_gives_what_each_gives_alone() {
    let Some(folder) = folder("ts-ct-3mm") else { return };
    let mut paths: Vec<_> = std::fs::read_dir(folder.join("sm_segmentations"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(".nii.gz"))
        .collect();
    paths.sort();
    paths.truncate(12);
    paths.push(folder.join("labels.nii.gz"));
    paths.push(folder.join("labels_sm.nii.gz"));
    let mut reader = LabelReader::new();
    for path in paths {
        let alone = LabelVolume::read(&path).unwrap();
        let view = reader.read(&path).unwrap();
        assert_eq!(view.grid, alone.grid);
        assert_eq!(values(view.labels), values(alone.labels.as_slice()), "{}", path.display());
    }
}

#[test]
fn names_come_from_the_file_and_agree_with_the_published_table() {
    let (Some(case), Some(maps)) = (folder("ts-ct-3mm"), folder("label-maps")) else { return };
    let table = json(&maps, "totalsegmentator_v2_total.json");
    let labels = LabelVolume::read(&case.join("labels.nii.gz")).unwrap();
    assert_eq!(labels.names.get(&1).map(String::as_str), Some("spleen"));
    assert!(labels.names.len() >= 61);
    let text = table.to_string();
    for name in labels.names.values() {
        assert!(text.contains(&format!("\"{name}\"")), "{name}");
    }
    assert_eq!(read_header(&case.join("labels.nii.gz")).unwrap().names, labels.names);
    assert!(Volume::read(&case.join("ct.nii.gz")).unwrap().names.is_empty());
}
