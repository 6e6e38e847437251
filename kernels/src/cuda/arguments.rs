//! What crosses between the host and the kernels of a step: the same layouts as in `step.cu`.

use crate::semantic::weight::{Scale, UNIT};
use crate::semantic::{
    MAX_CANDIDATES, Mass, Otherwise, Outcome, Rescore, Score, Select, Step, StepFault, StepRow, check_plain,
    check_truncation,
};
use crate::{NeighborTable, RowFault, Truncation};

/// What a row is to be done with; its logits are on the device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepRule {
    /// Temperature and truncation.
    pub truncation: Truncation,
    /// The default rule, for steps that defer and for comparison.
    pub otherwise: Otherwise,
    /// The rescoring; `None` leaves the default rule alone.
    pub rescore: Option<Rescore>,
    /// Random bits of the row: the key of its Philox block.
    pub draw: u64,
}

impl From<&StepRow<'_>> for StepRule {
    fn from(row: &StepRow<'_>) -> Self {
        Self { truncation: row.truncation, otherwise: row.otherwise, rescore: row.rescore, draw: row.draw }
    }
}

/// What can be said of a table without its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableShape {
    /// Tokens.
    pub rows: usize,
    /// Neighbors stored of each.
    pub slots: usize,
}

impl From<&NeighborTable> for TableShape {
    fn from(table: &NeighborTable) -> Self {
        Self { rows: table.rows, slots: table.k }
    }
}

const HAS_TOP_K: u32 = 1;
const GREEDY: u32 = 2;
const RESCORE: u32 = 4;
const CROWDING: u32 = 8;
const RENORMALISED: u32 = 16;
const PROPORTIONAL: u32 = 32;
const SOFTMAX: u32 = 64;
const TEMPERED: u32 = 128;
const REPORT: u32 = 256;
const TOTAL: u32 = 512;
const LEADING_ONLY: u32 = 1024;

/// [`Scale`] as the kernel has it.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq)]
struct ScaleArguments {
    factor: f32,
    floor: f32,
}

impl ScaleArguments {
    fn new(temperature: f64) -> Self {
        let Scale { factor, floor } = Scale::new(temperature);
        Self { factor, floor }
    }
}

/// `Rule` of `step.cu`: a [`StepRule`] with all that the host can prepare.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RuleArguments {
    draw: u64,
    top_p: f64,
    least: f64,
    temperature: f64,
    alpha: f64,
    scale: ScaleArguments,
    odds: ScaleArguments,
    threshold: f32,
    limit: u32,
    neighbors: u32,
    flags: u32,
    row: u32,
    unused: u32,
}

impl RuleArguments {
    /// The same for a row of the logits; rules are made for the first.
    pub fn at(self, row: u32) -> Self {
        Self { row, ..self }
    }

