//! Knee MR with 3-D boxes, as OAI DESS scans have them in 3DReasonKnee: the boxes' axes must be stated.

mod boxes;
mod table;

use super::folder::{self, Gatherer};
use boxes::{Convention, canonical};
use situs_core::prelude::*;
use situs_core::volume::read_header;
use std::path::{Path, PathBuf};
use table::Row;

situs_core::component! {
    /// Knee MR volumes with a file of 3-D boxes (JSON or CSV) whose axis convention is stated here.
    dataset "oai-knee";
    pub struct OaiKnee {
        /// Folder of the volumes.
        pub path: PathBuf = PathBuf::new(),
        /// File of boxes, .json or .csv, against `path`.
        pub boxes: PathBuf = PathBuf::new(),
        /// The numbers of a box in order, e.g. ["start_slice", "end_slice", "x_min", "x_max", "y_min", "y_max"]: for
        /// each axis its start and its end or size.
        pub schema: Vec<String> = Vec::new(),
        /// The boxes' axes in order of the stored array's axes, e.g. ["slice", "y", "x"]; "-y" counts from the far end.
        pub axis_order: Vec<String> = Vec::new(),
        /// Whether the end of an axis is inside the box.
        pub inclusive: Option<bool> = None,
        /// Index of the first voxel in the boxes: 0 or 1.
        pub first_index: u32 = 0,
    }
}

const REGION: &str = "knee";

#[typetag::serde(name = "oai-knee")]
impl DatasetSpec for OaiKnee {
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn Dataset>, Fault> {
        let root = folder::root(&self.path, cx)?;
        let convention = Convention::stated(self)?;
        if self.boxes.as_os_str().is_empty() {
            return Err(Fault::config("which file holds the boxes?").at("boxes"));
        }
        let path = root.join(&self.boxes);
        let rows = table::read(&path, &self.schema).map_err(|fault| fault.at("boxes"))?;
        let mut gatherer = Gatherer::new("oai-knee", self, &root);
        for (name, row) in rows {
            let image = match &row.image {
                Some(image) => folder::inside(&root, image)?,
                None => folder::image(&root, &name).unwrap_or_else(|| root.join(format!("{name}.nii.gz"))),
            };
            let convention = convention.clone();
            let known = [image.clone(), path.clone()];
            gatherer.add(&name.clone(), &[&known[0], &known[1]], move || load(&name, &row, &image, &convention));
        }
        let words = "MR scan (DESS) of a knee";
        gatherer.finish("OAI knee", "OAI data use agreement", words, "a file with boxes of at least one case")
    }
}

fn load(name: &str, row: &Row, image: &Path, convention: &Convention) -> Result<Case, Fault> {
    let header = read_header(image)?;
    let (grid, axes) = header.canonical();
    let mut boxes = Vec::with_capacity(row.boxes.len());
    for (structure, numbers) in &row.boxes {
        let (min, max) = canonical(convention, numbers, header.shape(), grid.shape, axes)
            .map_err(|fault| fault.within(format!("box of {structure:?}")))?;
        boxes.push(NamedBox { name: structure.clone(), min, max });
    }
    let mut facts = folder::region_facts(REGION);
    if let Some(side) = &row.side {
        facts.insert("side".to_owned(), side.clone());
        facts.insert("modality_text".to_owned(), format!("MR scan (DESS) of the {side} knee of the patient"));
    }
    Ok(Case {
        name: name.to_owned(),
        cluster: row.patient.clone().unwrap_or_else(|| name.to_owned()),
        modality: Modality::Mr,
        volumes: vec![folder::file(format!("{name}/image"), image.to_owned())],
        structures: StructureSource::Boxes { boxes },
        facts,
    })
}
