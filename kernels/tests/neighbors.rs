//! Neighbor tables against a reference that compares every pair in f64.

#![allow(clippy::unwrap_used)]

use situs_kernels::NeighborTable;
use situs_kernels::neighbors::{Build, BuildFault, Certified, Element, Embeddings};
use std::sync::atomic::AtomicBool;

/// Uniform numbers in -1 to 1 (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    }

    fn rows(seed: u64, count: usize) -> Vec<f32> {
        let mut numbers = Self(seed);
        (0..count).map(|_| numbers.next()).collect()
    }
}

fn build(values: &[f32], width: usize, content: &[u8], k: usize) -> (NeighborTable, Certified) {
    finished(Embeddings::from_values(values, width).unwrap(), content, k)
}

fn finished(embeddings: Embeddings<'_>, content: &[u8], k: usize) -> (NeighborTable, Certified) {
    let (table, certified) = Build::new(embeddings, content.to_vec(), k).unwrap().finish(&|_| ()).unwrap();
    assert_eq!(table.check(), Ok(()));
    (table, certified)
}

/// The definition: every cosine in f64, rounded to f32, ranked by falling cosine and rising id behind the token itself.
fn reference(values: &[f32], width: usize, content: &[u8], k: usize) -> NeighborTable {
    let rows: Vec<&[f32]> = values.chunks(width).collect();
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    let norms: Vec<f64> = rows.iter().map(|row| dot(row, row).sqrt()).collect();
    let mut table = NeighborTable::unused(content.to_vec(), k).unwrap();
    for (token, row) in rows.iter().enumerate().filter(|(token, _)| content[*token] == 1) {
        table.similarities[token * k] = 1.0;
        if norms[token] == 0.0 {
            continue;
        }
        let others =
            (0..rows.len()).filter(|&other| other != token && content[other] == 1 && norms[other] > 0.0);
        let mut ranked: Vec<(f32, u32)> = others
            .map(|other| {
                let cosine = dot(row, rows[other]) / (norms[token] * norms[other]);
                (cosine.clamp(-1.0, 1.0) as f32 + 0.0, other as u32)
            })
            .collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        for (slot, (cosine, other)) in ranked.into_iter().take(k - 1).enumerate() {
            table.ids[token * k + 1 + slot] = other;
            table.similarities[token * k + 1 + slot] = cosine;
        }
    }
    table
}

#[track_caller]
fn same(found: &NeighborTable, expected: &NeighborTable) {
    assert_eq!((found.rows, found.k, &found.content), (expected.rows, expected.k, &expected.content));
    for token in 0..found.rows as u32 {
        assert_eq!(found.row(token), expected.row(token), "token {token}");
    }
}

#[test]
fn random_rows_get_their_exact_neighbors() {
    // Several bands and panels with a rest, several slices with a rest, a vocabulary with gaps.
    for (rows, width, k) in [(2_700, 33, 32), (600, 1_100, 8), (40, 3, 64), (513, 512, 1), (1, 4, 2)] {
        let values = Numbers::rows(rows as u64, rows * width);
        let content: Vec<u8> = (0..rows).map(|token| u8::from(token % 11 != 3)).collect();
        let (table, certified) = build(&values, width, &content, k);
        same(&table, &reference(&values, width, &content, k));
        assert_eq!(certified.rows, content.iter().filter(|flag| **flag == 1).count());
    }
}

#[test]
fn duplicates_and_multiples_tie_and_ties_go_to_the_lower_id() {
    // 1,200 rows of seven directions at many lengths: every list is one long tie, and no bound can part them.
    let width = 5;
    let seeds = Numbers::rows(1, 7 * width);
    let row = |token: usize| {
        let length = 2f32.powi(token as i32 % 9 - 4);
        seeds.chunks(width).nth(token * 5 % 7).unwrap().iter().map(move |value| value * length)
    };
    let values: Vec<f32> = (0..1_200).flat_map(row).collect();
    let content = vec![1; 1_200];
    let (table, certified) = build(&values, width, &content, 16);
    same(&table, &reference(&values, width, &content, 16));
    assert_eq!(certified.redone, 1_200);
    assert_eq!(table.row(700).unwrap().0[..4], [700, 0, 7, 14]);
}

#[test]
fn near_ties_are_told_apart() {
    // Copies of a few directions, each number off by a last bit or two: far below the error of the first pass.
    let (rows, width) = (1_500, 64);
    let seeds = Numbers::rows(2, 6 * width);
    let mut numbers = Numbers(3);
    let values: Vec<f32> = (0..rows)
        .flat_map(|token| seeds.chunks(width).nth(token % 6).unwrap())
        .map(|value| value * (1.0 + numbers.next() * 1e-5))
        .collect();
    let content = vec![1; rows];
    let (table, certified) = build(&values, width, &content, 32);
    same(&table, &reference(&values, width, &content, 32));
    assert!(certified.redone > 1_000, "{certified:?}");
}

