//! The tables of a run on a terminal.

use super::figures::{self, NONE, estimate, failed, maybe};
use super::profiles::profiles;
use super::{compared, controls};
use crate::cli::TableArgs;
use crate::output::table;
use crate::published;
use situs_core::fault::Fault;
use situs_core::registry::suggest;
use situs_core::run::{Cell, RunSummary};
use std::fmt::Write as _;

/// The report: where the questions come from, all arms, the mark-only slice, comparisons, and the facets asked for.
///
/// # Errors
/// A facet that the run does not have.
pub(crate) fn terminal(summary: &RunSummary, tables: &TableArgs) -> Result<String, Fault> {
    let mut text = format!(
        "{}: {} on {}, seed {}\n\n",
        summary.suite,
        figures::with_short_digests(&summary.family),
        summary.dataset,
        summary.seed
    );
    for (label, line) in figures::funnel(summary, &published::pool_per_scan(&summary.family)) {
        let _ = writeln!(text, "{label:14}{line}");
    }
    let rows: Vec<(Vec<String>, &Cell)> =
        summary.arms.iter().map(|arm| (vec![stamped(&arm.name, &arm.stamps)], &arm.overall)).collect();
    let _ = write!(text, "\n{}\n", cell_table(&["arm"], &rows));

    if let Some(profiles) = profiles(summary, tables.all_facets) {
        let header: Vec<&str> = profiles.header.iter().map(String::as_str).collect();
        let _ = write!(text, "\nProfiles side by side\n{}\n", table(&header, profiles.rows, &[]));
    }
    for slice in figures::slice_names(&summary.arms) {
        let rows: Vec<(Vec<String>, &Cell)> = figures::slice_cells(&summary.arms, &slice)
            .map(|(arm, cell)| (vec![stamped(&arm.name, &arm.stamps)], cell))
            .collect();
        let _ = write!(text, "\n{}\n{}\n", figures::slice_title(&slice), cell_table(&["arm"], &rows));
    }
    let compared = compared::told(summary, tables.all_facets);
    if !compared.is_empty() {
        let rest = summary.comparisons.len() - compared.len();
        let more = if rest > 0 { format!(" ({rest} more in report.html)") } else { String::new() };
        let rows = compared.into_iter().map(compared::row).collect();
        let _ = write!(
            text,
            "\nPaired differences on the same questions{more}\n{}\n",
            table(&compared::COLUMNS, rows, &[3, 4, 5])
        );
    }
    if !summary.controls.is_empty() {
        let rows = controls::rows(summary);
        let _ = write!(
            text,
            "\nControls, each beside its plain arm on the same questions\n{}\n{}\n",
            table(&controls::COLUMNS, rows, &[2, 3, 4, 5, 6, 7, 8]),
            controls::NOTE
        );
        for reason in controls::left_out(summary) {
            let _ = writeln!(text, "left out      {reason}");
        }
    }
    if !summary.repeated.is_empty() {
        let rows = controls::repeated(summary);
        let _ = write!(
            text,
            "\nQuestions in the same words about different patients\n{}\n",
            table(&controls::REPEATED_COLUMNS, rows, &[1, 2, 3, 4])
        );
    }
    for facet in chosen_facets(summary, tables)? {
        let rows: Vec<(Vec<String>, &Cell)> = figures::facet_rows(&summary.arms, &facet)
            .into_iter()
            .map(|(level, arm, cell)| (vec![level, arm.to_owned()], cell))
            .collect();
        let _ = write!(text, "\nBy {facet}\n{}\n", cell_table(&[&facet, "arm"], &rows));
    }
    let contrasts = compared::contrasts(summary);
    if tables.all_facets && !contrasts.is_empty() {
        let _ = write!(
            text,
            "\nWhat one facet changes, over pairs alike in everything else (not adjusted for their number)\n{}\n",
            table(&compared::CONTRAST_COLUMNS, contrasts, &[3, 4, 5])
        );
    }
    if !summary.composites.is_empty() {
        let rows = figures::composites(summary);
        let _ = write!(
            text,
            "\nComposed of other figures\n{}\n",
            table(&figures::COMPOSITE_COLUMNS, rows, &[2, 3, 4])
        );
    }
    let _ = write!(text, "\n95 % intervals: {}", figures::estimators(summary));
    for (metric, signature) in figures::signatures(summary) {
        let _ = write!(text, "\n{metric}: {signature}");
    }
    Ok(text.trim_end().to_owned())
}

fn stamped(name: &str, stamps: &[String]) -> String {
    if stamps.is_empty() { name.to_owned() } else { format!("{name} [{}]", stamps.join(", ")) }
}

fn signed(value: Option<f64>) -> String {
    value.map_or_else(|| NONE.to_owned(), |value| format!("{value:+.3}"))
}

