//! What is asked and how replies are read. One component a file; a file put here is found by itself.

automod::dir!(pub "src/families");
