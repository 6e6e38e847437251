//! Rows of logits, rules and tables of many characters, from seeds.
#![allow(dead_code, reason = "the tests on a GPU need a part of it")]

use situs_kernels::cuda::arguments::StepRule;
use situs_kernels::semantic::*;
use situs_kernels::{NeighborTable, Truncation};

/// Random numbers (splitmix64).
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0xd6e8_feb8_6659_fd93))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 33) as usize % limit
    }

    fn uniform(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u32 << 24) as f32
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// What the logits of a row look like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Spread {
    /// Sums of four uniforms: smooth, like a model's.
    Smooth,
    /// Few values: heavy ties.
    Steps,
    /// All alike.
    Equal,
    /// One far above the others.
    Peak,
    /// From the smallest numbers to the largest.
    Huge,
    /// Rising or falling with the id.
    Slope,
    /// Some minus infinity, a few tokens left.
    Masked,
    /// A NaN or plus infinity somewhere, or nothing finite.
    Broken,
}

impl Spread {
    const SOUND: [Self; 7] =
        [Self::Smooth, Self::Steps, Self::Equal, Self::Peak, Self::Huge, Self::Slope, Self::Masked];

    pub fn any(numbers: &mut Numbers) -> Self {
        if numbers.below(25) == 0 { Self::Broken } else { numbers.pick(&Self::SOUND) }
    }

    /// As a model's more often than not.
    pub fn any_wide(numbers: &mut Numbers) -> Self {
        if numbers.below(2) == 0 { Self::Smooth } else { Self::any(numbers) }
    }
}

#[derive(Debug, Clone)]
pub enum Stored {
    F32(Vec<f32>),
    Bf16(Vec<u16>),
    F16(Vec<u16>),
}

#[derive(Debug, Clone)]
pub struct Row {
    pub stored: Stored,
}

impl Row {
    pub fn random(numbers: &mut Numbers, format: usize, width: usize, spread: Spread) -> Self {
        let factor = numbers.pick(&[1.0f32, 3.0, 0.01, 20.0]);
        let offset = numbers.pick(&[0.0f32, -40.0, 5.0]);
        let sign = numbers.pick(&[1.0f32, -1.0]);
        let at = numbers.below(width);
        let mut values: Vec<f32> = (0..width)
            .map(|token| match spread {
                Spread::Smooth | Spread::Broken => {
                    (numbers.uniform() + numbers.uniform() + numbers.uniform() + numbers.uniform() - 2.0)
                        * 1.7
                        * factor
                        + offset
                }
                Spread::Steps => (numbers.below(5) as f32 - 2.0) / 2.0 * factor + offset,
                Spread::Equal => factor * 1.5 + offset,
                Spread::Peak => numbers.uniform() * factor + if token == at { 30.0 } else { 0.0 },
                Spread::Huge => (numbers.uniform() - 0.5) * 10f32.powi(numbers.below(76) as i32 - 38),
                Spread::Slope => sign * token as f32 * factor / width as f32 * 8.0 + offset,
                Spread::Masked => {
                    let masked = numbers.below(4) != 0 && token != at;
                    if masked { f32::NEG_INFINITY } else { numbers.uniform() * 4.0 * factor }
                }
            })
            .collect();
        if spread == Spread::Broken {
            match numbers.below(3) {
                0 => values[at] = f32::NAN * sign,
                1 => values[at] = f32::INFINITY,
                _ => values.fill(f32::NEG_INFINITY),
            }
            if numbers.below(2) == 0 {
                let other = numbers.below(width);
                values[other] = numbers.pick(&[f32::INFINITY, f32::NAN]);
            }
        }
        Self::of(format, &values)
    }

    /// Values in one of the formats; what binary16 cannot hold is brought near its limits.
    pub fn of(format: usize, values: &[f32]) -> Self {
        let stored = match format {
            0 => Stored::F32(values.to_vec()),
            1 => Stored::Bf16(values.iter().map(|value| half::bf16::from_f32(*value).to_bits()).collect()),
            _ => Stored::F16(
                values
                    .iter()
                    .map(|value| {
                        let near = if value.is_finite() { value.clamp(-65504.0, 65504.0) } else { *value };
                        half::f16::from_f32(near).to_bits()
                    })
                    .collect(),
            ),
        };
        Self { stored }
    }

    pub fn format(&self) -> usize {
        match self.stored {
            Stored::F32(_) => 0,
            Stored::Bf16(_) => 1,
            Stored::F16(_) => 2,
        }
    }

