//! What a file name of CT-RATE says: split, patient, scan, reconstruction.

use situs_core::fault::Fault;
use std::fmt;

/// `valid_12_a_1.nii.gz`: reconstruction 1 of scan a of patient 12.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CaseName {
    split: String,
    patient: String,
    scan: String,
    reconstruction: String,
}

impl CaseName {
    /// Reads a name with or without its suffix.
    ///
    /// # Errors
    /// Data, for a name of another form.
    pub fn parse(name: &str) -> Result<Self, Fault> {
        let stem = name.strip_suffix(".nii.gz").or_else(|| name.strip_suffix(".nii")).unwrap_or(name);
        let parts: Vec<&str> = stem.split('_').collect();
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let letters = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase());
        match parts[..] {
            [split, patient, scan, reconstruction]
                if letters(split) && digits(patient) && letters(scan) && digits(reconstruction) =>
            {
                Ok(Self {
                    split: split.to_owned(),
                    patient: patient.to_owned(),
                    scan: scan.to_owned(),
                    reconstruction: reconstruction.to_owned(),
                })
            }
            _ => Err(Fault::data(format!("{name:?} is no case of CT-RATE"))
                .help("cases are called like valid_12_a_1.nii.gz: split, patient, scan, reconstruction")),
        }
    }

    /// `valid_12`.
    pub fn patient(&self) -> String {
        format!("{}_{}", self.split, self.patient)
    }

    /// `valid_12_a`.
    pub fn scan(&self) -> String {
        format!("{}_{}", self.patient(), self.scan)
    }

    /// `valid_12_a_1`.
    pub fn stem(&self) -> String {
        format!("{}_{}", self.scan(), self.reconstruction)
    }

    /// `valid_12_a_1.nii.gz`.
    pub fn file(&self) -> String {
        format!("{}.nii.gz", self.stem())
    }

    /// `valid`.
    pub fn split(&self) -> &str {
        &self.split
    }
}

impl fmt::Display for CaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_patient_scan_and_reconstruction() {
        let name = CaseName::parse("valid_12_b_3.nii.gz").unwrap();
        assert_eq!((name.patient(), name.scan()), ("valid_12".to_owned(), "valid_12_b".to_owned()));
        assert_eq!(CaseName::parse("valid_12_b_3").unwrap(), name);
        assert_eq!(name.to_string(), "valid_12_b_3.nii.gz");
        for wrong in ["", "valid_12_b", "valid_b_12_3", "../valid_1_a_1", "valid_1_a_1_2", "valid_1_a_"] {
            assert!(CaseName::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