fn cell_table(first: &[&str], rows: &[(Vec<String>, &Cell)]) -> String {
    let names = figures::figure_names(rows.iter().map(|(_, cell)| *cell));
    let mut header: Vec<&str> = first.to_vec();
    header.push("n");
    header.extend(names.iter().map(String::as_str));
    header.extend(["above chance", "parsed", "chance", "clusters", "failed"]);
    let lines = rows
        .iter()
        .map(|(labels, cell)| {
            let mut line = labels.clone();
            line.push(cell.n.to_string());
            line.extend(
                names.iter().map(|name| cell.figures.get(name).map_or_else(|| NONE.to_owned(), estimate)),
            );
            line.extend([
                signed(cell.above_chance),
                maybe(cell.parse_rate),
                maybe(cell.chance),
                cell.clusters.to_string(),
                failed(cell).to_string(),
            ]);
            line
        })
        .collect();
    let right: Vec<usize> =
        std::iter::once(first.len()).chain(first.len() + 1 + names.len()..header.len()).collect();
    table(&header, lines, &right)
}

fn chosen_facets(summary: &RunSummary, tables: &TableArgs) -> Result<Vec<String>, Fault> {
    let known = figures::facet_names(&summary.arms);
    if tables.all_facets {
        return Ok(known);
    }
    for facet in &tables.facet {
        if !known.contains(facet) {
            let names: Vec<&str> = known.iter().map(String::as_str).collect();
            let hint =
                suggest(facet, &names).map(|near| format!("did you mean '{near}'? ")).unwrap_or_default();
            return Err(Fault::config(format!("this run has no facet '{facet}'"))
                .help(format!("{hint}known: {}", known.join(", "))));
        }
    }
    Ok(tables.facet.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::html::tests::summary;
    use situs_core::record::Summary;
    use situs_core::run::CompositeFigure;

    #[test]
    fn the_table_names_arm_count_interval_and_the_published_pool() {
        let text = terminal(&summary(), &TableArgs::default()).unwrap();
        for part in
            ["oracle [reads answers]", "0.631 [0.550, 0.700]", "paper 2,757", "mean, cluster-robust t"]
        {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        assert!(!text.contains("By plane"), "facets are printed when asked for");
    }

    #[test]
    fn composites_stand_in_a_table_of_their_own() {
        let mut summary = summary();
        let composite =
            |arm: &str, figure| CompositeFigure { name: "equal weight".into(), arm: arm.into(), figure };
        let known = Summary {
            value: Some(0.5),
            n: 40,
            clusters: 12,
            interval: Some([0.4, 0.6]),
            ..Summary::nothing()
        };
        summary.composites = vec![composite("prior", known), composite("random", Summary::nothing())];
        let text = terminal(&summary, &TableArgs::default()).unwrap();
        let lines: Vec<String> =
            text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        for line in [
            "Composed of other figures",
            "equal weight prior 0.500 [0.400, 0.600] 40 12",
            "equal weight random - - -",
        ] {
            assert!(lines.iter().any(|found| found == line), "{line} in\n{text}");
        }
        let page = crate::report::html(&summary, &[]).unwrap();
        assert!(
            page.contains("<td>equal weight</td><td>prior</td><td class=\"num\">0.500 [0.400, 0.600]</td>"),
            "{page}"
        );
    }

    #[test]
    fn profiles_of_a_measure_stand_side_by_side_and_nowhere_else() {
        let mut summary = summary();
        summary.profile = Some("corrected".to_owned());
        for arm in &mut summary.arms {
            let figure = Summary { value: Some(0.3057), ..arm.overall.figures["accuracy"].clone() };
            for profile in ["paper", "upstream"] {
                arm.overall.figures.insert(format!("accuracy@{profile}"), figure.clone());
            }
        }
        let text = terminal(&summary, &TableArgs::default()).unwrap();
        let lines: Vec<String> =
            text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert!(lines.contains(&"metric arm paper upstream corrected".to_owned()), "{text}");
        let oracle = lines.iter().find(|line| line.starts_with("accuracy oracle 0.306")).unwrap();
        assert!(oracle.ends_with("0.306 [0.982, 1.000] 1.000 [0.982, 1.000]"), "{oracle}");
        assert!(!text.contains("accuracy@"), "{text}");
        let page = crate::report::html(&summary, &[]).unwrap();
        assert!(
            page.contains("<h2>Profiles side by side</h2>") && page.contains("<td>mark-only</td>"),
            "{page}"
        );
    }

    #[test]
    fn facets_are_printed_by_name_and_unknown_ones_refused_with_a_suggestion() {
        let by_name = TableArgs { facet: vec!["plane".into()], all_facets: false };
        assert!(terminal(&summary(), &by_name).unwrap().contains("By plane\n"));
        let wrong = TableArgs { facet: vec!["plain".into()], all_facets: false };
        assert!(terminal(&summary(), &wrong).unwrap_err().help.unwrap().contains("did you mean 'plane'?"));
    }
}
