//! Text requests against a local stub: more than 2,000 a second on 2 cores, less than 100 us of CPU each.
//!
//! Three ways of sending, each by wall clock and by CPU time, per request:
//! `bare_tcp` writes the bytes that the backend sends and reads the reply, nothing else; `openai_backend` calls the
//! backend; `whole_run` is a run of the engine from config to summary, planning, journal and scoring included.
//! All keep 32 connections busy. CPU time is user and system time of this process; the stub is another process.

#[path = "support/no_pictures.rs"]
mod no_pictures;
#[path = "support/stub.rs"]
mod stub;

use criterion::{BenchmarkGroup, Criterion, SamplingMode, criterion_group, measurement::WallTime};
use no_pictures::NoPictures;
use serde_json::json;
use situs_core::config::{Overrides, RunConfig};
use situs_core::prelude::*;
use situs_core::registry::{Params, Registry};
use situs_core::run::{RunOptions, Silent, run};
use situs_core::space::Affine;
use std::collections::BTreeMap;
use std::io::{BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use stub::Stub;

// Built-in components register themselves; this links them in.
use situs_plugins as _;

// The allocator of the `situs` command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CONNECTIONS: usize = 32;
/// Questions of one whole run.
const QUESTIONS: usize = 5_000;

situs_core::component! {
    /// One case of eight voxels: volumes shall cost nothing here.
    dataset "bench-speck";
    pub struct Speck {}
}

#[typetag::serde(name = "bench-speck")]
impl DatasetSpec for Speck {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Dataset>, Fault> {
        let card = DatasetCard {
            name: "speck".to_owned(),
            licence: "none".to_owned(),
            modality_text: "CT scan".to_owned(),
            digest: "speck".to_owned(),
        };
        Ok(Box::new(SpeckCase(card)))
    }
}

struct SpeckCase(DatasetCard);

impl Dataset for SpeckCase {
    fn card(&self) -> &DatasetCard {
        &self.0
    }

    fn len(&self) -> usize {
        1
    }

    fn case(&self, _: usize) -> Result<Case, Fault> {
        let source = VolumeSource::Dataset { key: "speck".to_owned() };
        Ok(Case {
            name: "speck".to_owned(),
            cluster: "speck".to_owned(),
            modality: Modality::Ct,
            volumes: vec![VolumeRef { id: "speck".to_owned(), source }],
            structures: StructureSource::None,
            facts: BTreeMap::new(),
        })
    }

    fn volume(&self, _: &str) -> Result<Volume, Fault> {
        Ok(Volume::new([2, 2, 2], Affine::IDENTITY, vec![0.0; 8]))
    }
}

situs_core::component! {
    /// Questions of text alone, about 600 bytes each.
    family "bench-texts";
    pub struct Texts {
        /// How many.
        pub questions: usize = QUESTIONS,
    }
}

#[typetag::serde(name = "bench-texts")]
impl QuestionFamilySpec for Texts {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn QuestionFamily>, Fault> {
        Ok(Box::new(self.clone()))
    }
}

impl QuestionFamily for Texts {
    fn version(&self) -> &str {
        "1"
    }

    fn ask(&self, cx: &AskContext<'_>) -> Result<Asked, Fault> {
        let questions = (0..self.questions).map(|number| question(&cx.case.name, number)).collect();
        Ok(Asked::Questions { questions, left_out: Reasons::new() })
    }

    fn read(&self, _: &Question, reply: &Reply) -> Result<Answer, Fault> {
        let tagged = reply.text.strip_prefix("<answer>").and_then(|text| text.strip_suffix("</answer>"));
        Ok(tagged.map_or_else(|| Answer::without_value(AnswerState::Unparsed), Answer::answered))
    }
}

fn text(number: usize) -> String {
    let sentence = "You are shown an axial CT slice in the standard radiological view. ";
    format!("{}Question {number}: A or B?", sentence.repeat(8))
}

fn question(case: &str, number: usize) -> Question {
    Question {
        id: String::new(),
        volumes: Vec::new(),
        cases: vec![case.to_owned()],
        cluster: String::new(),
        template: "text".to_owned(),
        cell: format!("cell {}", number % 40),
        bundle: number.to_string(),
        structures: vec!["liver".to_owned(), "spleen".to_owned()],
        text: text(number),
        options: vec!["A".to_owned(), "B".to_owned()],
        truth: if number.is_multiple_of(2) { "A" } else { "B" }.to_owned(),
        chance: 0.5,
        facets: BTreeMap::from([("modality".to_owned(), "CT".to_owned())]),
        scene: None,
        evidence: Evidence::default(),
        private: serde_json::Value::Null,
    }
}

/// A clock that is read before and after.
#[derive(Clone, Copy)]
enum Clock {
    Wall,
    Cpu,
}

impl Clock {
    const ALL: [(&'static str, Self); 2] = [("wall", Self::Wall), ("cpu", Self::Cpu)];

    fn time(self, work: impl FnOnce()) -> Duration {
        let (wall, cpu) = (Instant::now(), cpu_time());
        work();
        match self {
            Self::Wall => wall.elapsed(),
            Self::Cpu => cpu_time().saturating_sub(cpu),
        }
    }
}

/// User and system time of this process, all threads, ended ones included.
#[cfg(unix)]
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// Not measured here.
#[cfg(not(unix))]
fn cpu_time() -> Duration {
    Duration::ZERO
}

/// Shares `requests` out among all connections, each a thread with a state of its own.
fn on_all_connections(requests: u64, work: impl Fn(u64) + Sync) {
    let work = &work;
    std::thread::scope(|scope| {
        for thread in 0..CONNECTIONS as u64 {
            let share = requests / CONNECTIONS as u64 + u64::from(thread < requests % CONNECTIONS as u64);
            if share > 0 {
                scope.spawn(move || work(share));
            }
        }
    });
}

fn backend(base_url: &str) -> Result<Box<dyn ModelBackend>, Fault> {
    let params =
        json!({"use": "openai", "name": "stub-model", "base_url": base_url, "max_connections": CONNECTIONS});
    let params: Params = params.as_object().cloned().unwrap_or_default();
    Ok(Registry::builtin()?.build::<dyn ModelBackend>(&params, &BuildContext::default())?.component)
}

fn request(number: usize) -> Request {
    Request {
        id: format!("{number:032x}"),
        question: format!("{number:032x}"),
        prompt: Prompt::text(text(number)),
        options: vec!["A".to_owned(), "B".to_owned()],
        trial: 0,
        draw: 0,
        truth: None,
    }
}

fn sampling() -> Sampling {
    Sampling { temperature: Some(0.0), max_tokens: Some(1024), ..Sampling::default() }
}

/// The bytes that the backend sends for one request.
fn sent_bytes(media: &dyn Media) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let backend = backend(&format!("http://{}/v1", listener.local_addr()?))?;
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| backend.reply(&request(1), &sampling(), media));
        let (mut stream, _) = listener.accept()?;
        let bytes = stub::receive(&mut BufReader::new(stream.try_clone()?))?.unwrap_or_default();
        stream.write_all(stub::reply().as_bytes())?;
        asked.join().map_err(|_| "the backend panicked")??;
        Ok(bytes)
    })
}

