//! The container: MCAP 0 (mcap.dev/spec), as much of it as a recording needs: schemas, channels, messages in chunks without compression, message and chunk
//! indexes, statistics, checksums.
//!
//! Written here rather than by the crate `mcap`, whose derive macros turn on features under which all of Bevy would be compiled anew.

use std::collections::BTreeMap;
use std::io::{self, Write};

/// At both ends of a file.
pub const MAGIC: [u8; 8] = [0x89, b'M', b'C', b'A', b'P', 0x30, b'\r', b'\n'];

/// Where chunks end, bytes: seeking costs no more than reading this.
const CHUNK: usize = 4 << 20;

mod op {
    pub const HEADER: u8 = 0x01;
    pub const FOOTER: u8 = 0x02;
    pub const SCHEMA: u8 = 0x03;
    pub const CHANNEL: u8 = 0x04;
    pub const MESSAGE: u8 = 0x05;
    pub const CHUNK: u8 = 0x06;
    pub const MESSAGE_INDEX: u8 = 0x07;
    pub const CHUNK_INDEX: u8 = 0x08;
    pub const STATISTICS: u8 = 0x0B;
    pub const SUMMARY_OFFSET: u8 = 0x0E;
    pub const DATA_END: u8 = 0x0F;
}

/// Fields of a record.
#[derive(Default)]
struct Fields(Vec<u8>);

impl Fields {
    fn u8(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    fn u16(mut self, value: u16) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    fn u32(mut self, value: u32) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    fn u64(mut self, value: u64) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    fn text(self, value: &str) -> Self {
        self.prefixed(value.as_bytes())
    }

    /// Bytes after their count: texts, schemas, maps and arrays.
    fn prefixed(self, value: &[u8]) -> Self {
        let mut fields = self.u32(value.len() as u32);
        fields.0.extend(value);
        fields
    }

    fn record(self, op: u8) -> Vec<u8> {
        let mut record = vec![op];
        record.extend((self.0.len() as u64).to_le_bytes());
        record.extend(self.0);
        record
    }
}

/// CRC-32 of IEEE 802.3, as in zlib, continued from `crc` (0 to begin with).
fn crc32(crc: u32, bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0u32; 256];
        let mut i = 0;
        while i < 256 {
            let (mut value, mut bit) = (i as u32, 0);
            while bit < 8 {
                value = if value & 1 == 1 { 0xEDB8_8320 ^ (value >> 1) } else { value >> 1 };
                bit += 1;
            }
            table[i] = value;
            i += 1;
        }
        table
    };
    !bytes.iter().fold(!crc, |crc, byte| TABLE[usize::from(crc as u8 ^ byte)] ^ (crc >> 8))
}

/// Span of times, if there is any.
#[derive(Clone, Copy, Default)]
struct Span(Option<[u64; 2]>);

impl Span {
    fn add(&mut self, at: u64) {
        let [from, to] = self.0.unwrap_or([at, at]);
        self.0 = Some([from.min(at), to.max(at)]);
    }

    fn ends(self) -> [u64; 2] {
        self.0.unwrap_or_default()
    }
}

/// A chunk under construction.
#[derive(Default)]
struct Chunk {
    records: Vec<u8>,
    span: Span,
    /// By channel: times and offsets.
    index: BTreeMap<u16, Vec<u8>>,
}

/// A file under construction. Dropped without [`finish`](Self::finish) it lacks its end, by which readers know it.
pub struct Tape<W: Write> {
    writer: W,
    position: u64,
    data_crc: u32,
    chunk: Chunk,
    chunk_indexes: Vec<u8>,
    chunks: u32,
    /// Records of the schemas by name.
    schemas: BTreeMap<&'static str, (u16, Vec<u8>)>,
    /// Records of the channels by topic and schema, and how many messages each has.
    channels: BTreeMap<(String, &'static str), Channel>,
    span: Span,
    descriptors: Vec<u8>,
}

struct Channel {
    id: u16,
    record: Vec<u8>,
    messages: u64,
}

impl<W: Write> Tape<W> {
    /// Begins a file whose messages are Protocol Buffers by `descriptors`.
    ///
    /// # Errors
    /// What cannot be written.
    pub fn begin(writer: W, descriptors: Vec<u8>) -> io::Result<Self> {
        let mut tape = Self {
            writer,
            position: 0,
            data_crc: 0,
            chunk: Chunk::default(),
            chunk_indexes: Vec::new(),
            chunks: 0,
            schemas: BTreeMap::new(),
            channels: BTreeMap::new(),
            span: Span::default(),
            descriptors,
        };
        tape.raw(&MAGIC)?;
        tape.raw(&Fields::default().text("").text(concat!("tracetwin ", env!("CARGO_PKG_VERSION"))).record(op::HEADER))?;
        Ok(tape)
    }

    fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes)?;
        self.position += bytes.len() as u64;
        self.data_crc = crc32(self.data_crc, bytes);
        Ok(())
    }

    /// Adds a message of a schema to a topic, at a time in ns.
    ///
    /// # Errors
    /// What cannot be written.
    pub fn put(&mut self, topic: &str, schema: &'static str, at: u64, message: &[u8]) -> io::Result<()> {
        let next = self.schemas.len() as u16 + 1;
        let schema_id = self
            .schemas
            .entry(schema)
            .or_insert_with(|| {
                let record = Fields::default().u16(next).text(schema).text("protobuf").prefixed(&self.descriptors).record(op::SCHEMA);
                self.chunk.records.extend(&record);
                (next, record)
            })
            .0;
        let next = self.channels.len() as u16;
        let channel = self.channels.entry((topic.to_owned(), schema)).or_insert_with(|| {
            let record = Fields::default().u16(next).u16(schema_id).text(topic).text("protobuf").prefixed(&[]).record(op::CHANNEL);
            self.chunk.records.extend(&record);
            Channel { id: next, record, messages: 0 }
        });
        let sequence = channel.messages as u32;
        channel.messages += 1;
        let entry = Fields::default().u64(at).u64(self.chunk.records.len() as u64).0;
        self.chunk.index.entry(channel.id).or_default().extend(entry);
        let mut record = vec![op::MESSAGE];
        record.extend((2 + 4 + 8 + 8 + message.len() as u64).to_le_bytes());
        record.extend(Fields::default().u16(channel.id).u32(sequence).u64(at).u64(at).0);
        self.chunk.records.extend(record);
        self.chunk.records.extend(message);
        self.chunk.span.add(at);
        self.span.add(at);
        if self.chunk.records.len() >= CHUNK { self.end_chunk() } else { Ok(()) }
    }

    fn end_chunk(&mut self) -> io::Result<()> {
        let chunk = std::mem::take(&mut self.chunk);
        if chunk.records.is_empty() {
            return Ok(());
        }
        let ([from, to], size, start) = (chunk.span.ends(), chunk.records.len() as u64, self.position);
        let head = Fields::default().u64(from).u64(to).u64(size).u32(crc32(0, &chunk.records)).text("").u64(size);
        let mut opening = vec![op::CHUNK];
        opening.extend((head.0.len() as u64 + size).to_le_bytes());
        opening.extend(head.0);
        self.raw(&opening)?;
        self.raw(&chunk.records)?;
        let length = self.position - start;
        let mut offsets = Fields::default();
        for (channel, entries) in &chunk.index {
            offsets = offsets.u16(*channel).u64(self.position);
            self.raw(&Fields::default().u16(*channel).prefixed(entries).record(op::MESSAGE_INDEX))?;
        }
        let indexes = self.position - start - length;
        let index =
            Fields::default().u64(from).u64(to).u64(start).u64(length).prefixed(&offsets.0).u64(indexes).text("").u64(size).u64(size);
        self.chunk_indexes.extend(index.record(op::CHUNK_INDEX));
        self.chunks += 1;
        Ok(())
    }

    /// Ends the file. Returns how many messages there are.
    ///
    /// # Errors
    /// What cannot be written.
    pub fn finish(mut self) -> io::Result<u64> {
        self.end_chunk()?;
        let end = Fields::default().u32(self.data_crc).record(op::DATA_END);
        self.raw(&end)?;
        let start = self.position;
        let messages: u64 = self.channels.values().map(|channel| channel.messages).sum();
        let mut counts = Fields::default();
        for channel in self.channels.values() {
            counts = counts.u16(channel.id).u64(channel.messages);
        }
        let [from, to] = self.span.ends();
        let statistics = Fields::default()
            .u64(messages)
            .u16(self.schemas.len() as u16)
            .u32(self.channels.len() as u32)
            .u32(0)
            .u32(0)
            .u32(self.chunks)
            .u64(from)
            .u64(to)
            .prefixed(&counts.0)
            .record(op::STATISTICS);
        let groups = [
            (op::SCHEMA, self.schemas.values().flat_map(|(_, record)| record.iter().copied()).collect()),
            (op::CHANNEL, self.channels.values().flat_map(|channel| channel.record.iter().copied()).collect()),
            (op::STATISTICS, statistics),
            (op::CHUNK_INDEX, std::mem::take(&mut self.chunk_indexes)),
        ];
        let (mut summary, mut offsets): (Vec<u8>, Vec<u8>) = Default::default();
        for (op, records) in groups.iter().filter(|(_, records): &&(u8, Vec<u8>)| !records.is_empty()) {
            let group = Fields::default().u8(*op).u64(start + summary.len() as u64).u64(records.len() as u64);
            offsets.extend(group.record(op::SUMMARY_OFFSET));
            summary.extend(records);
        }
        let offsets_start = start + summary.len() as u64;
        summary.extend(offsets);
        // The checksum covers the footer up to itself.
        let ends = Fields::default().u64(start).u64(offsets_start).0;
        summary.push(op::FOOTER);
        summary.extend((ends.len() as u64 + 4).to_le_bytes());
        summary.extend(ends);
        let crc = crc32(0, &summary);
        summary.extend(crc.to_le_bytes());
        self.raw(&summary)?;
        self.raw(&MAGIC)?;
        self.writer.flush()?;
        Ok(messages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_zlib() {
        assert_eq!(crc32(0, b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(crc32(0, b"1234"), b"56789"), 0xCBF4_3926);
    }
}
