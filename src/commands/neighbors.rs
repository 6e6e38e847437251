//! `situs neighbors`: neighbor tables of semantic sampling.

use super::plan::stop_on_signals;
use super::progress;
use crate::cli::{EmbeddingArgs, NeighborsAction};
use crate::exit::Failure;
use crate::output;
use crate::report::thousands;
use serde_json::json;
use situs_core::fault::Fault;
use situs_core::run::Exit;
use situs_plugins::neighbors::{
    ContentRule, EmbeddingFile, Expectations, Job, ModelFolder, NeighborFile, Tokenizer, check,
};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Name of a tokenizer's file.
const TOKENIZER: &str = "tokenizer.json";

pub(super) fn neighbors(action: NeighborsAction, json: bool) -> Result<Exit, Failure> {
    match action {
        NeighborsAction::Build { source, k, out, added_content, no_byte_fragments } => {
            let rule = ContentRule { added: added_content, byte_fragments: !no_byte_fragments };
            build(&source, rule, k, &out, json)
        }
        NeighborsAction::Show { table, token, tokenizer, model } => {
            let named = tokenizer.or_else(|| model.map(|folder| folder.join(TOKENIZER)));
            show(&table, &token, named.as_deref(), json)
        }
        NeighborsAction::Check { table, source, sample } => compare(&table, &source, sample, json),
    }
}

fn build(
    source: &EmbeddingArgs,
    rule: ContentRule,
    k: usize,
    out: &Path,
    json: bool,
) -> Result<Exit, Failure> {
    let (embeddings, tokenizer) = open(source).map_err(Failure::Input)?;
    let job = Job { embeddings: &embeddings, tokenizer: &tokenizer, rule, k, out };
    let stop = Arc::new(AtomicBool::new(false));
    let written = Job::being_written(out);
    stop_on_signals(&stop, "what is under way is finished and put aside", move || {
        // They need not be there; the second signal leaves in the midst of anything.
        written.iter().for_each(|file| drop(std::fs::remove_file(file)));
    })?;
    let shown = progress::progress();
    let built = job.run(shown.as_ref(), &stop)?;
    drop(shown);
    let Some(built) = built else { return Err(Failure::Interrupted) };
    if json {
        output::print_json(&built)?;
        return Ok(Exit::Done);
    }
    let mut text = String::new();
    let _ = writeln!(text, "table       {}", built.table.display());
    let _ = writeln!(text, "tensor      {} in {}", embeddings.tensor(), embeddings.path().display());
    let counts = [built.rows, embeddings.width(), built.content].map(|count| thousands(count as u64));
    let _ = writeln!(text, "rows        {} of {} numbers", counts[0], counts[1]);
    let _ =
        writeln!(text, "content     {}, {} of them zero rows", counts[2], thousands(built.zero_rows as u64));
    let _ = writeln!(text, "neighbors   {} a token, itself included", built.k);
    let _ = writeln!(text, "certified   all; {} rows compared twice", thousands(built.redone as u64));
    let _ = writeln!(text, "embeddings  sha256 {}", built.embedding_sha256);
    let _ = write!(text, "tokenizer   sha256 {}", built.tokenizer_sha256);
    output::print(&text)?;
    Ok(Exit::Done)
}

/// The tokenizer that shows a table's texts: the one that is named, else one of that name beside the table or here that the
/// table was made with; or why there is none.
fn tokenizer_of(file: &NeighborFile, named: Option<&Path>) -> Result<Result<Tokenizer, String>, Fault> {
    if let Some(named) = named {
        let tokenizer = Tokenizer::read(named)?;
        if tokenizer.sha256() != file.tokenizer_sha256 {
            let (own, made) = (tokenizer.sha256(), &file.tokenizer_sha256);
            let what = format!("made for another tokenizer: sha256 {made}, {} has {own}", named.display());
            return Err(Fault::data(what).within(file.path.display()));
        }
        return Ok(Ok(tokenizer));
    }
    let mut why = format!("no {TOKENIZER} beside the table or here");
    for candidate in [file.path.with_file_name(TOKENIZER), PathBuf::from(TOKENIZER)] {
        if !candidate.is_file() {
            continue;
        }
        match Tokenizer::read(&candidate) {
            Ok(tokenizer) if tokenizer.sha256() == file.tokenizer_sha256 => return Ok(Ok(tokenizer)),
            Ok(_) => why = format!("{} is not the tokenizer the table was made with", candidate.display()),
            Err(fault) => why = fault.what,
        }
    }
    Ok(Err(why))
}