    /// Prepares a rule for rows of `width` logits. `None` where the rule may keep more tokens than the kernel looks at: a
    /// plain draw with a top-k above [`MAX_CANDIDATES`], which the host does.
    ///
    /// # Errors
    /// Parameters outside their range, no table where one is needed, or one that does not serve.
    pub fn new(
        rule: &StepRule,
        width: usize,
        table: Option<TableShape>,
        report: bool,
    ) -> Result<Option<Self>, StepFault> {
        let Truncation { temperature, top_k, top_p, min_p } = rule.truncation;
        let mut flags = if report { REPORT } else { 0 };
        match &rule.rescore {
            None => {
                check_plain(&rule.truncation)?;
                if rule.otherwise == Otherwise::Greedy || temperature == 0.0 {
                    flags |= LEADING_ONLY;
                } else if report || (top_k.is_none() && top_p >= 1.0 && min_p <= 0.0) {
                    flags |= TOTAL;
                }
            }
            Some(rescore) => {
                check_truncation(&rule.truncation)?;
                rescore.check()?;
                let table = table.ok_or(StepFault::NoTable)?;
                if table.rows != width {
                    return Err(StepFault::Vocabulary { table: table.rows, logits: width });
                }
                if table.slots < rescore.neighbors {
                    return Err(StepFault::Neighbors { asked: rescore.neighbors, stored: table.slots });
                }
                flags |= of_rescore(rescore, report);
            }
        }
        let leading_only = flags & LEADING_ONLY != 0;
        if !leading_only && top_k.is_some_and(|k| k > MAX_CANDIDATES) {
            return Ok(None);
        }
        if rule.otherwise == Otherwise::Greedy {
            flags |= GREEDY;
        }
        if top_k.is_some() {
            flags |= HAS_TOP_K;
        } else if top_p < 1.0 && !leading_only {
            flags |= TOTAL;
        }
        let most = if leading_only { 1 } else { top_k.unwrap_or(MAX_CANDIDATES + 1) };
        let tau = match rule.rescore.map(|rescore| rescore.select) {
            Some(Select::Proportional { tau } | Select::Softmax { tau }) => tau,
            _ => 1.0,
        };
        Ok(Some(Self {
            draw: rule.draw,
            top_p,
            least: min_p * UNIT as f64,
            temperature,
            alpha: match rule.rescore.map(|rescore| rescore.score) {
                Some(Score::Crowding { alpha }) => alpha,
                _ => 0.0,
            },
            scale: ScaleArguments::new(if leading_only { 1.0 } else { temperature }),
            odds: ScaleArguments::new(tau),
            threshold: rule.rescore.and_then(|rescore| rescore.threshold).unwrap_or(f32::NEG_INFINITY),
            limit: most.min(width + 1) as u32,
            neighbors: rule.rescore.map_or(0, |rescore| rescore.neighbors as u32),
            flags,
            row: 0,
            unused: 0,
        }))
    }
}

impl RuleArguments {
    /// A rule for a row that the host does: its faults are found, its token is of no use.
    pub(super) fn idle(width: usize) -> Self {
        Self {
            draw: 0,
            top_p: 1.0,
            least: 0.0,
            temperature: 1.0,
            alpha: 0.0,
            scale: ScaleArguments::new(1.0),
            odds: ScaleArguments::new(1.0),
            threshold: f32::NEG_INFINITY,
            limit: width.min(1) as u32,
            neighbors: 0,
            flags: LEADING_ONLY,
            row: 0,
            unused: 0,
        }
    }
}

fn of_rescore(rescore: &Rescore, report: bool) -> u32 {
    let mut flags = RESCORE;
    let select = match rescore.select {
        Select::Argmax => 0,
        Select::Proportional { tau } => PROPORTIONAL | if tau == 1.0 { 0 } else { TEMPERED },
        Select::Softmax { .. } => SOFTMAX,
    };
    flags |= select;
    if rescore.score != Score::Support {
        flags |= CROWDING;
    }
    match rescore.mass {
        Mass::Renormalised => flags |= RENORMALISED,
        Mass::Full if report || flags & (CROWDING | SOFTMAX) != 0 => flags |= TOTAL,
        Mass::Full => {}
    }
    flags
}

const NONE: u32 = u32::MAX;

/// `Result` of `step.cu`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ResultWords {
    token: u32,
    default_token: u32,
    status: u32,
    candidates: u32,
    distance: f32,
    default_distance: f32,
    own: u64,
    default_own: u64,
    mass: u64,
    default_mass: u64,
    all: u64,
}

/// What a kernel has to say of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// Its token.
    Step(Step),
    /// A plain draw fell behind the tokens that the kernel looks at; the host has to do the row.
    Beyond,
    /// It has none.
    Fault(StepFault),
}

