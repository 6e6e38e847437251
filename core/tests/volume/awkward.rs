//! Odd files: what nibabel 5.4.2 reads from them (`expected.json`), and what has to be refused or remarked.

use crate::reference::{assert_close, folder, json, matrix, number, shape};
use serde_json::Value;
use situs_core::fault::Cause;
use situs_core::volume::{Volume, VolumeReport, describe, read_header, volume_id};
use std::path::Path;

/// Codes of the remarks that must be made; other files have none.
const REMARKS: [(&str, &[&str]); 9] = [
    ("no_forms.nii.gz", &["orientation_unknown"]),
    ("forms_conflict.nii.gz", &["forms_conflict"]),
    ("sheared_sform.nii.gz", &["sheared"]),
    ("slice_2d.nii.gz", &["one_slice"]),
    ("units_micron.nii.gz", &["units_converted"]),
    ("pixdim_zero.nii", &["pixdim_zero"]),
    ("pixdim_negative.nii", &["pixdim_negative"]),
    ("pixdim_disagrees.nii", &["pixdim_disagrees"]),
    ("bitpix_disagrees.nii", &["bitpix_disagrees"]),
];

fn codes(report: &VolumeReport) -> Vec<&str> {
    report.warnings.iter().map(|warning| warning.code.as_str()).collect()
}

fn check(name: &str, report: &VolumeReport, expected: &Value) {
    let to_mm = if name == "units_micron.nii.gz" { 1e-3 } else { 1.0 };
    let in_mm = |value: &Value| {
        let mut rows = matrix(value);
        rows.iter_mut().take(3).for_each(|row| *row = row.map(|value| value * to_mm));
        rows
    };
    assert_eq!(report.shape, shape(&expected["shape"]), "{name}");
    assert_close(&report.affine.0, &in_mm(&expected["affine"]), 1e-4, name);
    assert_eq!(report.axis_codes, expected["axcodes"].as_str().unwrap(), "{name}");
    for (found, field) in
        [(report.min, "value_min"), (report.max, "value_max"), (report.sum, "value_sum_first_volume")]
    {
        let Some(wanted) = number(&expected[field]) else { continue };
        let close = found == wanted || (found - wanted).abs() <= 1e-9 * wanted.abs();
        assert!(close, "{name}: {field} is {found}, not {wanted}");
    }
    if let Some(digest) = expected["canonical_sha256_f64_fortran"].as_str() {
        assert_eq!(report.canonical.sha256, digest, "{name}");
        assert_eq!(report.canonical.shape.to_vec(), shape(&expected["canonical_shape"]), "{name}");
    }
}

/// The f32 volume holds the same values in the same order as the exact report.
fn check_volume(name: &str, path: &Path, report: &VolumeReport) {
    let volume = Volume::read(path).unwrap();
    assert_eq!(volume.grid.shape, report.canonical.shape, "{name}");
    assert_eq!(volume.grid.affine, report.canonical.affine, "{name}");
    let sum: f64 = volume.voxels.iter().filter(|value| !value.is_nan()).map(|value| f64::from(*value)).sum();
    let close = sum == report.sum || (sum - report.sum).abs() <= 1e-6 * report.sum.abs().max(1.0);
    assert!(close, "{name}: {sum} is not {}", report.sum);
}

#[test]
fn every_awkward_file_behaves_as_its_status_says() {
    let Some(folder) = folder("nifti-awkward") else { return };
    let mut seen = 0;
    for (name, entry) in json(&folder, "expected.json").as_object().unwrap() {
        seen += 1;
        let file = if name.starts_with("pair_") { format!("{name}.hdr") } else { name.clone() };
        let path = folder.join(file);
        let status = entry["status"].as_str().unwrap();
        let expected = &entry["nibabel"];
        let report = describe(&path);
        match status {
            "must_error" => {
                let fault = report.expect_err(name);
                assert_eq!(fault.cause, Cause::Data, "{name}: {fault}");
                assert!(fault.what.contains(path.to_str().unwrap()), "{name}: {fault}");
                assert!(Volume::read(&path).is_err(), "{name}");
                continue;
            }
            "must_error_or_warn" if name == "sform_all_zero.nii.gz" => {
                if let Ok(report) = report {
                    assert_eq!(codes(&report), ["sform_singular"]);
                }
                continue;
            }
            _ => {}
        }
        let report = report.unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let remarks = REMARKS.iter().find(|(file, _)| file == name).map_or(&[][..], |(_, codes)| codes);
        assert_eq!(codes(&report), remarks, "{name}: {:?}", report.warnings);
        if name != "slice_2d.nii.gz" && expected["shape"].is_array() {
            check(name, &report, expected);
        }
        check_volume(name, &path, &report);
    }
    assert_eq!(seen, 78, "files in expected.json");
}

#[test]
fn files_that_nibabel_does_not_take_are_the_plain_volume() {
    let Some(folder) = folder("nifti-awkward") else { return };
    let plain = describe(&folder.join("plain.nii")).unwrap().canonical;
    for name in [
        "gz_without_suffix.nii",
        "plain_named_gz.nii.gz",
        "pair_gz_img.hdr",
        "pair_gz_img.img.gz",
        "pair_plain.img",
        "gz_two_members.nii.gz",
        "nifti2.nii.gz",
    ] {
        assert_eq!(describe(&folder.join(name)).unwrap().canonical, plain, "{name}");
    }
}

