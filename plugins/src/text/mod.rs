//! Word rules and figures of the programs whose text metrics papers report: sacreBLEU, rouge-score, NLTK, SQuAD.

mod alignment;
mod bleu;
mod common_subsequence;
mod numbering;
mod pair;
mod porter;
mod python;
mod rouge_words;
mod squad;
mod tokenizer_13a;
mod treebank;
mod wordnet;

pub(crate) use alignment::{Fragmentation, meteor};
pub use bleu::{Bleu, Counts};
pub(crate) use common_subsequence::common_subsequence;
pub use pair::{Pair, about_empty};
pub use porter::stem;
pub(crate) use python::{lower, split};
pub use rouge_words::rouge_words;
pub use squad::{normalised, token_f1};
pub use tokenizer_13a::tokens_13a;
pub use treebank::treebank_words;
pub use wordnet::WordNet;