#[test]
fn rising_and_falling_similarity_along_the_ids_changes_nothing() {
    let rows = 1_700;
    for sign in [1.0, -1.0] {
        let values: Vec<f32> = (0..rows)
            .flat_map(|token| {
                let angle = sign * (token as f32 / rows as f32) * 1.5;
                [angle.cos(), angle.sin()]
            })
            .collect();
        let (table, _) = build(&values, 2, &vec![1; rows], 12);
        same(&table, &reference(&values, 2, &vec![1; rows], 12));
    }
}

#[test]
fn zero_rows_have_only_themselves_and_are_nobodys_neighbor() {
    let mut values = Numbers::rows(4, 50 * 8);
    values[8..16].fill(0.0);
    values[24..32].fill(-0.0);
    let mut content = vec![1; 50];
    content[3] = 0;
    let (table, certified) = build(&values, 8, &content, 4);
    same(&table, &reference(&values, 8, &content, 4));
    assert_eq!(table.row(1), Some((&[1; 4][..], &[1.0, 0.0, 0.0, 0.0][..])));
    assert_eq!(table.row(3), Some((&[3; 4][..], &[0.0; 4][..])));
    assert_eq!(certified.rows, 48);
}

#[test]
fn lengths_of_rows_do_not_matter_however_small_or_large() {
    let (rows, width) = (700, 24);
    let mut values = Numbers::rows(5, rows * width);
    for (token, row) in values.chunks_mut(width).enumerate() {
        // From norms whose squares underflow single precision to norms whose squares overflow it.
        let scale = [1e-38f32, 1.0, 1e37, 1e-30][token % 4];
        row.iter_mut().for_each(|value| *value *= scale);
    }
    values[..width].fill(1e-45);
    let content = vec![1; rows];
    let (table, certified) = build(&values, width, &content, 16);
    same(&table, &reference(&values, width, &content, 16));
    assert_eq!(certified.redone, 0);
}

#[test]
fn stored_halves_are_taken_as_they_are() {
    let (rows, width) = (900, 40);
    // 8 bits and 11 bits of precision survive truncation to bf16 and to f16.
    let drawn = Numbers::rows(6, rows * width);
    let short: Vec<f32> = drawn.iter().map(|value| f32::from_bits(value.to_bits() & 0xffff_0000)).collect();
    let bytes: Vec<u8> =
        short.iter().flat_map(|value| ((value.to_bits() >> 16) as u16).to_le_bytes()).collect();
    let content = vec![1; rows];
    let (table, _) = finished(Embeddings::new(bytes, Element::Bf16, rows, width).unwrap(), &content, 8);
    same(&table, &reference(&short, width, &content, 8));

    // Sixteenths from -2 to 2 as binary16: sign, exponent and fraction from those of single precision.
    let sixteenths: Vec<f32> = drawn.iter().map(|value| (value * 32.0).round() / 16.0).collect();
    let half = |value: &f32| {
        let bits = value.to_bits();
        let magnitude = if *value == 0.0 { 0 } else { ((bits >> 13) & 0x3_ffff) - ((127 - 15) << 10) };
        ((bits >> 16) as u16 & 0x8000) | magnitude as u16
    };
    let bytes: Vec<u8> = sixteenths.iter().flat_map(|value| half(value).to_le_bytes()).collect();
    let (table, _) = finished(Embeddings::new(bytes, Element::F16, rows, width).unwrap(), &content, 8);
    same(&table, &reference(&sixteenths, width, &content, 8));
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let (rows, width) = (2_300, 20);
    let mut values = Numbers::rows(7, rows * width);
    // A cluster of near ties, so that the second look takes part.
    for (token, row) in values.chunks_mut(width).enumerate().filter(|(token, _)| token % 9 == 0) {
        row.fill(1.0);
        row[token % width] = 1.000_001;
    }
    let content = vec![1; rows];
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| build(&values, width, &content, 12))
    };
    let one = with(1);
    assert!(one.1.redone > 0);
    for threads in [2, 5] {
        assert_eq!(with(threads), one);
    }
}

/// All candidates of a build.
fn state(build: &Build<'_>) -> Vec<u64> {
    let mut state = Vec::new();
    let visited: Result<(), BuildFault> = build.visit(|panel| {
        state.extend_from_slice(panel);
        Ok(())
    });
    visited.unwrap();
    assert_eq!(state.len(), build.entries());
    state
}

