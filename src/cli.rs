//! What can be typed: subcommands and flags. Flags are kebab-case; snake_case spellings work too.

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Spatial-grounding evaluation for medical vision-language models.
#[derive(Debug, Parser)]
#[command(name = "situs", version, propagate_version = true, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 all scored; 1 internal error or full disk; 2 usage, config, locked, drifted or unwritable run\n\
folder; 3 finished with failed requests; 4 data missing or damaged; 5 backend unreachable; 6 a comparison or audit\n\
found differences; 130 interrupted (the same command resumes)."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Print JSON on stdout, for machines
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Load the components of this plug-in library (repeatable)
    #[arg(long = "plugin", global = true, value_name = "LIB")]
    pub(crate) plugins: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ask, score and report: the whole way from a config to a table. Run again, it resumes
    Run(RunArgs),
    /// Write the questions and pictures of a config without asking any model
    Build(BuildArgs),
    /// Look for items that are ambiguous, unanswerable or answerable without a picture
    ///
    /// Prints what each lint found, with examples, and how far readers without pictures get: textbook anatomy (prior), the
    /// middle option (median), and the other patients of the data set (textbook). No model of the config is asked.
    /// Exit code 6: some lint found an item.
    Audit(AuditArgs),
    /// Read the replies of a run folder again and write its scores and report anew
    Score(ScoreArgs),
    /// List the components
    #[command(visible_alias = "ls")]
    List {
        /// Only this kind: dataset, family, renderer, model, sampler or metric
        kind: Option<String>,
    },
    /// Describe one component: every field with type, default and meaning
    Describe {
        /// Kind: dataset, family, renderer, model, sampler or metric
        kind: String,
        /// Name, as `situs list` prints it
        name: String,
    },
    /// Say what this program sees: machine, components, data, and whether a config would work
    Doctor(DoctorArgs),
    /// Describe a NIfTI file: shape, spacing, axes, affine, values, identity
    Volume {
        /// `.nii`, `.nii.gz` or `.hdr`/`.img`
        file: PathBuf,
    },
    /// Measure the structures of a label map or of a folder of masks
    Structures {
        /// A label map, or a folder with one `NAME.nii[.gz]` a structure
        path: PathBuf,
        /// Names by label as JSON: {"1": "spleen"} or {"spleen": 1}
        #[arg(long, value_name = "MAP")]
        names: Option<PathBuf>,
    },
    /// Score pairs of texts with any metric: one figure for all, one value for each
    Metric(MetricArgs),
    /// Run a sampler on recorded logits: tokens, and what rescoring did to each step
    Sample(SampleArgs),
    /// Build, show and check the neighbor tables of semantic sampling
    Neighbors {
        #[command(subcommand)]
        action: NeighborsAction,
    },
    /// Check native models
    #[cfg(feature = "native")]
    Model {
        #[command(subcommand)]
        action: ModelAction,
    },
    /// Start a plug-in of your own, and check one
    Plugin {
        #[command(subcommand)]
        action: PluginAction,
    },
    /// Count the words of a run's questions, right answers and answers, by arm
    Lengths {
        /// Run folder
        run: PathBuf,
    },
    /// Put questions of a run on a sheet for people, and read their verdicts back
    Review {
        #[command(subcommand)]
        action: ReviewAction,
    },
    /// Compare a run with a published table, cell by cell
    ///
    /// A cell agrees when the 95 % interval of the difference between ours and the published figure holds 0; where the
    /// published n is known, its binomial error counts as well. Below 30 questions or 10 patients the verdict is
    /// `too few`, which is neither agreement nor difference. Exit code 6: some cell differs.
    Reproduce {
        /// Name of a published table, or the path of one; without it, the one that the run's config names (run.published)
        #[arg(value_name = "SUITE")]
        first: String,
        /// Run folder
        #[arg(value_name = "RUN")]
        second: Option<PathBuf>,
        /// Compare this arm alone (repeatable; default: every arm with a model behind it, no oracle or baseline)
        #[arg(long, value_name = "NAME")]
        arm: Vec<String>,
    },
}

