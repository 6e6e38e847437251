//! Masks that lie over each other where they are shown.

use crate::families::mis_ground::MisGround;
use crate::families::mis_ground::classes::Classes;
use crate::families::mis_ground::measure::Body;
use crate::families::mis_ground::pairs;
use situs_core::prelude::*;
use situs_core::space::{Affine, Plane};
use situs_core::volume::{LabelSource, LabelView, LabelVolume, Labels};

/// Cuboids by name: x, y and z from .. to.
struct Cuboids {
    grid: Grid,
    held: Option<LabelVolume>,
}

impl LabelSource for Cuboids {
    fn labels(&mut self, volume: &VolumeRef) -> Result<LabelView<'_>, Fault> {
        let [xs, ys, zs] = match volume.id.as_str() {
            "liver" => [5..45, 5..45, 5..45],
            _ => [35..65, 5..45, 44..95],
        };
        let [nx, ny, nz] = self.grid.shape;
        let labels = (0..nx * ny * nz)
            .map(|at| {
                let [x, y, z] = [at % nx, at / nx % ny, at / (nx * ny)];
                u8::from(xs.contains(&x) && ys.contains(&y) && zs.contains(&z))
            })
            .collect();
        Ok(self.held.insert(LabelVolume::new(self.grid, Labels::U8(labels))).view())
    }
}

#[test]
fn a_slice_judges_overlap_by_what_it_shows_and_a_stack_by_the_volume() {
    let grid = Grid { shape: [100, 50, 100], affine: Affine::scaled([2.0; 3], [0.0; 3]) };
    let masks = ["liver", "spleen"].map(|name| NamedMask {
        name: name.to_owned(),
        label: None,
        volume: VolumeRef { id: name.to_owned(), source: VolumeSource::Dataset { key: name.to_owned() } },
    });
    let mut source = Cuboids { grid, held: None };
    let segmentation = Segmentation::from_masks(Some(&grid), &masks, &mut source).unwrap();
    let spec = MisGround::default();
    let classes = Classes::load("a", &BuildContext::default()).unwrap();
    let body = Body::new(&segmentation, &spec, &classes, true, false, &mut Reasons::new());
    // 400 shared voxels: 0.65 % of the spleen's 61,200, but a third of its 1,200 in slice 44.
    let slice = body.slice(Plane::Axial, 44).unwrap();
    let stack = body.stack(Plane::Axial, 100);
    assert_eq!((slice.sites.len(), stack.sites.len()), (2, 2));
    let share = body.overlap_share(&slice, &slice.sites[0], &slice.sites[1]);
    assert!((share - 400.0 / 1200.0).abs() < 1e-12, "{share}");
    assert!(!pairs::find(&body, &slice, &spec).are_clear(0, 1));
    assert!(pairs::find(&body, &stack, &spec).are_clear(1, 0));
}
