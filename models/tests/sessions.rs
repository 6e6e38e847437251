//! Sessions of the backend `candle`: what is shared between prompts and batches changes nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod support;

use serde_json::json;
use situs_core::prelude::*;
use support::{Album, best, built, fixture, greedy, request, row};

const FAMILIES: [&str; 4] = ["qwen3_vl", "qwen2_5_vl", "llava", "llava_next"];

#[test]
fn a_reply_is_the_same_whatever_was_asked_before() {
    for family in FAMILIES {
        let model = built(&fixture(family), json!({ "slots": 2 })).unwrap();
        let album = Album::default();
        let slices: Vec<ImageRef> = [10, 90, 200].map(|shade| album.stripes(96, 64, shade)).into();
        let asked = request(&slices, "Is the liver left of the spleen? Answer yes or no.");
        let alone = greedy(model.session().unwrap().as_mut(), &asked, &album, 6);
        let mut session = model.session().unwrap();
        for before in [
            request(&slices, "Is the liver left of the aorta? Answer yes or no."),
            request(&slices[..1], "Which slice shows the heart?"),
            request(&[slices[0].clone(), slices[2].clone()], "Which slice shows the heart?"),
            request(&[], "Answer."),
            asked.clone(),
        ] {
            greedy(session.as_mut(), &before, &album, 4);
            let again = greedy(session.as_mut(), &asked, &album, 6);
            assert!(again == alone, "{family}: bits differ after {:?}", before.prompt);
        }
    }
}

#[test]
fn sequences_decoded_together_are_those_decoded_alone() {
    for family in FAMILIES {
        let model = built(&fixture(family), json!({ "slots": 3 })).unwrap();
        let album = Album::default();
        let image = album.stripes(70, 90, 40);
        let requests = [
            request(std::slice::from_ref(&image), "Where is the liver?"),
            request(&[], "Is the aorta behind the stomach? Answer yes or no."),
            request(&[image.clone(), image], "Where is the spleen?"),
        ];
        let alone: Vec<Vec<Vec<f32>>> = requests
            .iter()
            .map(|request| greedy(model.session().unwrap().as_mut(), request, &album, 5).0)
            .collect();
        let mut session = model.session().unwrap();
        let mut live: Vec<(usize, SlotId)> = Vec::new();
        for (index, request) in requests.iter().enumerate() {
            live.push((index, session.admit(request, &album).unwrap()));
        }
        for step in 0..5 {
            live.reverse();
            let slots: Vec<SlotId> = live.iter().map(|(_, slot)| *slot).collect();
            let rows: Vec<Vec<f32>> = {
                let logits = session.logits(&slots).unwrap();
                let mut scratch = Vec::new();
                let rows = logits.on_host(&mut scratch).unwrap();
                (0..slots.len()).map(|at| rows.row(at).unwrap().to_vec()).collect()
            };
            let mut going = Vec::new();
            for ((index, slot), row) in live.iter().zip(rows) {
                assert!(alone[*index][step] == row, "{family}: request {index}, step {step}: bits differ");
                if session.push(*slot, best(&row)).unwrap() == Flow::Continue
                    && step + 1 < alone[*index].len()
                {
                    going.push((*index, *slot));
                }
            }
            live = going;
        }
    }
}

#[test]
fn pictures_reach_the_logits() {
    for family in FAMILIES {
        let model = built(&fixture(family), json!({})).unwrap();
        let album = Album::default();
        let mut session = model.session().unwrap();
        let mut first = |shade: u8| {
            let asked = request(&[album.stripes(96, 64, shade)], "Where is the liver?");
            greedy(session.as_mut(), &asked, &album, 1).0.remove(0)
        };
        let (one, other) = (first(0), first(255));
        let apart = one.iter().zip(&other).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
        assert!(apart > 0.05, "{family}: {apart}");
    }
}

