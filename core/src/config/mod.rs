//! TOML to parameters to components, with errors that name file, line and path.
