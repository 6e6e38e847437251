//! From questions to prompts. One component a file; a file put here is found by itself.

automod::dir!(pub "src/renderers");

/// So many slice indices, evenly spread from the first to the last one, halves to the even neighbour; all of them where
/// there are no more, and the middle one where one is asked for. What numpy's `round(linspace(0, n - 1, k))` gives.
pub fn uniform_slices(slices: usize, wanted: usize) -> Vec<usize> {
    match wanted {
        _ if slices <= wanted => (0..slices).collect(),
        0 => Vec::new(),
        1 => vec![slices / 2],
        _ => {
            let last = slices - 1;
            let step = last as f64 / (wanted - 1) as f64;
            (0..wanted).map(|at| ((at as f64 * step).round_ties_even() as usize).min(last)).collect()
        }
    }
}