    pub fn width(&self) -> usize {
        self.logits().width()
    }

    /// Bytes of a number.
    pub fn size(&self) -> usize {
        if self.format() == 0 { 4 } else { 2 }
    }

    pub fn logits(&self) -> LogitRow<'_> {
        match &self.stored {
            Stored::F32(values) => LogitRow::F32(values),
            Stored::Bf16(bits) => LogitRow::Bf16(bits),
            Stored::F16(bits) => LogitRow::F16(bits),
        }
    }

    pub fn step(&self, rule: &StepRule) -> StepRow<'_> {
        StepRow {
            logits: self.logits(),
            truncation: rule.truncation,
            otherwise: rule.otherwise,
            rescore: rule.rescore,
            draw: rule.draw,
        }
    }
}

/// A rule that a table with so many slots serves, and that the kernel takes.
pub fn random_rule(numbers: &mut Numbers, slots: usize) -> StepRule {
    let top_k = match numbers.below(8) {
        0 => None,
        1 => Some(1),
        2 => Some(MAX_CANDIDATES),
        3 => Some(1 + numbers.below(MAX_CANDIDATES)),
        _ => Some(1 + numbers.below(64)),
    };
    let truncation = Truncation {
        temperature: numbers.pick(&[1.0, 1.0, 0.3, 0.7, 2.0, 1e-6, 50.0]),
        top_k,
        top_p: numbers.pick(&[1.0, 1.0, 0.95, 0.5, 0.01]),
        min_p: numbers.pick(&[0.0, 0.0, 0.0, 0.05, 0.4, 1.0]),
    };
    let select = numbers.pick(&[
        Select::Argmax,
        Select::Argmax,
        Select::Proportional { tau: 1.0 },
        Select::Proportional { tau: 0.5 },
        Select::Proportional { tau: 3.0 },
        Select::Softmax { tau: 0.05 },
        Select::Softmax { tau: 1.0 },
    ]);
    let rescore = Rescore {
        neighbors: 1 + numbers.below(slots),
        threshold: numbers.pick(&[None, None, Some(0.0), Some(0.4), Some(1.0)]),
        score: numbers.pick(&[Score::Support, Score::Support, Score::Crowding { alpha: 0.7 }]),
        select,
        mass: numbers.pick(&[Mass::Full, Mass::Renormalised]),
    };
    let plain = numbers.below(5) == 0;
    let cold = plain && numbers.below(8) == 0;
    StepRule {
        truncation: Truncation { temperature: if cold { 0.0 } else { truncation.temperature }, ..truncation },
        otherwise: numbers.pick(&[Otherwise::Greedy, Otherwise::Draw, Otherwise::Draw]),
        rescore: (!plain).then_some(rescore),
        draw: numbers.next(),
    }
}

/// A sound table: each content token first, then others by falling cosine; some tokens are not content.
pub fn random_table(numbers: &mut Numbers, rows: usize, k: usize) -> NeighborTable {
    let control = numbers.pick(&[0usize, 0, 7, 60]);
    table_with(numbers, rows, k, control)
}

/// The same where every `control`-th token is not content, none where that is 0.
pub fn table_with(numbers: &mut Numbers, rows: usize, k: usize, control: usize) -> NeighborTable {
    let content: Vec<u8> =
        (0..rows).map(|token| u8::from(control == 0 || token % control != control - 1)).collect();
    let mut table = NeighborTable::unused(content, k).unwrap();
    let mut others: Vec<(f32, u32)> = Vec::with_capacity(k);
    for token in 0..rows {
        // A content row may be unused: the embedding of a token may be zero.
        if table.content[token] == 0 || token % 97 == 96 {
            continue;
        }
        others.clear();
        for _ in 1..k {
            let other = numbers.below(rows);
            let new = other != token
                && table.content[other] == 1
                && others.iter().all(|(_, there)| *there != other as u32);
            if new {
                others.push((numbers.below(1_201) as f32 / 1_000.0 - 0.25, other as u32));
            }
        }
        others.sort_by(|a, b| b.0.min(1.0).total_cmp(&a.0.min(1.0)).then(a.1.cmp(&b.1)));
        let first = token * k;
        table.similarities[first] = 1.0;
        for (slot, (cosine, other)) in others.iter().enumerate() {
            table.ids[first + 1 + slot] = *other;
            table.similarities[first + 1 + slot] = cosine.min(1.0);
        }
    }
    table
}
