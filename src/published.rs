//! Published tables: figures from papers as data, each with the exact filter, count and source.

use serde::Deserialize;
use situs_core::fault::{Fault, file_fault};
use situs_core::question::Question;
use situs_core::registry::{Params, suggest};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Tables that come with the program.
const EMBEDDED: [(&str, &str); 3] = [
    ("mis-ground", include_str!("../published/mis-ground.toml")),
    ("ct-spatialvqa", include_str!("../published/ct-spatialvqa.toml")),
    ("spatialmed", include_str!("../published/spatialmed.toml")),
];

/// Largest table file that is read, in bytes.
const MAX_TABLE_BYTES: u64 = 4 << 20;

/// A published table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Published {
    /// Name on the command line.
    pub(crate) suite: String,
    /// Question family that asks its questions.
    pub(crate) family: String,
    /// Title of the publication.
    pub(crate) title: String,
    /// Where it was published.
    pub(crate) source: String,
    /// System whose figures the cells are, unless a cell names another.
    pub(crate) system: String,
    /// Published value of a perfect score, e.g. 100 for per cent.
    #[serde(default = "one")]
    pub(crate) scale: f64,
    /// What a reader of the comparison must know.
    #[serde(default)]
    pub(crate) notes: Vec<String>,
    /// Holds for every cell, except for facets that the cell names itself.
    #[serde(default)]
    pub(crate) filter: Filter,
    /// Mean questions per scan in the published pool, by modality word.
    #[serde(default)]
    pub(crate) pool_per_scan: BTreeMap<String, u64>,
    /// Metrics by the name cells use.
    pub(crate) metrics: BTreeMap<String, TableMetric>,
    /// The figures.
    #[serde(rename = "cell")]
    pub(crate) cells: Vec<PublishedCell>,
}

fn one() -> f64 {
    1.0
}

/// Where our figure for a cell comes from.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum TableMetric {
    /// From the run's own report: the figure that it gives under this name. For metrics that only the run can compute,
    /// because judges were asked or because its config says how.
    Run(OfRun),
    /// Computed from the run's answers, with these parameters.
    Built(Params),
}

/// A figure of the run's own report.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfRun {
    /// Name of the run's metric.
    pub(crate) run: String,
    /// Published value of 1, where it is not the table's.
    #[serde(default)]
    pub(crate) scale: Option<f64>,
}

/// One published figure.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PublishedCell {
    /// Short unique name.
    pub(crate) id: String,
    /// The figure as printed.
    pub(crate) value: f64,
    /// Name of a metric of the table.
    pub(crate) metric: String,
    /// Which questions count.
    #[serde(default)]
    pub(crate) filter: Filter,
    /// When set, the figure is the difference to these questions.
    #[serde(default)]
    pub(crate) baseline: Option<Filter>,
    /// Published count, where given.
    #[serde(default)]
    pub(crate) n: Option<u64>,
    /// System, where it is not the table's.
    #[serde(default)]
    pub(crate) system: Option<String>,
    /// Where in the publication.
    pub(crate) source: String,
    /// Contradictions and readings.
    #[serde(default)]
    pub(crate) note: Option<String>,
}

/// Facets and the levels that count; empty: every question.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(transparent)]
pub(crate) struct Filter(BTreeMap<String, Levels>);

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(untagged)]
enum Levels {
    One(String),
    Any(Vec<String>),
}

impl Filter {
    /// Adds the facets of `other` that this filter does not name.
    fn complete(&mut self, other: &Filter) {
        for (facet, levels) in &other.0 {
            self.0.entry(facet.clone()).or_insert_with(|| levels.clone());
        }
    }

    /// Whether a question counts.
    pub(crate) fn takes(&self, question: &Question) -> bool {
        self.0.iter().all(|(facet, levels)| {
            let level = question.facet(facet);
            match levels {
                Levels::One(wanted) => wanted == level,
                Levels::Any(wanted) => wanted.iter().any(|one| one == level),
            }
        })
    }
}

impl Published {
    /// Published value of 1 in a cell.
    pub(crate) fn scale_of(&self, cell: &PublishedCell) -> f64 {
        match self.metrics.get(&cell.metric) {
            Some(TableMetric::Run(OfRun { scale: Some(scale), .. })) => *scale,
            _ => self.scale,
        }
    }

