//! p values adjusted for a family of tests, in input order. `None` when a value is not in [0, 1].

/// Bonferroni: p x m.
pub fn bonferroni(p: &[f64]) -> Option<Vec<f64>> {
    are_p_values(p)?;
    Some(p.iter().map(|value| (value * p.len() as f64).min(1.0)).collect())
}

/// Holm's step-down adjustment: controls the chance of any false discovery under any dependence.
pub fn holm(p: &[f64]) -> Option<Vec<f64>> {
    let order = ascending(p)?;
    let mut adjusted = vec![1.0; p.len()];
    let mut running: f64 = 0.0;
    for (rank, (position, value)) in order.into_iter().enumerate() {
        running = running.max((value * (p.len() - rank) as f64).min(1.0));
        adjusted[position] = running;
    }
    Some(adjusted)
}

/// Benjamini and Hochberg's step-up adjustment: controls the false discovery rate of independent tests.
pub fn benjamini_hochberg(p: &[f64]) -> Option<Vec<f64>> {
    step_up(p, 1.0)
}

/// Benjamini and Yekutieli's adjustment: the false discovery rate under any dependence.
pub fn benjamini_yekutieli(p: &[f64]) -> Option<Vec<f64>> {
    step_up(p, (1..=p.len()).map(|rank| 1.0 / rank as f64).sum())
}

fn step_up(p: &[f64], factor: f64) -> Option<Vec<f64>> {
    let order = ascending(p)?;
    let mut adjusted = vec![1.0; p.len()];
    let mut running: f64 = 1.0;
    for (rank, (position, value)) in order.into_iter().enumerate().rev() {
        running = running.min(value * factor * p.len() as f64 / (rank + 1) as f64);
        adjusted[position] = running;
    }
    Some(adjusted)
}

fn ascending(p: &[f64]) -> Option<Vec<(usize, f64)>> {
    are_p_values(p)?;
    let mut order: Vec<(usize, f64)> = p.iter().copied().enumerate().collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    Some(order)
}

fn are_p_values(p: &[f64]) -> Option<()> {
    p.iter().all(|value| (0.0..=1.0).contains(value)).then_some(())
}
