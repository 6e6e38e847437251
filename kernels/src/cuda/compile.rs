//! Machine code for a GPU: from the cache, from NVRTC, or the carried PTX.

use super::fault::GpuFault;
use super::libraries;
use super::source::{CARRIED, OPTIONS, digest, text};
use cudarc::nvrtc::sys;
use sha2::{Digest, Sha256};
use std::ffi::{CString, c_char};
use std::path::{Path, PathBuf};

/// Where the running code came from.
#[derive(Debug, Clone, PartialEq)]
pub enum Code {
    /// Compiled by NVRTC just now.
    Compiled,
    /// Compiled by NVRTC earlier.
    Cached(PathBuf),
    /// The carried PTX, which the driver compiles, and why.
    Carried(Box<GpuFault>),
}

/// What NVRTC made of the source.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// Machine code.
    pub cubin: Vec<u8>,
    /// PTX.
    pub ptx: String,
    /// What the compiler said.
    pub log: String,
}

/// Compiles the kernels for an architecture such as `sm_90`, with further options.
///
/// # Errors
/// [`GpuFault::NoLibrary`] without NVRTC, [`GpuFault::Compile`] with its log otherwise.
pub fn compile(architecture: &str, options: &[&str]) -> Result<Compiled, GpuFault> {
    if !libraries::nvrtc() {
        return Err(GpuFault::NoLibrary { library: "NVRTC (libnvrtc)", purpose: "compiles the kernels" });
    }
    let text = c_string(text())?;
    let name = c_string("situs.cu".to_owned())?;
    let mut all = vec![c_string(format!("--gpu-architecture={architecture}"))?];
    for option in OPTIONS.iter().chain(options) {
        all.push(c_string((*option).to_owned())?);
    }
    let pointers: Vec<*const c_char> = all.iter().map(|option| option.as_ptr()).collect();
    let mut program = Program(std::ptr::null_mut());
    // SAFETY: the library is there; text, name and options are strings that outlive the calls, no headers are given.
    let made = unsafe {
        sys::nvrtcCreateProgram(
            &mut program.0,
            text.as_ptr(),
            name.as_ptr(),
            0,
            std::ptr::null(),
            std::ptr::null(),
        )
    };
    succeeded(made, "nvrtcCreateProgram")?;
    // SAFETY: as above, and the program was made.
    let done = unsafe { sys::nvrtcCompileProgram(program.0, pointers.len() as i32, pointers.as_ptr()) };
    let log = String::from_utf8_lossy(&program.read(sys::nvrtcGetProgramLogSize, sys::nvrtcGetProgramLog)?)
        .trim_end_matches('\0')
        .to_owned();
    if done != sys::nvrtcResult::NVRTC_SUCCESS {
        return Err(GpuFault::Compile { log: if log.is_empty() { format!("{done:?}") } else { log } });
    }
    let cubin = program.read(sys::nvrtcGetCUBINSize, sys::nvrtcGetCUBIN)?;
    let ptx = program.read(sys::nvrtcGetPTXSize, sys::nvrtcGetPTX)?;
    let ptx = String::from_utf8_lossy(&ptx).trim_end_matches('\0').to_owned();
    Ok(Compiled { cubin, ptx, log })
}

fn c_string(text: String) -> Result<CString, GpuFault> {
    CString::new(text).map_err(|error| GpuFault::Compile { log: error.to_string() })
}

fn succeeded(result: sys::nvrtcResult, what: &str) -> Result<(), GpuFault> {
    match result {
        sys::nvrtcResult::NVRTC_SUCCESS => Ok(()),
        other => Err(GpuFault::Compile { log: format!("{what}: {other:?}") }),
    }
}

/// A program of NVRTC's.
struct Program(sys::nvrtcProgram);

impl Program {
    /// One of the things that a program has: its size, then its bytes.
    fn read(
        &self,
        size: unsafe fn(sys::nvrtcProgram, *mut usize) -> sys::nvrtcResult,
        bytes: unsafe fn(sys::nvrtcProgram, *mut c_char) -> sys::nvrtcResult,
    ) -> Result<Vec<u8>, GpuFault> {
        let mut length = 0usize;
        // SAFETY: the program is alive; the size is written to a place of its type.
        succeeded(unsafe { size(self.0, &mut length) }, "the size of the result")?;
        let mut buffer = vec![0u8; length];
        if length > 0 {
            // SAFETY: the program is alive; the buffer has as many bytes as it said.
            succeeded(unsafe { bytes(self.0, buffer.as_mut_ptr().cast()) }, "the result")?;
        }
        Ok(buffer)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: the program is alive and nobody else has it. A failure would leave it behind, which harms nobody.
            let _ = unsafe { sys::nvrtcDestroyProgram(&mut self.0) };
        }
    }
}

/// Machine code or PTX for a compute capability, and where it came from.
pub(super) fn code_for(capability: (i32, i32)) -> (cudarc::nvrtc::Ptx, Code) {
    let architecture = format!("sm_{}{}", capability.0, capability.1);
    let cached = cache_folder().map(|folder| folder.join(format!("{}-{architecture}.cubin", digest())));
    if let Some((path, cubin)) = cached.as_ref().and_then(|path| Some((path, read_cached(path)?))) {
        return (cudarc::nvrtc::Ptx::from_binary(cubin), Code::Cached(path.clone()));
    }
    match compile(&architecture, &[]) {
        Ok(compiled) => {
            if let Some(path) = cached {
                write_cached(&path, &compiled.cubin);
            }
            (cudarc::nvrtc::Ptx::from_binary(compiled.cubin), Code::Compiled)
        }
        Err(fault) => (cudarc::nvrtc::Ptx::from_src(CARRIED), Code::Carried(Box::new(fault))),
    }
}

/// `$XDG_CACHE_HOME/situs/cuda`, else `~/.cache/situs/cuda`.
fn cache_folder() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))?;
    Some(base.join("situs/cuda"))
}

/// Bytes of a digest before the cached code.
const DIGEST: usize = 32;

/// The code of a cached file whose digest is its own.
fn read_cached(path: &Path) -> Option<Vec<u8>> {
    let bytes = std::fs::read(path).ok()?;
    let (digest, cubin) = bytes.split_at_checked(DIGEST)?;
    (Sha256::digest(cubin).as_slice() == digest).then(|| cubin.to_vec())
}

/// Puts code into the cache. A failure costs another compilation the next time and nothing else.
fn write_cached(path: &Path, cubin: &[u8]) {
    let Some(folder) = path.parent() else { return };
    let own = path.with_extension(format!("{}.new", std::process::id()));
    let bytes = [Sha256::digest(cubin).as_slice(), cubin].concat();
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&own, bytes));
    if written.and_then(|()| std::fs::rename(&own, path)).is_err() {
        let _ = std::fs::remove_file(&own);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_code_is_read_back_and_damaged_code_is_not() {
        let folder = std::env::temp_dir().join(format!("situs-cuda-cache-{}", std::process::id()));
        let path = folder.join("deep/code.cubin");
        assert_eq!(read_cached(&path), None);
        write_cached(&path, b"machine code");
        assert_eq!(read_cached(&path).as_deref(), Some(&b"machine code"[..]));
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(read_cached(&path), None);
        std::fs::write(&path, b"short").unwrap();
        assert_eq!(read_cached(&path), None);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
