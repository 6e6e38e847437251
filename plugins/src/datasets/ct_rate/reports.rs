//! Radiology reports: two sections a case.

use crate::datasets::folder;
use serde::{Deserialize, Serialize};
use situs_core::fault::Fault;
use std::collections::BTreeMap;
use std::path::Path;

/// Longest section that is taken, in bytes.
const MAX_SECTION_BYTES: usize = 64 << 10;

/// One report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Report {
    /// What was seen.
    #[serde(rename = "Findings_EN", default)]
    pub(super) findings: String,
    /// What it means.
    #[serde(rename = "Impressions_EN", default)]
    pub(super) impressions: String,
}

/// Reports by case, names without suffix: a CSV with VolumeName, Findings_EN and Impressions_EN, or a JSON object of
/// objects with the latter two.
///
/// # Errors
/// Data: neither of the two, missing columns, a case that stands twice, sections beyond 64 KiB.
pub(super) fn read(path: &Path) -> Result<BTreeMap<String, Report>, Fault> {
    let text = folder::text(path)?;
    let rows = if path.extension().is_some_and(|suffix| suffix == "json") { from_json(&text) } else { from_csv(&text) };
    let mut reports = BTreeMap::new();
    for (case, report) in rows.map_err(|fault| fault.within(path.display()))? {
        let place = || format!("{}: {case}", path.display());
        let longest = report.findings.len().max(report.impressions.len());
        if longest > MAX_SECTION_BYTES {
            let what = format!("a section of {longest} bytes; at most {MAX_SECTION_BYTES} are read");
            return Err(Fault::data(what).within(place()));
        }
        let stem = case.strip_suffix(".nii.gz").unwrap_or(&case).to_owned();
        if reports.insert(stem, report).is_some() {
            return Err(Fault::data("two reports").within(place()));
        }
    }
    Ok(reports)
}

fn from_json(text: &str) -> Result<Vec<(String, Report)>, Fault> {
    let reports: BTreeMap<String, Report> =
        serde_json::from_str(text).map_err(|error| Fault::data(format!("not reports: {error}")))?;
    Ok(reports.into_iter().collect())
}

fn from_csv(text: &str) -> Result<Vec<(String, Report)>, Fault> {
    let mut table = csv::Reader::from_reader(text.as_bytes());
    let broken = |error: csv::Error| Fault::data(format!("not reports: {error}"));
    let header = table.headers().map_err(broken)?.clone();
    let column = |name: &str| {
        header.iter().position(|own| own.trim() == name).ok_or_else(|| {
            Fault::data(format!("there is no column {name:?}"))
                .help("needed: VolumeName, Findings_EN, Impressions_EN")
        })
    };
    let columns = [column("VolumeName")?, column("Findings_EN")?, column("Impressions_EN")?];
    let mut reports = Vec::new();
    for row in table.records() {
        let row = row.map_err(broken)?;
        let [case, findings, impressions] =
            columns.map(|at| row.get(at).unwrap_or_default().trim().to_owned());
        reports.push((case, Report { findings, impressions }));
    }
    Ok(reports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        let csv = "VolumeName,ClinicalInformation_EN,Findings_EN,Impressions_EN\nvalid_1_a_1.nii.gz,,\"One,\ntwo.\",Three.\n";
        let json = r#"{"valid_1_a_1.nii.gz": {"Findings_EN": "One,\ntwo.", "Impressions_EN": "Three."}}"#;
        assert_eq!(from_csv(csv).unwrap(), from_json(json).unwrap());
        assert!(from_csv("VolumeName\n").unwrap_err().what.contains("Findings_EN"));
        assert!(from_json("[]").is_err());
    }
}
