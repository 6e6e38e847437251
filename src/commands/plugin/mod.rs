//! `situs plugin`: start one, check one.

mod check;
mod new;

use super::Known;
use crate::cli::PluginAction;
use crate::exit::Failure;
use situs_core::run::Exit;

pub(super) fn plugin(action: PluginAction, known: &Known<'_>, json: bool) -> Result<Exit, Failure> {
    match action {
        PluginAction::New { name, kind, core } => new::new(&name, &kind, core.as_deref()),
        PluginAction::Check { library } => check::check(&library, known, json),
    }
}
