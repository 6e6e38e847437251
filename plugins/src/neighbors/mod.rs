//! Neighbor tables as files: built from a model's embeddings and tokenizer, loaded for samplers, shown and checked.
//!
//! A library room for samplers and commands, not a folder of components. The arithmetic is in
//! [`situs_kernels::neighbors`]; here are the files around it.

mod build;
mod check;
mod embedding_file;
mod mapped;
mod model_folder;
mod own_table;
mod put_aside;
mod table_file;
mod tokenizer;

pub use build::{Built, Job};
pub use check::{Checked, check};
pub use embedding_file::EmbeddingFile;
pub use model_folder::ModelFolder;
pub use own_table::{OwnTable, own_table};
pub use table_file::{Expectations, NeighborFile, Reuse};
pub use tokenizer::{ContentRule, Tokenizer};
