//! Folders of real data: which data set recognises them, and what it makes of their files.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use situs_core::prelude::*;
use situs_core::registry::{Params, Registry, detect};
use situs_plugins as _;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A NIfTI-1 file of zeros: uint8, sform with the given rows.
fn nifti(shape: [i16; 3], sform: [[f32; 4]; 3]) -> Vec<u8> {
    let mut bytes = vec![0; 352];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, &348_i32.to_le_bytes());
    for (index, length) in [3, shape[0], shape[1], shape[2], 1, 1, 1, 1].into_iter().enumerate() {
        put(40 + 2 * index, &length.to_le_bytes());
    }
    put(70, &2_i16.to_le_bytes());
    put(72, &8_i16.to_le_bytes());
    for index in 0..4 {
        put(76 + 4 * index, &1_f32.to_le_bytes());
    }
    put(108, &352_f32.to_le_bytes());
    put(254, &2_i16.to_le_bytes());
    for (row, values) in sform.iter().enumerate() {
        for (column, value) in values.iter().enumerate() {
            put(280 + 16 * row + 4 * column, &value.to_le_bytes());
        }
    }
    put(344, b"n+1\0");
    let voxels: i16 = shape.iter().product();
    bytes.resize(352 + voxels as usize, 0);
    bytes
}

/// The same with voxels in it; of several volumes, one after the other.
fn filled(shape: [i16; 3], voxels: &[u8]) -> Vec<u8> {
    let mut bytes = nifti(shape, RAS);
    let volumes = voxels.len() as i16 / shape.iter().product::<i16>();
    if volumes > 1 {
        bytes[40..42].copy_from_slice(&4_i16.to_le_bytes());
        bytes[48..50].copy_from_slice(&volumes.to_le_bytes());
    }
    bytes.truncate(352);
    bytes.extend_from_slice(voxels);
    bytes
}

const RAS: [[f32; 4]; 3] = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]];

/// A folder with small images at the given paths.
fn tree(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        write(folder.path(), file, &nifti([4, 5, 6], RAS));
    }
    folder
}

fn write(folder: &Path, file: &str, bytes: &[u8]) {
    let path = folder.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn build(params: &Params) -> Result<Box<dyn Dataset>, Fault> {
    let registry = Registry::builtin().unwrap();
    registry.build::<dyn Dataset>(params, &BuildContext::default()).map(|built| built.component)
}

fn params(value: serde_json::Value) -> Params {
    let serde_json::Value::Object(params) = value else { panic!("a table") };
    params
}

fn refused(value: serde_json::Value) -> String {
    build(&params(value)).map(|_| ()).unwrap_err().to_string()
}

fn detected(folder: &Path) -> Box<dyn Dataset> {
    build(&detect(folder).unwrap()).unwrap()
}

fn cases(dataset: &dyn Dataset) -> Vec<Case> {
    (0..dataset.len()).map(|index| dataset.case(index).unwrap()).collect()
}

fn label_names(case: &Case) -> BTreeMap<u32, String> {
    match &case.structures {
        StructureSource::LabelMap { names, .. } => names.clone(),
        other => panic!("expected a label map, found {other:?}"),
    }
}

fn path_of(volume: &VolumeRef) -> &Path {
    match &volume.source {
        VolumeSource::File { path } => path,
        VolumeSource::Dataset { key } => panic!("expected a file, found {key}"),
    }
}

fn shared(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SITUS_TEST_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")),
        PathBuf::from,
    );
    let found = root.join(name);
    if !found.exists() {
        println!("left out: {} is not here", found.display());
    }
    found.exists().then_some(found)
}

#[test]
fn totalsegmentator_reads_masks_and_skips_what_is_not_a_mask() {
    let folder = tree(&[
        "s0002/ct.nii.gz",
        "s0002/segmentations/spleen.nii.gz",
        "s0002/segmentations/liver.nii.gz",
        "s0002/segmentations/._liver.nii.gz",
        "s0002/segmentations/notes.txt",
        "s0001/ct.nii.gz",
        "s0001/segmentations/liver.nii",
        "supplement/ct.nii.gz",
    ]);
    let found = detect(folder.path()).unwrap();
    assert_eq!((found["use"].as_str(), found["modality"].as_str()), (Some("totalsegmentator"), Some("ct")));
    let dataset = build(&found).unwrap();
    assert_eq!(dataset.card().modality_text, "CT scan of the torso");
    let cases = cases(dataset.as_ref());
    assert_eq!(cases.iter().map(|case| case.name.as_str()).collect::<Vec<_>>(), ["s0001", "s0002"]);
    assert_eq!(cases[1].facts["region"], "torso");
    let StructureSource::Masks { masks } = &cases[1].structures else { panic!("masks") };
    let masks: Vec<_> = masks.iter().map(|mask| (mask.name.as_str(), mask.label)).collect();
    assert_eq!(masks, [("liver", Some(5)), ("spleen", Some(1))]);
}

