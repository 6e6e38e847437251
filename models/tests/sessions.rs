//! Sessions of the backend `candle`: what is shared between prompts and batches changes nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod support;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::json;
use situs_core::prelude::*;
use situs_plugins::location_boxes::{CornerOrder, read_radgrounder};
use support::{Album, best, built, copied, fixture, greedy, request, row};

const FAMILIES: [&str; 8] =
    ["qwen3_vl", "qwen2_5_vl", "gemma3", "paligemma", "paligemma2", "llava", "llava_med", "llava_next"];

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
fn a_prompt_whose_tokens_all_see_each_other_shares_nothing_with_one_that_goes_on() {
    for family in ["paligemma", "paligemma2"] {
        let model = built(&fixture(family), json!({ "slots": 1 })).unwrap();
        let album = Album::default();
        let image = [album.stripes(32, 32, 90)];
        let short = request(&image, "Is the liver left of the aorta?");
        let long = request(&image, "Is the liver left of the aorta? Answer yes or no.");
        let alone = [&short, &long].map(|asked| greedy(model.session().unwrap().as_mut(), asked, &album, 4));
        let mut session = model.session().unwrap();
        for asked in [0, 1, 1, 0] {
            let again = greedy(session.as_mut(), [&short, &long][asked], &album, 4);
            assert!(again == alone[asked], "{family}: bits differ");
        }
    }
}

#[test]
fn a_prompt_in_front_of_its_own_reply_is_not_that_prompt_with_more_text() {
    let model = built(&fixture("paligemma2"), json!({ "slots": 1 })).unwrap();
    let album = Album::default();
    let mut session = model.session().unwrap();
    // The line break that ends the first prompt stands inside the second one, where the reply of the first one stood.
    let first = request(&[], "Is the liver left");
    let slot = session.admit(&first, &album).unwrap();
    let vocabulary = model.vocabulary().unwrap().unwrap();
    let tokens = ["Is", "\n"].map(|text| vocabulary.texts.iter().position(|other| other == text));
    for token in tokens.into_iter().flatten() {
        row(session.as_mut(), slot);
        session.push(slot, token as u32).unwrap();
    }
    row(session.as_mut(), slot);
    session.finish(slot).unwrap();
    let second = request(&[], "Is the liver left\nIs");
    let again = greedy(session.as_mut(), &second, &album, 4);
    assert!(again == greedy(model.session().unwrap().as_mut(), &second, &album, 4), "bits differ");
}

#[test]
fn locations_stay_in_replies_and_are_no_content() {
    let model = built(&fixture("paligemma"), json!({})).unwrap();
    let album = Album::default();
    let vocabulary = model.vocabulary().unwrap().unwrap();
    let id = |text: &str| vocabulary.texts.iter().position(|other| other == text).unwrap();
    let mut session = model.session().unwrap();
    let slot = session.admit(&request(&[album.stripes(32, 32, 9)], "detect liver"), &album).unwrap();
    for text in ["<loc0256>", "<loc0000>", "<loc0512>", "<loc0128>", " liver"] {
        row(session.as_mut(), slot);
        session.push(slot, id(text) as u32).unwrap();
        assert_eq!(vocabulary.content[id(text)], text == " liver", "{text}");
    }
    let text = session.finish(slot).unwrap().text;
    let located = situs_plugins::location_boxes::read_paligemma(&text);
    assert_eq!(located.boxes.len(), 1, "{text}");
    assert_eq!((located.boxes[0].keyword.as_str(), located.boxes[0].bounds[1]), ("liver", 0.25));
    assert!(!vocabulary.content[id("<seg005>")] && !vocabulary.content[id("<image>")]);
}

#[test]
fn radgrounder_boxes_are_read_from_the_tokens_of_a_reply() {
    let folder = fixture("paligemma2");
    let model = built(&folder, json!({ "template": { "prefix": "\n", "suffix": "\nAnswer: " } })).unwrap();
    let album = Album::default();
    let mut session = model.session().unwrap();
    let slot = session.admit(&request(&[album.stripes(32, 32, 9)], "Where is the liver?"), &album).unwrap();
    let tokenizer = tokenizers::Tokenizer::from_file(folder.join("tokenizer.json")).unwrap();
    let said = "<p bbox=<loc0128><loc0000><loc0512><loc0256> id=<seg005>>liver</p>";
    for token in tokenizer.encode(said, false).unwrap().get_ids() {
        row(session.as_mut(), slot);
        session.push(slot, *token).unwrap();
    }
    let text = session.finish(slot).unwrap().text;
    let located = read_radgrounder(&text, CornerOrder::XFirst);
    assert_eq!(text, said);
    assert_eq!(located.boxes[0].bounds, [0.25, 0.0, 1.0, 0.5]);
}

