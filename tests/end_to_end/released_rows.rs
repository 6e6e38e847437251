//! Released rows from file to table: missing volumes and damaged rows are counted, never dropped silently.

use crate::controls::ask_config;
use crate::files::{Stored, nifti};
use situs_core::prelude::*;
use std::path::Path;

fn write(folder: &Path, name: &str, brightness: i16) {
    let rows = [[2.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0], [0.0, 0.0, 2.0, 0.0]];
    let voxels = (0..512).map(|voxel| voxel + brightness).collect();
    std::fs::write(folder.join(name), nifti([8, 8, 8], rows, &Stored::I16(voxels))).unwrap();
}

#[test]
fn rows_are_asked_of_the_volumes_they_name() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.nii", 0);
    write(folder.path(), "b.nii", 100);
    let csv = "question,options,answer,nifti_path,task\n\
        Which is larger?,\"[\"\"liver\"\", \"\"spleen\"\", \"\"colon\"\"]\",B,a.nii,COMP\n\
        Is the liver larger than 100 ml?,,yes,a.nii,VOL\n\
        Is the liver larger than 100 ml?,,no,b.nii,VOL\n\
        Is the liver larger than 100 ml?,,no,b.nii,VOL\n\
        How long?,\"[\"\"1 cm\"\", \"\"2 cm\"\"]\",F,b.nii,EXT\n\
        Which is lower?,\"[\"\"liver\"\", \"\"spleen\"\"]\",A,gone.nii,DIR\n\
        Which is nowhere?,\"[\"\"liver\"\", \"\"spleen\"\"]\",A,,DIR\n";
    let path = folder.path().join("rows.csv");
    std::fs::write(&path, csv).unwrap();
    let config = format!(
        "[dataset]\nuse = \"released-rows\"\npath = {path:?}\n[family]\nuse = \"released-rows\"\nframes = 3\nlong_side = 32\n\
         [renderer]\nuse = \"slices\"\n[run]\ncontrols = [\"wrong-patient\", \"no-image\"]\n[metrics.mcq]\n\
         [[arm]]\nname = \"oracle\"\nmodel = {{ use = \"oracle\" }}\n[[arm]]\nname = \"median\"\nmodel = {{ use = \"median\" }}\n"
    );
    let run = tempfile::tempdir().unwrap();
    let done = ask_config(&config, &[], run.path());
    let oracle: Vec<&Record> = done.records.iter().filter(|record| record.arm == "oracle").collect();
    assert_eq!(oracle.len(), 3);
    assert!(oracle.iter().all(|record| record.is_right() && record.prompt.images().count() == 3));
    assert!(oracle.iter().any(|record| record.question.truth == "spleen"));

    let plan = &done.outcome.summary.plan;
    assert_eq!((plan.cases, plan.usable), (4, 2));
    let damaged: Vec<&String> = plan.damaged.values().collect();
    assert!(
        damaged.iter().any(|fault| fault.contains("gone.nii: there is no such volume; 1 rows are not asked")),
        "{damaged:?}"
    );
    assert!(damaged.iter().any(|fault| fault.contains("1 rows name no volume")), "{damaged:?}");
    assert_eq!(plan.left_out["an answer that is none of the options"], 1);
    assert_eq!(plan.left_out["a row that stands twice"], 1);

    // The same words about two patients with different truths: who answers them alike did not look.
    let repeated = &done.outcome.summary.repeated;
    let of = |arm: &str| repeated.iter().find(|figure| figure.arm == arm).unwrap();
    assert_eq!((of("oracle").questions, of("oracle").same_answers.value), (2, Some(0.0)));
    assert_eq!(of("oracle").same_truths.value, Some(0.0));
}