#[test]
fn totalsegmentator_names_merged_labels_by_the_table_of_their_version() {
    let folder = tree(&["s0001/ct.nii.gz", "s0001/labels.nii.gz"]);
    let path = folder.path().to_str().unwrap();
    let name_of = |table: &str, label: u32| {
        let spec = serde_json::json!({ "use": "totalsegmentator", "path": path, "label_table": table });
        let dataset = build(&params(spec)).unwrap();
        label_names(&dataset.case(0).unwrap()).get(&label).cloned()
    };
    // Labels 1 to 6 are the same in versions 1 and 2, 7 is the first to differ.
    assert_eq!(name_of("v2", 6), name_of("v1", 6));
    assert_eq!(name_of("v2", 7).as_deref(), Some("pancreas"));
    assert_eq!(name_of("v1", 7).as_deref(), Some("aorta"));
    assert_eq!(name_of("mr", 10).as_deref(), Some("lung_left"));
    assert_eq!(label_names(&detected(folder.path()).case(0).unwrap()).len(), 117, "version 2 by default");
}

#[test]
fn totalsegmentator_keeps_the_cases_of_a_split() {
    let folder = tree(&["s0001/ct.nii.gz", "s0001/labels.nii.gz", "s0002/ct.nii.gz", "s0002/labels.nii.gz"]);
    let path = folder.path().to_str().unwrap();
    let spec = |split: &str| serde_json::json!({ "use": "totalsegmentator", "path": path, "split": split });
    assert!(refused(spec("test")).contains("meta.csv"));
    write(
        folder.path(),
        "meta.csv",
        b"\xef\xbb\xbfimage_id;age;split\r\ns0001;40;train\r\ns0002;50;test\r\n",
    );
    let dataset = build(&params(spec("test"))).unwrap();
    assert_eq!(cases(dataset.as_ref())[0].name, "s0002");
    let fault = refused(spec("tset"));
    assert!(fault.contains("split") && fault.contains("test, train"), "{fault}");
}

#[test]
fn a_case_without_image_is_left_to_the_engine_and_a_set_without_images_is_refused() {
    let folder = tree(&["s0001/ct.nii.gz", "s0001/labels.nii.gz", "s0002/segmentations/liver.nii.gz"]);
    let dataset = detected(folder.path());
    assert!(dataset.case(0).is_ok());
    let fault = dataset.case(1).unwrap_err();
    assert_eq!(fault.cause, Cause::Data);
    assert!(fault.to_string().contains("s0002"), "{fault}");
    let folder = tree(&["s0002/segmentations/liver.nii.gz"]);
    let fault = build(&detect(folder.path()).unwrap()).map(|_| ()).unwrap_err();
    assert_eq!(fault.cause, Cause::Data);
    assert!(fault.to_string().contains("ct.nii.gz"), "{fault}");
}

#[test]
fn msd_reads_its_description_with_labels_either_way_round() {
    for labels in [r#"{"0": "background", "1": "Left Atrium"}"#, r#"{"background": 0, "Left Atrium": 1}"#] {
        let folder = tree(&["imagesTr/la_007.nii.gz", "labelsTr/la_007.nii.gz", "imagesTr/._la_007.nii.gz"]);
        let json = format!(
            r#"{{"name": "LeftAtrium", "modality": {{"0": "MRI"}}, "labels": {labels}, "training": [
                {{"image": "./imagesTr/la_007.nii.gz", "label": "./labelsTr/la_007.nii.gz"}},
                {{"image": "./imagesTr/._la_007.nii.gz", "label": "./labelsTr/._la_007.nii.gz"}}]}}"#
        );
        write(folder.path(), "dataset.json", json.as_bytes());
        let dataset = detected(folder.path());
        assert_eq!(dataset.card().name, "LeftAtrium");
        let cases = cases(dataset.as_ref());
        assert_eq!(cases.len(), 1);
        assert_eq!((cases[0].name.as_str(), cases[0].modality), ("la_007", Modality::Mr));
        assert_eq!(label_names(&cases[0]), BTreeMap::from([(1, "left_atrium".to_owned())]));
        assert!(path_of(&cases[0].volumes[0]).is_file());
    }
}