    /// The embedded table of that name, or the file at that path.
    ///
    /// # Errors
    /// An unknown name, with a suggestion; a file that is missing or says nonsense.
    pub(crate) fn find(suite: &str) -> Result<Self, Fault> {
        if let Some((name, text)) = EMBEDDED.iter().find(|(name, _)| *name == suite) {
            return Self::parse(name, text);
        }
        let path = Path::new(suite);
        if path.extension().is_some_and(|suffix| suffix == "toml") {
            let size = std::fs::metadata(path).map_err(|error| file_fault("read", path, &error))?.len();
            if size > MAX_TABLE_BYTES {
                return Err(Fault::data(format!(
                    "{suite}: {size} bytes; a table has at most {MAX_TABLE_BYTES}"
                )));
            }
            let text = std::fs::read_to_string(path).map_err(|error| file_fault("read", path, &error))?;
            return Self::parse(suite, &text);
        }
        let known = EMBEDDED.map(|(name, _)| name);
        let hint = suggest(suite, &known).map(|near| format!("did you mean '{near}'? ")).unwrap_or_default();
        Err(Fault::config(format!("unknown published table '{suite}'"))
            .help(format!("{hint}known: {}; or give the path of a .toml file", known.join(", "))))
    }

    fn parse(name: &str, text: &str) -> Result<Self, Fault> {
        let mut table: Self = toml::from_str(text).map_err(|error| {
            let line =
                error.span().map_or(0, |span| text.get(..span.start).unwrap_or("").matches('\n').count() + 1);
            Fault::config(format!("{name}:{line}: {}", error.message()))
        })?;
        table.check().map_err(|fault| fault.within(name))?;
        for cell in &mut table.cells {
            cell.filter.complete(&table.filter);
            if let Some(baseline) = &mut cell.baseline {
                baseline.complete(&table.filter);
            }
        }
        Ok(table)
    }

    fn check(&self) -> Result<(), Fault> {
        let mut seen = BTreeSet::new();
        for cell in &self.cells {
            if !seen.insert(&cell.id) {
                return Err(Fault::config(format!("two cells are called '{}'", cell.id)));
            }
            let metric = self.metrics.get(&cell.metric);
            if matches!(metric, Some(TableMetric::Run(_)))
                && (cell.filter != Filter::default() || cell.baseline.is_some())
            {
                return Err(Fault::config(format!(
                    "cell '{}': a figure of the run's report is over all questions and takes no filter",
                    cell.id
                )));
            }
            if metric.is_none() {
                let known: Vec<&str> = self.metrics.keys().map(String::as_str).collect();
                return Err(Fault::config(format!("cell '{}': unknown metric '{}'", cell.id, cell.metric))
                    .help(format!("known: {}", known.join(", "))));
            }
            if !cell.value.is_finite() {
                return Err(Fault::config(format!("cell '{}': value {} is no number", cell.id, cell.value)));
            }
        }
        let own = self.metrics.values().filter_map(|metric| match metric {
            TableMetric::Run(of_run) => of_run.scale,
            TableMetric::Built(_) => None,
        });
        if let Some(scale) = own.chain([self.scale]).find(|scale| !(scale.is_finite() && *scale > 0.0)) {
            return Err(Fault::config(format!("scale must be positive, found {scale}")));
        }
        Ok(())
    }
}

