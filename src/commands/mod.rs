//! One file per subcommand.

mod describe;
mod list;

use crate::cli::{Cli, Command};
use crate::exit::{Exit, Failure};
use situs_core::fault::Fault;
use situs_core::registry::{Kind, suggest};

/// Runs the subcommand.
///
/// # Errors
/// Whatever stopped it, with the exit code that fits.
pub(crate) fn dispatch(arguments: Cli) -> Result<Exit, Failure> {
    let json = arguments.json;
    match arguments.command {
        Command::List { kind } => list::list(kind.as_deref(), json),
        Command::Describe { kind, name } => describe::describe(&kind, &name, json),
        _ => Ok(Exit::Done),
    }
}

/// The kind of that name; plurals work too.
fn kind_named(word: &str) -> Result<Kind, Fault> {
    let known = Kind::ALL.map(Kind::name);
    let plain = word.to_lowercase();
    Kind::ALL
        .into_iter()
        .find(|kind| [kind.name().to_owned(), plural(*kind)].contains(&plain))
        .ok_or_else(|| {
            let hint = suggest(&plain, &known).map(|near| format!("did you mean '{near}'? ")).unwrap_or_default();
            Fault::config(format!("unknown kind '{word}'")).help(format!("{hint}known: {}", known.join(", ")))
        })
}

fn plural(kind: Kind) -> String {
    match kind {
        Kind::Family => "families".to_owned(),
        other => format!("{other}s"),
    }
}
