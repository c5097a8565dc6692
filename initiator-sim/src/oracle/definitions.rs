//! Which PDU fires which probe, with what in each field? The definitions as data, read from a file by whoever has a YAML reader,
//! so that the same file judges simulated and live events.

use super::expression::Expression;
use crate::codec::{Kind, nearest};
use crate::net::Dir;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use target_core::probe::Probe;

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeDefinitions {
    /// Name of the provider.
    pub provider: String,
    /// What every probe's strings hold, for readers: the checks know the meaning of these names.
    pub strings: BTreeMap<String, String>,
    /// The same for what is not a string.
    pub numbers: BTreeMap<String, String>,
    /// The structs that the arguments point to.
    pub types: Vec<TypeDefinition>,
    /// Names for values, in the order of the file.
    pub constants: Vec<ConstantDefinition>,
    /// What task-command's functions are called.
    pub task_functions: BTreeMap<u8, String>,
    /// What SCSI operation codes are called.
    pub scsi_opcodes: BTreeMap<u8, String>,
    /// The probes.
    pub probes: Vec<ProbeDefinition>,
    /// Compiled once, however many worlds use it.
    #[serde(skip)]
    compiled: OnceLock<Result<Arc<Vec<Compiled>>, DefinitionError>>,
}

/// A struct that an argument points to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TypeDefinition {
    /// Its published name.
    pub name: String,
    /// Which argument points to it.
    pub arg: u8,
    /// Its members, in their order.
    pub members: Vec<MemberDefinition>,
}

/// A member of a struct.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberDefinition {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: MemberType,
}

/// What a member can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum MemberType {
    /// Address of a NUL-terminated string.
    #[serde(rename = "string")]
    String,
    /// Address of bytes whose number another member says.
    #[serde(rename = "bytes")]
    Bytes,
    /// 64 bits.
    #[serde(rename = "uint64_t")]
    U64,
    /// 32 bits.
    #[serde(rename = "uint32_t")]
    U32,
}

/// A name for a value.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConstantDefinition {
    /// The name.
    pub name: String,
    /// The value.
    pub value: u32,
    /// What it means and where.
    pub text: String,
}

/// One probe.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeDefinition {
    /// Its name, as tracers see it.
    pub name: String,
    /// The PDU's opcode, without the immediate bit.
    pub opcode: u8,
    /// `out`: from the initiator to the target; `in`: back.
    pub dir: Dir,
    /// By member of iscsiinfo_t: where its value comes from.
    pub info: BTreeMap<String, String>,
    /// Where args\[2\] comes from, if the probe has it.
    #[serde(default)]
    pub cmd: Option<String>,
}

/// What is wrong with a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinitionError {
    /// The probe or PDU.
    pub subject: String,
    /// What is wrong, for people.
    pub text: String,
}

impl DefinitionError {
    pub(super) fn new(subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self { subject: subject.into(), text: text.into() }
    }
}

impl fmt::Display for DefinitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.text)
    }
}

impl std::error::Error for DefinitionError {}

/// The members of iscsiinfo_t that are numbers, in their order.
pub(super) const MEMBERS: [&str; 8] =
    ["ii_lun", "ii_itt", "ii_ttt", "ii_cmdsn", "ii_statsn", "ii_datasn", "ii_datalen", "ii_flags"];

/// The one source of args\[2\].
pub(super) const WHOLE_CDB: &str = "whole_cdb";

/// A definition, ready to be used.
#[derive(Clone, Debug)]
pub(super) struct Compiled {
    pub(super) probe: Probe,
    pub(super) kind: Kind,
    pub(super) dir: Dir,
    pub(super) info: [Expression; 8],
    pub(super) cdb: bool,
}

impl ProbeDefinitions {
    /// Checks all definitions.
    ///
    /// # Errors
    /// The first thing that is wrong: an unknown probe, PDU, member or field, or a probe that is missing or defined twice.
    pub fn check(&self) -> Result<(), DefinitionError> {
        self.compile().map(|_| ())
    }

    pub(super) fn compiled(&self) -> Result<Arc<Vec<Compiled>>, DefinitionError> {
        self.compiled.get_or_init(|| self.compile().map(Arc::new)).clone()
    }

    fn compile(&self) -> Result<Vec<Compiled>, DefinitionError> {
        let compiled: Vec<Compiled> =
            self.probes.iter().map(ProbeDefinition::compile).collect::<Result<_, _>>()?;
        for probe in Probe::ALL {
            let count = compiled.iter().filter(|definition| definition.probe == probe).count();
            if count != 1 {
                return Err(DefinitionError::new(
                    probe.name(),
                    format!("defined {count} times instead of once"),
                ));
            }
        }
        Ok(compiled)
    }
}

impl ProbeDefinition {
    fn compile(&self) -> Result<Compiled, DefinitionError> {
        let bad = |text: String| DefinitionError::new(self.name.clone(), text);
        let probe = Probe::from_name(&self.name).ok_or_else(|| {
            let near = nearest(&self.name, Probe::ALL.map(Probe::name));
            bad(near.map_or("no such probe".into(), |near| format!("no such probe; did you mean {near}?")))
        })?;
        let kind = Kind::of_opcode(self.opcode)
            .ok_or_else(|| bad(format!("no PDU has opcode {:#x}", self.opcode)))?;
        if kind.from_initiator() != (self.dir == Dir::Out) {
            return Err(bad(format!("{kind} goes the other way")));
        }
        if let Some(extra) = self.info.keys().find(|key| !MEMBERS.contains(&key.as_str())) {
            return Err(bad(format!("iscsiinfo_t has no number named {extra}")));
        }
        if self.cmd.as_deref().is_some_and(|cmd| cmd != WHOLE_CDB) {
            return Err(bad(format!("the only source of args[2] is {WHOLE_CDB}")));
        }
        let mut info = [Expression::Always(super::expression::Term::Number(0)); 8];
        for (slot, member) in info.iter_mut().zip(MEMBERS) {
            let text = self.info.get(member).ok_or_else(|| bad(format!("{member} is not defined")))?;
            *slot = Expression::compile(kind, text)?;
        }
        Ok(Compiled { probe, kind, dir: self.dir, info, cdb: self.cmd.is_some() })
    }
}