/// What to run, and what to change in the config for this once.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// Config file
    #[arg(required_unless_present = "config_flag")]
    config: Option<PathBuf>,
    /// Config file, as a flag
    #[arg(id = "config_flag", long = "config", value_name = "FILE", conflicts_with = "config", hide = true)]
    config_flag: Option<PathBuf>,
    /// Folder with the data; its layout is recognised
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Ask at most this many questions
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Seed of all draws
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Times that each question is asked
    #[arg(long, value_name = "N", visible_alias = "epochs")]
    pub(crate) trials: Option<u32>,
    /// Ask every arm once more under a control, as an arm of its own: no-image, blank, wrong-patient, mirror,
    /// shuffled-slices, shuffled-options (repeatable; `none`: those of the config are left out)
    #[arg(long, value_name = "KIND")]
    pub(crate) control: Vec<String>,
    /// Run folder (default: runs/ and the config's name)
    #[arg(long, short, value_name = "DIR", visible_alias = "log-dir", alias = "log_dir")]
    pub(crate) output: Option<PathBuf>,
    /// Change one value of the config, e.g. --set 'family.planes=["axial"]' (repeatable)
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub(crate) set: Vec<String>,
}

impl PlanArgs {
    /// The config, however it was named.
    pub(crate) fn config(&self) -> &std::path::Path {
        let named = self.config.as_deref().or(self.config_flag.as_deref());
        named.unwrap_or(std::path::Path::new(""))
    }
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) plan: PlanArgs,
    /// Backend, e.g. openai; `situs list model` names all
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// Served model (default: the only one the server lists)
    #[arg(long, value_name = "ID", alias = "model_name")]
    pub(crate) model_name: Option<String>,
    /// Address of the server, e.g. http://127.0.0.1:8000/v1
    #[arg(long, value_name = "URL", alias = "base_url")]
    pub(crate) base_url: Option<String>,
    /// Sampler, e.g. greedy; `situs list sampler` names all
    #[arg(long, value_name = "NAME")]
    pub(crate) sampler: Option<String>,
    /// Softmax temperature
    #[arg(long, value_name = "T")]
    pub(crate) temperature: Option<f64>,
    /// Most new tokens per reply
    #[arg(long, value_name = "N", alias = "max_tokens")]
    pub(crate) max_tokens: Option<u32>,
    /// Most requests in flight to a server
    #[arg(long, value_name = "N", alias = "max_connections")]
    pub(crate) max_connections: Option<usize>,
    #[command(flatten)]
    pub(crate) tables: TableArgs,
}

#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    #[command(flatten)]
    pub(crate) plan: PlanArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    pub(crate) plan: PlanArgs,
    /// Examples to print of each lint
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) examples: usize,
}

#[derive(Debug, Args)]
pub(crate) struct ScoreArgs {
    /// Run folder
    pub(crate) run: PathBuf,
    /// Take metrics, slices, facets and composites from this config instead of the run's own
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) tables: TableArgs,
}

/// Which tables to print.
#[derive(Debug, Args, Default)]
pub(crate) struct TableArgs {
    /// Also print the table over this facet, e.g. plane (repeatable)
    #[arg(long, value_name = "NAME")]
    pub(crate) facet: Vec<String>,
    /// Also print the tables over all facets
    #[arg(long, alias = "all_facets")]
    pub(crate) all_facets: bool,
}