fn resume(build: &mut Build<'_>, bands_done: usize, mut state: &[u64]) -> Result<(), BuildFault> {
    build.resume(bands_done, |panel| {
        let (now, later) = state.split_at_checked(panel.len()).ok_or(BuildFault::State)?;
        panel.copy_from_slice(now);
        state = later;
        Ok(())
    })
}

#[test]
fn a_build_put_aside_goes_on_where_it_was() {
    let (rows, width) = (2_500, 16);
    let values = Numbers::rows(8, rows * width);
    let content = vec![1; rows];
    let fresh = || Build::new(Embeddings::from_values(&values, width).unwrap(), content.clone(), 8).unwrap();
    let whole = fresh().finish(&|_| ()).unwrap();
    let total = fresh().bands();
    for done in 0..=total {
        let mut first = fresh();
        for _ in 0..done {
            assert!(first.advance(&|_| ()));
        }
        let mut second = fresh();
        resume(&mut second, done, &state(&first)).unwrap();
        assert_eq!(second.bands_done(), done);
        assert_eq!(second.finish(&|_| ()).unwrap(), whole);
    }
}

#[test]
fn a_state_of_something_else_is_refused() {
    let mut build =
        Build::new(Embeddings::from_values(&Numbers::rows(9, 40), 4).unwrap(), vec![1; 10], 4).unwrap();
    let state = state(&build);
    assert_eq!(resume(&mut build, 2, &state), Err(BuildFault::State));
    assert_eq!(resume(&mut build, 0, &state[1..]), Err(BuildFault::State));
    // Position 10 of 10, and a row that is its own neighbor.
    for (place, position) in [(0, 10u32), (0, 0)] {
        let mut wrong = state.clone();
        wrong[place] = 1 << 63 | u64::from(!position);
        assert_eq!(resume(&mut build, 1, &wrong), Err(BuildFault::State));
        assert_eq!(build.bands_done(), 0, "it begins anew");
    }
    assert_eq!(resume(&mut build, 0, &state), Ok(()));
}

#[test]
fn a_build_that_is_stopped_gives_no_table() {
    let values = Numbers::rows(11, 2_000 * 3);
    let build = Build::new(Embeddings::from_values(&values, 3).unwrap(), vec![1; 2_000], 4).unwrap();
    let stop = AtomicBool::new(true);
    assert_eq!(build.finish_unless(&stop, &|_| ()), Err(BuildFault::Stopped));
}

#[test]
fn progress_adds_up() {
    use std::sync::atomic::{AtomicU64, Ordering};
    let mut build =
        Build::new(Embeddings::from_values(&Numbers::rows(10, 2_600 * 3), 3).unwrap(), vec![1; 2_600], 4)
            .unwrap();
    let told = AtomicU64::new(0);
    let tick = |pairs| _ = told.fetch_add(pairs, Ordering::Relaxed);
    assert_eq!(build.pairs(), (2_600 * 2_599 / 2, 0));
    while build.advance(&tick) {
        assert_eq!(build.pairs().1, told.load(Ordering::Relaxed));
    }
    assert_eq!(told.swap(0, Ordering::Relaxed), 2_600 * 2_599 / 2);
    let (_, certified) = build.finish(&tick).unwrap();
    assert_eq!(told.into_inner(), certified.rows as u64);
}

#[test]
fn matrices_without_cosines_are_refused() {
    let refused = |values: &[f32], content: &[u8], k| {
        Build::new(Embeddings::from_values(values, 2).unwrap(), content.to_vec(), k)
            .err()
            .map(|fault| fault.to_string())
    };
    let message = refused(&[1.0, 2.0, 3.0, f32::NAN], &[1, 1], 2);
    assert_eq!(message.unwrap(), "the embedding of token 1 is not finite in column 1");
    assert!(refused(&[f32::INFINITY, 2.0], &[1], 2).unwrap().contains("token 0 is not finite in column 0"));
    // Rows that are not content are never used.
    assert_eq!(refused(&[1.0, 2.0, f32::NAN, 1.0], &[1, 0], 2), None);
    assert_eq!(refused(&[1.0, 2.0], &[1, 1], 2).unwrap(), "2 content flags for 1 embedding rows");
    assert!(refused(&[1.0, 2.0], &[7], 2).unwrap().contains("neither 0 nor 1"));
    for k in [0, 1_025] {
        assert!(refused(&[1.0, 2.0], &[1], k).unwrap().contains(&format!("{k} slots")));
    }
}
