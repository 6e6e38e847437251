//! Compiles the emulated kernels and runs them.
#![allow(unsafe_code, reason = "calls into the library that the kernels are compiled to")]

use super::rows::{Row, Stored};
use libloading::Library;
use sha2::{Digest, Sha256};
use situs_kernels::NeighborTable;
use situs_kernels::cuda::arguments::{
    ExactArguments, ResultWords, RuleArguments, SelectArguments, StepArguments, StepRule, TableShape, Told,
    table_words,
};
use std::ffi::{c_char, c_int};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Blocks of a row and where they keep it; `step.cpp` has the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form(u32);

impl Form {
    /// Those that GPUs run: 8 blocks with the row in registers, 4 and 2 with it in shared memory, 8 that read it again.
    pub const OF_GPUS: [Self; 4] = [Self(0), Self(1), Self(2), Self(3)];
    /// The same code with 64 threads a block, for 1, 2, 4 and 8 blocks.
    pub const SMALL_1: Self = Self(4);
    pub const SMALL_2: Self = Self(5);
    pub const SMALL_4: Self = Self(6);
    pub const SMALL_8: Self = Self(7);
    pub const SMALL: [Self; 4] = [Self::SMALL_1, Self::SMALL_2, Self::SMALL_4, Self::SMALL_8];
}

/// How rows are handed over and threads are scheduled.
#[derive(Debug, Clone, Copy)]
pub struct Launch {
    pub form: Form,
    /// Orders the threads.
    pub seed: u64,
    /// Numbers between rows, and before the first; they are NaN.
    pub padding: usize,
    /// A barrier that does nothing.
    pub skipped: Option<usize>,
}

impl Default for Launch {
    fn default() -> Self {
        Self { form: Form::SMALL_1, seed: 0, padding: 0, skipped: None }
    }
}

#[repr(C)]
struct EmulatedStep {
    step: StepArguments,
    logits_bytes: u64,
    neighbors_bytes: u64,
    content_bytes: u64,
    seed: u64,
    skipped: c_int,
    batch: u32,
    format: u32,
    form: u32,
}

#[repr(C)]
struct EmulatedSelect {
    select: SelectArguments,
    products_bytes: u64,
    inverse_bytes: u64,
    seed: u64,
    skipped: c_int,
    rows: u32,
    form: u32,
}

#[repr(C)]
struct EmulatedExact {
    exact: ExactArguments,
    matrix_bytes: u64,
    norms_bytes: u64,
    seed: u64,
    format: u32,
}

pub struct Emulation {
    library: Library,
}

const SOURCES: [&str; 7] = [
    "src/cuda/number.cuh",
    "src/cuda/collective.cuh",
    "src/cuda/step.cu",
    "src/cuda/select.cu",
    "tests/emulation/machine.h",
    "tests/emulation/machine.cpp",
    "tests/emulation/kernels.cpp",
];

/// One multiplication and one addition are two roundings; only `fused` is one.
const FLAGS: [&str; 9] = [
    "-std=c++17",
    "-O2",
    "-fPIC",
    "-shared",
    "-pthread",
    "-ffp-contract=off",
    "-fno-fast-math",
    "-Wall",
    "-Wextra",
];

