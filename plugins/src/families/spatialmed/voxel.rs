//! The paper's items in voxels, with its distractors one voxel apart. They test a reading of numbers that no picture
//! shows, and stand in no main score.

use super::draft::{Draft, Drafter, Refusal, Textbook, Turn};
use super::options::Choice;
use super::spec::Task;
use situs_core::space::BodyAxis;
use situs_core::volume::box_centre_distance_voxels;

impl Drafter<'_> {
    /// Smallest and largest index along one axis.
    pub(super) fn voxel_box(&self, turn: &Turn) -> Result<Draft, Refusal> {
        let a = self.one(Task::Dir, turn)?;
        let axis = BodyAxis::ALL[turn.draw.of("axis").below(3)];
        let letter = ["x", "y", "z"][axis.index()];
        let voxel_box = &self.body.sites[a].measure.voxel_box;
        let (min, max) = (voxel_box.min[axis.index()] as i64, voxel_box.max[axis.index()] as i64);
        if min == 0 {
            return Err(Refusal::Rule("no voxel below the box"));
        }
        let options = [(0, 0), (1, 1), (-1, -1), (0, 1)]
            .map(|(low, high)| {
                Choice::words(format!("{letter}_min: {}, {letter}_max: {}", min + low, max + high))
            })
            .to_vec();
        Ok(Draft::choice(vec![a], options, 0, Textbook::Nothing)
            .with("A", self.display(a))
            .with("axis", axis.name())
            .with("letter", letter)
            .along(axis.name()))
    }

    /// Sizes as max - min, as the paper's samples have them.
    pub(super) fn voxel_sizes(&self, turn: &Turn) -> Result<Draft, Refusal> {
        let a = self.one(Task::Ext, turn)?;
        let size = self.body.sites[a].measure.voxel_box.index_difference().map(|side| side as i64);
        let options = [[0, 0, 0], [1, 1, 1], [-1, -1, -1], [0, 0, 1]]
            .map(|step| {
                let [x, y, z]: [i64; 3] = std::array::from_fn(|axis| size[axis] + step[axis]);
                Choice::words(format!("{x} x {y} x {z}"))
            })
            .to_vec();
        Ok(Draft::choice(vec![a], options, 0, Textbook::Nothing).with("A", self.display(a)))
    }

    /// Equation 4 as printed, without spacing.
    pub(super) fn voxel_distance(&self, turn: &Turn) -> Result<Draft, Refusal> {
        let (a, b) = self.two(Task::Dist, turn, true)?;
        let of = |site: usize| &self.body.sites[site].measure.voxel_box;
        let distance = box_centre_distance_voxels(of(a), of(b));
        if distance < 2.0 {
            return Err(Refusal::Rule("centres coincide"));
        }
        let options = [0.0, 1.0, -1.0, 0.01]
            .map(|step| Choice { text: format!("{:.2}", distance + step), value: Some(distance + step) })
            .to_vec();
        Ok(Draft::choice(vec![a, b], options, 0, Textbook::Nothing)
            .with("A", self.display(a))
            .with("B", self.display(b)))
    }
}
