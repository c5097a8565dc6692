//! Which probes does a binary have? Read from its ELF notes, as a tracer does.

use object::elf;
use object::read::elf::{ElfFile64, SectionHeader};
use object::{Endianness, Object, ObjectSection};
use serde::Serialize;
use target_core::probe::Probe;

/// SystemTap's name and note type.
const OWNER: &[u8] = b"stapsdt";
const NOTE_TYPE: u32 = 3;

/// One firing site of one probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// The provider, `iscsi`.
    pub provider: String,
    /// The probe.
    pub probe: String,
    /// How its arguments are passed, in SystemTap's notation.
    pub arguments: String,
    /// Address of the site.
    pub address: u64,
    /// Address of the semaphore; 0 if it has none.
    pub semaphore: u64,
    /// Address of the section `.stapsdt.base` when the note was written: a file that was moved since shows by it.
    #[serde(skip)]
    pub base: u64,
}

/// All USDT notes of an ELF file, in its order.
///
/// # Errors
/// The file is not 64-bit ELF or a note is cut off.
pub fn read(elf_file: &[u8]) -> Result<Vec<Note>, String> {
    let file = ElfFile64::<Endianness>::parse(elf_file).map_err(|error| error.to_string())?;
    let mut notes = Vec::new();
    for section in file.sections() {
        if section.name() != Ok(".note.stapsdt") {
            continue;
        }
        let header = section.elf_section_header();
        let endian = file.endian();
        let Some(mut found) = header.notes(endian, elf_file).map_err(|error| error.to_string())? else {
            continue;
        };
        while let Some(note) = found.next().map_err(|error| error.to_string())? {
            if note.name() == OWNER && note.n_type(endian) == elf::NoteType(NOTE_TYPE) {
                notes.push(parse(note.desc()).ok_or("a USDT note is cut off")?);
            }
        }
    }
    Ok(notes)
}

/// Three addresses (site, base, semaphore), then three NUL-terminated strings.
fn parse(desc: &[u8]) -> Option<Note> {
    let (addresses, strings) = desc.split_at_checked(24)?;
    let word = |n: usize| {
        let bytes = addresses.get(n * 8..n * 8 + 8)?.try_into().ok()?;
        Some(if cfg!(target_endian = "little") {
            u64::from_le_bytes(bytes)
        } else {
            u64::from_be_bytes(bytes)
        })
    };
    let mut strings = strings.split(|byte| *byte == 0).map(|s| String::from_utf8_lossy(s).into_owned());
    Some(Note {
        address: word(0)?,
        base: word(1)?,
        semaphore: word(2)?,
        provider: strings.next()?,
        probe: strings.next()?,
        arguments: strings.next()?,
    })
}

/// What keeps `notes` from being exactly the sixteen; empty if nothing does.
pub fn problems(notes: &[Note]) -> Vec<String> {
    let mut out = Vec::new();
    let ours = || notes.iter().filter(|note| note.provider == "iscsi");
    for probe in Probe::ALL {
        let name = probe.name();
        let mut sites = ours().filter(|note| note.probe == name).peekable();
        if sites.peek().is_none() {
            out.push(format!("{name}: not in the binary"));
        }
        let arguments = if probe == Probe::ScsiCommand { 3 } else { 2 };
        for site in sites {
            let found = site.arguments.split_whitespace().count();
            if found != arguments || !site.arguments.split_whitespace().all(|a| a.starts_with("8@")) {
                out.push(format!("{name}: arguments {:?}, not {arguments} addresses", site.arguments));
            }
            if site.semaphore == 0 {
                out.push(format!("{name}: no semaphore"));
            }
        }
    }
    for note in ours().filter(|note| Probe::from_name(&note.probe).is_none()) {
        out.push(format!("{}: not one of the sixteen", note.probe));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(probe: &str, arguments: &str) -> Note {
        Note {
            provider: "iscsi".into(),
            probe: probe.into(),
            arguments: arguments.into(),
            address: 1,
            semaphore: 2,
            base: 0x2000,
        }
    }

    fn sixteen() -> Vec<Note> {
        let arguments =
            |probe| if probe == Probe::ScsiCommand { "8@%rdi 8@%rsi 8@%rdx" } else { "8@%rdi 8@%rsi" };
        Probe::ALL.into_iter().map(|probe| note(probe.name(), arguments(probe))).collect()
    }

    #[test]
    fn exactly_the_sixteen_pass() {
        assert_eq!(problems(&sixteen()), [""; 0]);
        let mut twice = sixteen();
        twice.push(note("nop-send", "8@%rdi 8@%rsi"));
        assert_eq!(problems(&twice), [""; 0], "a probe may fire from several sites");
    }

    #[test]
    fn every_difference_is_named() {
        let mut notes = sixteen();
        notes.remove(0);
        notes[0].arguments = "8@%rdi -4@%esi".into();
        notes[1].semaphore = 0;
        notes.push(note("scsi__command", "8@%rdi"));
        assert_eq!(
            problems(&notes),
            [
                "async-send: not in the binary",
                "login-command: arguments \"8@%rdi -4@%esi\", not 2 addresses",
                "login-response: no semaphore",
                "scsi__command: not one of the sixteen",
            ]
        );
    }

    #[test]
    fn a_note_is_three_addresses_and_three_strings() {
        let mut desc = Vec::new();
        for address in [0x1000_u64, 0x2000, 0x3000] {
            desc.extend_from_slice(&address.to_ne_bytes());
        }
        desc.extend_from_slice(b"iscsi\0nop-send\x008@%rdi 8@%rsi\0");
        let parsed = parse(&desc).expect("is whole");
        assert_eq!(parsed, Note { address: 0x1000, semaphore: 0x3000, ..note("nop-send", "8@%rdi 8@%rsi") });
        assert_eq!(parse(&desc[..20]), None);
    }
}
