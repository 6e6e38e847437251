//! METEOR as NLTK 3.10 computes it: words are aligned by form, then by stem, then by WordNet.

use super::numbering::Numbering;
use super::porter::stem;
use super::python::lower;
use super::wordnet::WordNet;
use std::collections::HashMap;

/// How precision, recall and breaks weigh.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fragmentation {
    /// Weight of precision against recall.
    pub(crate) alpha: f64,
    /// Exponent of the share of breaks.
    pub(crate) beta: f64,
    /// Largest penalty.
    pub(crate) gamma: f64,
}

/// A word at its place.
type Placed = (usize, String);
/// Pairs of places: of the prediction, of the reference.
type Matches = Vec<(usize, usize)>;

/// METEOR of one pair, 0 to 1. Without `wordnet`, forms and stems alone are aligned.
pub(crate) fn meteor(
    prediction: impl Iterator<Item = impl AsRef<str>>,
    reference: impl Iterator<Item = impl AsRef<str>>,
    wordnet: Option<&WordNet>,
    weights: Fragmentation,
) -> f64 {
    let own: Vec<Placed> = prediction.map(|word| lower(word.as_ref()).into_owned()).enumerate().collect();
    let others: Vec<Placed> = reference.map(|word| lower(word.as_ref()).into_owned()).enumerate().collect();
    let (lengths, mut matches) = ((own.len(), others.len()), Matches::new());
    let (own, others) = align(own, others, &mut matches);
    let stems = |words: Vec<Placed>| words.into_iter().map(|(at, word)| (at, stem(&word))).collect();
    let (own, others) = align(stems(own), stems(others), &mut matches);
    if let Some(wordnet) = wordnet {
        // Words that are left go on as stems, and as such they are looked up.
        align_meanings(&own, &others, wordnet, &mut matches);
    }
    matches.sort_unstable();
    score(&matches, lengths, weights)
}

/// Goes through the prediction from its last word to its first; each takes the latest free equal word of the reference.
/// Gives what is left of both.
fn align(own: Vec<Placed>, others: Vec<Placed>, matches: &mut Matches) -> (Vec<Placed>, Vec<Placed>) {
    let mut numbers = Numbering::default();
    let own_numbers = numbers.of(own.iter().map(|(_, word)| word.as_str()));
    let other_numbers = numbers.of(others.iter().map(|(_, word)| word.as_str()));
    // The latest free place of each word, and for each place the one before it with the same word.
    let mut latest: Vec<Option<usize>> = vec![None; numbers.len()];
    let mut earlier: Vec<Option<usize>> = Vec::with_capacity(others.len());
    for (at, number) in other_numbers.iter().enumerate() {
        earlier.push(latest[*number as usize].replace(at));
    }
    let (mut own_taken, mut others_taken) = (vec![false; own.len()], vec![false; others.len()]);
    for (place, number) in own_numbers.iter().enumerate().rev() {
        let slot = &mut latest[*number as usize];
        if let Some(at) = *slot {
            *slot = earlier[at];
            (own_taken[place], others_taken[at]) = (true, true);
            matches.push((own[place].0, others[at].0));
        }
    }
    (left(own, &own_taken), left(others, &others_taken))
}

/// The same by meaning: each word takes the latest free word of the reference that is a name of one of its meanings.
/// No two words left are equal, so names alone count.
fn align_meanings(own: &[Placed], others: &[Placed], wordnet: &WordNet, matches: &mut Matches) {
    let mut free: HashMap<u32, Vec<usize>> = HashMap::new();
    // One bit for each sixty-fourth of all names: most names of most meanings are told apart without a look-up.
    let mut some = 0_u64;
    for (at, (_, word)) in others.iter().enumerate() {
        if let Some(name) = wordnet.name(word) {
            free.entry(name).or_default().push(at);
            some |= 1 << (name % 64);
        }
    }
    if some == 0 {
        return;
    }
    for (place, word) in own.iter().rev() {
        let mut best: Option<(usize, u32)> = None;
        wordnet.names_of_meanings(word, |name| {
            if some & (1 << (name % 64)) != 0
                && let Some(at) = free.get(&name).and_then(|places| places.last().copied())
                && best.is_none_or(|(latest, _)| at > latest)
            {
                best = Some((at, name));
            }
        });
        if let Some((at, name)) = best {
            free.get_mut(&name).map(Vec::pop);
            matches.push((*place, others[at].0));
        }
    }
}

fn left(words: Vec<Placed>, taken: &[bool]) -> Vec<Placed> {
    words.into_iter().zip(taken).filter(|(_, taken)| !**taken).map(|(word, _)| word).collect()
}

fn score(matches: &[(usize, usize)], (own, others): (usize, usize), weights: Fragmentation) -> f64 {
    if matches.is_empty() {
        return 0.0;
    }
    let Fragmentation { alpha, beta, gamma } = weights;
    let count = matches.len() as f64;
    let (precision, recall) = (count / own as f64, count / others as f64);
    let mean = precision * recall / (alpha * precision + (1.0 - alpha) * recall);
    let breaks = matches
        .windows(2)
        .filter(|pair| !matches!(pair, [(a, b), (next_a, next_b)] if *next_a == a + 1 && *next_b == b + 1))
        .count();
    let penalty = gamma * ((breaks + 1) as f64 / count).powf(beta);
    (1.0 - penalty) * mean
}
