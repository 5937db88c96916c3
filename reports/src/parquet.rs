//! Tables as Parquet, by the low-level column writer: no Arrow.

use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::columns::{COLUMNS, Get, Row, rows};
use crate::records::{RunRecord, SCHEMA_VERSION};

/// Rows of a row group: bounds the memory of a reader, not of the writer.
const ROWS_PER_GROUP: usize = 65_536;

/// A column of a table: all of its values.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Unsigned, 64 bit.
    Int(Vec<u64>),
    /// Double precision.
    Real(Vec<f64>),
    /// Yes or no.
    Bool(Vec<bool>),
    /// Text.
    Text(Vec<String>),
    /// Text that may be missing.
    Maybe(Vec<Option<String>>),
}

impl Column {
    fn of(get: &Get, rows: &[Row<'_>]) -> Self {
        match get {
            Get::Int(get) => Self::Int(rows.iter().map(get).collect()),
            Get::Real(get) => Self::Real(rows.iter().map(get).collect()),
            Get::Bool(get) => Self::Bool(rows.iter().map(get).collect()),
            Get::Text(get) => Self::Text(rows.iter().map(|row| get(row).to_owned()).collect()),
            Get::Maybe(get) => Self::Maybe(rows.iter().map(|row| get(row).map(str::to_owned)).collect()),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Int(values) => values.len(),
            Self::Real(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::Text(values) => values.len(),
            Self::Maybe(values) => values.len(),
        }
    }

    fn declaration(&self, name: &str) -> String {
        match self {
            Self::Int(_) => format!("REQUIRED INT64 {name} (INTEGER(64,false))"),
            Self::Real(_) => format!("REQUIRED DOUBLE {name}"),
            Self::Bool(_) => format!("REQUIRED BOOLEAN {name}"),
            Self::Text(_) => format!("REQUIRED BYTE_ARRAY {name} (UTF8)"),
            Self::Maybe(_) => format!("OPTIONAL BYTE_ARRAY {name} (UTF8)"),
        }
    }
}

/// Every (symbol, frame) pair, one a row, with the columns of the CSV; only `reason` is optional. Integers are unsigned, 64 bit. The file's metadata
/// carry `schema_version`, `scenario`, `seed` and `config_sha256`.
///
/// # Errors
/// What the Parquet writer says.
pub fn views(run: &RunRecord) -> Result<Vec<u8>, ParquetError> {
    let metadata = [
        ("schema_version", SCHEMA_VERSION.to_string()),
        ("scenario", run.scenario.clone()),
        ("seed", run.manifest.seed.to_string()),
        ("config_sha256", run.manifest.config_sha256.clone()),
    ];
    let rows: Vec<_> = rows(run).collect();
    let columns: Vec<_> = COLUMNS.iter().map(|(name, get)| (*name, Column::of(get, &rows))).collect();
    table("code_views", &columns, &metadata)
}

/// A table of columns of the same length, with what its file's metadata say.
///
/// # Errors
/// Columns of different lengths; what the Parquet writer says.
pub fn table(name: &str, columns: &[(&str, Column)], metadata: &[(&str, String)]) -> Result<Vec<u8>, ParquetError> {
    let rows = columns.first().map_or(0, |(_, column)| column.len());
    if let Some((odd, column)) = columns.iter().find(|(_, column)| column.len() != rows) {
        return Err(ParquetError::General(format!("column {odd} has {} values, the first one {rows}", column.len())));
    }
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by(concat!("tracetwin ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(metadata.iter().map(|(key, value)| KeyValue::new((*key).to_owned(), value.clone())).collect()))
        .build();
    let declarations: String = columns.iter().map(|(name, column)| format!("  {};\n", column.declaration(name))).collect();
    let schema = parse_message_type(&format!("message {name} {{\n{declarations}}}\n"))?;
    let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties))?;
    for first in (0..rows).step_by(ROWS_PER_GROUP) {
        let chunk = first..rows.min(first + ROWS_PER_GROUP);
        let mut group = writer.next_row_group()?;
        for (_, values) in columns {
            let Some(mut column) = group.next_column()? else {
                return Err(ParquetError::General("the schema has fewer columns than the table".to_owned()));
            };
            match values {
                Column::Int(values) => {
                    // Parquet keeps unsigned integers in signed ones, bit by bit.
                    let values: Vec<_> = values[chunk.clone()].iter().map(|value| value.cast_signed()).collect();
                    column.typed::<Int64Type>().write_batch(&values, None, None)?;
                }
                Column::Real(values) => {
                    column.typed::<DoubleType>().write_batch(&values[chunk.clone()], None, None)?;
                }
                Column::Bool(values) => {
                    column.typed::<BoolType>().write_batch(&values[chunk.clone()], None, None)?;
                }
                Column::Text(values) => {
                    let values: Vec<_> = values[chunk.clone()].iter().map(|value| ByteArray::from(value.as_str())).collect();
                    column.typed::<ByteArrayType>().write_batch(&values, None, None)?;
                }
                Column::Maybe(values) => {
                    let values = &values[chunk.clone()];
                    let there: Vec<_> = values.iter().map(|value| i16::from(value.is_some())).collect();
                    let values: Vec<_> = values.iter().flatten().map(|value| ByteArray::from(value.as_str())).collect();
                    column.typed::<ByteArrayType>().write_batch(&values, Some(&there), None)?;
                }
            }
            column.close()?;
        }
        group.close()?;
    }
    writer.into_inner()
}