#[test]
fn a_system_message_opens_the_first_turn_of_gemma() {
    let album = Album::default();
    let first = |params: serde_json::Value, text: &str| {
        let model = built(&fixture("gemma3"), params).unwrap();
        greedy(model.session().unwrap().as_mut(), &request(&[], text), &album, 2)
    };
    let system = first(json!({ "system": "You read scans." }), "Where is the liver?");
    assert!(system == first(json!({}), "You read scans.\n\nWhere is the liver?"));
}

#[test]
fn a_prefix_and_a_suffix_stand_around_the_text_of_paligemma() {
    let album = Album::default();
    let image = [album.stripes(32, 32, 90)];
    let first = |params: serde_json::Value, text: &str| {
        let model = built(&fixture("paligemma2"), params).unwrap();
        greedy(model.session().unwrap().as_mut(), &request(&image, text), &album, 2)
    };
    let around = json!({ "template": { "prefix": "\n", "suffix": "\nAnswer: " } });
    assert!(first(around, "Where is the liver?") == first(json!({}), "\nWhere is the liver?\nAnswer: "));
    let system = first(json!({ "system": "You read scans." }), "Where is the liver?");
    assert!(system == first(json!({}), "You read scans.\n\nWhere is the liver?"));
}

#[test]
fn a_whole_reply_is_that_of_the_steps() {
    for family in ["qwen3_vl", "gemma3", "paligemma2"] {
        let model = built(&fixture(family), json!({})).unwrap();
        let album = Album::default();
        let asked = request(&[album.stripes(48, 48, 90)], "Where is the liver?");
        let steps = greedy(model.session().unwrap().as_mut(), &asked, &album, 7).1;
        let sampling = Sampling { max_tokens: Some(7), ..Sampling::default() };
        // The second time goes on from what the first one left behind.
        for _ in 0..2 {
            let reply = model.reply(&asked, &sampling, &album).unwrap();
            assert_eq!((&reply.text, reply.tokens), (&steps.text, steps.tokens), "{family}");
        }
    }
}

#[test]
fn whole_replies_are_drawn_as_the_sampling_says() {
    let model = built(&fixture("qwen3_vl"), json!({})).unwrap();
    let album = Album::default();
    let reply = |draw: u64, seed: u64, temperature: f64| {
        let asked = Request { draw, ..request(&[], "Where is the liver?") };
        let sampling = Sampling {
            temperature: Some(temperature),
            seed: Some(seed),
            max_tokens: Some(8),
            ..Sampling::default()
        };
        model.reply(&asked, &sampling, &album).unwrap().text
    };
    assert_eq!(reply(1, 1, 2.0), reply(1, 1, 2.0), "the same draw, the same reply");
    assert_ne!(reply(1, 1, 2.0), reply(2, 1, 2.0));
    assert_ne!(reply(1, 1, 2.0), reply(1, 2, 2.0));
    assert_eq!(reply(1, 1, 0.0), reply(2, 2, 0.0), "greedy draws nothing");
    let sampling = Sampling { max_tokens: Some(0), ..Sampling::default() };
    let fault = model.reply(&request(&[], "Where?"), &sampling, &album).unwrap_err();
    assert!(fault.to_string().contains("max_tokens"), "{fault}");
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
fn weights_stored_in_bf16_are_those_that_were_rounded_to_it() {
    let album = Album::default();
    let asked = request(&[album.stripes(48, 48, 90)], "Where is the liver?");
    for family in FAMILIES {
        let folder = copied(family);
        let path = folder.path().join("model.safetensors");
        let bytes = std::fs::read(&path).unwrap();
        let parsed = SafeTensors::deserialize(&bytes).unwrap();
        let short: Vec<(String, Vec<usize>, Vec<u8>)> = parsed
            .iter()
            .map(|(name, view)| {
                let numbers = view.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
                let rounded = numbers.flat_map(|number| half::bf16::from_f32(number).to_le_bytes());
                (name.to_owned(), view.shape().to_vec(), rounded.collect())
            })
            .collect();
        let views = short.iter().map(|(name, shape, bytes)| {
            (name.as_str(), TensorView::new(Dtype::BF16, shape.clone(), bytes).unwrap())
        });
        std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
        let first = |folder: &std::path::Path, dtype: &str| {
            let model = built(folder, json!({ "dtype": dtype })).unwrap();
            greedy(model.session().unwrap().as_mut(), &asked, &album, 3)
        };
        let rounded = first(&fixture(family), "bf16");
        assert!(first(folder.path(), "f32") == rounded, "{family}: stored numbers are exact as they are");
        assert!(first(folder.path(), "bf16") == rounded, "{family}");
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
