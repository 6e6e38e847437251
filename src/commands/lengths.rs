//! `situs lengths RUN`: how many words questions, right answers and each arm's answers have.

use super::Known;
use super::run_folder::in_run;
use crate::exit::Failure;
use crate::output;
use serde::Serialize;
use situs_core::record::AnswerState;
use situs_core::run::{Exit, load_records};
use situs_plugins::metrics::words::words;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Lower ends of the bins, in words, as CT-SpatialVQA's own statistics have them; the last one is open.
const BINS: [usize; 8] = [0, 5, 10, 20, 30, 40, 50, 100];

/// Lengths of one kind of text.
#[derive(Debug, Serialize)]
struct Lengths {
    texts: String,
    n: usize,
    mean: Option<f64>,
    /// Of the texts at hand, not an estimate for others.
    standard_deviation: Option<f64>,
    /// Texts with at least so many words, and fewer than the next bin's.
    bins: [usize; BINS.len()],
}

#[derive(Debug, Serialize)]
struct Printed {
    bins_from: [usize; BINS.len()],
    lengths: Vec<Lengths>,
}

pub(super) fn lengths(run: &Path, known: &Known<'_>, json: bool) -> Result<Exit, Failure> {
    let registry = known.registry(None)?;
    let records = load_records(run, &registry).map_err(|error| in_run(run, error.into()))?;
    let mut asked = BTreeSet::new();
    let (mut questions, mut references) = (Vec::new(), Vec::new());
    let mut arms: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for record in &records {
        if asked.insert(record.question.id.as_str()) {
            questions.push(words(&record.question.text));
            references.push(words(&record.question.truth));
        }
        let of_arm = arms.entry(&record.arm).or_default();
        if record.answer.state != AnswerState::Failed {
            of_arm.push(words(record.answer.value.as_deref().unwrap_or_default()));
        }
    }
    let mut all = vec![
        Lengths::of("questions".to_owned(), &questions),
        Lengths::of("right answers".to_owned(), &references),
    ];
    all.extend(arms.into_iter().map(|(arm, counts)| Lengths::of(format!("answers of {arm}"), &counts)));
    if json {
        output::print_json(&Printed { bins_from: BINS, lengths: all })?;
    } else {
        output::print(&table(&all))?;
    }
    Ok(Exit::Done)
}

impl Lengths {
    fn of(texts: String, counts: &[usize]) -> Self {
        let n = counts.len();
        let mean = (n > 0).then(|| counts.iter().sum::<usize>() as f64 / n as f64);
        let variance = mean
            .map(|mean| counts.iter().map(|count| (*count as f64 - mean).powi(2)).sum::<f64>() / n as f64);
        let mut bins = [0; BINS.len()];
        for count in counts {
            let bin = BINS.partition_point(|from| from <= count).saturating_sub(1);
            if let Some(bin) = bins.get_mut(bin) {
                *bin += 1;
            }
        }
        Self { texts, n, mean, standard_deviation: variance.map(f64::sqrt), bins }
    }
}

fn table(all: &[Lengths]) -> String {
    let ranges = BINS.iter().enumerate().map(|(at, from)| match BINS.get(at + 1) {
        Some(next) => format!("{from}-{}", next - 1),
        None => format!("{from}+"),
    });
    let header: Vec<String> =
        ["words of", "n", "mean", "sd"].into_iter().map(str::to_owned).chain(ranges).collect();
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let two = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"));
    let rows = all
        .iter()
        .map(|one| {
            let first = [one.texts.clone(), one.n.to_string(), two(one.mean), two(one.standard_deviation)];
            first.into_iter().chain(one.bins.iter().map(usize::to_string)).collect()
        })
        .collect();
    let right: Vec<usize> = (1..header.len()).collect();
    output::table(&header, rows, &right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_begin_at_their_number_and_the_deviation_is_that_of_the_texts_at_hand() {
        let lengths = Lengths::of("x".to_owned(), &[0, 4, 5, 19, 100, 250]);
        assert_eq!(lengths.bins, [2, 1, 1, 0, 0, 0, 0, 2]);
        let two = Lengths::of("x".to_owned(), &[1, 3]);
        assert_eq!((two.mean, two.standard_deviation), (Some(2.0), Some(1.0)));
        assert_eq!(Lengths::of("x".to_owned(), &[]).mean, None);
        assert!(table(&[two]).contains("100+"));
    }
}
