//! A journal of a million records of 256 bytes, scanned as every run does that goes on, beside reading the file and
//! counting its lines. The scan shall take less than 2 s.

use criterion::{Criterion, criterion_group, criterion_main};
use situs_core::run::Journal;
use std::fs::File;
use std::hint::black_box;
use std::io::{BufWriter, Read, Write};
use std::path::Path;
use std::time::Duration;

// The allocator of the `situs` command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RECORDS: usize = 1_000_000;
const RECORD_BYTES: usize = 256;

/// One reply as the journal writes it, line end included.
fn record(number: usize) -> String {
    let open = format!(
        r#"{{"kind":"reply","request":"{number:032x}","arm":"main","question":"{:032x}","trial":0,"prompt":"{:064x}","reply":{{"text":""#,
        number / 2,
        number / 2
    );
    let close = "\",\"finish\":\"stop\",\"tokens\":{}}}\n";
    let filling = RECORD_BYTES.saturating_sub(open.len() + close.len());
    format!("{open}{}{close}", "x".repeat(filling))
}

fn write(path: &Path) -> std::io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    for number in 0..RECORDS {
        let line = record(number);
        assert_eq!(line.len(), RECORD_BYTES);
        out.write_all(line.as_bytes())?;
    }
    out.flush()
}

fn count_lines(path: &Path) -> std::io::Result<usize> {
    let mut file = File::open(path)?;
    let mut block = vec![0; 1 << 20];
    let mut lines = 0;
    loop {
        let read = file.read(&mut block)?;
        if read == 0 {
            return Ok(lines);
        }
        lines += block[..read].iter().filter(|byte| **byte == b'\n').count();
    }
}

fn journal(criterion: &mut Criterion) {
    let Ok(folder) = tempfile::tempdir() else { return };
    let path = folder.path().join("journal.jsonl");
    if let Err(error) = write(&path) {
        println!("skipped: {error}");
        return;
    }
    let mut group = criterion.benchmark_group("journal");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    group.bench_function("lines_counted", |bencher| {
        bencher.iter(|| assert_eq!(count_lines(black_box(&path)).ok(), Some(RECORDS)));
    });
    group.bench_function("scanned", |bencher| {
        bencher.iter_with_large_drop(|| {
            let opened = Journal::open(black_box(&path)).ok();
            assert_eq!(opened.as_ref().map(|(_, index)| index.len()), Some(RECORDS));
            opened
        });
    });
    group.finish();
}

criterion_group!(benches, journal);
criterion_main!(benches);
