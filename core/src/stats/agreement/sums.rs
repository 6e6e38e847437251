//! The same figures from statistics that add up over items: tables of counts can be summed by cluster and resampled.

/// Cohen's kappa from a square table, row by row: how often the first rater chose the row's category and the second the
/// column's.
///
/// `None` when the table is not square or empty, or chance alone explains everything.
pub fn cohen_of_table(table: &[f64]) -> Option<f64> {
    let (size, rows, columns) = margins(table)?;
    let total: f64 = rows.iter().sum();
    let together: f64 = table.iter().step_by(size + 1).sum();
    let chance: f64 = rows.iter().zip(&columns).map(|(row, column)| row * column).sum();
    let (observed, expected) = (1.0 - together / total, 1.0 - chance / (total * total));
    (expected > 0.0).then(|| 1.0 - observed / expected).filter(|kappa| kappa.is_finite())
}

/// Krippendorff's alpha for names, from the square matrix of coincidences, row by row. A unit of m ratings adds
/// 1 / (m - 1) for each ordered pair of its ratings.
///
/// `None` when the matrix is not square or empty, or all values are equal.
pub fn krippendorff_of_coincidences(coincidences: &[f64]) -> Option<f64> {
    let (size, rows, _) = margins(coincidences)?;
    let total: f64 = rows.iter().sum();
    let apart = total - coincidences.iter().step_by(size + 1).sum::<f64>();
    let expected = total * total - rows.iter().map(|row| row * row).sum::<f64>();
    (expected > 0.0).then(|| 1.0 - (total - 1.0) * apart / expected).filter(|alpha| alpha.is_finite())
}

/// Fleiss' kappa from `[items, agreement summed over items, ratings of each category ...]`. An item's agreement is the
/// share of pairs of its raters who chose the same.
///
/// `None` without items, or when one category takes all ratings.
pub fn fleiss_of_sums(sums: &[f64]) -> Option<f64> {
    let [items, agreement, ratings @ ..] = sums else { return None };
    let total: f64 = ratings.iter().sum();
    let chance: f64 = ratings.iter().map(|count| (count / total).powi(2)).sum();
    (*items > 0.0 && chance < 1.0)
        .then(|| (agreement / items - chance) / (1.0 - chance))
        .filter(|kappa| kappa.is_finite())
}

/// Size and sums of rows and columns of a square matrix.
fn margins(table: &[f64]) -> Option<(usize, Vec<f64>, Vec<f64>)> {
    let size = table.len().isqrt();
    if size == 0 || size * size != table.len() {
        return None;
    }
    let rows = table.chunks_exact(size).map(|row| row.iter().sum()).collect();
    let columns = (0..size).map(|column| table.iter().skip(column).step_by(size).sum()).collect();
    Some((size, rows, columns))
}
