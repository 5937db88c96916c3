//! Tables as Parquet, by the low-level column writer: no Arrow.

use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::columns::{COLUMNS, Get, rows};
use crate::records::{RunRecord, SCHEMA_VERSION};

/// Rows of a row group: bounds the memory of a reader, not of the writer.
const ROWS_PER_GROUP: usize = 65_536;

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
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by(concat!("tracetwin ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(metadata.into_iter().map(|(key, value)| KeyValue::new(key.to_owned(), value)).collect()))
        .build();
    let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(parse_message_type(&schema())?), Arc::new(properties))?;
    let rows: Vec<_> = rows(run).collect();
    for chunk in rows.chunks(ROWS_PER_GROUP) {
        let mut group = writer.next_row_group()?;
        for (_, get) in &COLUMNS {
            let Some(mut column) = group.next_column()? else {
                return Err(ParquetError::General("the schema has fewer columns than the table".to_owned()));
            };
            match get {
                Get::Int(get) => {
                    // Parquet keeps unsigned integers in signed ones, bit by bit.
                    let values: Vec<_> = chunk.iter().map(|row| get(row).cast_signed()).collect();
                    column.typed::<Int64Type>().write_batch(&values, None, None)?;
                }
                Get::Real(get) => {
                    let values: Vec<_> = chunk.iter().map(get).collect();
                    column.typed::<DoubleType>().write_batch(&values, None, None)?;
                }
                Get::Bool(get) => {
                    let values: Vec<_> = chunk.iter().map(get).collect();
                    column.typed::<BoolType>().write_batch(&values, None, None)?;
                }
                Get::Text(get) => {
                    let values: Vec<_> = chunk.iter().map(|row| ByteArray::from(get(row))).collect();
                    column.typed::<ByteArrayType>().write_batch(&values, None, None)?;
                }
                Get::Maybe(get) => {
                    let values: Vec<_> = chunk.iter().filter_map(|row| get(row).map(ByteArray::from)).collect();
                    let there: Vec<_> = chunk.iter().map(|row| i16::from(get(row).is_some())).collect();
                    column.typed::<ByteArrayType>().write_batch(&values, Some(&there), None)?;
                }
            }
            column.close()?;
        }
        group.close()?;
    }
    writer.into_inner()
}

fn schema() -> String {
    let columns: String = COLUMNS
        .iter()
        .map(|(name, get)| {
            let kind = match get {
                Get::Int(_) => format!("REQUIRED INT64 {name} (INTEGER(64,false))"),
                Get::Real(_) => format!("REQUIRED DOUBLE {name}"),
                Get::Bool(_) => format!("REQUIRED BOOLEAN {name}"),
                Get::Text(_) => format!("REQUIRED BYTE_ARRAY {name} (UTF8)"),
                Get::Maybe(_) => format!("OPTIONAL BYTE_ARRAY {name} (UTF8)"),
            };
            format!("  {kind};\n")
        })
        .collect();
    format!("message code_views {{\n{columns}}}\n")
}