impl Emulation {
    /// The emulated kernels; `None`, with a message, where there is no compiler.
    pub fn compiled() -> Option<&'static Self> {
        static COMPILED: OnceLock<Option<Emulation>> = OnceLock::new();
        COMPILED.get_or_init(Self::compile).as_ref()
    }

    fn compile() -> Option<Self> {
        let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
        if !Command::new(&compiler).arg("--version").output().is_ok_and(|output| output.status.success()) {
            println!("not run: there is no C++ compiler ({compiler}) to emulate the kernels with");
            let required = std::env::var("SITUS_EMULATION_REQUIRED").is_ok_and(|set| set == "1");
            assert!(!required, "SITUS_EMULATION_REQUIRED is set, and {compiler} does not run");
            return None;
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut digest = Sha256::new();
        for source in SOURCES {
            digest.update(std::fs::read(root.join(source)).unwrap());
        }
        digest.update(FLAGS.concat());
        let name: String = digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let library = folder.join(format!("emulated-{name}.so"));
        if !library.exists() {
            // Another process may do the same: whoever is last replaces equal bytes.
            let own = folder.join(format!("emulated-{name}-{}.so", std::process::id()));
            let output = Command::new(&compiler)
                .args(FLAGS)
                .arg(format!("-I{}", root.join("tests/emulation").display()))
                .arg(format!("-I{}", root.join("src/cuda").display()))
                .args(["machine.cpp", "kernels.cpp"].map(|file| root.join("tests/emulation").join(file)))
                .arg("-o")
                .arg(&own)
                .output()
                .unwrap();
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && errors.is_empty(), "{errors}");
            std::fs::rename(&own, &library).unwrap();
        }
        // SAFETY: the library was compiled from the sources beside this file; its initialisers touch only its own data.
        let library = unsafe { Library::new(&library) }.unwrap();
        Some(Self { library })
    }

    /// A launch for rows of one width and format. What the kernel has to say of each row, or what went wrong with it.
    pub fn run(
        &self,
        launch: &Launch,
        rows: &[Row],
        rules: &[StepRule],
        table: &NeighborTable,
        report: bool,
    ) -> Result<Vec<Told>, String> {
        let width = rows[0].width();
        let logits = Laid::out(rows, launch.padding);
        let (neighbors, content) = table_words(table);
        let shape = Some(TableShape::from(table));
        let prepared: Vec<RuleArguments> =
            rules.iter().zip(0..).map(|(rule, row)| prepare(rule, row, width, shape, report)).collect();
        let mut results = vec![ResultWords::default(); rows.len()];
        let mut emulated = EmulatedStep {
            step: StepArguments {
                logits: logits.address(),
                stride: logits.stride as u64,
                width: width as u32,
                slots: table.k as u32,
                neighbors: neighbors.as_ptr() as u64,
                content: content.as_ptr() as u64,
                rules: prepared.as_ptr() as u64,
                results: results.as_mut_ptr() as u64,
            },
            logits_bytes: logits.bytes as u64,
            neighbors_bytes: size_of_val(neighbors.as_slice()) as u64,
            content_bytes: size_of_val(content.as_slice()) as u64,
            seed: launch.seed,
            skipped: launch.skipped.map_or(-1, |site| site as c_int),
            batch: rows.len() as u32,
            format: rows[0].format() as u32,
            form: launch.form.0,
        };
        // SAFETY: the function has this signature; every address above is of an array that outlives the call, as long as
        // the kernel may reach, and the emulation itself refuses to read beyond `*_bytes`.
        let sound = unsafe {
            let step =
                self.library.get::<unsafe extern "C" fn(*mut EmulatedStep) -> c_int>(b"situs_step").unwrap();
            step(&mut emulated)
        };
        if sound == 0 {
            return Err(self.text(|out, room| {
                // SAFETY: the function has this signature and writes at most `room` bytes.
                unsafe {
                    let fault =
                        self.library.get::<unsafe extern "C" fn(*mut c_char, usize)>(b"situs_fault").unwrap();
                    fault(out, room);
                }
            }));
        }
        Ok(results.iter().zip(rules).map(|(words, rule)| words.told(rule, width, report)).collect())
    }

    /// The candidates of rows of products, `kept` each; `form` is one of those in `kernels.cpp`.
    pub fn select(
        &self,
        form: u32,
        seed: u64,
        rows: &[Row],
        inverse: &[f32],
        first: usize,
        kept: usize,
    ) -> Result<Vec<u64>, String> {
        let products = Laid::out(rows, seed as usize % 5);
        let mut entries = vec![0u64; rows.len() * kept];
        let mut emulated = EmulatedSelect {
            select: SelectArguments {
                products: products.address(),
                stride: products.stride as u64,
                inverse: inverse.as_ptr() as u64,
                entries: entries.as_mut_ptr() as u64,
                width: inverse.len() as u32,
                first: first as u32,
                kept: kept as u32,
            },
            products_bytes: products.bytes as u64,
            inverse_bytes: size_of_val(inverse) as u64,
            seed,
            skipped: -1,
            rows: rows.len() as u32,
            form,
        };
        // SAFETY: as in `run`.
        let sound = unsafe {
            let select = self
                .library
                .get::<unsafe extern "C" fn(*mut EmulatedSelect) -> c_int>(b"situs_select")
                .unwrap();
            select(&mut emulated)
        };
        self.sound(sound)?;
        Ok(entries)
    }

    /// Entries with exact scores, `kept` of each row of a matrix.
    pub fn exact(
        &self,
        matrix: &Row,
        norms: &[f64],
        width: usize,
        kept: usize,
        mut entries: Vec<u64>,
    ) -> Result<Vec<u64>, String> {
        let laid = Laid::out(std::slice::from_ref(matrix), 0);
        let mut emulated = EmulatedExact {
            exact: ExactArguments {
                matrix: laid.address(),
                norms: norms.as_ptr() as u64,
                entries: entries.as_mut_ptr() as u64,
                width: width as u32,
                first: 0,
                kept: kept as u32,
                rows: norms.len() as u32,
            },
            matrix_bytes: laid.bytes as u64,
            norms_bytes: size_of_val(norms) as u64,
            seed: 3,
            format: matrix.format() as u32,
        };
        // SAFETY: as in `run`.
        let sound = unsafe {
            let exact = self
                .library
                .get::<unsafe extern "C" fn(*mut EmulatedExact) -> c_int>(b"situs_exact")
                .unwrap();
            exact(&mut emulated)
        };
        self.sound(sound)?;
        Ok(entries)
    }

    /// The fault of the last launch, where there was one.
    fn sound(&self, sound: c_int) -> Result<(), String> {
        if sound != 0 {
            return Ok(());
        }
        Err(self.text(|out, room| {
            // SAFETY: the function has this signature and writes at most `room` bytes.
            unsafe {
                let fault =
                    self.library.get::<unsafe extern "C" fn(*mut c_char, usize)>(b"situs_fault").unwrap();
                fault(out, room);
            }
        }))
    }

    fn text(&self, write: impl Fn(*mut c_char, usize)) -> String {
        let mut buffer = vec![0u8; 512];
        write(buffer.as_mut_ptr().cast(), buffer.len());
        let end = buffer.iter().position(|byte| *byte == 0).unwrap();
        String::from_utf8_lossy(&buffer[..end]).into_owned()
    }

    /// The barriers that launches of this thread came by since this was last asked, by number and place.
    pub fn barriers(&self) -> Vec<(usize, String)> {
        // SAFETY: the functions have these signatures; numbers below `sites` are sites.
        unsafe {
            let sites = self.library.get::<unsafe extern "C" fn() -> c_int>(b"situs_sites").unwrap();
            let reached = self.library.get::<unsafe extern "C" fn(c_int) -> c_int>(b"situs_reached").unwrap();
            let name = self
                .library
                .get::<unsafe extern "C" fn(c_int, *mut c_char, usize)>(b"situs_site_name")
                .unwrap();
            (0..sites())
                .filter(|site| reached(*site) != 0)
                .map(|site| (site as usize, self.text(|out, room| name(site, out, room))))
                .collect()
        }
    }
}

