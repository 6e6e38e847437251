//! Families of models. One file a family, its parts in a folder of the same name; a file put here is found by itself.

automod::dir!(pub "src/families");