#[test]
fn nnunet_folders_without_a_list_pair_labels_with_the_first_channel() {
    let folder = tree(&["imagesTr/a_0000.nii.gz", "imagesTr/a_0001.nii.gz", "labelsTr/a.nii.gz"]);
    let json = br#"{"channel_names": {"0": "CT"}, "labels": {"background": 0, "liver": 1, "both": [1, 2], "spleen": 2}}"#;
    write(folder.path(), "dataset.json", json);
    let cases = cases(detected(folder.path()).as_ref());
    assert!(path_of(&cases[0].volumes[0]).ends_with("a_0000.nii.gz"));
    assert_eq!(label_names(&cases[0]).len(), 2);
}

/// The image of a case as a run sees it.
fn shown(dataset: Box<dyn Dataset>) -> Result<Vec<f32>, Fault> {
    let dataset: std::sync::Arc<dyn Dataset> = dataset.into();
    let case = dataset.case(0)?;
    let store = situs_core::volume::VolumeStore::new(dataset, 1 << 20, false);
    store.volume(&case.volumes[0]).map(|volume| volume.voxels.clone())
}

#[test]
fn a_channel_of_a_4d_image_is_chosen_by_its_number() {
    let folder = tree(&["labelsTr/a.nii.gz"]);
    write(folder.path(), "imagesTr/a.nii.gz", &filled([1, 1, 2], &[1, 2, 3, 4, 5, 6]));
    let json = br#"{"modality": {"0": "FLAIR", "1": "T1w", "2": "CT"}, "labels": {"1": "edema"},
        "training": [{"image": "imagesTr/a.nii.gz", "label": "labelsTr/a.nii.gz"}]}"#;
    write(folder.path(), "dataset.json", json);
    let found = detect(folder.path()).unwrap();
    assert_eq!(shown(build(&found).unwrap()).unwrap(), [1.0, 2.0]);
    let channel = |number: usize| {
        let mut params = found.clone();
        params.insert("channel".to_owned(), number.into());
        build(&params)
    };
    assert_eq!(shown(channel(1).unwrap()).unwrap(), [3.0, 4.0]);
    assert_eq!(channel(1).unwrap().case(0).unwrap().modality, Modality::Mr);
    assert_eq!(channel(2).unwrap().case(0).unwrap().modality, Modality::Ct);
    assert_ne!(channel(1).unwrap().card().digest, channel(2).unwrap().card().digest);
    // dataset.json knows no fourth channel, and the image holds none.
    assert!(channel(3).map(|_| ()).unwrap_err().to_string().contains("modality"));
    let mut params = found.clone();
    params.extend([("channel".to_owned(), 3.into()), ("modality".to_owned(), "mr".into())]);
    let fault = shown(build(&params).unwrap()).unwrap_err();
    assert!(fault.to_string().contains("no volume 3: it holds 3"), "{fault}");

    // Taken unasked, the first of several is remarked on, and a run counts the remark.
    let Ok(case) = build(&found).unwrap().case(0) else { panic!("a case") };
    let volume = Volume::read(path_of(&case.volumes[0])).unwrap();
    assert_eq!(volume.warnings[0].code, "first_of_many");
}

