//! One patient stored in all 48 axis orders is one patient: the same questions, the same pictures, byte for byte.

use crate::files::{Order, names};
use situs_core::config::{Overrides, RunConfig};
use situs_core::registry::Registry;
use situs_core::run::{self, RunOptions, Silent};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

const CONFIG: &str = r#"
[dataset]
use = "nifti"
image = "ct.nii"
labels = "labels.nii"
names = "names.json"
modality = "ct"
case = "patient"
region = "torso"

[family]
use = "mis-ground"
classes = "all"
slice_filter = false
slices_per_volume = 3
frames = 8
long_side = 96
visual = ["none", "mask", "box"]
identities = ["both"]
texts = ["name", "mark"]
question_types = ["open"]
ablations = ["none"]

[renderer]
use = "slices"

[model]
use = "random"

[run]
questions = 30
"#;

/// Questions file, and PNG files by name.
type Built = (Vec<u8>, BTreeMap<String, Vec<u8>>);

fn build(order: Order, folder: &Path, registry: &Registry) -> Built {
    std::fs::write(folder.join("ct.nii"), order.ct()).unwrap();
    std::fs::write(folder.join("labels.nii"), order.labels()).unwrap();
    std::fs::write(folder.join("names.json"), names()).unwrap();
    let base = Some(folder.to_owned());
    let config =
        RunConfig::parse("orders.toml", CONFIG.to_owned(), base, &Overrides::default(), registry).unwrap();
    let options = RunOptions { folder: folder.join("run"), limit: None, stop: Arc::default() };
    run::build(&config, registry, &options, &Silent).unwrap();
    let media = std::fs::read_dir(folder.join("run/media")).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap())
    });
    (std::fs::read(folder.join("run/questions.jsonl")).unwrap(), media.collect())
}

#[test]
fn all_48_storage_orders_give_the_same_questions_and_pictures() {
    let registry = Registry::builtin().unwrap();
    let mut expected: Option<Built> = None;
    let orders = Order::all();
    assert_eq!((orders.len(), orders[0]), (48, Order::CANONICAL));
    for order in orders {
        let folder = tempfile::tempdir().unwrap();
        let built = build(order, folder.path(), &registry);
        let (questions, media) = expected.get_or_insert_with(|| built.clone());
        assert!(built.0 == *questions, "other questions when stored as {order:?}");
        let (names, known): (Vec<_>, Vec<_>) = (built.1.keys().collect(), media.keys().collect());
        assert_eq!(names, known, "other pictures when stored as {order:?}");
        assert!(built.1 == *media, "other PNG bytes when stored as {order:?}");
    }
    let (questions, media) = expected.unwrap();
    let text = String::from_utf8(questions).unwrap();
    assert_eq!(text.lines().count(), 30);
    for word in ["axial", "coronal", "sagittal", "standard_radiological", "ras_plus_raw", "\"2d\"", "\"3d\""]
    {
        assert!(text.contains(word), "{word} is not among what was compared");
    }
    assert!(media.len() > 50, "{} pictures", media.len());
}
