//! Bad files and bad configs: what is wrong, where, what to do, and the exit code of the table.

use crate::files::{Order, Stored, gzip, nifti, organs, write_patient};
use crate::program::{json, refused, situs};
use serde_json::json;
use std::path::Path;
use std::process::Output;

/// A config over files that [`write_patient`] wrote, with further lines in `[dataset]` and `[family]`.
fn config(folder: &Path, dataset: &str, family: &str) {
    let text = format!(
        "[dataset]\nuse = \"nifti\"\nmodality = \"ct\"\n{dataset}\n\n\
         [family]\nuse = \"mis-ground\"\nclasses = \"all\"\nlong_side = 96\n{family}\n\n\
         [renderer]\nuse = \"slices\"\n\n[model]\nuse = \"oracle\"\n"
    );
    std::fs::write(folder.join("run.toml"), text).unwrap();
}

const FILES: &str = "image = \"ct.nii.gz\"\nlabels = \"labels.nii.gz\"\nnames = \"names.json\"";
const ALL_SLICES: &str = "slice_filter = false";

fn run(folder: &Path) -> Output {
    situs(&["run", "run.toml", "--limit", "6"]).current_dir(folder).output().unwrap()
}

fn patient(dataset: &str, family: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_patient(folder.path());
    config(folder.path(), dataset, family);
    folder
}

