//! Trains the model `small` on questions about shuffled phantoms, from scratch, on the CPU.
//!
//!     cargo run --release --example train_small -- --out runs/train-small
//!
//! Pictures come first (once; kept in the folder), then steps of AdamW with a checkpoint every few hundred, from which
//! the same command resumes. `training.jsonl` gets a line every 50 steps: each link of the chain has its own figure, so
//! that a flat loss tells which link is missing. At the end the weights are written in half precision.

mod exam;
mod eye;
mod lesson;
mod optimiser;
mod storm;
mod studio;
mod tally;
mod variables;
mod words;

use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use clap::Parser;
use eye::EyeBatch;
use lesson::Lesson;
use optimiser::Optimiser;
use situs_core::digest::Draw;
use situs_models::small::{Network, SIDE, Vocabulary};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;
use studio::Studio;
use tally::Tally;
use variables::Variables;
use words::WordBatch;

// Built-in components register themselves; this links them in.
use situs_plugins as _;

// The allocator of the `situs` command: steps take and give back the same pages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Seed of the phantoms of the training pictures; no test may use it.
const TRAINING_SEED: u64 = 20_261;
/// Seed of the phantoms on which progress is watched.
const WATCHING_SEED: u64 = 20_262;
/// Steps between two lines of the log.
const EVERY: usize = 50;
/// Steps over which the learning rate rises.
const RISE: usize = 100;
/// Questions of an exam.
const EXAM: usize = 250;
/// Name of the checkpoint.
const CHECKPOINT: &str = "checkpoint.safetensors";

/// Trains the model `small`.
#[derive(Parser)]
struct Arguments {
    /// Folder of pictures, checkpoint, log and weights.
    #[arg(long)]
    out: PathBuf,
    /// Pictures to train on.
    #[arg(long, default_value_t = 12_000)]
    pictures: usize,
    /// Steps in all.
    #[arg(long, default_value_t = 4000)]
    steps: usize,
    /// Pictures of a step.
    #[arg(long, default_value_t = 12)]
    batch: usize,
    /// Largest learning rate.
    #[arg(long, default_value_t = 1.5e-3)]
    rate: f64,
    /// Steps between two checkpoints.
    #[arg(long, default_value_t = 250)]
    checkpoint: usize,
    /// Steps in which eye and words are taught apart, before they are taught together.
    #[arg(long, default_value_t = 2000)]
    apart: usize,
    /// Pictures of a step with a storm of letters, while eye and words are taught apart.
    #[arg(long, default_value_t = 3)]
    storm: usize,
    /// Seed of weights and order.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Templates to train on; all that were drawn unless given.
    #[arg(long, value_delimiter = ',')]
    templates: Vec<String>,
}

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    std::fs::create_dir_all(&arguments.out)?;
    let start = Instant::now();
    let mut studio = Studio::open(&arguments.out, TRAINING_SEED, arguments.pictures)?;
    let watched = Studio::open(&arguments.out, WATCHING_SEED, 256)?;
    if !arguments.templates.is_empty() {
        studio.lessons.retain(|lesson| arguments.templates.contains(&lesson.template));
    }
    let minutes = start.elapsed().as_secs_f64() / 60.0;
    println!("{} pictures, {} lessons, {minutes:.1} min", studio.pictures.len(), studio.lessons.len());

    let variables = Variables::new(arguments.seed);
    let vb = VarBuilder::from_backend(Box::new(variables.clone()), DType::F32, Device::Cpu);
    let network = Network::new(&vb, Vocabulary::embedded().len())?;
    let mut optimiser = Optimiser::new(&variables.all());
    if arguments.out.join(CHECKPOINT).is_file() {
        optimiser.resume(&arguments.out.join(CHECKPOINT))?;
    }
    let mut log = Log::open(&arguments.out.join("training.jsonl"))?;
    let command: Vec<String> = std::env::args().skip(1).collect();
    log.line(&serde_json::json!({
        "command": format!("cargo run --release --example train_small -- {}", command.join(" ")),
        "from step": optimiser.step,
        "parameters": optimiser.size(),
        "pictures": studio.pictures.len(),
        "lessons": studio.lessons.len(),
    }))?;
    train(&arguments, &studio, &watched, &network, &mut optimiser, &mut log)
}

