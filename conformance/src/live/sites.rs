//! Where are the probes in a program file, and in which registers are their arguments?

use super::error::LiveError;
use super::program::Arguments;
use crate::usdt::notes::{self, Note};
use object::elf;
use object::read::elf::{ElfFile64, ProgramHeader};
use object::{Endianness, Object, ObjectSection};
use std::io::ErrorKind;
use std::path::PathBuf;
use target_core::probe::Probe;

/// What to trace.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The program file.
    pub path: PathBuf,
    /// Only this process; else every one that runs the file, now or later.
    pub pid: Option<u32>,
    /// Which probes.
    pub probes: Vec<Probe>,
}

impl Scope {
    /// All probes of every process that runs the file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), pid: None, probes: Probe::ALL.to_vec() }
    }

    /// All probes of one process.
    pub fn process(pid: u32) -> Self {
        Self { pid: Some(pid), ..Self::file(format!("/proc/{pid}/exe")) }
    }
}

/// One place where a probe fires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Site {
    pub(super) probe: Probe,
    /// In the file.
    pub(super) offset: u64,
    /// Of the semaphore, in the file; 0 if there is none.
    pub(super) semaphore: u64,
    pub(super) arguments: Arguments,
}

/// The sites of the probes in `scope`, as the file's notes have them.
pub(super) fn sites(scope: &Scope) -> Result<Vec<Site>, LiveError> {
    let binary = |why: String| LiveError::Binary(scope.path.clone(), why);
    let bytes = std::fs::read(&scope.path).map_err(|error| match scope.pid {
        Some(pid) if error.kind() == ErrorKind::NotFound => LiveError::NoProcess(pid),
        _ => LiveError::File(scope.path.clone(), error),
    })?;
    let notes =
        notes::read(&bytes).map_err(|error| binary(format!("no program that can be traced: {error}")))?;
    let map = FileMap::new(&bytes).map_err(binary)?;
    let mut out = Vec::new();
    for note in notes.iter().filter(|note| note.provider == "iscsi") {
        let Some(probe) = Probe::from_name(&note.probe).filter(|probe| scope.probes.contains(probe)) else {
            continue;
        };
        out.push(site(probe, note, &map).map_err(binary)?);
    }
    if let Some(missing) = scope.probes.iter().find(|probe| !out.iter().any(|site| site.probe == **probe)) {
        return Err(binary(format!("it has no probe iscsi:{}", missing.name())));
    }
    Ok(out)
}

fn site(probe: Probe, note: &Note, map: &FileMap) -> Result<Site, String> {
    let name = probe.name();
    let place = |address: u64| {
        map.offset(address.wrapping_add(map.moved(note.base)))
            .ok_or_else(|| format!("{name}: address {address:#x} is not in the file"))
    };
    let arguments: Vec<i16> = note
        .arguments
        .split_whitespace()
        .map(|argument| {
            register(argument)
                .ok_or_else(|| format!("{name}: argument {argument} is in no register that is known here"))
        })
        .collect::<Result<_, _>>()?;
    let wanted = if probe == Probe::ScsiCommand { 3 } else { 2 };
    if arguments.len() != wanted {
        return Err(format!("{name}: {} arguments instead of {wanted}", arguments.len()));
    }
    let semaphore = if note.semaphore == 0 { 0 } else { place(note.semaphore)? };
    Ok(Site { probe, offset: place(note.address)?, semaphore, arguments })
}

/// Addresses and where they are in the file.
struct FileMap {
    /// First address, first offset, length.
    segments: Vec<(u64, u64, u64)>,
    /// Where the notes' fixed point is now; a file may have been moved after its notes were written.
    base: Option<u64>,
}

impl FileMap {
    fn new(bytes: &[u8]) -> Result<Self, String> {
        let file = ElfFile64::<Endianness>::parse(bytes).map_err(|error| error.to_string())?;
        let endian = file.endian();
        let segments = file
            .elf_program_headers()
            .iter()
            .filter(|header| header.p_type(endian) == elf::PT_LOAD)
            .map(|header| (header.p_vaddr(endian), header.p_offset(endian), header.p_filesz(endian)))
            .collect();
        let base = file.section_by_name(".stapsdt.base").map(|section| section.address());
        Ok(Self { segments, base })
    }

    fn moved(&self, noted: u64) -> u64 {
        match self.base {
            Some(base) if noted != 0 => base.wrapping_sub(noted),
            _ => 0,
        }
    }

    fn offset(&self, address: u64) -> Option<u64> {
        let inside =
            |(start, _, len): &&(u64, u64, u64)| address.checked_sub(*start).is_some_and(|at| at < *len);
        self.segments.iter().find(inside).map(|(start, offset, _)| address - start + offset)
    }
}

/// The place of an argument such as `8@%rdi` in the registers that the kernel saves (`struct pt_regs`).
fn register(argument: &str) -> Option<i16> {
    let name = argument.strip_prefix("8@")?;
    place(name)
}

#[cfg(target_arch = "x86_64")]
fn place(name: &str) -> Option<i16> {
    const ORDER: [&str; 15] = [
        "%r15", "%r14", "%r13", "%r12", "%rbp", "%rbx", "%r11", "%r10", "%r9", "%r8", "%rax", "%rcx", "%rdx",
        "%rsi", "%rdi",
    ];
    let at = ORDER.iter().position(|known| *known == name)?;
    i16::try_from(at * 8).ok()
}

#[cfg(target_arch = "aarch64")]
fn place(name: &str) -> Option<i16> {
    let number: i16 = name.strip_prefix('x')?.parse().ok()?;
    (0..=30).contains(&number).then_some(number * 8)
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn place(_: &str) -> Option<i16> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_the_file_and_nothing_else_is() {
        let map =
            FileMap { segments: vec![(0x1000, 0x400, 0x100), (0x3000, 0x500, 0x80)], base: Some(0x9000) };
        assert_eq!(map.offset(0x1010), Some(0x410));
        assert_eq!(map.offset(0x307f), Some(0x57f));
        assert_eq!((map.offset(0x1100), map.offset(0xfff)), (None, None));
        assert_eq!((map.moved(0), map.moved(0x8000)), (0, 0x1000));
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn an_argument_is_in_a_register() {
        assert_eq!(
            (register("8@%r15"), register("8@%rdi"), register("8@%rcx")),
            (Some(0), Some(112), Some(88))
        );
        for odd in ["-4@%edi", "8@-8(%rbp)", "8@$1", "8@%rsp", ""] {
            assert_eq!(register(odd), None, "{odd}");
        }
    }

    #[test]
    fn what_cannot_be_traced_is_told() {
        let missing = sites(&Scope::file("/nowhere/at/all")).expect_err("no file").to_string();
        assert!(missing.starts_with("/nowhere/at/all: No such file"), "{missing}");
        let text =
            sites(&Scope::file(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))).expect_err("no program");
        assert!(text.to_string().contains("Cargo.toml: no program that can be traced"), "{text}");
    }
}
