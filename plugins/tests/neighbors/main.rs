//! Neighbor tables as files: tokenizers, embeddings, building, loading, checking.

#![allow(clippy::unwrap_used)]

mod embeddings;
mod fixture;
mod tables;
mod tokens;