fn bare_tcp(group: &mut BenchmarkGroup<'_, WallTime>, stub: &Stub, bytes: &[u8]) {
    let send = |share: u64| -> std::io::Result<()> {
        let mut stream = TcpStream::connect(stub.address)?;
        stream.set_nodelay(true)?;
        let mut reply = stub::reply().into_bytes();
        for _ in 0..share {
            stream.write_all(bytes)?;
            stream.read_exact(&mut reply)?;
        }
        Ok(())
    };
    for (name, clock) in Clock::ALL {
        group.bench_function(format!("bare_tcp/{name}"), |bencher| {
            bencher.iter_custom(|requests| {
                clock.time(|| on_all_connections(requests, |share| assert!(send(share).is_ok())))
            });
        });
    }
}

fn openai_backend(
    group: &mut BenchmarkGroup<'_, WallTime>,
    backend: &dyn ModelBackend,
    media: &(dyn Media + '_),
) {
    let (request, sampling) = (request(1), sampling());
    for (name, clock) in Clock::ALL {
        group.bench_function(format!("openai_backend/{name}"), |bencher| {
            bencher.iter_custom(|requests| {
                clock.time(|| {
                    on_all_connections(requests, |share| {
                        for _ in 0..share {
                            assert!(backend.reply(&request, &sampling, media).is_ok());
                        }
                    });
                })
            });
        });
    }
}

fn whole_run(
    group: &mut BenchmarkGroup<'_, WallTime>,
    stub: &Stub,
) -> Result<(), Box<dyn std::error::Error>> {
    let registry = Registry::builtin()?;
    let config = format!(
        "[dataset]\nuse = 'bench-speck'\n[family]\nuse = 'bench-texts'\n[renderer]\nuse = 'slices'\n\
         [model]\nuse = 'openai'\nname = 'stub-model'\nbase_url = '{}'\nmax_connections = {CONNECTIONS}\n\
         [sampler]\nuse = 'greedy'\n",
        stub.base_url()
    );
    let config = RunConfig::parse("requests.toml", config, None, &Overrides::default(), &registry)?;
    let once = || {
        let Ok(folder) = tempfile::tempdir() else { return };
        let options = RunOptions { folder: folder.path().to_owned(), limit: None, stop: Arc::default() };
        let asked = run(&config, &registry, &options, &Silent).map(|outcome| (outcome.asked, outcome.failed));
        assert!(matches!(asked, Ok((asked, 0)) if asked == QUESTIONS as u64));
    };
    for (name, clock) in Clock::ALL {
        group.bench_function(format!("whole_run/{name}"), |bencher| {
            bencher.iter_custom(|requests| {
                // A run is the smallest unit; its time is given per request.
                let runs = requests.div_ceil(QUESTIONS as u64);
                let spent = clock.time(|| (0..runs).for_each(|_| once()));
                spent.mul_f64(requests as f64 / (runs * QUESTIONS as u64) as f64)
            });
        });
    }
    Ok(())
}

fn measure(criterion: &mut Criterion) -> Result<(), Box<dyn std::error::Error>> {
    let stub = Stub::start()?;
    let media = NoPictures::default();
    let bytes = sent_bytes(&media)?;
    let backend = backend(&stub.base_url())?;
    let mut group = criterion.benchmark_group("requests");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.measurement_time(Duration::from_secs(4)).warm_up_time(Duration::from_secs(1));
    bare_tcp(&mut group, &stub, &bytes);
    openai_backend(&mut group, backend.as_ref(), &media);
    whole_run(&mut group, &stub)?;
    group.finish();
    Ok(())
}

fn requests(criterion: &mut Criterion) {
    if let Err(error) = measure(criterion) {
        println!("skipped: {error}");
    }
}

criterion_group!(benches, requests);

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(stub::SERVE) {
        return if stub::serve().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
    ExitCode::SUCCESS
}
