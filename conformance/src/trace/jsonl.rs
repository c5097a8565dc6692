//! How is a trace written and read? One JSON object a line; what is wrong with a line is told with file and line.
//!
//! The reader takes no line it does not fully understand: a member it does not know, one that is there twice, a header
//! that is not 48 bytes or does not belong to the PDU it is said to be are errors, so that a comparison of two traces
//! never passes over something.

use super::{CONN_UNKNOWN, ProbeRecord, Record, RecordKind, hex};
use bytes::Bytes;
use initiator_sim::codec::Pdu;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

/// Why a trace could not be read.
#[derive(Debug, PartialEq, Eq)]
pub struct TraceError {
    /// The file, as it was named.
    pub file: String,
    /// The line, from 1; 0 if it is about the file as a whole.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.message),
            line => write!(f, "{}:{line}: {}", self.file, self.message),
        }
    }
}

impl std::error::Error for TraceError {}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PduLine {
    pdu: String,
    from: End,
    #[serde(with = "hex::plain")]
    bhs: Vec<u8>,
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "hex::plain")]
    ahs: Vec<u8>,
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "hex::plain")]
    data: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum End {
    Target,
    Initiator,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase", deny_unknown_fields)]
enum EventLine {
    Opened {},
    Closed { how: String },
    Note { text: String },
    Lost { count: u64 },
}

/// A trace as a file holds it.
pub fn write_jsonl(records: &[Record]) -> String {
    let mut out = Vec::new();
    for record in records {
        // Memory takes everything.
        let _ = write_line(&mut out, record);
    }
    String::from_utf8(out).unwrap_or_default()
}

/// Writes one record as one line.
///
/// # Errors
/// Those of the writer.
pub fn write_line(out: &mut dyn Write, record: &Record) -> io::Result<()> {
    let body = match &record.what {
        RecordKind::Pdu { from_target, pdu } => serde_json::to_string(&PduLine {
            pdu: pdu.kind_name(),
            from: if *from_target { End::Target } else { End::Initiator },
            bhs: pdu.bhs.to_vec(),
            ahs: pdu.ahs.clone(),
            data: pdu.data.to_vec(),
        }),
        RecordKind::Probe(probe) => serde_json::to_string(probe),
        RecordKind::Opened => serde_json::to_string(&EventLine::Opened {}),
        RecordKind::Closed { how } => serde_json::to_string(&EventLine::Closed { how: how.clone() }),
        RecordKind::Lost(count) => serde_json::to_string(&EventLine::Lost { count: *count }),
        RecordKind::Note(text) => serde_json::to_string(&EventLine::Note { text: text.clone() }),
    }?;
    // Every body is an object with at least one member; time and connection go before the first.
    let members = body.get(1..).unwrap_or_default();
    write!(out, "{{\"time_ns\":{},", record.time_ns)?;
    if record.conn != CONN_UNKNOWN {
        write!(out, "\"conn\":{},", record.conn)?;
    }
    writeln!(out, "{members}")
}

/// Reads a trace; `name` is for the errors. Blank lines are passed over.
///
/// # Errors
/// The first line that is not a record, or what the reader says.
pub fn read_jsonl(reader: impl BufRead, name: &str) -> Result<Vec<Record>, TraceError> {
    let mut records = Vec::new();
    for (at, bytes) in reader.split(b'\n').enumerate() {
        let fail = |message| TraceError { file: name.to_owned(), line: at + 1, message };
        let bytes = bytes.map_err(|error| fail(error.to_string()))?;
        let text = str::from_utf8(&bytes).map_err(|error| fail(format!("not UTF-8: {error}")))?;
        if !text.trim().is_empty() {
            records.push(read_line(text).map_err(fail)?);
        }
    }
    Ok(records)
}

/// Reads a trace file.
///
/// # Errors
/// As [`read_jsonl`], or the file cannot be opened.
pub fn read_jsonl_file(path: &Path) -> Result<Vec<Record>, TraceError> {
    let name = path.display().to_string();
    match File::open(path) {
        Ok(file) => read_jsonl(BufReader::new(file), &name),
        Err(error) => Err(TraceError { file: name, line: 0, message: error.to_string() }),
    }
}

/// Reads one line.
fn read_line(text: &str) -> Result<Record, String> {
    let Members(mut members) = serde_json::from_str(text).map_err(|error| match error.column() {
        0 => error.to_string(),
        column => format!("column {column}: {}", without_place(&error)),
    })?;
    let time_ns = take(&mut members, "time_ns")?.unwrap_or(0);
    let conn = take(&mut members, "conn")?.unwrap_or(CONN_UNKNOWN);
    let what = if members.contains_key("pdu") {
        pdu(typed(members)?)?
    } else if members.contains_key("probe") {
        RecordKind::Probe(typed::<ProbeRecord>(members)?)
    } else if members.contains_key("event") {
        match typed(members)? {
            EventLine::Opened {} => RecordKind::Opened,
            EventLine::Closed { how } => RecordKind::Closed { how },
            EventLine::Note { text } => RecordKind::Note(text),
            EventLine::Lost { count } => RecordKind::Lost(count),
        }
    } else {
        return Err("neither \"pdu\" nor \"probe\" nor \"event\" says what this line is".into());
    };
    Ok(Record { time_ns, conn, what })
}

fn pdu(line: PduLine) -> Result<RecordKind, String> {
    let bhs = line.bhs.as_slice().try_into();
    let bhs = bhs.map_err(|_| format!("bhs has {} bytes, not 48", line.bhs.len()))?;
    let pdu = Pdu { bhs, ahs: line.ahs, data: Bytes::from(line.data) };
    if pdu.kind_name() != line.pdu {
        return Err(format!("\"pdu\" says {:?}, its bhs is of a {}", line.pdu, pdu.kind_name()));
    }
    Ok(RecordKind::Pdu { from_target: line.from == End::Target, pdu })
}

fn take<T: DeserializeOwned>(members: &mut Map<String, Value>, name: &str) -> Result<Option<T>, String> {
    let value = members.remove(name);
    value.map(|value| serde_json::from_value(value).map_err(|error| format!("{name}: {error}"))).transpose()
}

fn typed<T: DeserializeOwned>(members: Map<String, Value>) -> Result<T, String> {
    serde_json::from_value(Value::Object(members)).map_err(|error| error.to_string())
}

/// The message alone: the place in the line is said in our own words.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split_once(" at line ").map_or(text.clone(), |(message, _)| message.to_owned())
}

/// An object no member of which is there twice.
struct Members(Map<String, Value>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Members, A::Error> {
                let mut members = Map::new();
                while let Some((name, value)) = access.next_entry::<String, Value>()? {
                    if members.contains_key(&name) {
                        return Err(serde::de::Error::custom(format!("{name:?} is there twice")));
                    }
                    members.insert(name, value);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}
