//! Damaged input: an error or a volume, never a panic and never more memory than the file can fill.

use crate::image::{Image, file};
use crate::reference::folder;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use situs_core::digest::Draw;
use situs_core::volume::{LabelReader, Volume, describe, read_header};
use std::io::Write;
use std::path::Path;

const IDENTITY: [[f64; 4]; 4] =
    [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]];

fn sample() -> Vec<u8> {
    let voxels: Vec<i16> = (0..60).collect();
    Image::int16([3, 4, 5], IDENTITY, &voxels).bytes()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Every way in. What comes out is free, as long as it comes out.
fn read_every_way(path: &Path) {
    let _ = read_header(path);
    let _ = LabelReader::new().read(path).map(|view| view.grid);
    if let Ok(volume) = Volume::read(path) {
        assert_eq!(volume.voxels.len(), volume.grid.len());
        assert!(volume.grid.affine.is_regular());
    }
    if let Ok(report) = describe(path) {
        assert!(serde_json::to_string(&report).is_ok());
    }
}

fn mutated(bytes: &[u8], within: usize, draw: &Draw) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let within = within.min(bytes.len());
    for change in 0..1 + draw.of("changes").below(4) {
        let draw = draw.of(change);
        if within > 0 {
            bytes[draw.of("at").below(within)] = draw.of("to").bits() as u8;
        }
    }
    if draw.of("cut").below(10) == 0 {
        bytes.truncate(draw.of("length").below(bytes.len() + 1));
    }
    bytes
}

#[test]
fn changed_bytes_in_headers_and_gzip_streams_never_panic() {
    let Some(folder) = folder("nifti-awkward") else { return };
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.to_string_lossy().ends_with(".json") && !path.to_string_lossy().ends_with(".md"))
        .collect();
    names.sort();
    let files = tempfile::tempdir().unwrap();
    for path in names {
        let bytes = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let mut plain = Vec::new();
        let inflated =
            std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(bytes.as_slice()), &mut plain);
        let suffix = if name.contains(".img") {
            "img"
        } else if name.ends_with(".hdr") {
            "hdr"
        } else {
            "nii"
        };
        for round in 0..12 {
            let draw = Draw::new(20).of(name).of(round);
            let changed =
                mutated(&bytes, bytes.len().min(if round % 2 == 0 { 352 } else { usize::MAX }), &draw);
            read_every_way(&file(&files, &format!("changed.{suffix}"), &changed));
            if inflated.is_ok() && !plain.is_empty() {
                let changed = mutated(&plain, 352, &draw.of("inside"));
                read_every_way(&file(&files, "changed.nii", &changed));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_header_is_read_or_refused(
        changes in proptest::collection::vec((0_usize..352, any::<u8>()), 0..12),
        compressed in any::<bool>(),
    ) {
        let mut bytes = sample();
        for (at, to) in changes {
            bytes[at] = to;
        }
        let files = tempfile::tempdir().unwrap();
        let bytes = if compressed { gzip(&bytes) } else { bytes };
        read_every_way(&file(&files, "any.nii", &bytes));
    }

    #[test]
    fn any_bytes_behind_a_nifti2_mark_are_read_or_refused(body in proptest::collection::vec(any::<u8>(), 528..700)) {
        let mut bytes = 540_i32.to_le_bytes().to_vec();
        bytes.extend(b"n+2\0\r\n\x1a\n");
        bytes.extend(body);
        let files = tempfile::tempdir().unwrap();
        read_every_way(&file(&files, "any.nii", &bytes));
    }
}

#[test]
fn every_cut_of_a_file_is_refused() {
    let files = tempfile::tempdir().unwrap();
    let plain = sample();
    for bytes in [plain.clone(), gzip(&plain)] {
        for length in 0..bytes.len() {
            let path = file(&files, "cut.nii", &bytes[..length]);
            assert!(Volume::read(&path).is_err(), "cut to {length} of {}", bytes.len());
        }
        assert!(Volume::read(&file(&files, "whole.nii", &bytes)).is_ok());
    }
}

#[test]
fn a_claim_of_more_than_the_file_can_hold_is_refused_at_once() {
    let files = tempfile::tempdir().unwrap();
    let mut image = Image::int16([3, 4, 5], IDENTITY, &[0; 60]);
    for (dims, what) in [(vec![2000, 2000, 2000], "header asks for"), (vec![32767; 7], "more than")] {
        image.dims = dims;
        for bytes in [image.bytes(), gzip(&image.bytes())] {
            let fault = Volume::read(&file(&files, "huge.nii", &bytes)).unwrap_err();
            assert!(fault.what.contains(what), "{fault}");
        }
    }
}

#[test]
fn affines_beyond_any_scanner_are_refused() {
    let files = tempfile::tempdir().unwrap();
    for wrong in [0.0, f64::NAN, f64::INFINITY, 1e30, 1e-30] {
        let mut affine = IDENTITY;
        affine[0][0] = wrong;
        let bytes = Image::int16([3, 4, 5], affine, &[0; 60]).bytes();
        assert!(Volume::read(&file(&files, "affine.nii", &bytes)).is_err(), "{wrong}");
    }
    let flat = [[1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]];
    assert!(
        Volume::read(&file(&files, "flat.nii", &Image::int16([3, 4, 5], flat, &[0; 60]).bytes())).is_err()
    );
}

#[test]
fn a_folder_and_a_missing_file_are_named() {
    let files = tempfile::tempdir().unwrap();
    let fault = Volume::read(files.path()).unwrap_err();
    assert!(fault.what.contains("is not a file"), "{fault}");
    let fault = Volume::read(&files.path().join("absent.nii.gz")).unwrap_err();
    assert!(fault.what.contains("absent.nii.gz"), "{fault}");
}

#[test]
fn a_pair_without_its_image_says_which_file_is_missing() {
    let Some(folder) = folder("nifti-upstream") else { return };
    let fault = Volume::read(&folder.join("nibabel/nifti1.hdr")).unwrap_err();
    assert!(fault.to_string().contains("nifti1.img"), "{fault}");
}
