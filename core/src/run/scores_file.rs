//! `scores.parquet`: one flat row a record, for pandas, polars, R and duckdb.

use super::folder::write_whole;
use super::score::ArmScores;
use crate::fault::{Fault, file_fault};
use crate::record::Record;
use parquet::basic::{ConvertedType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int32Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// Name and content of a text column.
type TextColumn = (&'static str, fn(&Record) -> Option<String>);

/// Text columns that every record has.
const TEXTS: [TextColumn; 10] = [
    ("arm", |record| Some(record.arm.clone())),
    ("question", |record| Some(record.question.id.clone())),
    ("case", |record| Some(record.question.cases.join("+"))),
    ("cluster", |record| Some(record.question.cluster.clone())),
    ("template", |record| Some(record.question.template.clone())),
    ("cell", |record| Some(record.question.cell.clone())),
    ("truth", |record| Some(record.question.truth.clone())),
    ("value", |record| record.answer.value.clone()),
    ("state", |record| Some(record.answer.state.word().to_owned())),
    ("flags", |record| Some(record.answer.flags.join(" "))),
];

/// Writes the scores of all arms: one row group an arm.
///
/// # Errors
/// When the disk is full.
pub fn write_scores(path: &Path, metrics: &[String], arms: &[ArmScores]) -> Result<(), Fault> {
    let facets: BTreeSet<&str> = arms
        .iter()
        .flat_map(|arm| &arm.records)
        .flat_map(|record| record.question.facets.keys())
        .map(String::as_str)
        .collect();
    let facets: Vec<&str> = facets.into_iter().collect();
    write_whole(path, |out| {
        let mut bytes = Vec::new();
        write(&mut bytes, metrics, &facets, arms).map_err(std::io::Error::other)?;
        out.write_all(&bytes)
    })
    .map_err(|fault| fault.within("scores"))
}

fn write(
    out: &mut Vec<u8>,
    metrics: &[String],
    facets: &[&str],
    arms: &[ArmScores],
) -> Result<(), ParquetError> {
    let properties = WriterProperties::builder().set_created_by("situs".to_owned()).build();
    let schema = Arc::new(schema(metrics, facets)?);
    let mut file = SerializedFileWriter::new(out, schema, Arc::new(properties))?;
    for arm in arms {
        let mut group = file.next_row_group()?;
        for (_, text) in TEXTS {
            texts(&mut group, arm.records.iter().map(text))?;
        }
        let trials: Vec<i32> = arm.records.iter().map(|record| record.trial as i32).collect();
        column::<Int32Type>(&mut group, &trials, None)?;
        let chances: Vec<f64> = arm.records.iter().map(|record| record.question.chance).collect();
        column::<DoubleType>(&mut group, &chances, None)?;
        let right: Vec<bool> = arm.records.iter().map(Record::is_right).collect();
        column::<BoolType>(&mut group, &right, None)?;
        for metric in metrics {
            let scores = arm.scores.get(metric).map(Vec::as_slice).unwrap_or_default();
            let levels: Vec<i16> = scores.iter().map(|score| i16::from(score.is_some())).collect();
            let values: Vec<f64> = scores.iter().flatten().map(|score| score.value).collect();
            column::<DoubleType>(&mut group, &values, Some(&levels))?;
        }
        for facet in facets {
            texts(&mut group, arm.records.iter().map(|record| record.question.facets.get(*facet).cloned()))?;
        }
        group.close()?;
    }
    file.close()?;
    Ok(())
}

fn schema(metrics: &[String], facets: &[&str]) -> Result<Type, ParquetError> {
    let text = |name: &str| {
        Type::primitive_type_builder(name, Physical::BYTE_ARRAY)
            .with_repetition(Repetition::OPTIONAL)
            .with_converted_type(ConvertedType::UTF8)
            .build()
    };
    let number = |name: &str, physical: Physical, repetition: Repetition| {
        Type::primitive_type_builder(name, physical).with_repetition(repetition).build()
    };
    let mut fields = Vec::new();
    for (name, _) in TEXTS {
        fields.push(text(name)?);
    }
    fields.push(number("trial", Physical::INT32, Repetition::REQUIRED)?);
    fields.push(number("chance", Physical::DOUBLE, Repetition::REQUIRED)?);
    fields.push(number("right", Physical::BOOLEAN, Repetition::REQUIRED)?);
    for metric in metrics {
        fields.push(number(&format!("metric.{metric}"), Physical::DOUBLE, Repetition::OPTIONAL)?);
    }
    for facet in facets {
        fields.push(text(&format!("facet.{facet}"))?);
    }
    Type::group_type_builder("scores").with_fields(fields.into_iter().map(Arc::new).collect()).build()
}

fn texts<W: std::io::Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: impl Iterator<Item = Option<String>>,
) -> Result<(), ParquetError> {
    let values: Vec<Option<String>> = values.collect();
    let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let present: Vec<ByteArray> =
        values.into_iter().flatten().map(|text| ByteArray::from(text.into_bytes())).collect();
    column::<ByteArrayType>(group, &present, Some(&levels))
}

fn column<T: parquet::data_type::DataType>(
    group: &mut SerializedRowGroupWriter<'_, impl std::io::Write + Send>,
    values: &[T::T],
    levels: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let mut column = group
        .next_column()?
        .ok_or_else(|| ParquetError::General("more columns than the schema has".to_owned()))?;
    column.typed::<T>().write_batch(values, levels, None)?;
    column.close()
}

/// Reads the number of rows of a scores file.
///
/// # Errors
/// When it is damaged.
pub fn count_rows(path: &Path) -> Result<i64, Fault> {
    use parquet::file::reader::FileReader;
    let file = std::fs::File::open(path).map_err(|error| file_fault("read", path, &error))?;
    let reader = parquet::file::reader::SerializedFileReader::new(file)
        .map_err(|error| Fault::data(format!("{}: {error}", path.display())))?;
    Ok(reader.metadata().file_metadata().num_rows())
}
