//! Agreement is never made of nothing.

use super::arms::stands_for;
use super::ours::{Ours, difference, mean};
use super::table::row;
use super::verdict::{Verdict, from_published};
use crate::published::{Published, PublishedCell};

const CLUSTERS: [&str; 4] = ["a", "a", "b", "b"];

fn with_clusters(values: [f64; 4]) -> Vec<(f64, &'static str)> {
    values.into_iter().zip(CLUSTERS).collect()
}

#[test]
fn nothing_run_is_never_agreement() {
    let table = Published::find("mis-ground").unwrap();
    let row = row(&table, &table.cells[0], Some("main"), None);
    assert_eq!(row.verdict, Verdict::NotRun);
    assert!(mean(&[]).is_none());
    assert!(difference(&with_clusters([1.0; 4]), &[]).is_none());
}

#[test]
fn a_published_value_inside_our_interval_agrees_and_outside_differs() {
    let table = Published::find("mis-ground").unwrap();
    let cell = &table.cells[1];
    let of = |interval| {
        Some(Ours {
            value: 0.6,
            interval: Some(interval),
            n: 900,
            fewest: 900,
            clusters: 30,
            estimator: "mean".into(),
        })
    };
    assert_eq!(
        row(&table, cell, None, of([0.50, 0.70])).verdict,
        Verdict::Agrees,
        "66.5 of 100 within 50..70"
    );
    assert_eq!(row(&table, cell, None, of([0.55, 0.65])).verdict, Verdict::Differs);
}

#[test]
fn few_questions_or_patients_are_neither_agreement_nor_difference() {
    let table = Published::find("mis-ground").unwrap();
    let cell = &table.cells[1];
    let of = |fewest, clusters, interval| {
        let ours = Ours { value: 0.2, interval, n: 900, fewest, clusters, estimator: "mean".into() };
        row(&table, cell, None, Some(ours)).verdict
    };
    let narrow = Some([0.19, 0.21]);
    assert_eq!(of(30, 10, narrow), Verdict::Differs);
    assert_eq!(of(29, 10, narrow), Verdict::TooFew);
    assert_eq!(of(30, 9, narrow), Verdict::TooFew);
    assert_eq!(of(30, 9, Some([0.0, 1.0])), Verdict::TooFew);
    assert_eq!(of(900, 30, None), Verdict::TooFew);
}

#[test]
fn the_published_figure_has_an_error_of_its_own_where_its_count_is_printed() {
    let table = Published::find("mis-ground").unwrap();
    let ours = Ours {
        value: 0.6,
        interval: Some([0.55, 0.65]),
        n: 900,
        fewest: 900,
        clusters: 30,
        estimator: "mean".into(),
    };
    let with = |value: f64, n| {
        let cell = PublishedCell { value, n, baseline: None, ..table.cells[1].clone() };
        from_published(&ours, &cell, 100.0).unwrap()
    };
    let close = |a: [f64; 2], b: [f64; 2]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
    assert!(close(with(66.5, None), [-0.115, -0.015]), "{:?}", with(66.5, None));
    // Wilson's interval of 50 of 100 is [0.4038, 0.5962] (statsmodels, proportion_confint): 0.0962 to either side,
    // with our 0.05 by Pythagoras 0.1084.
    assert!(close(with(50.0, Some(100)), [-0.0084, 0.2084]), "{:?}", with(50.0, Some(100)));
}

#[test]
fn all_right_still_has_an_interval_of_some_width() {
    let all_right = mean(&with_clusters([1.0; 4])).unwrap();
    let [low, high] = all_right.interval.unwrap();
    // Beta(5, 1): the lower 2.5 % point is 0.025^(1/5).
    assert!((low - 0.025f64.powf(0.2)).abs() < 1e-9 && high > 0.99, "{low} {high}");
}

#[test]
fn a_difference_is_that_of_the_means() {
    let found =
        difference(&with_clusters([1.0, 1.0, 1.0, 0.0]), &with_clusters([0.0, 1.0, 0.0, 0.0])).unwrap();
    assert!((found.value - 0.5).abs() < 1e-12);
    assert_eq!((found.n, found.clusters), (8, 2));
    let one_patient = difference(&[(1.0, "a")], &[(0.0, "a"), (1.0, "a")]).unwrap();
    assert_eq!((one_patient.value, one_patient.interval, one_patient.clusters), (0.5, None, 1));
}

#[test]
fn figures_of_another_system_are_left_alone() {
    let table = Published::find("mis-ground").unwrap();
    let cell = |id: &str| table.cells.iter().find(|cell| cell.id == id).unwrap();
    assert!(stands_for(cell("overall"), "main"));
    assert!(!stands_for(cell("overall-m3d"), "main"));
    assert!(stands_for(cell("overall-m3d"), "m3d"));
}
