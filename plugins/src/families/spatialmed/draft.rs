//! An item before it is worded: structures, options, truth, and what a textbook reader would say.

use super::body::{Body, Measure};
use super::options::{Choice, Place, Quantity};
use super::population::Population;
use super::spec::Task;
use super::templates::{Rule, Template, Templates};
use crate::families::mis_ground::templates::Values;
use situs_core::digest::Draw;
use situs_core::fault::Fault;

/// Items whose letters and ranks are balanced together; 2, 3 and 4 options divide it.
const BLOCK: usize = 24;
/// Share of items that are about a tumour, where there is one.
const TUMOURS_FROM: f64 = 0.4;

/// Why an item could not be made of what was drawn.
pub(super) enum Refusal {
    /// By the rules; counted under these words.
    Rule(&'static str),
    /// Something is broken.
    Broken(Fault),
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Broken(fault)
    }
}

/// What the draw of one try decides.
pub(super) struct Turn {
    /// Draws of this try.
    pub(super) draw: Draw,
    letter: usize,
    rank: usize,
}

impl Turn {
    /// The turn of the item at `index` of its task: letters and ranks come from seeded orders of 24.
    pub(super) fn new(root: &Draw, index: usize, attempt: usize) -> Self {
        let block = root.of("block").of(index / BLOCK);
        let of = |what: &str| block.of(what).order(BLOCK).get(index % BLOCK).copied().unwrap_or(0);
        Self { draw: root.of(index).of("try").of(attempt), letter: of("letter"), rank: of("rank") }
    }

    /// Where the truth stands among `count` printed options.
    pub(super) fn letter(&self, count: usize) -> usize {
        self.letter % count.max(1)
    }

    /// Where the truth stands among `count` options in order of size.
    pub(super) fn rank(&self, count: usize) -> usize {
        self.rank % count.max(1)
    }
}

/// What another patient's structures would make the answer; `None` where they make none of the options.
pub(super) type Outcome = Box<dyn Fn(&[Measure]) -> Option<usize> + Send + Sync>;
/// The number that the options are about, in another patient.
pub(super) type Number = Box<dyn Fn(&[Measure]) -> f64 + Send + Sync>;

/// How the textbook reader answers.
pub(super) enum Textbook {
    /// The answer of most other patients.
    Majority(Outcome),
    /// The option nearest to the other patients' median.
    Median(Number, Place),
    /// The other patients' median, as a number.
    Value(Number),
    /// Nothing in a book helps.
    Nothing,
}

/// The answer side of an item.
pub(super) enum Answers {
    /// Options; the first `truth` in the order given is right. `ordered`: printed in that order.
    Choice {
        /// Options.
        options: Vec<Choice>,
        /// Index of the right one.
        truth: usize,
        /// Whether they are printed in the order given: ranges are, everything else is dealt out.
        ordered: bool,
    },
    /// A free number in the template's unit.
    Number(f64),
}

/// One item.
pub(super) struct Draft {
    /// Structures: A, B, ... then those that are options only.
    pub(super) sites: Vec<usize>,
    /// Placeholders of the text.
    pub(super) values: Values,
    /// Options and truth.
    pub(super) answers: Answers,
    /// The answer in words, for evidence.
    pub(super) relation: String,
    /// Margin in mm and what was required, where directions are asked.
    pub(super) margin: Option<(f64, f64)>,
    /// Axis asked about, for tables.
    pub(super) axis: Option<&'static str>,
    /// Whether distractors are other patients' values.
    pub(super) population: Option<bool>,
    /// What the options measure, where they are numbers that others may take the place of.
    pub(super) quantity: Option<Quantity>,
    /// Textbook reader.
    pub(super) textbook: Textbook,
    /// Other case of a comparison of two patients, and whether it comes first.
    pub(super) other: Option<OtherCase>,
}