/// Published pool sizes for a family, by modality word; empty when nothing was published. `family` may carry a version
/// after a space.
pub(crate) fn pool_per_scan(family: &str) -> BTreeMap<String, u64> {
    let name = family.split_whitespace().next().unwrap_or("");
    EMBEDDED
        .iter()
        .filter_map(|(suite, text)| Published::parse(suite, text).ok())
        .find(|table| table.family == name)
        .map(|table| table.pool_per_scan)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_table_is_sound_and_says_where_its_figures_come_from() {
        for (name, text) in EMBEDDED {
            let table = Published::parse(name, text).unwrap();
            assert_eq!(table.suite, name);
            assert!(table.cells.iter().all(|cell| !cell.source.is_empty()), "{name}");
        }
    }

    #[test]
    fn the_mis_ground_table_holds_the_papers_headline_and_pool() {
        // arXiv 2603.14579, abstract and section 2.2.
        let table = Published::find("mis-ground").unwrap();
        let overall = table.cells.iter().find(|cell| cell.id == "overall").unwrap();
        assert_eq!(overall.value, 66.5);
        assert_eq!(
            pool_per_scan("mis-ground 1a2b"),
            BTreeMap::from([("CT".into(), 2757), ("MR".into(), 683)])
        );
        assert!(pool_per_scan("another").is_empty());
    }

    #[test]
    fn the_ct_spatialvqa_table_holds_eight_models_and_eight_measures() {
        // arXiv 2605.08787, table 1.
        let table = Published::find("ct-spatialvqa").unwrap();
        assert_eq!(table.cells.len(), 64);
        let cell = |id: &str| table.cells.iter().find(|cell| cell.id == id).unwrap();
        assert_eq!((cell("jury-m3d").value, cell("jury-m3d").n), (30.57, Some(9074)));
        assert_eq!((table.scale_of(cell("jury-m3d")), table.scale_of(cell("bleu-radfm"))), (100.0, 1.0));
        // The printed averages of the rows.
        for (measure, average) in [("jury", 34.08), ("judge-gpt", 34.21), ("bleu", 4.816), ("meteor", 0.193)]
        {
            let values: Vec<f64> = table
                .cells
                .iter()
                .filter(|cell| cell.id.strip_prefix(measure).is_some_and(|rest| rest.starts_with('-')))
                .map(|cell| cell.value)
                .collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            assert!(values.len() == 8 && (mean - average).abs() < 0.006, "{measure}: {mean}");
        }
    }

    #[test]
    fn the_spatialmed_table_averages_as_it_was_printed() {
        // arXiv 2603.13800, table 2: fourteen models and chance; three volume scores are NaN, chance has none.
        let table = Published::find("spatialmed").unwrap();
        assert_eq!(table.cells.len(), 14 * 7 - 3 + 6);
        let value = |system: &str, column: &str| {
            let of = |cell: &&PublishedCell| {
                cell.system.as_deref() == Some(system) && cell.id.ends_with(&format!("-{column}"))
            };
            table.cells.iter().find(of).map(|cell| cell.value)
        };
        let choice = |system: &str| -> f64 {
            ["dir", "dist", "ext", "vol", "comp"].iter().filter_map(|column| value(system, column)).sum()
        };
        for (system, divisor) in [
            ("Qwen3-VL 8B", 6.0),
            ("InternVL3 9B", 6.0),
            ("Med-2E3", 6.0),
            // NaN as 0, and NaN left out.
            ("HuatuoGPT-Vision", 6.0),
            ("M3D-LaMed", 5.0),
        ] {
            let mean = (choice(system) + value(system, "volume").unwrap_or(0.0)) / divisor;
            let printed = value(system, "avg").unwrap();
            // One row is cut off rather than rounded.
            assert!((mean - printed).abs() < 0.01, "{system}: {mean}, printed {printed}");
        }
    }

    #[test]
    fn a_figure_of_the_runs_report_takes_no_filter() {
        let text = "suite = \"x\"\nfamily = \"f\"\ntitle = \"\"\nsource = \"s\"\nsystem = \"y\"\n\
            [metrics.m]\nrun = \"jury\"\n[[cell]]\nid = \"c\"\nvalue = 1\nmetric = \"m\"\nsource = \"s\"\n";
        assert!(Published::parse("t", text).is_ok());
        let filtered = format!("{text}filter = {{ plane = \"axial\" }}\n");
        assert!(Published::parse("t", &filtered).unwrap_err().what.contains("takes no filter"));
    }

    #[test]
    fn an_unknown_table_suggests_the_nearest() {
        let fault = Published::find("mis-grund").unwrap_err();
        assert!(fault.help.unwrap().contains("did you mean 'mis-ground'?"));
    }

    #[test]
    fn a_broken_table_names_its_line() {
        let fault = Published::parse("t.toml", "suite = \"x\"\nfamilly = \"y\"\n").unwrap_err();
        assert!(fault.what.starts_with("t.toml:2: unknown field `familly`"), "{}", fault.what);
    }
}
