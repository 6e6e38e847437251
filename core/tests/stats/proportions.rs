//! Intervals of a proportion (scipy, statsmodels).

use crate::near_pair;
use situs_core::stats::{agresti_coull, clopper_pearson, jeffreys, pooled_beta, wald, wilson};

struct Case {
    k: u64,
    n: u64,
    wilson: (f64, f64),
    clopper_pearson: (f64, f64),
    agresti_coull: (f64, f64),
    wald: (f64, f64),
    jeffreys_raw: (f64, f64),
    jeffreys: (f64, f64),
    uniform: (f64, f64),
}

const CASES: [Case; 3] = [
    Case {
        k: 3,
        n: 9,
        wilson: (0.1205838183869109, 0.6457978644196039),
        clopper_pearson: (0.07485463141969183, 0.7007049437914596),
        agresti_coull: (0.1172874500576267, 0.649094232748888),
        wald: (0.025354705700071478, 0.6413119609665952),
        jeffreys_raw: (0.10421322166077418, 0.6522082065277341),
        jeffreys: (0.10421322166077418, 0.6522082065277341),
        uniform: (0.12155225811982719, 0.6524528500599973),
    },
    Case {
        k: 0,
        n: 25,
        wilson: (0.0, 0.13319225093904855),
        clopper_pearson: (0.0, 0.13718517153071255),
        agresti_coull: (0.0, 0.15758719300574425),
        wald: (0.0, 0.0),
        jeffreys_raw: (1.9445770898158742e-05, 0.0946827641095835),
        jeffreys: (0.0, 0.0946827641095835),
        uniform: (0.0009732878933350304, 0.1322746044977541),
    },
    Case {
        k: 41,
        n: 60,
        wilson: (0.5576623297382322, 0.7869413244763348),
        clopper_pearson: (0.5504403122359474, 0.7974244928810283),
        agresti_coull: (0.5571645788968529, 0.7874390753177141),
        wald: (0.5656296796147378, 0.8010369870519289),
        jeffreys_raw: (0.5591577353271098, 0.7902983053789724),
        jeffreys: (0.5591577353271098, 0.7902983053789724),
        uniform: (0.5570633722889327, 0.78693366418863),
    },
];

#[test]
fn ninety_five_percent_intervals_are_the_published_ones() {
    for case in CASES {
        let (k, n) = (case.k, case.n);
        near_pair(wilson(k, n, 0.95), case.wilson);
        near_pair(clopper_pearson(k, n, 0.95), case.clopper_pearson);
        near_pair(agresti_coull(k, n, 0.95), case.agresti_coull);
        near_pair(wald(k, n, 0.95), case.wald);
        near_pair(pooled_beta(k, n, 0.5, 0.5, 0.95), case.jeffreys_raw);
        near_pair(jeffreys(k, n, 0.95), case.jeffreys);
        near_pair(pooled_beta(k, n, 1.0, 1.0, 0.95), case.uniform);
    }
}

#[test]
fn success_and_failure_mirror_each_other() {
    for (k, n) in [(0, 7), (2, 7), (7, 7), (300, 1000)] {
        for interval in [wilson, clopper_pearson, agresti_coull, wald, jeffreys] {
            let (lower, upper) = interval(k, n, 0.9).unwrap();
            near_pair(interval(n - k, n, 0.9), (1.0 - upper, 1.0 - lower));
        }
    }
}

#[test]
fn a_full_size_run_has_an_interval_about_one_point_wide() {
    // 66.5 % of 33,864: the normal interval is +- 0.50 points.
    let (lower, upper) = pooled_beta(22_520, 33_864, 1.0, 1.0, 0.95).unwrap();
    assert!((lower - 0.66).abs() < 5e-4 && (upper - 0.67).abs() < 5e-4, "{lower} {upper}");
}