#[test]
fn a_channel_of_nnunet_is_a_file_and_one_image_may_have_channels_too() {
    let folder = tree(&["labelsTr/a.nii.gz"]);
    write(folder.path(), "imagesTr/a_0000.nii.gz", &filled([1, 1, 2], &[1, 2]));
    write(folder.path(), "imagesTr/a_0001.nii.gz", &filled([1, 1, 2], &[3, 4]));
    write(
        folder.path(),
        "dataset.json",
        br#"{"channel_names": {"0": "T1", "1": "T2"}, "labels": {"liver": 1}}"#,
    );
    let mut found = detect(folder.path()).unwrap();
    found.insert("channel".to_owned(), 1.into());
    let dataset = build(&found).unwrap();
    assert!(path_of(&dataset.case(0).unwrap().volumes[0]).ends_with("a_0001.nii.gz"));
    assert_eq!(shown(dataset).unwrap(), [3.0, 4.0]);

    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "mr.nii.gz", &filled([1, 1, 2], &[1, 2, 3, 4]));
    write(folder.path(), "labels.nii.gz", &filled([1, 1, 2], &[0, 1]));
    write(folder.path(), "names.json", br#"{"1": "liver"}"#);
    let mut found = detect(folder.path()).unwrap();
    found.extend([("names".to_owned(), "names.json".into()), ("channel".to_owned(), 1.into())]);
    assert_eq!(shown(build(&found).unwrap()).unwrap(), [3.0, 4.0]);
}

