//! How does a PDU look on one line? For traces and error messages; the order of the fields is that of the tables.

use core::fmt::{self, Write};

use super::text;
use super::{Field, Kind, Pdu};

/// Fields whose value is a tag or an identifier: shown in hex.
const IN_HEX: [&str; 6] = ["ITT", "TTT", "RefTaskTag", "SNACKTag", "ISID", "CDB"];
/// Fields that say nothing when they are 0.
const SILENT_ZERO: [&str; 24] = [
    "TotalAHSLength",
    "LUN",
    "VersionMax",
    "VersionMin",
    "VersionActive",
    "Response",
    "SNACKTag",
    "BidiResidualCount",
    "ResidualCount",
    "RefCmdSN",
    "ExpDataSN",
    "AsyncVCode",
    "Parameter1",
    "Parameter2",
    "Parameter3",
    "Time2Wait",
    "Time2Retain",
    "StatusDetail",
    "R2TSN",
    "ATTR",
    "CID",
    "PRI",
    "StatusQualifier",
    "AdditionalInfo",
];
/// At most this much of a text value is shown.
const TEXT_SHOWN_MAX: usize = 64;

/// How somebody else wants values shown, for traces that name tags instead of showing their numbers.
pub trait Wording {
    /// A field's value; `None` shows it the usual way, which may be not at all.
    fn value(&mut self, pdu: &Pdu, field: &Field, value: u64) -> Option<String>;

    /// Everything after the fields: AHS and data segment, with the blank before it if there is anything.
    fn tail(&mut self, pdu: &Pdu) -> String;
}

impl Pdu {
    /// The PDU on one line, in somebody's own wording.
    pub fn worded(&self, wording: &mut dyn Wording) -> String {
        let mut line = String::new();
        // A string takes everything.
        let _ = self.render_header(&mut line, Some(&mut *wording));
        line + &wording.tail(self)
    }

    fn render_header(&self, f: &mut dyn Write, mut wording: Option<&mut dyn Wording>) -> fmt::Result {
        f.write_str(&self.kind_name())?;
        let kind = self.kind();
        let flags: Vec<&str> = self
            .fields()
            .iter()
            .filter(|x| x.is_flag() && shown_flag(kind, x, self))
            .map(|x| x.name)
            .collect();
        if !flags.is_empty() {
            write!(f, " [{}]", flags.join(" "))?;
        }
        for field in self.fields() {
            self.render_field(f, kind, field, &mut wording)?;
        }
        Ok(())
    }
}

impl fmt::Display for Pdu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.render_header(f, None)?;
        let kind = self.kind();
        match self.data_segment_length() {
            0 if self.data.is_empty() => {}
            len if len == self.data.len() => write!(f, " data={len}")?,
            len => write!(f, " data={}(header says {len})", self.data.len())?,
        }
        if matches!(
            kind,
            Some(Kind::LoginRequest | Kind::LoginResponse | Kind::TextRequest | Kind::TextResponse)
        ) {
            self.render_text(f)?;
        }
        Ok(())
    }
}

impl Pdu {
    fn render_field(
        &self,
        f: &mut dyn Write,
        kind: Option<Kind>,
        field: &Field,
        wording: &mut Option<&mut dyn Wording>,
    ) -> fmt::Result {
        if field.is_flag() || matches!(field.name, "Opcode" | "DataSegmentLength") {
            return Ok(());
        }
        // The second name of a word is for scripts; a line shows the word once.
        if matches!((kind, field.name), (Some(Kind::Snack), "SNACKTag") | (Some(Kind::Reject), "R2TSN")) {
            return Ok(());
        }
        if let Some(cdb) = field.slice(&self.bhs).filter(|_| field.name == "CDB") {
            write!(f, " CDB=")?;
            return cdb.iter().try_for_each(|byte| write!(f, "{byte:02x}"));
        }
        let Some(value) = field.value(&self.bhs) else { return Ok(()) };
        if let Some(text) = wording.as_mut().and_then(|wording| wording.value(self, field, value)) {
            return write!(f, " {}={text}", field.name);
        }
        // Data-In has a status only with S (RFC 7143 11.7.3).
        let no_status = kind == Some(Kind::DataIn) && !self.flag("S");
        if no_status && value == 0 && matches!(field.name, "Status" | "StatSN") {
            return Ok(());
        }
        let unset = value == 0xffff_ffff && field.default == value;
        if unset || value == 0 && SILENT_ZERO.contains(&field.name) {
            return Ok(());
        }
        match field.name {
            "LUN" => write!(f, " LUN={}", lun_text(value)),
            name if IN_HEX.contains(&name) => write!(f, " {name}={value:#x}"),
            name => write!(f, " {name}={value}"),
        }
    }

    fn render_text(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (pairs, faults) = text::pairs(&self.data);
        let mut sep = " {";
        for (key, value) in &pairs {
            write!(f, "{sep}{key}=")?;
            sep = ", ";
            for (shown, c) in value.chars().flat_map(char::escape_debug).enumerate() {
                if shown == TEXT_SHOWN_MAX {
                    write!(f, "...{}", value.len())?;
                    break;
                }
                f.write_char(c)?;
            }
        }
        if !pairs.is_empty() {
            f.write_char('}')?;
        }
        if !faults.is_empty() {
            write!(f, " ({} piece(s) are no pair)", faults.len())?;
        }
        Ok(())
    }
}

/// A flag is worth showing when it is set, except an `F` or `I` that the kind always has.
fn shown_flag(kind: Option<Kind>, field: &Field, pdu: &Pdu) -> bool {
    let set = field.value(&pdu.bhs) == Some(1);
    match kind {
        Some(Kind::LoginRequest) if field.name == "I" => false,
        _ => set,
    }
}

/// A LUN in the single-level forms as its number, anything else as eight bytes.
fn lun_text(lun: u64) -> String {
    match lun >> 48 {
        number if lun << 16 == 0 && number < 0x8000 => format!("{}", number & 0x3fff),
        _ => format!("{lun:#018x}"),
    }
}
