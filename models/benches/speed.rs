//! Tokens a second of a checkpoint, beside `speed.py`, which measures transformers on the same prompt.
//!
//! `SITUS_BENCH_MODEL=DIR cargo bench -p situs-models --bench speed`

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on should stop")]

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
    let (mut first, mut each) = ([f64::INFINITY; 2], [f64::INFINITY; 2]);
    let (mut ids, mut prompt) = (Vec::new(), 0);
    for turn in 0..=asked["repeats"].as_u64().unwrap() {
        let mut session = model.session().unwrap();
        let started = Clock::start();
        let slot = session.admit(&asked_for, &album).unwrap();
        let took = started.elapsed();
        let mut token = best(&row(session.as_mut(), slot));
        ids = vec![token];
        let started = Clock::start();
        for _ in 0..steps {
            session.push(slot, token).unwrap();
            token = best(&row(session.as_mut(), slot));
            ids.push(token);
        }
        // The first turn reads the weights from the disk.
        let spent = started.elapsed();
        if turn > 0 {
            for kind in 0..2 {
                first[kind] = first[kind].min(took[kind]);
                each[kind] = each[kind].min(spent[kind]);
            }
        }
        prompt = session.finish(slot).unwrap().tokens.prompt.unwrap_or(0);
    }
    ids.truncate(steps);
    let report = json!({
        "program": "situs",
        "load_seconds": loaded,
        "prompt_tokens": prompt,
        "prompt_tokens_per_second": prompt as f64 / first[0],
        "decoded_tokens_per_second": steps as f64 / each[0],
        "prompt_cpu_seconds": first[1],
        "reply_cpu_seconds": each[1],
        "ids": ids,
    });
    println!("{report}");
}

fn picture(path: &Path, album: &Album) -> ImageRef {
    let rgb = image::open(path).unwrap().into_rgb8();
    album.put_picture(&Picture { width: rgb.width(), height: rgb.height(), rgb: rgb.into_raw() }).unwrap()
}

/// Wall time and the processor time of all threads, in seconds.
struct Clock(Instant, f64);

impl Clock {
    fn start() -> Self {
        Self(Instant::now(), processor_seconds())
    }

    fn elapsed(&self) -> [f64; 2] {
        [self.0.elapsed().as_secs_f64(), processor_seconds() - self.1]
    }
}

/// User and system time as /proc tells them, in hundredths; 0 where there is none.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    behind_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>()
        / 100.0
}