impl ResultWords {
    /// What the words say of a row of `width` logits under a rule.
    pub fn told(&self, rule: &StepRule, width: usize, report: bool) -> Told {
        let token = self.token as usize;
        let outcome = match self.status {
            0 => Outcome::Plain,
            1 => Outcome::Deferred,
            2 => Outcome::Fired,
            3 => return Told::Beyond,
            4 => return Told::Fault(StepFault::Candidates { limit: MAX_CANDIDATES }),
            5 => return Told::Fault(RowFault::NotANumber { token }.into()),
            6 => return Told::Fault(RowFault::Infinite { token }.into()),
            _ => return Told::Fault(RowFault::NoFinite { width }.into()),
        };
        let leading_only = rule.rescore.is_none()
            && (rule.otherwise == Otherwise::Greedy || rule.truncation.temperature == 0.0);
        let score = |distance, own, mass| match (outcome, rule.rescore) {
            (Outcome::Plain, _) if !leading_only => Some(own as f64 / self.all as f64),
            (Outcome::Fired, Some(rescore)) => Some(self.score(rule, &rescore, distance, own, mass)),
            _ => None,
        };
        let told = |distance, own, mass| report.then(|| score(distance, own, mass)).flatten();
        Told::Step(Step {
            token: self.token,
            default_token: self.default_token,
            outcome,
            default_score: told(self.default_distance, self.default_own, self.default_mass),
            token_score: told(self.distance, self.own, self.mass),
            candidates: (self.candidates != NONE).then_some(self.candidates as usize),
        })
    }

    /// The score of a candidate as `semantic::decide` writes it, from the same whole numbers.
    fn score(&self, rule: &StepRule, rescore: &Rescore, distance: f32, own: u64, mass: u64) -> f64 {
        match rescore.score {
            Score::Support => mass as f64 / self.all as f64,
            Score::Crowding { alpha } => {
                let log = f64::from(distance) / rule.truncation.temperature;
                let others = mass as f64 - own as f64;
                log - alpha * (others / self.all as f64) - (self.all as f64 / UNIT as f64).ln()
            }
        }
    }
}

/// `Neighbor` of `step.cu`: a slot of a neighbor table.
#[repr(C, align(8))]
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct NeighborWords {
    /// Its token.
    pub token: u32,
    /// Its cosine similarity.
    pub similarity: f32,
}

/// A table as the kernel reads it: slots `[V, K]`, and a bit for each token that is content.
pub fn table_words(table: &NeighborTable) -> (Vec<NeighborWords>, Vec<u32>) {
    let slots = table.ids.iter().zip(&table.similarities);
    let slots = slots.map(|(&token, &similarity)| NeighborWords { token, similarity }).collect();
    let word = |flags: &[u8]| {
        flags.iter().enumerate().fold(0u32, |word, (bit, flag)| word | u32::from(*flag == 1) << bit)
    };
    (slots, table.content.chunks(32).map(word).collect())
}

/// `Step` of `step.cu`: the arguments of a launch. Addresses are those of the device.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct StepArguments {
    /// The first logit of the first row.
    pub logits: u64,
    /// Numbers from one row's beginning to the next one's.
    pub stride: u64,
    /// Logits of a row.
    pub width: u32,
    /// Neighbors stored of each token; 0 without a table.
    pub slots: u32,
    /// The [`NeighborWords`] of the table.
    pub neighbors: u64,
    /// The bits of content.
    pub content: u64,
    /// A [`RuleArguments`] for each row.
    pub rules: u64,
    /// Room for a [`ResultWords`] for each row.
    pub results: u64,
}

/// `Select` of `select.cu`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct SelectArguments {
    /// Rows of products.
    pub products: u64,
    /// Numbers from one row's beginning to the next one's.
    pub stride: u64,
    /// What brings each position to norm 1.
    pub inverse: u64,
    /// Room for the candidates.
    pub entries: u64,
    /// Positions, the products of a row.
    pub width: u32,
    /// Position of the first row.
    pub first: u32,
    /// Candidates of each row.
    pub kept: u32,
}

/// `Exact` of `select.cu`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ExactArguments {
    /// The rows of all positions.
    pub matrix: u64,
    /// Their norms, f64.
    pub norms: u64,
    /// The candidates, whose scores are replaced.
    pub entries: u64,
    /// Numbers of a row.
    pub width: u32,
    /// Position of the first row.
    pub first: u32,
    /// Candidates of each row.
    pub kept: u32,
    /// Rows.
    pub rows: u32,
}
