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

/// A scores file being made; compressed columns wait in memory, records do not.
pub struct ScoresFile {
    file: SerializedFileWriter<Vec<u8>>,
    metrics: Vec<String>,
    facets: Vec<String>,
}

impl ScoresFile {
    /// A file with a column for each metric and each facet.
    ///
    /// # Errors
    /// When two columns would have one name.
    pub fn new(metrics: Vec<String>, facets: Vec<String>) -> Result<Self, Fault> {
        let properties = WriterProperties::builder().set_created_by("situs".to_owned()).build();
        let schema = schema(&metrics, &facets).map_err(broken)?;
        let file =
            SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties)).map_err(broken)?;
        Ok(Self { file, metrics, facets })
    }

    /// Adds one arm as a row group.
    ///
    /// # Errors
    /// When the columns do not fit the records.
    pub fn add(&mut self, arm: &ArmScores) -> Result<(), Fault> {
        self.add_group(arm).map_err(broken)
    }

    fn add_group(&mut self, arm: &ArmScores) -> Result<(), ParquetError> {
        let mut group = self.file.next_row_group()?;
        for (_, text) in TEXTS {
            texts(&mut group, arm.records.iter().map(text))?;
        }
        let trials: Vec<i32> = arm.records.iter().map(|record| record.trial as i32).collect();
        column::<Int32Type>(&mut group, &trials, None)?;
        let chances: Vec<f64> = arm.records.iter().map(|record| record.question.chance).collect();
        column::<DoubleType>(&mut group, &chances, None)?;
        let right: Vec<bool> = arm.records.iter().map(Record::is_right).collect();
        column::<BoolType>(&mut group, &right, None)?;
        for metric in &self.metrics {
            let scores = arm.scores.get(metric).map(Vec::as_slice).unwrap_or_default();
            let levels: Vec<i16> = scores.iter().map(|score| i16::from(score.is_some())).collect();
            let values: Vec<f64> = scores.iter().flatten().map(|score| score.value).collect();
            column::<DoubleType>(&mut group, &values, Some(&levels))?;
        }
        for facet in &self.facets {
            texts(&mut group, arm.records.iter().map(|record| record.question.facets.get(facet).cloned()))?;
        }
        group.close()?;
        Ok(())
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn finish(self, path: &Path) -> Result<(), Fault> {
        let bytes = self.file.into_inner().map_err(broken)?;
        write_whole(path, |out| out.write_all(&bytes))
    }
}

fn broken(error: ParquetError) -> Fault {
    Fault::internal(format!("scores: {error}"))
}

fn schema(metrics: &[String], facets: &[String]) -> Result<Type, ParquetError> {
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
