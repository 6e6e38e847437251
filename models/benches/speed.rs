//! Tokens a second of a checkpoint, beside `speed.py`, which measures transformers on the same prompt.
//!
//! `SITUS_BENCH_MODEL=DIR cargo bench -p situs-models --bench speed`

#[path = "../tests/support/mod.rs"]
mod support;

use serde_json::{Value, json};
use situs_core::media::{Media, Picture};
use situs_core::prelude::*;
use std::path::Path;
use std::time::Instant;
use support::{Album, best, built, request, row};

fn main() {
    let Some(folder) = std::env::var_os("SITUS_BENCH_MODEL") else {
        println!("SITUS_BENCH_MODEL names no checkpoint; models/benches/speed.py makes one");
        return;
    };
    let folder = Path::new(&folder);
    let asked: Value = serde_json::from_slice(&std::fs::read(folder.join("prompt.json")).unwrap()).unwrap();
    let album = Album::default();
    let images: Vec<ImageRef> = asked["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| picture(&folder.join(name.as_str().unwrap()), &album))
        .collect();
    let asked_for = request(&images, asked["text"].as_str().unwrap());
    let steps = asked["steps"].as_u64().unwrap() as usize;
    let started = Instant::now();
    let model = built(folder, json!({})).unwrap();
    let loaded = started.elapsed().as_secs_f64();
    let (mut first, mut each) = (f64::INFINITY, f64::INFINITY);
    let (mut ids, mut prompt) = (Vec::new(), 0);
    for turn in 0..=asked["repeats"].as_u64().unwrap() {
        let mut session = model.session().unwrap();
        let started = Instant::now();
        let slot = session.admit(&asked_for, &album).unwrap();
        let took = started.elapsed().as_secs_f64();
        let mut token = best(&row(session.as_mut(), slot));
        ids = vec![token];
        let started = Instant::now();
        for _ in 0..steps {
            session.push(slot, token).unwrap();
            token = best(&row(session.as_mut(), slot));
            ids.push(token);
        }
        // The first turn reads the weights from the disk.
        if turn > 0 {
            first = first.min(took);
            each = each.min(started.elapsed().as_secs_f64());
        }
        prompt = session.finish(slot).unwrap().tokens.prompt.unwrap_or(0);
    }
    ids.truncate(steps);
    let report = json!({
        "program": "situs",
        "load_seconds": loaded,
        "prompt_tokens": prompt,
        "prompt_tokens_per_second": prompt as f64 / first,
        "decoded_tokens_per_second": steps as f64 / each,
        "ids": ids,
    });
    println!("{report}");
}

fn picture(path: &Path, album: &Album) -> ImageRef {
    let rgb = image::open(path).unwrap().into_rgb8();
    album.put_picture(&Picture { width: rgb.width(), height: rgb.height(), rgb: rgb.into_raw() }).unwrap()
}
