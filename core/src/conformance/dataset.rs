//! Laws of data sets.

use super::{Law, Sheet, broken, same, skipped};
use crate::case::{VolumeRef, VolumeSource};
use crate::dataset::Dataset;
use crate::volume::Volume;
use std::collections::BTreeSet;

/// Cases that are looked at.
const FIRST: usize = 4;

pub(super) fn check(sheet: &mut Sheet<'_>) {
    sheet.law("the card says what it is, and says it again", card);
    sheet.law("cases have unique names and are the same each time", cases);
    sheet.law("a case beyond the last one is a fault", beyond);
    sheet.law(
        "volumes have finite affines, as many voxels as their shape says, and are the same each time",
        volumes,
    );
}

fn card(sheet: &Sheet<'_>) -> Law {
    let (one, other) = (sheet.build::<dyn Dataset>()?, sheet.build::<dyn Dataset>()?);
    if one.card().name.is_empty() || one.card().digest.is_empty() || one.card().licence.is_empty() {
        return broken("the card lacks name, licence or digest");
    }
    same("cards", one.card(), other.card())?;
    same("lengths", &one.len(), &other.len())?;
    let length = one.len();
    same("emptiness", &one.is_empty(), &(length == 0))
}

fn cases(sheet: &Sheet<'_>) -> Law {
    let (one, other) = (sheet.build::<dyn Dataset>()?, sheet.build::<dyn Dataset>()?);
    if one.is_empty() {
        return skipped("it has no cases");
    }
    let mut names = BTreeSet::new();
    for index in 0..one.len().min(FIRST) {
        let case = one.case(index)?;
        if case.name.is_empty() || case.cluster.is_empty() || case.volumes.is_empty() {
            return broken(format!("case {index} lacks a name, a cluster or an image"));
        }
        same("cases", &case, &other.case(index)?)?;
        if !names.insert(case.name.clone()) {
            return broken(format!("two cases are called {:?}", case.name));
        }
    }
    Ok(())
}

fn beyond(sheet: &Sheet<'_>) -> Law {
    let dataset = sheet.build::<dyn Dataset>()?;
    match dataset.case(dataset.len()) {
        Ok(case) => broken(format!("there is a case {:?} beyond the last one", case.name)),
        Err(_) => Ok(()),
    }
}

fn volumes(sheet: &Sheet<'_>) -> Law {
    let dataset = sheet.build::<dyn Dataset>()?;
    if dataset.is_empty() {
        return skipped("it has no cases");
    }
    let case = dataset.case(0)?;
    for VolumeRef { id, source } in &case.volumes {
        let read = || match source {
            VolumeSource::File { path } => Volume::read(path),
            VolumeSource::Dataset { key } => dataset.volume(key),
        };
        let volume = read()?;
        if !volume.grid.affine.is_regular() || volume.grid.len() != volume.voxels.len() {
            return broken(format!(
                "{id} has a singular affine, or {:?} voxels are not {}",
                volume.grid.shape,
                volume.voxels.len()
            ));
        }
        // Bits, so that values which are no numbers compare as well.
        let bits = |volume: &Volume| volume.voxels.iter().map(|value| value.to_bits()).collect::<Vec<u32>>();
        if bits(&volume) != bits(&read()?) {
            return broken(format!("{id} is another volume the second time"));
        }
    }
    Ok(())
}
