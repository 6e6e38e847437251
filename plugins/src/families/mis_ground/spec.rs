//! Parameters of the family, with the defaults of the published design where it gives them and ours where it does not.

use super::factors::{Ablation, Dim, Identity, QuestionType, Target, TextPrompt, ViewStatement, Visual, Words};
use serde::{Deserialize, Serialize};
use situs_core::fault::Fault;
use situs_core::registry::BuildContext;
use situs_core::space::{Direction, Plane, Preset};

/// Most frames of a stack.
const MOST_FRAMES: usize = 1024;
/// Most pairs that a slice can be asked to hold.
const MOST_SLICE_PAIRS: usize = 10_000;
/// Most marks on one picture: the letters A-F and six colours.
pub(super) const MOST_MARKS: usize = 6;

/// Range of slice counts, or a switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SliceFilter {
    /// `false`: any count; `true`: the default range.
    Switch(bool),
    /// Counts that are used.
    Range(SliceRange),
}

impl SliceFilter {
    /// The range, if counts are filtered at all.
    pub(super) fn range(self) -> Option<SliceRange> {
        match self {
            Self::Switch(on) => on.then(SliceRange::default),
            Self::Range(range) => Some(range),
        }
    }
}

situs_core::component_table! {
    /// Slice counts along the superior-inferior axis that are used.
    #[derive(Copy, Eq)]
    pub struct SliceRange {
        /// Smallest count.
        pub min: usize = 200,
        /// Largest count.
        pub max: usize = 450,
    }
}

situs_core::component_table! {
    /// Smallest distance of two centres: the largest of these.
    pub struct Margin {
        /// In mm.
        pub mm: f64 = 10.0,
        /// In voxels along the axis.
        pub voxels: f64 = 2.0,
        /// In pixels of the picture, for axes in its plane.
        pub px: f64 = 0.0,
        /// As a share of the pair's common extent along the axis.
        pub extent_share: f64 = 0.05,
    }
}

situs_core::component_table! {
    /// Smallest distances by kind of question.
    pub struct Margins {
        /// In a stack.
        pub stack: Margin = Margin::default(),
        /// In a slice, and for words of the picture.
        pub slice: Margin = Margin { mm: 8.0, voxels: 0.0, px: 12.0, extent_share: 0.05 },
        /// In a knee, whose structures are small.
        pub knee: Margin = Margin { mm: 4.0, voxels: 2.0, px: 0.0, extent_share: 0.05 },
    }
}

situs_core::component_table! {
    /// Which structures, pairs and slices may be asked about.
    pub struct Eligibility {
        /// Smallest area of a structure in a slice, in mm2.
        pub area_mm2: f64 = 50.0,
        /// Smallest area of a structure in a slice, in pixels of the picture.
        pub area_px: f64 = 100.0,
        /// Smallest share of the largest part in the slice's area or the structure's volume.
        pub part: f64 = 0.9,
        /// Share of voxels on the array's border from which a structure counts as cut off.
        pub border: f64 = 0.2,
        /// Largest share of the smaller mask that two masks may have in common.
        pub overlap: f64 = 0.01,
        /// Middle share of a box in which a slice may lie, where structures are boxes.
        pub box_middle: f64 = 0.8,
        /// Middle share of the volume from which slices are drawn.
        pub slice_middle: f64 = 0.9,
        /// Fewest valid pairs in a slice.
        pub slice_pairs: usize = 3,
        /// Fewest frames of a stack on which a structure is visible.
        pub frames: usize = 2,
        /// Smallest distance through a stack, in frame steps.
        pub frame_steps: f64 = 2.0,
        /// Largest displacement over the next, where the largest is asked for.
        pub dominance: f64 = 1.5,
    }
}

situs_core::component! {
    /// Where structures lie, asked over the whole grid of MIS-Ground: modality, slice or stack, plane, orientation, visual and text prompt, terminology, form.
    family "mis-ground";
    pub struct MisGround {
        /// CT classes: "a" or "b" (two readings of the 67 unpublished ones), "all", or the path of a class file. MR volumes ask about all their structures.
        pub classes: String = "a".to_owned(),
        /// CT volumes that are used, by slices along the superior-inferior axis as stored; `false` uses all.
        pub slice_filter: SliceFilter = SliceFilter::Range(SliceRange::default()),
        /// One slice, a stack of slices, or both.
        pub dims: Vec<Dim> = Dim::ALL.to_vec(),
        /// Planes of slices.
        pub planes: Vec<Plane> = Plane::ALL.to_vec(),
        /// How the volume is put on the screen: clinical display and raw storage.
        pub orientations: Vec<Preset> = vec![Preset::StandardRadiological, Preset::RasPlusRaw],
        /// Where later frames of the standard displays lie, e.g. `["inferior"]`: at most one direction an axis; an axis that
        /// is not named keeps superior, posterior, left.
        pub frame_order: Vec<Direction> = Vec::new(),
        /// How structures are shown. MR volumes have "none" and "box" only.
        pub visual: Vec<Visual> = Visual::ALL.to_vec(),
        /// What tells marks apart.
        pub identities: Vec<Identity> = vec![Identity::Colour, Identity::Letter, Identity::Both],
        /// How the text refers to structures.
        pub texts: Vec<TextPrompt> = vec![TextPrompt::Name, TextPrompt::Mark, TextPrompt::NameAndMark],
        /// What is asked for.
        pub targets: Vec<Target> = Target::ALL.to_vec(),
        /// Forms of question.
        pub question_types: Vec<QuestionType> = QuestionType::ALL.to_vec(),
        /// Terminologies, for questions that name a direction.
        pub words: Vec<Words> = vec![Words::Anat, Words::Coll, Words::Frame],
        /// Templates by id; empty: all.
        pub templates: Vec<String> = Vec::new(),
        /// What is taken away.
        pub ablations: Vec<Ablation> = Ablation::ALL.to_vec(),
        /// How much the prompt says of the view. The paper's examples state no edges: `["convention"]`.
        pub view_statements: Vec<ViewStatement> = vec![ViewStatement::Edges],
        /// Whether the model is asked to think step by step first.
        pub reasoning: bool = true,
        /// Frames of a stack, spread uniformly over the volume; a volume with fewer slices sends all.
        pub frames: usize = 32,
        /// Slices drawn from a volume, each of another plane.
        pub slices_per_volume: usize = 2,
        /// Longer side of a picture, in pixels.
        pub long_side: u32 = 512,
        /// Most marks on one picture: two targets and distractors.
        pub most_marks: usize = MOST_MARKS,
        /// What volumes are called where the case does not say it; empty: as the data set says.
        pub modality_text: String = String::new(),
        /// Smallest distances of two centres.
        pub margins: Margins = Margins::default(),
        /// Which structures, pairs and slices may be asked about.
        pub eligibility: Eligibility = Eligibility::default(),
        /// Read words of the other register through the item's view too; reported beside the answer, never instead.
        pub lenient_register: bool = false,
    }
}

