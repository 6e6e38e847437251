//! A data set for Situs: a ball in a box.

situs_core::export_plugin!();

use situs_core::prelude::*;
use situs_core::space::Affine;
use std::collections::BTreeMap;

situs_core::component! {
    /// Balls in boxes, one a case.
    dataset "{{name}}";
    pub struct {{Type}} {
        /// Cases.
        pub cases: usize = 3,
        /// Radius of the ball in voxels.
        pub radius: f64 = 6.0,
    }
}

#[typetag::serde(name = "{{name}}")]
impl DatasetSpec for {{Type}} {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Dataset>, Fault> {
        if self.cases == 0 {
            return Err(Fault::config("must be at least 1, found 0").at("cases"));
        }
        let card = DatasetCard {
            name: "{{name}}".to_owned(),
            licence: "none: made in memory".to_owned(),
            modality_text: "CT scan of a box".to_owned(),
            // Whatever changes the data changes the digest.
            digest: Digest::new("{{name}}-1").json(self).hex(),
        };
        Ok(Box::new(Boxes { spec: self.clone(), card }))
    }
}

struct Boxes {
    spec: {{Type}},
    card: DatasetCard,
}

/// Voxels along x, y and z.
const SHAPE: [usize; 3] = [32, 28, 24];

impl Dataset for Boxes {
    fn card(&self) -> &DatasetCard {
        &self.card
    }

    fn len(&self) -> usize {
        self.spec.cases
    }

    fn case(&self, index: usize) -> Result<Case, Fault> {
        if index >= self.spec.cases {
            return Err(Fault::data(format!("there are {} cases, none with index {index}", self.spec.cases)));
        }
        let name = format!("box-{index}");
        // Volumes are named, not held: `volume` below is asked for them by key. A file is
        // `VolumeSource::File { path }`, and situs reads it.
        let volume = |what: &str| VolumeRef {
            id: format!("{name}/{what}"),
            source: VolumeSource::Dataset { key: format!("{index}/{what}") },
        };
        Ok(Case {
            cluster: name.clone(),
            modality: Modality::Ct,
            volumes: vec![volume("image")],
            structures: StructureSource::LabelMap {
                volume: volume("labels"),
                names: BTreeMap::from([(1, "ball".to_owned())]),
            },
            facts: BTreeMap::new(),
            name,
        })
    }

    fn volume(&self, key: &str) -> Result<Volume, Fault> {
        let unknown = || Fault::data(format!("no volume {key:?}"));
        let (index, what) = key.split_once('/').ok_or_else(unknown)?;
        let index: usize = index.parse().map_err(|_| unknown())?;
        let [nx, ny, nz] = SHAPE;
        // The ball moves from case to case.
        let centre = [8.0 + (index % 16) as f64, 14.0, 12.0];
        let voxels = (0..nx * ny * nz)
            .map(|at| {
                let place = [at % nx, at / nx % ny, at / nx / ny].map(|index| index as f64);
                let square: f64 = (0..3).map(|axis| (place[axis] - centre[axis]).powi(2)).sum();
                let inside = square <= self.spec.radius.powi(2);
                match (what, inside) {
                    ("labels", inside) => f32::from(u8::from(inside)),
                    (_, true) => 60.0,
                    (_, false) => -100.0,
                }
            })
            .collect();
        // x runs to the patient's right, y to the front, z upwards; millimetres.
        Ok(Volume::new(SHAPE, Affine::scaled([2.0, 2.0, 3.0], [0.0; 3]), voxels))
    }
}
