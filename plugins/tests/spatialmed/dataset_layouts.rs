//! Tumours of the public data sets, in miniature folders.
