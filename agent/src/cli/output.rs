//! Results on standard output: tables that fit the terminal, JSON and YAML for programs.

use std::io::{self, Write};

use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;

use super::failure::{Code, Failure};

/// How a result is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Table,
    /// One JSON document
    Json,
    /// One YAML document
    Yaml,
}

/// The option that chooses the format, shared by the commands that print results.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct OutputArgs {
    /// How the result is printed; the fields of json and yaml are stable
    #[arg(short, long, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    pub output: Format,
}

/// Prints `value` as JSON or YAML, or what `table` writes when people read it.
///
/// # Errors
/// When standard output fails for another reason than a reader that went away.
pub fn print<T: Serialize>(
    format: Format,
    value: &T,
    table: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    let written = match format {
        Format::Table => table(&mut out),
        Format::Json => json(&mut out, value),
        Format::Yaml => yaml(&mut out, value),
    };
    match written.and_then(|()| out.flush()) {
        // `agent pods | head -1`: the reader has what it wanted.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::new("write to standard output", &error).code(Code::Failed)),
        Ok(()) => Ok(()),
    }
}

fn json(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}

fn yaml(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    let text = serde_saphyr::to_string(value).map_err(io::Error::other)?;
    writeln!(out, "{}", text.trim_end())
}

/// A table without borders whose last columns wrap at the terminal's width; full width in a pipe.
pub fn table<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> Table {
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    if let Some(width) = terminal_width() {
        table.set_width(width);
    }
    table.set_header(header);
    for row in rows {
        table.add_row(row);
    }
    // The first column starts at the left edge and two blanks separate the columns.
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// Writes a table without trailing blanks.
///
/// # Errors
/// When the output fails.
pub fn write_table(out: &mut dyn Write, table: &Table) -> io::Result<()> {
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// The width of the terminal on standard output, or nothing when that is a file or a pipe.
fn terminal_width() -> Option<u16> {
    use std::io::IsTerminal;
    let stdout = io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    super::terminal::width(&stdout)
}