#[test]
fn structures_may_lie_apart_from_the_images() {
    let folder = tree(&[
        "images/s0001/ct.nii.gz",
        "images/s0002/ct.nii.gz",
        "images/s0003/ct.nii.gz",
        "images/s0004/ct.nii.gz",
        "masks/s0001/segmentations/liver.nii.gz",
        "masks/s0002/spleen.nii.gz",
        "masks/s0003.nii.gz",
    ]);
    let dataset = build(&params(serde_json::json!({
        "use": "totalsegmentator",
        "path": folder.path().join("images"),
        "labels_path": folder.path().join("masks"),
    })))
    .unwrap();
    let masks = |index: usize| match dataset.case(index).unwrap().structures {
        StructureSource::Masks { masks } => masks.into_iter().map(|mask| mask.name).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!((masks(0), masks(1)), (vec!["liver".to_owned()], vec!["spleen".to_owned()]));
    assert_eq!(label_names(&dataset.case(2).unwrap())[&1], "spleen", "the table of version 2");
    let fault = dataset.case(3).unwrap_err().to_string();
    assert!(fault.contains("masks/s0004.nii.gz"), "{fault}");
    let missing = refused(serde_json::json!({
        "use": "totalsegmentator", "path": folder.path().join("images"), "labels_path": folder.path().join("none"),
    }));
    assert!(missing.contains("labels_path"), "{missing}");
}

#[test]
fn tumours_are_composed_of_the_labels_of_their_release() {
    let spec = |folder: &Path, structures: &str| {
        build(&params(serde_json::json!({"use": "brats", "path": folder, "structures": structures}))).unwrap()
    };
    for (name, ending, enhancing) in [("BraTS2021_00005", "_seg", 4), ("BraTS-GLI-00005-001", "-seg", 3)] {
        let folder = tempfile::tempdir().unwrap();
        let file = |ending: &str| format!("{name}/{name}{ending}.nii.gz");
        let t1c = if ending == "_seg" { "_t1ce" } else { "-t1c" };
        write(folder.path(), &file(t1c), &filled([5, 1, 1], &[9; 5]));
        write(folder.path(), &file(ending), &filled([5, 1, 1], &[0, 1, 2, enhancing, 1]));
        let dataset: std::sync::Arc<dyn Dataset> = spec(folder.path(), "all").into();
        let case = dataset.case(0).unwrap();
        let store = situs_core::volume::VolumeStore::new(dataset, 1 << 20, false);
        let measured = store.segmentation(&case).unwrap().measured.clone();
        let voxels: Vec<(&str, u64, Option<u32>)> = measured
            .structures
            .iter()
            .map(|structure| (structure.name.as_str(), structure.voxels, structure.label))
            .collect();
        assert_eq!(
            voxels,
            [
                ("enhancing_tumor", 1, Some(u32::from(enhancing))),
                ("necrotic_tumor_core", 2, Some(1)),
                ("peritumoral_edema", 1, Some(2)),
                ("tumor_core", 3, None),
                ("whole_tumor", 4, None),
            ]
        );
        let StructureSource::Masks { masks } = spec(folder.path(), "regions").case(0).unwrap().structures
        else {
            panic!("masks")
        };
        let names: Vec<&str> = masks.iter().map(|mask| mask.name.as_str()).collect();
        assert_eq!(names, ["enhancing_tumor", "tumor_core", "whole_tumor"]);
        let annotated = spec(folder.path(), "annotated").case(0).unwrap();
        assert_eq!(label_names(&annotated)[&u32::from(enhancing)], "enhancing_tumor");
    }
}

#[test]
fn paths_inside_a_description_never_lead_out_of_the_folder() {
    for escape in ["../secret.nii.gz", "/etc/secret.nii.gz", "imagesTr/../../secret.nii.gz"] {
        let folder = tree(&["imagesTr/a.nii.gz", "labelsTr/a.nii.gz"]);
        let json = serde_json::json!({
            "modality": {"0": "CT"}, "labels": {"1": "liver"},
            "training": [{"image": escape, "label": "labelsTr/a.nii.gz"}]
        });
        write(folder.path(), "dataset.json", json.to_string().as_bytes());
        let fault = build(&detect(folder.path()).unwrap()).map(|_| ()).unwrap_err();
        assert!(fault.to_string().contains("leads out"), "{fault}");
    }
}

#[test]
fn a_bare_images_tr_folder_asks_for_what_nobody_wrote_down() {
    let folder = tree(&["imagesTr/a.nii.gz", "labelsTr/a.nii.gz"]);
    let mut found = detect(folder.path()).unwrap();
    let fault = build(&found).map(|_| ()).unwrap_err().to_string();
    assert!(fault.contains("modality"), "{fault}");
    found.insert("modality".to_owned(), "ct".into());
    let fault = build(&found).unwrap().case(0).unwrap_err().to_string();
    assert!(fault.contains("names"), "{fault}");
    write(folder.path(), "names.json", br#"{"1": "liver"}"#);
    found.insert("names".to_owned(), folder.path().join("names.json").to_str().unwrap().into());
    assert_eq!(label_names(&build(&found).unwrap().case(0).unwrap())[&1], "liver");
}

#[test]
fn amos_numbers_tell_ct_from_mr() {
    let folder = tree(&[
        "imagesTr/amos_0001.nii.gz",
        "labelsTr/amos_0001.nii.gz",
        "imagesVa/amos_0507.nii.gz",
        "labelsVa/amos_0507.nii.gz",
    ]);
    write(folder.path(), "dataset.json", b"{}");
    let mut found = detect(folder.path()).unwrap();
    assert_eq!(found["use"], "amos", "its dataset.json does not make it an MSD folder");
    let all = cases(build(&found).unwrap().as_ref());
    let read: Vec<_> = all.iter().map(|case| (case.name.as_str(), case.modality)).collect();
    assert_eq!(read, [("amos_0001", Modality::Ct), ("amos_0507", Modality::Mr)]);
    assert_eq!(all[1].facts["modality_text"], "MR scan of the abdomen");
    assert_eq!(label_names(&all[0])[&2], "kidney_right");
    found.insert("modality".to_owned(), "mr".into());
    let dataset = build(&found).unwrap();
    assert_eq!((dataset.len(), dataset.card().modality_text.as_str()), (1, "MR scan of the abdomen"));
}

#[test]
fn kits_and_brats_use_our_own_tables() {
    let folder =
        tree(&["case_00003/imaging.nii.gz", "case_00003/segmentation.nii.gz", "case_00210/imaging.nii.gz"]);
    let dataset = detected(folder.path());
    assert_eq!(label_names(&dataset.case(0).unwrap())[&2], "kidney_tumor");
    assert!(dataset.case(1).unwrap_err().to_string().contains("segmentation.nii.gz"));

    let old = |ending: &str| format!("BraTS2021_00005/BraTS2021_00005_{ending}.nii.gz");
    let new = |ending: &str| format!("BraTS-GLI-00005-001/BraTS-GLI-00005-001-{ending}.nii.gz");
    let files: Vec<String> = ["flair", "t1", "t1ce", "t2", "seg"]
        .map(old)
        .into_iter()
        .chain(["t2f", "t1n", "t1c", "t2w", "seg"].map(new))
        .collect();
    let folder = tree(&files.iter().map(String::as_str).collect::<Vec<_>>());
    let cases = cases(detected(folder.path()).as_ref());
    assert_eq!(cases[0].cluster, "BraTS-GLI-00005", "scans of one patient belong together");
    assert!(cases.iter().all(|case| case.modality == Modality::Mr && case.volumes.len() == 4));
    assert!(path_of(&cases[0].volumes[0]).ends_with("BraTS-GLI-00005-001-t1c.nii.gz"));
}

#[test]
fn layouts_are_tried_in_order_and_ambiguity_lists_the_candidates() {
    let folder = tree(&[
        "s0001/ct.nii.gz",
        "s0001/labels.nii.gz",
        "case_00000/imaging.nii.gz",
        "ct.nii.gz",
        "labels.nii.gz",
    ]);
    assert_eq!(detect(folder.path()).unwrap()["use"], "totalsegmentator");
    let folder = tree(&["case_00000/imaging.nii.gz", "ct.nii.gz", "labels.nii.gz"]);
    assert_eq!(detect(folder.path()).unwrap()["use"], "kits");

    let two_images = tree(&["ct.nii.gz", "mr.nii.gz", "labels.nii.gz"]);
    let two_layouts = tree(&["case_00000/imaging.nii.gz", "imagesTr/amos_0001.nii.gz"]);
    let two_modalities = tree(&["s0001/ct.nii.gz", "s0002/mri.nii.gz"]);
    for (folder, candidates) in [
        (&two_images, [r#""modality":"ct""#, r#""modality":"mr""#]),
        (&two_layouts, ["kits", "amos"]),
        (&two_modalities, [r#""modality":"ct""#, r#""modality":"mr""#]),
    ] {
        let fault = detect(folder.path()).unwrap_err();
        assert_eq!(fault.cause, Cause::Config);
        for candidate in candidates {
            assert!(fault.to_string().contains(candidate), "{fault}");
        }
    }
    let nothing = tree(&["ct_sm.nii.gz", "labels_sm.nii.gz"]);
    let fault = detect(nothing.path()).unwrap_err();
    assert!(fault.to_string().contains("TotalSegmentator"), "{fault}");
}

#[test]
fn nifti_takes_names_from_a_map_and_says_when_they_are_missing() {
    let folder = tree(&["ct.nii.gz", "labels.nii.gz", "scan.nii", "parts/liver.nii.gz"]);
    let mut found = detect(folder.path()).unwrap();
    assert_eq!((found["use"].as_str(), found["modality"].as_str()), (Some("nifti"), Some("ct")));
    let fault = build(&found).map(|_| ()).unwrap_err().to_string();
    assert!(fault.contains("labels.nii.gz") && fault.contains("names"), "{fault}");
    write(folder.path(), "names.json", br#"{"spleen": 1}"#);
    found.insert("names".to_owned(), "names.json".into());
    let case = build(&found).unwrap().case(0).unwrap();
    assert_eq!(label_names(&case)[&1], "spleen");

    let path = folder.path().to_str().unwrap();
    let explicit = serde_json::json!({ "use": "nifti", "path": path, "image": "scan.nii", "masks": "parts" });
    assert!(refused(explicit.clone()).contains("modality"));
    let mut explicit = params(explicit);
    explicit.insert("modality".to_owned(), "mr".into());
    explicit.insert("region".to_owned(), "brain".into());
    let dataset = build(&explicit).unwrap();
    assert_eq!(dataset.card().modality_text, "MR scan of the brain");
    let case = dataset.case(0).unwrap();
    assert_eq!(case.name, "scan");
    let StructureSource::Masks { masks } = &case.structures else { panic!("masks") };
    assert_eq!(masks[0].name, "liver");
    assert!(refused(serde_json::json!({ "use": "nifti" })).contains("image"));
    let gone = serde_json::json!({ "use": "nifti", "path": path, "labels": "gone.nii.gz" });
    assert!(refused(gone).contains("gone.nii.gz"));
}

#[test]
fn the_identity_of_a_folder_does_not_depend_on_where_it_lies() {
    let files = ["s0001/ct.nii.gz", "s0001/labels.nii.gz"];
    let (a, b) = (tree(&files), tree(&files));
    let digest = |folder: &Path| detected(folder).card().digest.clone();
    assert_eq!(digest(a.path()), digest(b.path()));
    write(b.path(), "s0002/ct.nii.gz", &nifti([4, 5, 6], RAS));
    assert_ne!(digest(a.path()), digest(b.path()));
}

#[cfg(unix)]
#[test]
fn links_in_circles_and_to_nowhere_give_faults() {
    let folder = tree(&["s0001/ct.nii.gz", "s0001/labels.nii.gz"]);
    fs::create_dir(folder.path().join("s0002")).unwrap();
    std::os::unix::fs::symlink("ct.nii.gz", folder.path().join("s0002/ct.nii.gz")).unwrap();
    std::os::unix::fs::symlink(".", folder.path().join("s0003")).unwrap();
    std::os::unix::fs::symlink("s0004", folder.path().join("s0004")).unwrap();
    let dataset = detected(folder.path());
    assert_eq!(dataset.len(), 3, "a link to itself is no folder");
    assert!(dataset.case(0).is_ok());
    assert_eq!(dataset.case(1).unwrap_err().cause, Cause::Data);
    assert_eq!(dataset.case(2).unwrap_err().cause, Cause::Data);
    let circle = folder.path().join("s0004");
    let spec = serde_json::json!({ "use": "totalsegmentator", "path": circle.to_str().unwrap() });
    assert!(refused(spec).contains("s0004"));
}

/// A knee volume stored as (left, superior, posterior)-growing axes of 10 x 20 x 30 voxels: canonical x runs against
/// stored axis 0, z along stored axis 1, y against stored axis 2.
fn knees(boxes: &str, name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let lsp = [[-1.0, 0.0, 0.0, 9.0], [0.0, 0.0, -1.0, 29.0], [0.0, 1.0, 0.0, 0.0]];
    write(folder.path(), "k1.nii.gz", &nifti([10, 20, 30], lsp));
    write(folder.path(), name, boxes.as_bytes());
    folder
}

fn knee_spec(folder: &Path, boxes: &str) -> serde_json::Value {
    serde_json::json!({
        "use": "oai-knee", "path": folder.to_str().unwrap(), "boxes": boxes,
        "schema": ["start_slice", "end_slice", "x_min", "x_max", "y_min", "y_max"],
        "axis_order": ["slice", "y", "x"], "inclusive": true
    })
}

fn only_box(spec: serde_json::Value) -> Result<([usize; 3], [usize; 3]), Fault> {
    match build(&params(spec))?.case(0)?.structures {
        StructureSource::Boxes { boxes } => Ok((boxes[0].min, boxes[0].max)),
        other => panic!("expected boxes, found {other:?}"),
    }
}

#[test]
fn knee_boxes_become_canonical_by_the_stated_convention() {
    let json = r#"{"k1": {"side": "RIGHT", "patient": 17, "boxes": {"patella": [2, 4, 5, 9, 10, 12.0], "cyst": null}}}"#;
    let folder = knees(json, "boxes.json");
    let spec = knee_spec(folder.path(), "boxes.json");
    let case = build(&params(spec.clone())).unwrap().case(0).unwrap();
    assert_eq!((case.name.as_str(), case.cluster.as_str(), case.modality), ("k1", "17", Modality::Mr));
    assert_eq!(case.facts["modality_text"], "MR scan (DESS) of the right knee of the patient");
    // By hand: slices 2..=4 of 10, turned over: x 5..=7; x 5..=9 of 30, turned over: y 20..=24; y 10..=12: z.
    assert_eq!(only_box(spec.clone()).unwrap(), ([5, 20, 10], [7, 24, 12]));

    let with = |key: &str, value: serde_json::Value| {
        let mut changed = spec.clone();
        changed[key] = value;
        only_box(changed)
    };
    assert_eq!(with("inclusive", false.into()).unwrap(), ([6, 21, 10], [7, 24, 11]));
    assert_eq!(with("first_index", 1.into()).unwrap(), ([6, 21, 9], [8, 25, 11]));
    let far_end = serde_json::json!(["slice", "-y", "x"]);
    assert_eq!(with("axis_order", far_end).unwrap(), ([5, 20, 7], [7, 24, 9]));
    let folder = knees(r#"{"k1": {"patella": [2, 3, 5, 5, 10, 3]}}"#, "boxes.json");
    let mut sizes = knee_spec(folder.path(), "boxes.json");
    sizes["schema"] = serde_json::json!(["start_slice", "slice_size", "x_min", "x_size", "y_min", "y_size"]);
    assert_eq!(only_box(sizes).unwrap(), ([5, 20, 10], [7, 24, 12]));
}

#[test]
fn knee_boxes_are_refused_without_a_stated_convention() {
    let folder = knees(r#"{"k1": {"patella": [2, 4, 5, 9, 10, 12]}}"#, "boxes.json");
    for key in ["schema", "axis_order", "inclusive", "boxes"] {
        let mut spec = knee_spec(folder.path(), "boxes.json");
        spec.as_object_mut().unwrap().remove(key);
        assert!(refused(spec).contains(key), "{key}");
    }
    let mut spec = knee_spec(folder.path(), "boxes.json");
    spec["axis_order"] = serde_json::json!(["slice", "x", "x"]);
    assert!(refused(spec.clone()).contains("axis_order"));
    spec["axis_order"] = serde_json::json!(["slice", "x", "depth"]);
    assert!(refused(spec).contains("depth"));
}

#[test]
fn knee_boxes_outside_the_volume_and_odd_files_are_faults_with_a_place() {
    for (json, what) in [
        (r#"{"k1": {"patella": [2, 40, 5, 9, 10, 12]}}"#, "patella"),
        (r#"{"k1": {"patella": [4, 2, 5, 9, 10, 12]}}"#, "patella"),
        (r#"{"k1": {"patella": [2, 4, 5]}}"#, "6 numbers"),
        (r#"{"k1": {"patella": [2, 4, 5, 9, 10, -1]}}"#, "patella"),
        (r#"{"k1": {"patella": [2, 4, 5, 9, 10, 1.5]}}"#, "patella"),
        (r#"{"k1": {"side": "up", "boxes": {}}}"#, "up"),
        (r#"["k1"]"#, "object"),
        (r#"{"k1": "#, "JSON"),
        (r#"{"k2": {"patella": [2, 4, 5, 9, 10, 12]}}"#, "k2"),
        ("{}", "no cases"),
    ] {
        let folder = knees(json, "boxes.json");
        let fault = only_box(knee_spec(folder.path(), "boxes.json")).unwrap_err();
        assert!(fault.to_string().contains(what), "{json}: {fault}");
    }
}

#[test]
fn knee_boxes_come_as_csv_too() {
    let csv = "case,side,structure,start_slice,end_slice,x_min,x_max,y_min,y_max\n\
               k1,left,patella,2,4,5,9,10,12\nk1,left,tibia,0,9,0,29,0,5\n";
    let folder = knees(csv, "boxes.csv");
    let case = build(&params(knee_spec(folder.path(), "boxes.csv"))).unwrap().case(0).unwrap();
    assert_eq!(case.facts["side"], "left");
    let StructureSource::Boxes { boxes } = case.structures else { panic!("boxes") };
    assert_eq!(boxes[0], NamedBox { name: "patella".to_owned(), min: [5, 20, 10], max: [7, 24, 12] });
    assert_eq!(boxes[1].max, [9, 29, 5]);
    let folder = knees(&csv.replace(",9,10,12", ",9,,12"), "boxes.csv");
    let fault = refused(knee_spec(folder.path(), "boxes.csv"));
    assert!(fault.contains("line 2"), "{fault}");
}

#[test]
fn real_folders_are_recognised() {
    for (name, modality) in [("ts-ct-3mm", Modality::Ct), ("ts-mr-3mm", Modality::Mr)] {
        let Some(folder) = shared(name) else { continue };
        assert_eq!(detect(&folder).unwrap()["use"], "nifti");
        let dataset = detected(&folder);
        let case = dataset.case(0).unwrap();
        assert_eq!((case.name.as_str(), case.modality), (name, modality));
        assert!(label_names(&case).is_empty(), "the file names its labels itself");
        let image = Volume::read(path_of(&case.volumes[0])).unwrap();
        assert!(!image.voxels.is_empty());
    }
    if let Some(folder) = shared("ts-s0327-masks") {
        assert_eq!(detect(&folder).unwrap()["use"], "totalsegmentator");
        let fault = build(&detect(&folder).unwrap()).map(|_| ()).unwrap_err();
        assert!(fault.cause == Cause::Data && fault.to_string().contains("ct.nii.gz"), "{fault}");
    }
    if let Some(folder) = shared("brain-t1-aal") {
        let spec = serde_json::json!({
            "use": "nifti", "path": folder.to_str().unwrap(), "image": "ch2bet.nii.gz", "labels": "aal.nii.gz",
            "modality": "mr", "region": "brain"
        });
        assert!(refused(spec).contains("aal.nii.gz"));
    }
}