/// Steps until all are done.
fn train(
    arguments: &Arguments,
    studio: &Studio,
    watched: &Studio,
    network: &Network,
    optimiser: &mut Optimiser,
    log: &mut Log,
) -> Result<(), Failure> {
    let groups: Vec<&[Lesson]> = studio.lessons.chunk_by(|a, b| a.picture == b.picture).collect();
    let root = Draw::new(arguments.seed).of("order");
    let steps_an_epoch = (groups.len() / arguments.batch).max(1);
    let (mut epoch, mut order) = (usize::MAX, Vec::new());
    let mut tally = Tally::default();
    let start = Instant::now();
    while optimiser.step < arguments.steps {
        let step = optimiser.step;
        if step / steps_an_epoch != epoch {
            epoch = step / steps_an_epoch;
            order = root.of(epoch).order(groups.len());
        }
        let first = step % steps_an_epoch * arguments.batch;
        let chosen: Vec<&[Lesson]> =
            order.iter().skip(first).take(arguments.batch).map(|group| groups[*group]).collect();
        let draw = root.of("step").of(step);
        let loss = if step < arguments.apart {
            let words = WordBatch::new(studio, &chosen, false, &draw)?.loss(network, &mut tally)?;
            eye(arguments, studio, &chosen, network, &mut tally, step, &draw)?
                .map_or(Ok(words.clone()), |eye| eye + words)?
        } else {
            WordBatch::new(studio, &chosen, true, &draw)?.loss(network, &mut tally)?
        };
        let norm = optimiser.descend(&loss.backward()?, rate(arguments, step))?;
        tally.add("norm", f64::from(norm), 1.0);
        tally.add("lessons", chosen.iter().map(|group| group.len()).sum::<usize>() as f64, 1.0);
        let step = optimiser.step;
        if step.is_multiple_of(EVERY) {
            let seconds = start.elapsed().as_secs();
            log.line(&serde_json::json!({"step": step, "seconds": seconds, "train": tally.means()}))?;
            tally = Tally::default();
        }
        if step.is_multiple_of(arguments.checkpoint) || step == arguments.steps {
            optimiser.put_aside(&arguments.out.join(CHECKPOINT))?;
            optimiser.export(&arguments.out.join("weights.safetensors"))?;
            let exam = exam::sit(network, watched, EXAM)?;
            log.line(&serde_json::json!({"step": step, "seconds": start.elapsed().as_secs(), "exam": exam.means()}))?;
        }
    }
    Ok(())
}

/// What eye and pointer lose on marks and on a storm of letters. Every fourth time whole pictures are shown, a quarter as
/// many: large marks fit into no part.
fn eye(
    arguments: &Arguments,
    studio: &Studio,
    chosen: &[&[Lesson]],
    network: &Network,
    tally: &mut Tally,
    step: usize,
    draw: &Draw,
) -> Result<Option<candle_core::Tensor>, Failure> {
    let (side, count) =
        if step % 4 == 3 { (SIDE, chosen.len().div_ceil(4)) } else { (eye::PART, chosen.len()) };
    let marks = EyeBatch::marks(studio, &chosen[..count], side, &draw.of("marks")).loss(network, tally)?;
    let stormy = &chosen[..chosen.len().min(arguments.storm)];
    let storm = EyeBatch::storm(studio, stormy, eye::PART, &draw.of("storm")).loss(network, tally)?;
    Ok(match (marks, storm) {
        (Some(marks), Some(storm)) => Some((marks + storm)?),
        (marks, storm) => marks.or(storm),
    })
}

/// Learning rate: a short rise, then half a cosine down to nothing.
fn rate(arguments: &Arguments, step: usize) -> f32 {
    let rise = ((step + 1) as f64 / RISE as f64).min(1.0);
    let done = step as f64 / arguments.steps.max(1) as f64;
    (arguments.rate * rise * 0.5 * (1.0 + (std::f64::consts::PI * done).cos())) as f32
}

/// The log: lines of JSON, on the terminal too.
struct Log(std::fs::File);

impl Log {
    fn open(path: &Path) -> Result<Self, Failure> {
        Ok(Self(std::fs::File::options().create(true).append(true).open(path)?))
    }

    fn line(&mut self, value: &serde_json::Value) -> Result<(), Failure> {
        println!("{value}");
        writeln!(self.0, "{value}")?;
        Ok(())
    }
}
