//! Cochran's Q: several conditions on the same independent questions.

use statrs::function::gamma::checked_gamma_ur;

/// Cochran's Q and its p value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CochranQ {
    /// The statistic.
    pub q: f64,
    /// Degrees of freedom: conditions - 1.
    pub freedom: usize,
    /// Upper tail of chi-square.
    pub p: f64,
}

/// `successes[i][j]`: whether question i was right in condition j.
///
/// `None` with fewer than two conditions, rows of different width, or when no question tells conditions apart.
pub fn cochran_q(successes: &[Vec<bool>]) -> Option<CochranQ> {
    let conditions = successes.first()?.len();
    if conditions < 2 || successes.iter().any(|row| row.len() != conditions) {
        return None;
    }
    let mut columns = vec![0.0; conditions];
    let (mut rows, mut squared_rows) = (0.0, 0.0);
    for row in successes {
        let right = row.iter().filter(|success| **success).count() as f64;
        rows += right;
        squared_rows += right * right;
        for (column, success) in columns.iter_mut().zip(row) {
            *column += f64::from(u8::from(*success));
        }
    }
    let k = conditions as f64;
    let spread = k * rows - squared_rows;
    if spread <= 0.0 {
        return None;
    }
    let squared_columns: f64 = columns.iter().map(|column| column * column).sum();
    let q = (k - 1.0) * (k * squared_columns - rows * rows) / spread;
    let p = if q > 0.0 { checked_gamma_ur((k - 1.0) / 2.0, q / 2.0).ok()? } else { 1.0 };
    Some(CochranQ { q, freedom: conditions - 1, p })
}
