//! Whether NVIDIA's libraries are there. The bindings panic when they are not, so this is asked first.

use libloading::Library;

/// The driver.
pub(super) fn driver() -> bool {
    let names: &[&str] = if cfg!(windows) { &["nvcuda.dll"] } else { &["libcuda.so", "libcuda.so.1"] };
    names.iter().any(|name| loads(name))
}

/// The run-time compiler.
pub(super) fn nvrtc() -> bool {
    toolkit("nvrtc")
}

/// The matrix products.
pub(super) fn cublas_lt() -> bool {
    toolkit("cublasLt")
}

/// A library of the toolkit, by the names that the bindings look for as well. Version 13 is what they are made for.
fn toolkit(name: &str) -> bool {
    let names = if cfg!(windows) {
        vec![format!("{name}.dll"), format!("{name}64_13.dll")]
    } else {
        vec![format!("lib{name}.so"), format!("lib{name}.so.13"), format!("lib{name}.so.12")]
    };
    names.iter().any(|name| loads(name))
}

fn loads(name: &str) -> bool {
    // SAFETY: NVIDIA's libraries may be loaded at any time and by any thread; their initialisers touch nothing of ours.
    unsafe { Library::new(name) }.is_ok()
}