impl MisGround {
    /// Checks values that types cannot.
    ///
    /// # Errors
    /// Config faults that name the field.
    pub(super) fn check(&self, _: &BuildContext) -> Result<(), Fault> {
        let lists = [
            ("dims", self.dims.is_empty()),
            ("planes", self.planes.is_empty()),
            ("orientations", self.orientations.is_empty()),
            ("visual", self.visual.is_empty()),
            ("identities", self.identities.is_empty()),
            ("texts", self.texts.is_empty()),
            ("words", self.words.is_empty()),
            ("targets", self.targets.is_empty()),
            ("question_types", self.question_types.is_empty()),
            ("ablations", self.ablations.is_empty()),
            ("view_statements", self.view_statements.is_empty()),
        ];
        if let Some((field, _)) = lists.into_iter().find(|(_, empty)| *empty) {
            return Err(Fault::config("the list is empty, so nothing would be asked")
                .help("name at least one level, or leave the field out for all")
                .at(field));
        }
        let whole = [
            ("frames", self.frames, 2, MOST_FRAMES),
            ("slices_per_volume", self.slices_per_volume, 1, Plane::ALL.len()),
            ("long_side", self.long_side as usize, 64, 4096),
            ("most_marks", self.most_marks, 2, MOST_MARKS),
        ];
        for (field, value, least, most) in whole {
            if !(least..=most).contains(&value) {
                return Err(Fault::config(format!("expected {least} to {most}, found {value}")).at(field));
            }
        }
        let mut frame_axes: Vec<_> = self.frame_order.iter().map(|direction| direction.axis()).collect();
        frame_axes.sort_unstable();
        if frame_axes.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Fault::config("two directions along one axis").at("frame_order"));
        }
        if let Some(range) = self.slice_filter.range().filter(|range| range.min > range.max) {
            return Err(Fault::config(format!("min {} is above max {}", range.min, range.max))
                .at("slice_filter"));
        }
        let rules = &self.eligibility;
        let shares = [
            ("part", rules.part),
            ("border", rules.border),
            ("overlap", rules.overlap),
            ("box_middle", rules.box_middle),
            ("slice_middle", rules.slice_middle),
        ];
        for (field, value) in shares {
            if !(0.0..=1.0).contains(&value) {
                return Err(Fault::config(format!("expected a share from 0 to 1, found {value}"))
                    .at(field)
                    .at("eligibility"));
            }
        }
        let counts = [("slice_pairs", rules.slice_pairs, MOST_SLICE_PAIRS), ("frames", rules.frames, MOST_FRAMES)];
        for (field, value, most) in counts {
            if !(1..=most).contains(&value) {
                return Err(Fault::config(format!("expected 1 to {most}, found {value}"))
                    .at(field)
                    .at("eligibility"));
            }
        }
        let sizes = [
            ("area_mm2", rules.area_mm2, 0.0),
            ("area_px", rules.area_px, 0.0),
            ("frame_steps", rules.frame_steps, 0.0),
            ("dominance", rules.dominance, 1.0),
        ];
        for (field, value, least) in sizes {
            if !(value.is_finite() && value >= least) {
                return Err(Fault::config(format!("expected a number from {least} upward, found {value}"))
                    .at(field)
                    .at("eligibility"));
            }
        }
        let margins = [
            ("stack", &self.margins.stack),
            ("slice", &self.margins.slice),
            ("knee", &self.margins.knee),
        ];
        for (field, margin) in margins {
            let values = [
                ("mm", margin.mm),
                ("voxels", margin.voxels),
                ("px", margin.px),
                ("extent_share", margin.extent_share),
            ];
            let wrong = values.into_iter().find(|(_, value)| !(value.is_finite() && *value >= 0.0));
            if let Some((part, value)) = wrong {
                return Err(Fault::config(format!("expected a number from 0 upward, found {value}"))
                    .at(part)
                    .at(field)
                    .at("margins"));
            }
        }
        Ok(())
    }
}