fn prepare(
    rule: &StepRule,
    row: u32,
    width: usize,
    table: Option<TableShape>,
    report: bool,
) -> RuleArguments {
    RuleArguments::new(rule, width, table, report).unwrap().unwrap().at(row)
}

/// Rows in one aligned array, as a device has them.
struct Laid {
    /// Wide enough for the strictest alignment.
    words: Vec<u128>,
    /// Bytes before the first row.
    skipped: usize,
    stride: usize,
    /// Bytes from the first logit to the last.
    bytes: usize,
}

impl Laid {
    fn out(rows: &[Row], padding: usize) -> Self {
        let size = rows[0].size();
        let width = rows[0].width();
        let stride = width + padding;
        let mut bytes = vec![0xffu8; (padding + rows.len() * stride) * size];
        for (row, place) in rows.iter().zip(bytes[padding * size..].chunks_mut(stride * size)) {
            match &row.stored {
                Stored::F32(values) => {
                    place.iter_mut().zip(values.iter().flat_map(|v| v.to_ne_bytes())).for_each(set)
                }
                Stored::Bf16(values) | Stored::F16(values) => {
                    place.iter_mut().zip(values.iter().flat_map(|v| v.to_ne_bytes())).for_each(set);
                }
            }
        }
        let words = bytes
            .chunks(16)
            .map(|chunk| {
                let mut word = [0xff; 16];
                word[..chunk.len()].copy_from_slice(chunk);
                u128::from_ne_bytes(word)
            })
            .collect();
        let bytes = ((rows.len() - 1) * stride + width) * size;
        Self { words, skipped: padding * size, stride, bytes }
    }

    fn address(&self) -> u64 {
        self.words.as_ptr() as u64 + self.skipped as u64
    }
}

fn set((place, byte): (&mut u8, u8)) {
    *place = byte;
}