fn show(table: &Path, token: &str, named: Option<&Path>, json: bool) -> Result<Exit, Failure> {
    let file = NeighborFile::load(table, &Expectations::default()).map_err(Failure::Input)?;
    let found = tokenizer_of(&file, named).map_err(Failure::Input)?;
    let id = token_id(token, found.as_ref())?;
    if let Err(why) = &found {
        output::note(&format!("ids without texts: {why}; name one with --tokenizer FILE or --model DIR"));
    }
    let tokenizer = found.ok();
    let Some((ids, similarities)) = file.table.row(id) else {
        let what = format!("token {id} of a table with {} rows", file.table.rows);
        return Err(Failure::Fault(Fault::config(what)));
    };
    let text_of = |id: u32| tokenizer.as_ref().and_then(|tokenizer| tokenizer.text(id));
    let content = file.table.is_content(id);
    // Unused slots hold the row's own id with similarity 0.
    let used = || {
        ids.iter().zip(similarities).filter(|(neighbor, similarity)| **neighbor != id || **similarity > 0.0)
    };
    if json {
        let neighbors: Vec<_> = used()
            .map(|(&id, &similarity)| json!({ "id": id, "text": text_of(id), "similarity": similarity }))
            .collect();
        let shown = json!({ "token": id, "text": text_of(id), "content": content, "neighbors": neighbors });
        output::print_json(&shown)?;
        return Ok(Exit::Done);
    }
    let quoted = |id: u32| text_of(id).map_or_else(|| "-".to_owned(), |text| format!("{text:?}"));
    if !content {
        output::print(&format!("token {id} {} is not content: it has no neighbors", quoted(id)))?;
        return Ok(Exit::Done);
    }
    let rows =
        used().map(|(&id, &cosine)| vec![id.to_string(), quoted(id), format!("{cosine:.6}")]).collect();
    output::print(&output::table(&["id", "text", "cosine"], rows, &[0, 2]))?;
    Ok(Exit::Done)
}

/// A number is an id, anything else a text; double quotes make a text of anything, with JSON's escapes.
fn token_id(token: &str, tokenizer: Result<&Tokenizer, &String>) -> Result<u32, Fault> {
    if let Ok(id) = token.parse() {
        return Ok(id);
    }
    let tokenizer = tokenizer.map_err(|why| {
        Fault::config(format!("'{token}' is no token id, and there are no texts: {why}"))
            .help("name the tokenizer with --tokenizer FILE or --model DIR")
    })?;
    let text = serde_json::from_str::<String>(token).unwrap_or_else(|_| token.to_owned());
    tokenizer.find(&text).ok_or_else(|| {
        Fault::config(format!("no single token is {text:?}"))
            .help("it may be several tokens; try a part of it")
    })
}

fn compare(table: &Path, source: &EmbeddingArgs, sample: usize, json: bool) -> Result<Exit, Failure> {
    let (embeddings, tokenizer) = open(source).map_err(Failure::Input)?;
    let shown = progress::progress();
    let checked = check(table, &embeddings, &tokenizer, sample, shown.as_ref()).map_err(Failure::Input)?;
    drop(shown);
    if json {
        output::print_json(&checked)?;
    } else {
        let mut text = format!(
            "{}: {} rows, {} neighbors a token, {} rows computed again",
            table.display(),
            thousands(checked.rows as u64),
            checked.k,
            thousands(checked.recomputed as u64)
        );
        for difference in &checked.differences {
            let _ = write!(text, "\ndiffers: {difference}");
        }
        if checked.ok {
            text.push_str("\nnothing differs");
        }
        output::print(&text)?;
    }
    Ok(if checked.ok { Exit::Done } else { Exit::Differences })
}

fn open(source: &EmbeddingArgs) -> Result<(EmbeddingFile, Tokenizer), Fault> {
    let missing = || Fault::config("neither --model nor --embeddings, --tensor and --tokenizer");
    let (file, tensor, tokenizer) = match &source.model {
        Some(folder) => {
            let found = ModelFolder::find(folder, source.tensor.as_deref(), source.tokenizer.as_deref())?;
            (found.embeddings, found.tensor, found.tokenizer)
        }
        None => {
            let file = source.embeddings.clone().ok_or_else(missing)?;
            let tensor = source.tensor.clone().ok_or_else(missing)?;
            (file, tensor, source.tokenizer.clone().ok_or_else(missing)?)
        }
    };
    Ok((EmbeddingFile::open(&file, &tensor)?, Tokenizer::read(&tokenizer)?))
}