/// The second patient of an item.
pub(super) struct OtherCase {
    /// Case name.
    pub(super) name: String,
    /// Patient.
    pub(super) cluster: String,
    /// Whether it is printed as case 1.
    pub(super) first: bool,
}

impl Draft {
    /// An item with options and nothing else said.
    pub(super) fn choice(sites: Vec<usize>, options: Vec<Choice>, truth: usize, textbook: Textbook) -> Self {
        let relation = options.get(truth).map_or_else(String::new, |option| option.text.clone());
        Self {
            sites,
            values: Values::new(),
            answers: Answers::Choice { options, truth, ordered: false },
            relation,
            margin: None,
            axis: None,
            population: None,
            quantity: None,
            textbook,
            other: None,
        }
    }

    /// An item that asks for a number.
    pub(super) fn number(sites: Vec<usize>, value: f64, textbook: Textbook) -> Self {
        Self {
            answers: Answers::Number(value),
            relation: format!("{value:.4}"),
            ..Self::choice(sites, Vec::new(), 0, textbook)
        }
    }

    #[must_use]
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.values.insert(name, value.into());
        self
    }

    #[must_use]
    pub(super) fn along(mut self, axis: &'static str) -> Self {
        self.axis = Some(axis);
        self
    }

    #[must_use]
    pub(super) fn measuring(mut self, quantity: Quantity) -> Self {
        self.quantity = Some(quantity);
        self
    }

    #[must_use]
    pub(super) fn in_order(mut self) -> Self {
        if let Answers::Choice { ordered, .. } = &mut self.answers {
            *ordered = true;
        }
        self
    }
}

/// Makes items of one case.
pub(super) struct Drafter<'a> {
    pub(super) templates: &'a Templates,
    pub(super) body: &'a Body<'a>,
    pub(super) population: &'a Population<'a>,
}

