//! METEOR as NLTK 3.10 computes it: words are aligned by form, then by stem, then by WordNet.

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

/// METEOR of one pair, 0 to 1. Without `wordnet`, forms and stems alone are aligned.
pub(crate) fn meteor(
    prediction: impl Iterator<Item = impl AsRef<str>>,
    reference: impl Iterator<Item = impl AsRef<str>>,
    wordnet: Option<&WordNet>,
    weights: Fragmentation,
) -> f64 {
    let placed = |word: (usize, &str)| (word.0, lower(word.1).into_owned());
    let own: Vec<Placed> = prediction.enumerate().map(|(at, word)| placed((at, word.as_ref()))).collect();
    let others: Vec<Placed> = reference.enumerate().map(|(at, word)| placed((at, word.as_ref()))).collect();
    let (lengths, mut matches) = ((own.len(), others.len()), Vec::new());

    let latest_equal = |places: &Places<'_>, word: &str| places.latest(word).map(|_| word.to_owned());
    let (own, others) = align(own, others, &mut matches, latest_equal);
    let stems = |words: Vec<Placed>| words.into_iter().map(|(at, word)| (at, stem(&word))).collect();
    let (own, others) = align(stems(own), stems(others), &mut matches, latest_equal);
    if let Some(wordnet) = wordnet {
        // Words that are left go on as stems, and as such they are looked up.
        align(own, others, &mut matches, |places, word| {
            let mut best = places.latest(word).map(|at| (at, word));
            wordnet.synonyms(word, |name| {
                if let Some(at) = places.latest(name)
                    && best.is_none_or(|(latest, _)| at > latest)
                {
                    best = Some((at, name));
                }
            });
            best.map(|(_, name)| name.to_owned())
        });
    }
    matches.sort_unstable();
    score(&matches, lengths, weights)
}

/// Words of the reference that are still free: their places, by word.
struct Places<'a>(HashMap<&'a str, Vec<usize>>);

impl Places<'_> {
    fn latest(&self, word: &str) -> Option<usize> {
        self.0.get(word)?.last().copied()
    }
}

/// Goes through the prediction from its last word to its first; `partner` names the word of the reference that fits, of
/// which the latest free place is taken. Gives what is left of both.
fn align(
    own: Vec<Placed>,
    others: Vec<Placed>,
    matches: &mut Vec<(usize, usize)>,
    partner: impl Fn(&Places<'_>, &str) -> Option<String>,
) -> (Vec<Placed>, Vec<Placed>) {
    let mut places = Places(HashMap::new());
    for (at, (_, word)) in others.iter().enumerate() {
        places.0.entry(word).or_default().push(at);
    }
    let (mut own_taken, mut others_taken) = (vec![false; own.len()], vec![false; others.len()]);
    for ((place, word), taken) in own.iter().zip(&mut own_taken).rev() {
        let Some(partner) = partner(&places, word) else { continue };
        let Some(at) = places.0.get_mut(partner.as_str()).and_then(Vec::pop) else { continue };
        if let (Some(other), Some(other_taken)) = (others.get(at), others_taken.get_mut(at)) {
            (*taken, *other_taken) = (true, true);
            matches.push((*place, other.0));
        }
    }
    drop(places);
    (left(own, &own_taken), left(others, &others_taken))
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