#[derive(Debug, Args)]
pub(crate) struct MetricArgs {
    /// Name, as `situs list metric` prints it
    pub(crate) name: String,
    /// JSON lines with `prediction` and `reference`
    #[arg(long, value_name = "FILE")]
    pub(crate) pairs: PathBuf,
    /// Folder with WordNet's files, for metrics that need it: --set wordnet=DIR
    #[arg(long, value_name = "DIR")]
    pub(crate) wordnet: Option<PathBuf>,
    /// One parameter of the metric, e.g. --set stemmer=false (repeatable)
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SampleArgs {
    /// Sampler and its parameters, e.g. '{"use": "semantic", "temperature": 0.5, "top_k": 20}'
    #[arg(long, value_name = "JSON")]
    pub(crate) sampler: String,
    /// Safetensors file with a tensor `logits`, [steps, vocabulary]
    #[arg(long, value_name = "FILE")]
    pub(crate) logits: PathBuf,
    /// Neighbor table, for samplers that take one
    #[arg(long, value_name = "FILE")]
    pub(crate) table: Option<PathBuf>,
    /// Checkpoint folder of the model that gave the logits: its token texts, for `only_after`, and its digests, which the
    /// table must have or, with `reuse`, may share in part
    #[arg(long, value_name = "DIR")]
    pub(crate) model: Option<PathBuf>,
    /// The model's tokenizer.json, where there is no checkpoint
    #[arg(long, value_name = "FILE")]
    pub(crate) tokenizer: Option<PathBuf>,
    /// Seed of all draws
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// The rows are sequences side by side, not steps of one
    #[arg(long)]
    pub(crate) batch: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// A config to check: data present, a question asked and rendered, server reachable
    pub(crate) config: Option<PathBuf>,
    /// Folder with the data; its layout is recognised
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Backend, as for `situs run`
    #[arg(long, value_name = "NAME", requires = "config")]
    pub(crate) model: Option<String>,
    /// Served model, as for `situs run`
    #[arg(long, value_name = "ID", alias = "model_name", requires = "config")]
    pub(crate) model_name: Option<String>,
    /// Address of the server, as for `situs run`
    #[arg(long, value_name = "URL", alias = "base_url", requires = "config")]
    pub(crate) base_url: Option<String>,
    /// Change one value of the config (repeatable)
    #[arg(long = "set", value_name = "PATH=VALUE", requires = "config")]
    pub(crate) set: Vec<String>,
}

#[cfg(feature = "native")]
#[derive(Debug, Subcommand)]
pub(crate) enum ModelAction {
    /// Compare a checkpoint with recorded outputs of the library that published it, stage by stage; exit code 6 where
    /// they differ, 4 without a reference
    Check {
        /// Folder of the checkpoint
        dir: PathBuf,
        /// Folder with the recorded outputs (default: DIR/reference)
        #[arg(long, value_name = "DIR")]
        reference: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum NeighborsAction {
    /// Find the nearest tokens of every token, exactly. Run again after an interruption, it goes on
    ///
    /// Memory beside the mapped embeddings, for V rows of D numbers and T threads: 8 V (K + 7) bytes for candidates, 4096 D
    /// for a band, T (2048 D + 2 MiB) for tiles, 8 V K + V for the table. At V = 151,936, D = 5,120, K = 32 and two threads
    /// that is 135 MB. An unfinished table on disk takes 8 V (K + 7) bytes.
    Build {
        #[command(flatten)]
        source: EmbeddingArgs,
        /// Neighbors of a token, itself included
        #[arg(long, value_name = "K", default_value_t = 32)]
        k: usize,
        /// Table to write; an unfinished one waits beside it as OUT.part
        #[arg(long, short, value_name = "OUT")]
        out: PathBuf,
        /// Count tokens that were added without being special (PaliGemma's locations) as content
        #[arg(long, alias = "added_content")]
        added_content: bool,
        /// Count tokens that are a part of a character as no content
        #[arg(long, alias = "no_byte_fragments")]
        no_byte_fragments: bool,
    },
    /// Print the neighbors of a token with their cosines
    Show {
        /// Neighbor table
        table: PathBuf,
        /// Token: an id, or a text (in double quotes inside the argument where it looks like a number)
        token: String,
        /// The model's tokenizer.json (default: the one beside the table or here, if the table was made with it)
        #[arg(long, value_name = "FILE")]
        tokenizer: Option<PathBuf>,
        /// Checkpoint folder with the tokenizer.json
        #[arg(long, value_name = "DIR", conflicts_with = "tokenizer")]
        model: Option<PathBuf>,
    },
    /// Compare a table with the model it is for; exit code 6 where they differ
    Check {
        /// Neighbor table
        table: PathBuf,
        #[command(flatten)]
        source: EmbeddingArgs,
        /// Rows to compute again
        #[arg(long, value_name = "N", default_value_t = 64)]
        sample: usize,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum PluginAction {
    /// Write a crate that builds, passes its check and waits for your idea
    New {
        /// Name of the crate and of its component: letters, digits, - and _
        name: String,
        /// Kind: dataset, family, renderer, model, sampler or metric
        #[arg(long)]
        kind: String,
        /// Folder of the crate situs-core (default: the one this program was built from)
        #[arg(long, value_name = "PATH")]
        core: Option<PathBuf>,
    },
    /// Put every component of a library through the conformance kit; exit code 6 where one fails
    Check {
        /// The library
        library: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReviewAction {
    /// Write a CSV sheet with a seeded sample of the questions, by whole cases, and empty columns for verdicts
    Export(ReviewExportArgs),
    /// Read filled sheets, one a reviewer: shares by criterion, agreement, which questions are kept (RUN/review.json)
    Import(ReviewImportArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ReviewExportArgs {
    /// Run folder; one that `situs build` wrote will do
    pub(crate) run: PathBuf,
    /// Share of the questions to draw, above 0 and at most 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.12)]
    pub(crate) share: f64,
    /// Seed of the draw (default: the run's)
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// What to judge: NAME for yes or no, NAME:LOW-HIGH for marks (default: the criteria of the run's question family)
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) criteria: Vec<String>,
    /// Instead: so many wrong answers for each level of --by, with what the model wrote; criteria are kinds of error
    #[arg(long, value_name = "N", conflicts_with = "share")]
    pub(crate) failures: Option<usize>,
    /// Facet whose levels get --failures each
    #[arg(long, value_name = "FACET", default_value = "task", requires = "failures")]
    pub(crate) by: String,
    /// Arm whose failures are drawn, where the run has several
    #[arg(long, value_name = "NAME", requires = "failures")]
    pub(crate) arm: Option<String>,
    /// File to write (default: RUN/review.csv, RUN/failures.csv for failures)
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Overwrite a sheet that exists
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReviewImportArgs {
    /// Run folder that the sheets were exported from
    pub(crate) run: PathBuf,
    /// Filled sheets; a file's name names its reviewer
    #[arg(required = true)]
    pub(crate) sheets: Vec<PathBuf>,
    /// A question is kept when its mean over reviewers is above this (default: the middle of the scale)
    #[arg(long, value_name = "MARK", alias = "keep_above")]
    pub(crate) keep_above: Option<f64>,
}

/// Where embeddings and tokenizer are.
#[derive(Debug, Args)]
pub(crate) struct EmbeddingArgs {
    /// Checkpoint folder: finds embeddings and tokenizer
    #[arg(long, value_name = "DIR", required_unless_present = "embeddings")]
    pub(crate) model: Option<PathBuf>,
    /// Safetensors file with the input embeddings
    #[arg(long, value_name = "FILE", requires_all = ["tensor", "tokenizer"], conflicts_with = "model")]
    pub(crate) embeddings: Option<PathBuf>,
    /// Name of their tensor
    #[arg(long, value_name = "NAME")]
    pub(crate) tensor: Option<String>,
    /// The model's tokenizer.json
    #[arg(long, value_name = "FILE")]
    pub(crate) tokenizer: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_definitions_are_consistent() {
        super::Cli::command().debug_assert();
    }
}