#[test]
fn all_orientations_of_one_volume_are_one_canonical_volume() {
    let Some(folder) = folder("nifti-awkward") else { return };
    let reference = Volume::read(&folder.join("orient_RAS_ct.nii.gz")).unwrap();
    for codes in ["LAS", "LPS", "RPI", "LIA", "PIR", "ASL", "SPL", "IAR", "SRP"] {
        let volume = Volume::read(&folder.join(format!("orient_{codes}_ct.nii.gz"))).unwrap();
        assert_eq!(volume.voxels, reference.voxels, "{codes}");
        assert!(volume.grid.matches(&reference.grid, 1e-4), "{codes}");
        assert_eq!(volume_id(&volume, ""), volume_id(&reference, ""), "{codes}");
    }
}

#[test]
fn of_several_volumes_the_first_is_read_with_a_remark() {
    let Some(folder) = folder("nifti-awkward") else { return };
    let volume = Volume::read(&folder.join("vol_4d.nii.gz")).unwrap();
    let plain = Volume::read(&folder.join("plain.nii")).unwrap();
    assert_eq!(volume.voxels, plain.voxels);
    assert_eq!(volume.warnings[0].code, "first_of_many");
}

#[test]
fn every_volume_of_several_can_be_chosen() {
    let Some(folder) = folder("nifti-awkward") else { return };
    let path = folder.join("vol_4d.nii.gz");
    let count = read_header(&path).unwrap().volumes();
    assert!(count > 1);
    let first = Volume::read_nth(&path, 0).unwrap();
    assert_eq!((first.voxels, first.warnings), (Volume::read(&path).unwrap().voxels, Vec::new()));
    let last = Volume::read_nth(&path, count - 1).unwrap();
    assert_eq!(last.voxels.len(), Volume::read(&path).unwrap().voxels.len());
    let fault = Volume::read_nth(&path, count).unwrap_err();
    assert!(fault.what.contains(&format!("no volume {count}: it holds {count}")), "{fault}");
    assert!(Volume::read_nth(&folder.join("plain.nii"), 1).is_err());
}

#[test]
fn voxels_that_are_no_numbers_are_counted_for_the_run() {
    let Some(folder) = folder("nifti-awkward") else { return };
    let volume = Volume::read(&folder.join("nan_inf_float32.nii.gz")).unwrap();
    let odd = volume.voxels.iter().filter(|value| !value.is_finite()).count();
    let [warning] = volume.warnings.as_slice() else { panic!("{:?}", volume.warnings) };
    assert_eq!(warning.code, "non_finite");
    assert!(odd > 0 && warning.message.starts_with(&format!("{odd} voxels ")), "{odd}: {}", warning.message);
}

#[test]
fn the_brain_stored_left_to_right_and_right_to_left_is_one_brain() {
    let Some(folder) = folder("nifti-upstream") else { return };
    let left = Volume::read(&folder.join("nifti-rs/avg152T1_LR_nifti.nii.gz")).unwrap();
    let right = Volume::read(&folder.join("niivue/avg152T1_RL_nifti.nii.gz")).unwrap();
    assert_eq!(left.voxels, right.voxels);
    assert!(left.grid.matches(&right.grid, 1e-4));
}

#[test]
fn files_of_other_projects_are_read_as_nibabel_reads_them() {
    let Some(folder) = folder("nifti-upstream") else { return };
    for (name, expected) in json(&folder, "expected.json").as_object().unwrap() {
        let path = folder.join(name);
        let scalar = expected["value_range"].is_array();
        if !scalar {
            assert!(describe(&path).is_err(), "{name}");
            continue;
        }
        let report = describe(&path).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert_eq!(report.shape, shape(&expected["shape"]), "{name}");
        assert_close(&report.affine.0, &matrix(&expected["affine"]), 1e-4, name);
        let codes = expected["axcodes"].as_str().unwrap();
        assert_eq!(report.axis_codes, codes, "{name}");
        let range = expected["value_range"].as_array().unwrap();
        for (found, wanted) in [report.min, report.max].iter().zip(range) {
            let wanted = number(wanted).unwrap();
            assert!((found - wanted).abs() <= 1e-6 * wanted.abs(), "{name}: {found} is not {wanted}");
        }
        let stored = expected["dtype"].as_str().unwrap();
        if !stored.starts_with('>') {
            assert_eq!(report.datatype, stored, "{name}");
        }
    }
}

#[test]
fn the_report_has_the_fields_of_the_contract_and_words_for_what_json_cannot_say() {
    let Some(folder) = folder("nifti-awkward") else { return };
    let report = describe(&folder.join("nan_inf_float32.nii.gz")).unwrap();
    let json = serde_json::to_value(&report).unwrap();
    let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "affine",
            "axis_codes",
            "canonical",
            "datatype",
            "max",
            "min",
            "shape",
            "spacing_mm",
            "sum",
            "warnings"
        ]
    );
    assert_eq!(json["max"], "Infinity");
    assert_eq!(json["sum"], "Infinity");
    assert_eq!(json["min"], -455.0);
    assert_eq!(json["datatype"], "float32");
    assert_eq!(json["affine"].as_array().unwrap().len(), 4);
    let big = describe(&folder.join("big_endian_int16.nii.gz")).unwrap();
    assert_eq!(big.datatype, "int16");
}

#[test]
fn a_header_can_be_read_alone_even_where_the_voxels_are_missing() {
    let Some(folder) = folder("nifti-awkward") else { return };
    let header = read_header(&folder.join("gz_truncated.nii.gz")).unwrap();
    assert_eq!(header.dims, [36, 30, 25]);
    assert_eq!(header.volumes(), 1);
    assert!(read_header(&folder.join("pair_gz_img.img.gz")).is_ok());
}
