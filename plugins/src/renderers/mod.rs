//! From questions to prompts. One component a file; a file put here is found by itself.

automod::dir!(pub "src/renderers");
