//! `situs list` as a process, from its start to its end, beside the process `true`, which does nothing.
//! It shall take less than 20 ms.

use criterion::{Criterion, criterion_group, criterion_main};
use std::process::{Command, Stdio};
use std::time::Duration;

fn run(program: &str, arguments: &[&str]) -> bool {
    let status = Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn startup(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("startup");
    group.measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_secs(1));
    if run("true", &[]) {
        group.bench_function("true", |bencher| bencher.iter(|| run("true", &[])));
    } else {
        println!("skipped: there is no program `true`");
    }
    group.bench_function("situs_list", |bencher| {
        bencher.iter(|| assert!(run(env!("CARGO_BIN_EXE_situs"), &["list"])));
    });
    group.finish();
}

criterion_group!(benches, startup);
criterion_main!(benches);
