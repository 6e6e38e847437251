//! The page as a reader finds it.

use super::*;
use situs_core::prelude::{Answer, Fault, ImageRef, Part, Prompt, Question, Reply, Summary};
use situs_core::run::{ArmSummary, Comparison, Contrast, FacetTable, PlanCounts};
use std::collections::BTreeMap;

fn figure(value: f64, interval: [f64; 2], n: usize) -> Summary {
    Summary {
        value: Some(value),
        n,
        clusters: 12,
        standard_error: Some(0.02),
        interval: Some(interval),
        estimator: "mean, cluster-robust t".into(),
        others: vec![],
        values: None,
    }
}

fn cell(value: f64, interval: [f64; 2], n: usize, failed: usize) -> Cell {
    let mut states = BTreeMap::from([("answered".to_owned(), n - failed)]);
    if failed > 0 {
        states.insert("failed".into(), failed);
    }
    Cell {
        n,
        clusters: 12,
        states,
        parse_rate: Some(0.985),
        above_chance: Some(0.1),
        chance: Some(0.41),
        figures: BTreeMap::from([
            ("accuracy".to_owned(), figure(value, interval, n)),
            ("accuracy_parsed".to_owned(), figure(value, interval, n)),
        ]),
    }
}

pub(in crate::report) fn summary() -> RunSummary {
    let arm = |name: &str, value: f64, interval, stamps: Vec<String>, failed| ArmSummary {
        missing: 0,
        name: name.into(),
        model: name.into(),
        sampler: "greedy".into(),
        stamps,
        control: None,
        overall: cell(value, interval, 200, failed),
        slices: BTreeMap::from([("mark-only".to_owned(), cell(value, interval, 80, 0))]),
        facets: vec![FacetTable {
            facet: "plane".into(),
            rows: vec![
                ("axial".into(), cell(value, interval, 70, 0)),
                ("coronal".into(), cell(value, interval, 65, 0)),
                ("sagittal".into(), cell(value, interval, 65, 0)),
            ],
        }],
        contrasts: vec![Contrast {
            facet: "plane".into(),
            a: "axial".into(),
            b: "coronal".into(),
            metric: "accuracy".into(),
            difference: 0.125,
            interval: Some([0.05, 0.2]),
            n: 60,
            clusters: 12,
        }],
    };
    RunSummary {
        format: "situs-summary-1".into(),
        suite: "quickstart".into(),
        dataset: "phantom".into(),
        family: "mis-ground 1a2b3c4d".into(),
        seed: 0,
        profile: None,
        plan: PlanCounts {
            cases: 12,
            usable: 12,
            asked: 11,
            pool: 28_712,
            pool_by_modality: BTreeMap::from([("ct".into(), 28_712)]),
            asked_by_modality: BTreeMap::from([("ct".into(), 11)]),
            selected: 200,
            warnings: BTreeMap::new(),
            dropped: BTreeMap::from([("letter plate has no room".into(), 14)]),
            left_out: BTreeMap::from([("margin".into(), 1_234), ("overlap".into(), 32)]),
            damaged: BTreeMap::from([("s0007".into(), "ct.nii.gz: the gzip stream is truncated".into())]),
        },
        arms: vec![
            arm("oracle", 1.0, [0.982, 1.0], vec!["reads answers".into()], 0),
            arm("prior", 0.631, [0.55, 0.70], vec![], 3),
            arm("random", 0.402, [0.333, 0.471], vec![], 0),
        ],
        comparisons: vec![Comparison {
            metric: "accuracy".into(),
            a: "prior".into(),
            b: "random".into(),
            difference: 0.229,
            interval: Some([0.13, 0.33]),
            n: 197,
            clusters: 11,
            p_holm: Some(0.004),
        }],
        composites: vec![],
        controls: vec![],
        repeated: vec![],
        signatures: BTreeMap::new(),
    }
}

pub(in crate::report) fn samples() -> Vec<Record> {
    let question = |id: &str, template: &str| Question {
        id: id.into(),
        volumes: vec!["v".into()],
        cases: vec!["phantom-000".into()],
        cluster: "phantom-000".into(),
        template: template.into(),
        cell: "c".into(),
        bundle: "b".into(),
        structures: vec!["liver".into(), "spleen".into()],
        text: "Which?".into(),
        options: vec!["superior".into(), "inferior".into()],
        truth: "superior".into(),
        chance: 0.5,
        facets: BTreeMap::from([("plane".into(), "coronal".into()), ("visual".into(), "box".into())]),
        scene: None,
        evidence: situs_core::question::Evidence {
            relation: "A superior B".into(),
            margin_mm: Some(23.4),
            margin_px: Some(31.0),
            ..Default::default()
        },
        private: serde_json::Value::Null,
    };
    let record = |arm: &str, id: &str, template: &str, answer: Answer, text: &str| Record {
        arm: arm.into(),
        question: question(id, template),
        trial: 0,
        prompt: Prompt {
            parts: vec![
                Part::Image {
                    image: ImageRef { pixels: "aa".into(), png: "bb".into(), width: 512, height: 400 },
                },
                Part::Text { text: "You are given one coronal slice.\n\nWhich way is <A> & B?".into() },
            ],
        },
        reply: Some(Reply::text(text)),
        fault: None,
        answer,
    };
    let mut failed = record("random", "q2", "RC-C", Answer::without_value(AnswerState::Failed), "");
    failed.reply = None;
    failed.fault = Some(Fault::transient("HTTP 500 after 5 tries", None));
    vec![
        record("oracle", "q1", "RA-C", Answer::answered("superior"), "<answer>superior</answer>"),
        record("random", "q1", "RA-C", Answer::answered("inferior"), "<script>alert(1)</script>"),
        record("oracle", "q2", "RC-C", Answer::answered("superior"), "<answer>superior</answer>"),
        failed,
    ]
}

#[test]
fn the_page_needs_no_network_and_links_the_exact_pictures() {
    let page = html(&summary(), &samples()).unwrap();
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("src=\"//"));
    assert!(page.contains("src=\"media/aa.png\""));
}

#[test]
fn what_models_say_is_text_never_markup() {
    let page = html(&summary(), &samples()).unwrap();
    assert!(!page.contains("<script>alert"));
    assert!(page.contains("&lt;script&gt;alert(1)"));
}

#[test]
fn figures_stand_with_interval_count_and_stamp() {
    let page = html(&summary(), &samples()).unwrap();
    for text in [
        "0.631 [0.550, 0.700]",
        "reads answers",
        "CT 2,610 (11 scans, paper 2,757)",
        "MR none here (paper 683)",
        "margin 1,234; overlap 32",
        "HTTP 500 after 5 tries",
        "+0.229 [0.130, 0.330]",
    ] {
        assert!(page.contains(text), "{text}");
    }
}

#[test]
fn the_same_input_gives_the_same_page() {
    assert_eq!(html(&summary(), &samples()).unwrap(), html(&summary(), &samples()).unwrap());
}