#[test]
fn slices_as_a_video_take_half_the_tokens() {
    let album = Album::default();
    let slices: Vec<ImageRef> = (0..6).map(|shade| album.stripes(96, 64, shade * 40)).collect();
    let asked = request(&slices, "Where is the liver?");
    let prompt = |video: bool| {
        let model = built(&fixture("qwen2_5_vl"), json!({ "video": video })).unwrap();
        let mut session = model.session().unwrap();
        greedy(session.as_mut(), &asked, &album, 1).1.tokens.prompt.unwrap()
    };
    let (pictures, video) = (prompt(false), prompt(true));
    // 6 tokens a slice; each picture has its own marks, the video one pair.
    assert_eq!(pictures - video, 6 * 6 + 6 * 2 - (3 * 6 + 2));
}

#[test]
fn a_cancelled_slot_serves_the_next_request() {
    let model = built(&fixture("qwen3_vl"), json!({ "slots": 1 })).unwrap();
    let album = Album::default();
    let asked = request(&[album.stripes(64, 64, 7)], "Where is the aorta?");
    let alone = greedy(model.session().unwrap().as_mut(), &asked, &album, 3);
    let mut session = model.session().unwrap();
    let slot = session.admit(&asked, &album).unwrap();
    assert!(session.admit(&asked, &album).is_err(), "one slot, two sequences");
    let token = best(&row(session.as_mut(), slot));
    session.push(slot, token).unwrap();
    session.cancel(slot);
    assert!(session.push(slot, token).is_err(), "the slot is free");
    assert!(greedy(session.as_mut(), &asked, &album, 3) == alone);
}

#[test]
fn a_full_context_cuts_the_reply_off() {
    let album = Album::default();
    let asked = request(&[], "Answer.");
    let whole = built(&fixture("qwen3_vl"), json!({})).unwrap();
    let prompt = greedy(whole.session().unwrap().as_mut(), &asked, &album, 1).1.tokens.prompt.unwrap();
    let model = built(&fixture("qwen3_vl"), json!({ "context": prompt + 2 })).unwrap();
    let mut session = model.session().unwrap();
    let slot = session.admit(&asked, &album).unwrap();
    assert_eq!(session.push(slot, 65).unwrap(), Flow::Continue);
    row(session.as_mut(), slot);
    assert_eq!(session.push(slot, 66).unwrap(), Flow::Stop);
    let reply = session.finish(slot).unwrap();
    assert_eq!((reply.finish, reply.tokens.completion), (Finish::Length, Some(2)));
}

#[test]
fn weights_of_sixteen_bits_answer_nearly_alike() {
    let album = Album::default();
    let asked = request(&[album.stripes(96, 64, 90)], "Where is the liver?");
    let first = |dtype: &str| {
        let model = built(&fixture("qwen3_vl"), json!({ "dtype": dtype })).unwrap();
        let row = greedy(model.session().unwrap().as_mut(), &asked, &album, 1).0.remove(0);
        (model.card().digest.clone(), row)
    };
    let (digest, exact) = first("f32");
    for (dtype, tolerance) in [("bf16", 0.2), ("f16", 0.03)] {
        let (other, rounded) = first(dtype);
        assert_ne!(digest, other, "{dtype} is another model");
        let apart = exact.iter().zip(&rounded).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
        assert!(apart > 0.0 && apart < tolerance, "{dtype}: {apart}");
    }
}

#[test]
fn the_vocabulary_has_a_row_for_every_embedding() {
    let model = built(&fixture("qwen3_vl"), json!({})).unwrap();
    let vocabulary = model.vocabulary().unwrap().unwrap();
    assert_eq!((vocabulary.texts.len(), vocabulary.content.len()), (448, 448));
    let special = vocabulary.texts.iter().position(|text| text == "<|im_end|>").unwrap();
    assert!(!vocabulary.content[special] && !vocabulary.content[447]);
    assert!(vocabulary.content[vocabulary.texts.iter().position(|text| text == " liver").unwrap()]);
}
