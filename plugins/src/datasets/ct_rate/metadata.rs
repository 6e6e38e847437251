//! The metadata table: voxel sizes and Hounsfield units of scans whose headers hold neither.

use super::Rescale;
use super::case_name::CaseName;
use super::scans::Scans;
use crate::datasets::folder;
use situs_core::prelude::*;
use situs_core::structure::Warning as Remark;
use std::collections::BTreeMap;
use std::path::Path;

/// Voxel sizes that a scanner could have, in mm.
const SPACING_RANGE: std::ops::RangeInclusive<f64> = 0.01..=50.0;
/// Spacings of table and header that differ by more than this share disagree.
const SPACING_TOLERANCE: f64 = 1e-3;
/// Largest factor and offset of a rescale that can be meant.
const RESCALE_LIMIT: f64 = 1e5;

/// How volumes are read.
pub(super) struct Settings {
    /// Where Hounsfield units come from.
    pub(super) rescale: Rescale,
}

/// One row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Row {
    /// Along right-left, anterior-posterior, superior-inferior, in mm.
    spacing: [f64; 3],
    slope: f64,
    intercept: f64,
}

/// Rows by case, names without suffix.
#[derive(Debug)]
pub(super) struct Metadata(BTreeMap<String, Row>);

impl Metadata {
    /// Reads the table; columns are found by name, others are ignored.
    ///
    /// # Errors
    /// Data: a missing column, a case that stands twice, numbers that cannot be meant.
    pub(super) fn read(path: &Path) -> Result<Self, Fault> {
        let text = folder::text(path)?;
        Self::parse(&text).map_err(|fault| fault.within(path.display()))
    }

    fn parse(text: &str) -> Result<Self, Fault> {
        let mut table = csv::Reader::from_reader(text.as_bytes());
        let broken = |error: csv::Error| Fault::data(error.to_string());
        let header = table.headers().map_err(broken)?.clone();
        let column = |name: &str| {
            header.iter().position(|own| own.trim() == name).ok_or_else(|| {
                Fault::data(format!("there is no column {name:?}"))
                    .help("needed: VolumeName, XYSpacing, ZSpacing, RescaleSlope, RescaleIntercept")
            })
        };
        let name = column("VolumeName")?;
        let columns = [
            column("XYSpacing")?,
            column("ZSpacing")?,
            column("RescaleSlope")?,
            column("RescaleIntercept")?,
        ];
        let mut rows = BTreeMap::new();
        for row in table.records() {
            let row = row.map_err(broken)?;
            let line = row.position().map_or(0, csv::Position::line);
            let cell = |at: usize| row.get(at).unwrap_or_default().trim();
            let case = cell(name);
            let stem = case.strip_suffix(".nii.gz").unwrap_or(case).to_owned();
            let cells = columns.map(cell);
            let read = parsed(cells).ok_or_else(|| {
                Fault::data(format!("line {line}: {case}: {cells:?} are no spacing, slope and intercept"))
                    .help("XYSpacing is written like [0.7, 0.7]; all lengths are in mm")
            })?;
            if rows.insert(stem, read).is_some() {
                return Err(Fault::data(format!("line {line}: {case} stands in the table twice")));
            }
        }
        Ok(Self(rows))
    }

    fn row(&self, name: &CaseName) -> Option<Row> {
        self.0.get(&name.stem()).copied()
    }
}

fn parsed([in_plane, through, slope, intercept]: [&str; 4]) -> Option<Row> {
    let inner = in_plane.trim_start_matches('[').trim_end_matches(']');
    let (x, y) = match inner.split_once(',') {
        Some((x, y)) => (x.trim().parse().ok()?, y.trim().parse().ok()?),
        None => {
            let both: f64 = inner.trim().parse().ok()?;
            (both, both)
        }
    };
    let spacing = [x, y, through.parse().ok()?];
    let (slope, intercept): (f64, f64) = (slope.parse().ok()?, intercept.parse().ok()?);
    let sound = spacing.iter().all(|mm| SPACING_RANGE.contains(mm))
        && slope != 0.0
        && slope.abs() <= RESCALE_LIMIT
        && intercept.abs() <= RESCALE_LIMIT;
    sound.then_some(Row { spacing, slope, intercept })
}

/// The scan of a case with the table's voxel size, and in Hounsfield units.
pub(super) fn volume(
    key: &str,
    scans: &Scans,
    metadata: Option<&Metadata>,
    settings: &Settings,
) -> Result<Volume, Fault> {
    let name = CaseName::parse(key)?;
    let path = scans.needed(&name)?;
    let mut volume = Volume::read(&path)?;
    let Some(row) = metadata.and_then(|metadata| metadata.row(&name)) else {
        let message = format!("{name} has no row in a metadata table: spacing and values are those of the file");
        volume.warnings.push(Remark::new("metadata_missing", message));
        return Ok(volume);
    };
    respace(&mut volume, row.spacing);
    let fixed = path.components().any(|part| part.as_os_str().to_string_lossy().ends_with("_fixed"));
    let by_table = match settings.rescale {
        Rescale::Auto => !fixed,
        Rescale::Table => true,
        Rescale::File => false,
    };
    if by_table && (row.slope, row.intercept) != (1.0, 0.0) {
        for value in &mut volume.voxels {
            *value = (f64::from(*value) * row.slope + row.intercept) as f32;
        }
    }
    Ok(volume)
}

/// Gives a canonical volume the voxel size of the table; axes keep their directions and the first voxel its place.
fn respace(volume: &mut Volume, wanted: [f64; 3]) {
    let found = volume.grid.affine.spacing();
    if found.iter().zip(wanted).all(|(own, wanted)| (own / wanted - 1.0).abs() <= SPACING_TOLERANCE) {
        return;
    }
    let message = format!("the file gives {found:?} mm, the metadata table {wanted:?} mm; the table is used");
    volume.warnings.push(Remark::new("spacing_from_table", message));
    for row in volume.grid.affine.0.iter_mut().take(3) {
        for ((entry, own), wanted) in row.iter_mut().zip(found).zip(wanted) {
            *entry *= wanted / own;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "VolumeName,Sex,RescaleIntercept,RescaleSlope,XYSpacing,ZSpacing\n";

    #[test]
    fn columns_are_found_by_name_and_cells_may_hold_commas() {
        let rows = Metadata::parse(&format!("{HEADER}valid_1_a_1.nii.gz,F,-8192,1,\"[0.7, 0.8]\",1.5\n")).unwrap();
        let row = rows.row(&CaseName::parse("valid_1_a_1").unwrap()).unwrap();
        assert_eq!(row, Row { spacing: [0.7, 0.8, 1.5], slope: 1.0, intercept: -8192.0 });
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_line() {
        for (row, needle) in [
            ("v,F,0,1,\"[0.7, 0]\",1.5\n", "line 2"),
            ("v,F,0,0,\"[0.7, 0.7]\",1.5\n", "line 2"),
            ("v,F,NaN,1,\"[0.7, 0.7]\",1.5\n", "line 2"),
            ("v,F,0,1,0.7,1\nv,F,0,1,0.7,1\n", "line 3: v stands in the table twice"),
        ] {
            let fault = Metadata::parse(&format!("{HEADER}{row}")).unwrap_err();
            assert!(fault.what.contains(needle), "{row}: {fault}");
        }
        assert!(Metadata::parse("VolumeName,XYSpacing\n").unwrap_err().what.contains("ZSpacing"));
    }
}
