//! Components are found by folder; tells cargo to look again when a file is added.

fn main() {
    for kind in ["datasets", "families", "renderers", "backends", "samplers", "metrics"] {
        println!("cargo:rerun-if-changed=src/{kind}");
    }
}
