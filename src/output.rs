//! Writing results to stdout and remarks to stderr.

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use serde::Serialize;
use situs_core::fault::Fault;
use std::io::{ErrorKind, IsTerminal as _, Write as _};

/// Width of prose tables where there is no terminal to ask.
const PROSE_WIDTH: u16 = 100;

/// Prints text and a line end. A reader that has gone away (`| head`) is not an error.
///
/// # Errors
/// When stdout cannot be written.
pub(crate) fn print(text: &str) -> Result<(), Fault> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Fault::internal(format!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes a line to stderr. Nobody may be there to read it; that changes no result.
pub(crate) fn note(text: &str) {
    let mut err = std::io::stderr().lock();
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.write_all(b"\n"));
}

/// Prints a value as indented JSON.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Fault> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Fault::internal(format!("cannot write JSON: {error}")))?;
    print(&text)
}

/// A plain table: a header, a rule, no frames; the named columns are right-aligned. On a terminal, long cells wrap.
pub(crate) fn table(header: &[&str], rows: Vec<Vec<String>>, right_aligned: &[usize]) -> String {
    laid_out(header, rows, right_aligned, None)
}

/// A table of sentences: long cells wrap off a terminal, too.
pub(crate) fn prose_table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    laid_out(header, rows, &[], (!std::io::stdout().is_terminal()).then_some(PROSE_WIDTH))
}

fn laid_out(header: &[&str], rows: Vec<Vec<String>>, right_aligned: &[usize], width: Option<u16>) -> String {
    let mut table = Table::new();
    if let Some(width) = width {
        table.set_width(width);
    }
    let style = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));
    table.load_style(style).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().map(|name| name.to_string()).collect::<Vec<_>>());
    for row in rows {
        table.add_row(row);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((if index == 0 { 0 } else { 1 }, 1));
        if right_aligned.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let text = table.to_string();
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}
