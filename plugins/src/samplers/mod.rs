//! From logits to tokens. One component a file; a file put here is found by itself.

automod::dir!(pub "src/samplers");
