//! Peak memory of a whole run against a remote model: at most the budget for volumes (`run.cache_mb`) and 100 MB.
//!
//! A stub answers; `situs run` asks it text and pictures about phantoms. The peak is the kernel's (`VmHWM`), read while
//! the process runs, so this needs Linux. It is one number of one run, no time: nothing for a statistical bench.
//! Prints it in the form of the other benches and fails when a run takes more than it may.

#[path = "support/stub.rs"]
mod stub;

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;
use stub::Stub;

/// What a run may take besides the budget for volumes.
const ALLOWANCE_MB: f64 = 100.0;

/// A run: its name, its patients, and its budget.
struct Trial {
    name: &'static str,
    dataset: &'static str,
    cache_mb: u64,
    questions: u64,
}

/// A volume in f32 has 13 MB by default and 69 MB in full size; neither budget holds all patients.
const TRIALS: [Trial; 2] = [
    Trial { name: "twelve_patients", dataset: "cases = 12", cache_mb: 64, questions: 400 },
    Trial {
        name: "full_size_patients",
        dataset: "cases = 4\npreset = 'full'",
        cache_mb: 256,
        questions: 200,
    },
];

fn config(trial: &Trial, base_url: &str) -> String {
    format!(
        "[dataset]\nuse = 'phantom'\n{}\n[family]\nuse = 'mis-ground'\n[renderer]\nuse = 'slices'\n\
         [model]\nuse = 'openai'\nname = 'stub-model'\nbase_url = '{base_url}'\n\
         [run]\nquestions = {}\ncache_mb = {}\nmax_failures = 1000000\n",
        trial.dataset, trial.questions, trial.cache_mb
    )
}

/// Peak resident memory of a process so far, in MB.
fn peak_mb(process: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok().map(|kib| kib * 1024.0 / 1e6)
}

fn run(trial: &Trial, base_url: &str, folder: &Path) -> std::io::Result<f64> {
    let file = folder.join(format!("{}.toml", trial.name));
    std::fs::write(&file, config(trial, base_url))?;
    let mut process = Command::new(env!("CARGO_BIN_EXE_situs"))
        .arg("run")
        .arg(&file)
        .arg("--output")
        .arg(folder.join(trial.name))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let mut peak: f64 = 0.0;
    loop {
        peak = peak.max(peak_mb(process.id()).unwrap_or(0.0));
        if let Some(status) = process.try_wait()? {
            let done =
                if status.success() { Ok(peak) } else { Err(std::io::Error::other(status.to_string())) };
            return done;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn measure() -> std::io::Result<bool> {
    if peak_mb(std::process::id()).is_none() {
        println!("skipped: the peak of a process is read from /proc");
        return Ok(true);
    }
    let (stub, folder) = (Stub::start()?, tempfile::tempdir()?);
    let mut within = true;
    for trial in &TRIALS {
        let peak = run(trial, &stub.base_url(), folder.path())?;
        let beyond = peak - trial.cache_mb as f64 * 1.048_576;
        println!("test memory/{}/peak ... bench: {peak:.0} MB/iter", trial.name);
        println!("test memory/{}/beyond_the_budget ... bench: {beyond:.0} MB/iter", trial.name);
        within &= beyond <= ALLOWANCE_MB;
    }
    Ok(within)
}

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(stub::SERVE) {
        return if stub::serve().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    match measure() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            println!("a run took more than its budget and {ALLOWANCE_MB} MB");
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("skipped: {error}");
            ExitCode::FAILURE
        }
    }
}