#[test]
fn good_files_give_a_table() {
    let folder = patient(FILES, ALL_SLICES);
    let output = run(folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_truncated_or_damaged_file_is_named() {
    for name in ["ct.nii.gz", "labels.nii.gz"] {
        let folder = patient(FILES, ALL_SLICES);
        let path = folder.path().join(name);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        refused(&run(folder.path()), 4, &[name, "none of 1 cases can be used"]);
        let mut damaged = whole.clone();
        let checksum = damaged.len() - 8;
        damaged[checksum] ^= 1;
        std::fs::write(&path, &damaged).unwrap();
        refused(&run(folder.path()), 4, &[name, "checksum"]);
        std::fs::write(&path, &whole[..20]).unwrap();
        refused(&run(folder.path()), 4, &[name]);
        std::fs::write(&path, b"").unwrap();
        refused(&run(folder.path()), 4, &[name]);
        std::fs::write(&path, &whole).unwrap();
        assert_eq!(run(folder.path()).status.code(), Some(0), "mended, the same command works");
    }
}

#[test]
fn a_label_map_with_fractions_is_no_label_map() {
    let folder = patient(FILES, ALL_SLICES);
    std::fs::write(folder.path().join("labels.nii.gz"), gzip(&Order::CANONICAL.fractional_labels())).unwrap();
    refused(&run(folder.path()), 4, &["labels.nii.gz", "label map", "8.75"]);
}

#[test]
fn a_label_map_or_mask_on_another_grid_is_refused_with_both_grids() {
    let shifted = |shape: [usize; 3]| {
        let rows = [[3.0, 0.0, 0.0, -50.0], [0.0, 3.5, 0.0, -66.5], [0.0, 0.0, 4.0, -90.0]];
        gzip(&nifti(shape, rows, &Stored::U8(vec![1; shape.iter().product()])))
    };
    for shape in [[48, 40, 44], [48, 40, 43]] {
        let folder = patient(FILES, ALL_SLICES);
        std::fs::write(folder.path().join("labels.nii.gz"), shifted(shape)).unwrap();
        let size = format!("48 x 40 x {} voxels", shape[2]);
        refused(
            &run(folder.path()),
            4,
            &["the label map lies on another grid", &size, "48 x 40 x 44 voxels"],
        );
    }
    let folder = patient("image = \"ct.nii.gz\"\nmasks = \"masks\"", ALL_SLICES);
    let masks = folder.path().join("masks");
    std::fs::create_dir(&masks).unwrap();
    for organ in organs() {
        std::fs::write(masks.join(format!("{organ}.nii.gz")), gzip(&Order::CANONICAL.mask(organ))).unwrap();
    }
    assert_eq!(run(folder.path()).status.code(), Some(0), "masks on the image's grid do");
    let folder = patient("image = \"ct.nii.gz\"\nmasks = \"masks\"", ALL_SLICES);
    let masks = folder.path().join("masks");
    std::fs::create_dir(&masks).unwrap();
    std::fs::write(masks.join("liver.nii.gz"), gzip(&Order::CANONICAL.mask("liver"))).unwrap();
    std::fs::write(masks.join("spleen.nii.gz"), shifted([48, 40, 43])).unwrap();
    refused(&run(folder.path()), 4, &["spleen", "another grid", "resample"]);
}

#[test]
fn a_label_map_without_names_says_where_names_go() {
    let folder = patient("image = \"ct.nii.gz\"\nlabels = \"labels.nii.gz\"", ALL_SLICES);
    refused(&run(folder.path()), 4, &["labels.nii.gz carries no names", "names", "{\"1\": \"spleen\", ...}"]);
    let folder = patient(FILES, ALL_SLICES);
    std::fs::write(folder.path().join("names.json"), "{\"1\": []}").unwrap();
    refused(&run(folder.path()), 4, &["names.json", "name map"]);
}

#[test]
fn an_unknown_component_or_field_is_found_by_line_with_the_nearest_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.toml");
    let good = "[dataset]\nuse = \"phantom\"\n[family]\nuse = \"mis-ground\"\n[renderer]\nuse = \"slices\"\n[model]\nuse = \"oracle\"\n";
    for (from, to, messages) in [
        ("phantom", "phantm", &["run.toml:2: ", "phantm", "did you mean 'phantom'?"][..]),
        (
            "[renderer]",
            "long_sde = 5\n[renderer]",
            &["run.toml:5: ", "unknown field `long_sde`", "`long_side`"],
        ),
        ("[renderer]", "planes = [\"axil\"]\n[renderer]", &["run.toml:5: ", "axil", "axial"]),
        ("[renderer]", "long_side = \"big\"\n[renderer]", &["run.toml:5: ", "long_side", "u32", "big"]),
        ("[model]", "[modell]", &["run.toml:7: ", "modell", "did you mean 'model'?"]),
    ] {
        std::fs::write(&path, good.replace(from, to)).unwrap();
        refused(&run(folder.path()), 2, messages);
        assert!(!folder.path().join("runs").exists(), "nothing was started");
    }
}

#[test]
fn a_filter_that_leaves_nothing_is_named_with_what_it_measured() {
    let folder = patient(FILES, "");
    refused(&run(folder.path()), 4, &["slice_filter 200..=450", "44 slices", "1 cases"]);
    let folder = patient(FILES, "slice_filter = { min = 40, max = 44 }");
    assert_eq!(run(folder.path()).status.code(), Some(0));
}

#[test]
fn data_that_is_not_there_or_could_be_two_things_is_refused() {
    let folder = patient(FILES, ALL_SLICES);
    let with_data =
        |data: &str| situs(&["run", "run.toml", "--data", data]).current_dir(folder.path()).output().unwrap();
    refused(&with_data("nowhere"), 4, &["nowhere"]);
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    refused(&with_data("empty"), 2, &["no known layout", "empty", "TotalSegmentator"]);
    std::fs::write(folder.path().join("mr.nii.gz"), gzip(&Order::CANONICAL.ct())).unwrap();
    refused(&with_data("."), 2, &["ct", "mr"]);
    config(folder.path(), "image = \"gone.nii.gz\"\nlabels = \"labels.nii.gz\"", ALL_SLICES);
    refused(&run(folder.path()), 4, &["gone.nii.gz"]);
}

#[test]
fn one_damaged_case_costs_itself() {
    let folder = tempfile::tempdir().unwrap();
    for case in ["s0001", "s0002"] {
        let masks = folder.path().join("data").join(case).join("segmentations");
        std::fs::create_dir_all(&masks).unwrap();
        let image = gzip(&Order::CANONICAL.ct());
        let whole = if case == "s0002" { image.len() / 3 } else { image.len() };
        std::fs::write(masks.parent().unwrap().join("ct.nii.gz"), &image[..whole]).unwrap();
        for organ in organs() {
            std::fs::write(masks.join(format!("{organ}.nii.gz")), gzip(&Order::CANONICAL.mask(organ)))
                .unwrap();
        }
    }
    config(folder.path(), FILES, ALL_SLICES);
    let mut command = situs(&["run", "run.toml", "--data", "data", "--limit", "6"]);
    command.current_dir(folder.path());
    let plan = &json(command, 0)["summary"]["plan"];
    assert_eq!((&plan["cases"], &plan["usable"], &plan["selected"]), (&json!(2), &json!(1), &json!(6)));
    assert!(plan["damaged"]["s0002"].as_str().unwrap().contains("ct.nii.gz"), "{plan}");
}