impl Drafter<'_> {
    /// One try at an item.
    pub(super) fn draft(&self, template: &Template, turn: &Turn) -> Result<Draft, Refusal> {
        use Rule as R;
        match template.rule {
            R::MainDirection => self.main_direction(turn),
            R::TwoAxes => self.two_axes(turn),
            R::FarthestToward => self.farthest_toward(turn),
            R::Statement => self.statement(turn),
            R::OrderAlong => self.order_along(turn),
            R::Distance => self.distance(turn),
            R::Closest => self.closest(turn, true),
            R::Farthest => self.closest(turn, false),
            R::DistanceRange => self.distance_range(turn),
            R::Gap => self.gap(turn),
            R::Extent => self.extent(turn),
            R::LongestAxis => self.longest_axis(turn),
            R::BoxSizes => self.box_sizes(turn),
            R::ExtentThreshold => self.extent_threshold(turn),
            R::LargestExtent => self.largest_extent(turn),
            R::Volume => self.volume(turn),
            R::VolumeRange => self.volume_range(turn),
            R::VolumeThreshold => self.volume_threshold(turn),
            R::JointVolume => self.joint_volume(turn),
            R::VolumeShare => self.volume_share(turn),
            R::Larger => self.larger(turn),
            R::VolumeOrder => self.volume_order(turn),
            R::LargestVolume => self.extreme_volume(turn, true),
            R::SmallestVolume => self.extreme_volume(turn, false),
            R::VolumeRatioRange => self.volume_ratio_range(turn),
            R::Absolute => self.absolute(turn),
            R::AbsoluteJoint => self.absolute_joint(turn),
            R::Ratio => self.ratio(turn, 1.0),
            R::Percent => self.ratio(turn, 100.0),
            R::TumourPercent => self.tumour_percent(turn),
            R::JointPercent => self.joint_percent(turn),
            R::SecondByFirst
            | R::SecondPercent
            | R::FirstBySecond
            | R::LargerBySmaller
            | R::MeanVolume => self.across(template.rule, turn),
            R::VoxelBox => self.voxel_box(turn),
            R::VoxelSizes => self.voxel_sizes(turn),
            R::VoxelDistance => self.voxel_distance(turn),
        }
    }

    /// Sites that a task may ask about.
    pub(super) fn eligible(&self, task: Task) -> Vec<usize> {
        (0..self.body.sites.len())
            .filter(|site| !task.wants_whole() || self.body.sites[*site].measure.whole)
            .collect()
    }

    /// One structure; now and then a tumour, where there is one.
    pub(super) fn one(&self, task: Task, turn: &Turn) -> Result<usize, Refusal> {
        if task.wants_volume() && self.body.boxes_only {
            return Err(Refusal::Rule("structures are boxes without a volume"));
        }
        let sites = self.eligible(task);
        let tumours: Vec<usize> =
            sites.iter().copied().filter(|site| self.body.sites[*site].tumour.is_some()).collect();
        let draw = turn.draw.of("structure");
        let of = if !tumours.is_empty() && draw.of("tumour").unit() < TUMOURS_FROM { &tumours } else { &sites };
        of.get(draw.of("which").below(of.len())).copied().ok_or(Refusal::Rule("no structure that may be asked"))
    }

    /// Two structures, the first a tumour now and then; parts of one another only where `nested` allows a tumour and
    /// its organ.
    pub(super) fn two(&self, task: Task, turn: &Turn, nested: bool) -> Result<(usize, usize), Refusal> {
        let a = self.one(task, turn)?;
        let others: Vec<usize> = self.eligible(task).into_iter().filter(|other| *other != a).collect();
        let b = others
            .get(turn.draw.of("second").below(others.len()))
            .copied()
            .ok_or(Refusal::Rule("no second structure"))?;
        match (self.body.nested(a, b), nested) {
            (false, _) => Ok((a, b)),
            (true, true) if self.body.sites[a].host == Some(b) => Ok((a, b)),
            (true, true) if self.body.sites[b].host == Some(a) => Ok((b, a)),
            _ => Err(Refusal::Rule("one structure is part of the other")),
        }
    }

    /// Structures of one body region, whole and of at least 1 cm³, none part of another.
    pub(super) fn several(&self, task: Task, count: usize, turn: &Turn) -> Result<Vec<usize>, Refusal> {
        if task.wants_volume() && self.body.boxes_only {
            return Err(Refusal::Rule("structures are boxes without a volume"));
        }
        const SMALLEST_NAMED: f64 = 1.0;
        let fits = |site: &usize| {
            let measure = &self.body.sites[*site].measure;
            measure.whole && (measure.volume >= SMALLEST_NAMED || self.body.boxes_only)
        };
        let sites: Vec<usize> = self.eligible(task).into_iter().filter(fits).collect();
        let order = turn.draw.of("names").order(sites.len());
        // The first one drawn decides the region.
        let mut chosen: Vec<usize> = Vec::with_capacity(count);
        for site in order.into_iter().filter_map(|place| sites.get(place).copied()) {
            let region = |site: usize| &self.body.sites[site].region;
            if chosen.first().is_some_and(|first| region(*first) != region(site))
                || chosen.iter().any(|other| self.body.nested(*other, site))
            {
                continue;
            }
            let is_twin = chosen.iter().any(|other| self.body.twins(*other, site));
            let has_twins = chosen
                .iter()
                .enumerate()
                .any(|(place, one)| chosen[..place].iter().any(|other| self.body.twins(*one, *other)));
            if is_twin && has_twins {
                continue;
            }
            chosen.push(site);
            if chosen.len() == count {
                return Ok(chosen);
            }
        }
        Err(Refusal::Rule("too few structures of one body region"))
    }

    /// The measurements of some sites.
    pub(super) fn measures(&self, sites: &[usize]) -> Vec<Measure> {
        sites.iter().filter_map(|site| self.body.sites.get(*site)).map(|site| site.measure).collect()
    }

    /// A structure as printed.
    pub(super) fn display(&self, site: usize) -> String {
        self.body.sites.get(site).map_or_else(String::new, |site| site.display.clone())
    }
}
