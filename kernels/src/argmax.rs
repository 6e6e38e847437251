//! The most probable token.

use crate::RowFault;

/// Id of the largest logit; ties go to the lower id.
///
/// # Errors
/// A NaN or +infinity anywhere in the row, or no finite logit.
pub fn argmax(logits: &[f32]) -> Result<u32, RowFault> {
    let mut best: Option<(u32, f32)> = None;
    for (token, &logit) in logits.iter().enumerate() {
        if logit.is_nan() {
            return Err(RowFault::NotANumber { token });
        }
        if logit == f32::INFINITY {
            return Err(RowFault::Infinite { token });
        }
        if logit > best.map_or(f32::NEG_INFINITY, |(_, highest)| highest) {
            let id = u32::try_from(token).map_err(|_| RowFault::TooWide { width: logits.len() })?;
            best = Some((id, logit));
        }
    }
    best.map(|(token, _)| token).ok_or(RowFault::NoFinite { width: logits.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_the_lower_id_and_zeros_of_both_signs_are_equal() {
        assert_eq!(argmax(&[1.0, 3.0, 3.0]), Ok(1));
        assert_eq!(argmax(&[-0.0, 0.0]), Ok(0));
    }

    #[test]
    fn rows_without_a_meaning_are_refused() {
        assert_eq!(argmax(&[1.0, f32::NAN]), Err(RowFault::NotANumber { token: 1 }));
        assert_eq!(argmax(&[f32::INFINITY, 0.0]), Err(RowFault::Infinite { token: 0 }));
        assert_eq!(argmax(&[f32::NEG_INFINITY; 3]), Err(RowFault::NoFinite { width: 3 }));
        assert_eq!(argmax(&[]), Err(RowFault::NoFinite { width: 0 }));
    }

    #[test]
    fn a_masked_token_is_never_chosen() {
        assert_eq!(argmax(&[f32::NEG_INFINITY, f32::MIN]), Ok(1));
    }
}
