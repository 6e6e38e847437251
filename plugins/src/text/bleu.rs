//! BLEU as sacreBLEU 2.6.0 computes it, one reference, n-grams of one to four tokens.

use super::numbering::Numbering;
use super::python::{lower, split};
use super::tokenizer_13a::tokens_13a;

/// Longest n-gram.
const ORDER: usize = 4;

/// What BLEU is made of; adds up over pairs.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Counts {
    /// Tokens of predictions.
    pub predicted: f64,
    /// Tokens of references.
    pub expected: f64,
    /// N-grams of predictions that references have as well, by length.
    pub matching: [f64; ORDER],
    /// N-grams of predictions, by length.
    pub all: [f64; ORDER],
}

impl Counts {
    /// Counts of one pair.
    pub fn of(prediction: &str, reference: &str, lowercase: bool) -> Self {
        let tokens = |text: &str| if lowercase { tokens_13a(&lower(text)) } else { tokens_13a(text) };
        let (prediction, reference) = (tokens(prediction), tokens(reference));
        let mut numbers = Numbering::default();
        let reference = numbers.of(split(&reference));
        let prediction = numbers.of(split(&prediction));
        let mut counts =
            Self { predicted: prediction.len() as f64, expected: reference.len() as f64, ..Self::default() };
        let lengths = counts.matching.iter_mut().zip(&mut counts.all).zip(1..);
        for ((matching, all), length) in lengths {
            let (own, others) = (grams(&prediction, length), grams(&reference, length));
            *all = own.len() as f64;
            *matching = common(&own, &others) as f64;
        }
        counts
    }

    /// As `[predicted, expected, matching x 4, all x 4]`.
    pub fn to_stats(self) -> Vec<f64> {
        let mut stats = vec![self.predicted, self.expected];
        stats.extend(self.matching);
        stats.extend(self.all);
        stats
    }

    /// Back from [`Counts::to_stats`], or a sum of such; `None` for another width.
    pub fn from_stats(stats: &[f64]) -> Option<Self> {
        let [predicted, expected, rest @ ..] = stats else { return None };
        let (matching, all) = rest.split_at_checked(ORDER)?;
        Some(Self {
            predicted: *predicted,
            expected: *expected,
            matching: matching.try_into().ok()?,
            all: all.try_into().ok()?,
        })
    }
}

/// All n-grams of a length as sorted numbers: four words of 32 bits make one of 128.
fn grams(words: &[u32], length: usize) -> Vec<u128> {
    let pack = |words: &[u32]| words.iter().fold(0, |packed, word| packed << 32 | u128::from(*word));
    let mut grams: Vec<u128> = words.windows(length).map(pack).collect();
    grams.sort_unstable();
    grams
}

/// How many elements two sorted lists share, each counted as often as in both.
fn common(a: &[u128], b: &[u128]) -> usize {
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    let mut count = 0;
    while let (Some(first), Some(second)) = (a.peek(), b.peek()) {
        let order = first.cmp(second);
        count += usize::from(order.is_eq());
        if order.is_le() {
            a.next();
        }
        if order.is_ge() {
            b.next();
        }
    }
    count
}

/// How counts become a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bleu {
    /// All four lengths count, whether or not there are n-grams of them.
    Corpus,
    /// Only lengths of which the prediction has n-grams: effective order.
    Sentence,
}

impl Bleu {
    /// BLEU, 0 to 100 (or a rounding error above), with exponential smoothing: the first length without a match counts
    /// as half a match, the next as a quarter, and so on.
    pub fn score(self, counts: &Counts) -> f64 {
        if counts.matching.iter().all(|count| *count == 0.0) {
            return 0.0;
        }
        let brevity = if counts.predicted < counts.expected {
            (1.0 - counts.expected / counts.predicted).exp()
        } else {
            1.0
        };
        let (mut halved, mut order) = (1.0, ORDER);
        let mut precisions = [0.0; ORDER];
        for (at, precision) in precisions.iter_mut().enumerate() {
            let (matching, all) = (counts.matching[at], counts.all[at]);
            if all == 0.0 {
                break;
            }
            if self == Self::Sentence {
                order = at + 1;
            }
            *precision = if matching == 0.0 {
                halved *= 2.0;
                100.0 / (halved * all)
            } else {
                100.0 * matching / all
            };
        }
        let logs: f64 = precisions.iter().take(order).map(|value| logarithm(*value)).sum();
        brevity * (logs / order as f64).exp()
    }
}

/// Of nothing: as little as the reference program takes for it.
fn logarithm(value: f64) -> f64 {
    if value == 0.0 { -9_999_999_999.0 } else { value.ln() }
}
