//! Any number of raters, with gaps.

/// How far two values lie apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distance {
    /// Equal or not.
    Nominal,
    /// By the ratings that lie between them.
    Ordinal,
    /// By their difference.
    Interval,
}

/// Krippendorff's alpha; `ratings[r][u]` is rater r's value of unit u, `None` where it is missing.
///
/// Units with fewer than two ratings drop out. `None` when rows differ in length, a value is not finite, nothing is
/// left, or all values left are equal.
pub fn krippendorff_alpha(ratings: &[Vec<Option<f64>>], distance: Distance) -> Option<f64> {
    let units = ratings.first()?.len();
    if ratings.iter().any(|row| row.len() != units || row.iter().flatten().any(|value| !value.is_finite())) {
        return None;
    }
    let rated: Vec<Vec<f64>> = (0..units)
        .map(|unit| ratings.iter().filter_map(|row| row.get(unit).copied().flatten()).collect::<Vec<f64>>())
        .filter(|values| values.len() > 1)
        .collect();
    let mut values: Vec<f64> = rated.iter().flatten().copied().collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    let place = |value: f64| values.partition_point(|other| *other < value);

    // A unit of m values gives each of them weight 1 in all, however many pairs it is in.
    let mut marginal = vec![0.0_f64; values.len()];
    for value in rated.iter().flatten() {
        if let Some(count) = marginal.get_mut(place(*value)) {
            *count += 1.0;
        }
    }
    let mut up_to = vec![0.0_f64];
    up_to.extend(marginal.iter().scan(0.0, |sum, count| {
        *sum += count;
        Some(*sum)
    }));
    let apart = |a: usize, b: usize| match distance {
        Distance::Nominal => f64::from(u8::from(a != b)),
        Distance::Ordinal => {
            let between = up_to[a.max(b) + 1] - up_to[a.min(b)];
            (between - (marginal[a] + marginal[b]) / 2.0).powi(2)
        }
        Distance::Interval => (values[a] - values[b]).powi(2),
    };
    let mut observed = 0.0;
    for unit in &rated {
        let places: Vec<usize> = unit.iter().map(|value| place(*value)).collect();
        let pairs: f64 = places.iter().map(|a| places.iter().map(|b| apart(*a, *b)).sum::<f64>()).sum();
        observed += pairs / (unit.len() - 1) as f64;
    }
    let mut expected = 0.0;
    for (a, count) in marginal.iter().enumerate() {
        for (b, other) in marginal.iter().enumerate() {
            expected += count * other * apart(a, b);
        }
    }
    let total: f64 = marginal.iter().sum();
    let alpha = 1.0 - (total - 1.0) * observed / expected;
    (expected > 0.0 && alpha.is_finite()).then_some(alpha)
}
