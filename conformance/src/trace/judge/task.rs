//! A SCSI command and its data: one LUN, sequences without gaps, tags that were given, lengths that fit.

use super::Findings;
use super::conn::{Conn, RESERVED, at_most};
use super::phases::sense_length;
use crate::trace::ProbeRecord;
use std::collections::BTreeMap;
use target_core::probe::Probe;

/// Bits of byte 1 (RFC 7143 11.3, 11.7, 11.4).
const FINAL: u32 = 0x80;
const READ: u32 = 0x40;
const WRITE: u32 = 0x20;
const ATTR: u32 = 0x07;
const ACKNOWLEDGE: u32 = 0x40;
const OVERFLOW: u32 = 0x04;
const UNDERFLOW: u32 = 0x02;
const STATUS: u32 = 0x01;
/// The two residual bits of a bidirectional command's read.
const READ_RESIDUAL: u32 = 0x18;

/// A request that waits for its answer.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) probe: Probe,
    pub(super) lun: u64,
    flags: u32,
    pub(super) data_len: u32,
    cdb: Vec<u8>,
    /// What was sent for it: R2Ts and Data-Ins share one numbering. (is an R2T, length, flags)
    sent: Vec<(bool, u32, u32)>,
    /// R2Ts whose data is not complete: the next DataSN, by tag.
    asked: BTreeMap<u32, u32>,
    /// The next DataSN of unsolicited data, while that is to come.
    unsolicited: Option<u32>,
    came: u64,
    went: u64,
}

impl Task {
    pub(super) fn new(event: &ProbeRecord) -> Self {
        let writes = event.probe == Probe::ScsiCommand && event.ii_flags & WRITE != 0;
        Self {
            probe: event.probe,
            lun: event.ii_lun,
            flags: event.ii_flags,
            data_len: event.ii_datalen,
            cdb: event.ic_cdb.clone().unwrap_or_default(),
            sent: Vec::new(),
            asked: BTreeMap::new(),
            unsolicited: (writes && event.ii_flags & FINAL == 0).then_some(0),
            came: event.ii_datalen.into(),
            went: 0,
        }
    }

    /// The next DataSN or R2TSN.
    fn next_sn(&self) -> u32 {
        self.sent.len() as u32
    }

    /// True if write data is still to come.
    fn waits(&self) -> bool {
        self.unsolicited.is_some() || !self.asked.is_empty()
    }

    /// True if it sends nothing new: it was sent before, the same.
    fn has_sent(&self, at: u32, what: (bool, u32, u32)) -> bool {
        usize::try_from(at).ok().and_then(|at| self.sent.get(at)) == Some(&what)
    }
}

impl Conn {
    pub(super) fn scsi_command(&mut self, event: &ProbeRecord, found: &mut Findings) {
        let flags = event.ii_flags;
        let writes = flags & WRITE != 0;
        found.want(writes || event.ii_datalen == 0, "ii_datalen", || {
            "data with a command that does not write".into()
        });
        found.want(writes || flags & FINAL != 0, "ii_flags", || {
            format!("{flags:#x}: data is to follow, but nothing is written")
        });
        found.want(flags & ATTR <= 4, "ii_flags", || {
            format!("{flags:#x}: there is no task attribute {}", flags & ATTR)
        });
        self.late.remove(&event.ii_itt);
    }

    /// The LUN where the PDU carries none but belongs to a command.
    pub(super) fn check_command_lun(&self, event: &ProbeRecord, found: &mut Findings) {
        let lun = event.ii_lun;
        let task = self.tasks.get(&event.ii_itt).or_else(|| self.answered(event.ii_itt));
        let task = task.filter(|task| task.probe == Probe::ScsiCommand);
        // What the target received it may not know: the command may have been refused, or be over.
        let unknown = event.probe == Probe::DataReceive && (self.aborts || task.is_none());
        match task {
            Some(task) if !(unknown && lun == 0) => {
                found.want(lun == task.lun, "ii_lun", || {
                    format!("{lun:#x}, the command's is {:#x}", task.lun)
                });
            }
            None => found.want(lun == 0 || !self.whole, "ii_lun", || {
                format!("{lun:#x}, but no command {:#x} is known", event.ii_itt)
            }),
            Some(_) => {}
        }
    }

    pub(super) fn data_out(&mut self, event: &ProbeRecord, found: &mut Findings) {
        let (itt, ttt) = (event.ii_itt, event.ii_ttt);
        self.rejectable = self.rejectable.saturating_add(1);
        let Some(task) = self.tasks.get_mut(&itt).filter(|task| task.probe == Probe::ScsiCommand) else {
            let excused = !self.whole || self.late.contains(&itt);
            return found.want(excused, "ii_itt", || format!("{itt:#x} is no command that waits for data"));
        };
        let ends = event.ii_flags & FINAL != 0;
        let next = if ttt == RESERVED { task.unsolicited } else { task.asked.get(&ttt).copied() };
        let Some(next) = next else {
            let excused = self.aborts || !self.whole;
            return found.want(excused, "ii_ttt", || format!("{ttt:#x}: nobody asked for that"));
        };
        found
            .want(event.ii_datasn == next, "ii_datasn", || format!("{}, {next} comes next", event.ii_datasn));
        let next = event.ii_datasn.wrapping_add(1);
        match (ttt, ends) {
            (RESERVED, true) => task.unsolicited = None,
            (RESERVED, false) => task.unsolicited = Some(next),
            (_, true) => drop(task.asked.remove(&ttt)),
            (_, false) => drop(task.asked.insert(ttt, next)),
        }
        task.came += u64::from(event.ii_datalen);
    }

    /// An R2T, data or the status of a command.
    pub(super) fn of_command(&mut self, event: &ProbeRecord, found: &mut Findings) {
        let itt = event.ii_itt;
        let ends = event.probe == Probe::ScsiResponse
            || (event.probe == Probe::DataSend && event.ii_flags & STATUS != 0);
        let whole = self.whole;
        if self.repeats_data(event) {
            return;
        }
        self.answers(self.tasks.get(&itt), Probe::ScsiCommand, event, found);
        if event.probe == Probe::DataSend {
            data_in_flags(event, found);
        }
        if let Some(task) = self.tasks.get_mut(&itt).filter(|task| task.probe == Probe::ScsiCommand) {
            match event.probe {
                Probe::DataRequest => r2t(task, event, found),
                Probe::DataSend => data_in(task, event, found),
                _ => status(task, event, whole, found),
            }
        }
        if let Some(task) = ends.then(|| self.tasks.remove(&itt)).flatten() {
            if task.waits() {
                self.late.insert(itt);
            }
            self.check_lengths(&task, event, found);
            self.keep_answered(itt, task);
        }
    }

    /// True for an R2T or data of a command that is answered: a SNACK, which has no probe, may have asked for them.
    fn repeats_data(&self, event: &ProbeRecord) -> bool {
        let has_status = event.probe == Probe::ScsiResponse || event.ii_flags & STATUS != 0;
        let what = (event.probe == Probe::DataRequest, event.ii_datalen, event.ii_flags);
        let again = |task: &Task| task.has_sent(event.ii_datasn, what) || self.text_seen;
        !has_status
            && !self.tasks.contains_key(&event.ii_itt)
            && self.answered(event.ii_itt).is_some_and(again)
    }

    /// A transfer of whole blocks has a length that is so many times the block size.
    fn check_lengths(&mut self, task: &Task, last: &ProbeRecord, found: &mut Findings) {
        let Some((writes, blocks)) = transfer(&task.cdb) else { return };
        let residual = last.ii_flags & (OVERFLOW | UNDERFLOW) != 0;
        let sense = last.probe == Probe::ScsiResponse && last.ii_datalen > 0;
        let done = if writes { task.came } else { task.went };
        // Without data there may have been a status that does not show, such as BUSY.
        if residual || sense || done == 0 || blocks == 0 || task.waits() || self.aborts {
            return;
        }
        let known = self.block_sizes.get(&task.lun).copied();
        let size = done / blocks;
        let right = match known {
            Some(known) => done == blocks * known,
            None => done.is_multiple_of(blocks) && size >= 512 && size.is_power_of_two() && size <= 1 << 16,
        };
        // A write that ended before all was asked for shows no status either.
        let early = writes && task.sent.is_empty() && known.is_some_and(|known| done < blocks * known);
        found.want(right || early, "ii_datalen", || {
            let unit = known.map_or("of a likely size".to_owned(), |known| format!("of {known} bytes"));
            format!("{done} bytes in all for {blocks} block(s) {unit}")
        });
        if right && known.is_none() {
            self.block_sizes.insert(task.lun, size);
        }
    }
}

fn r2t(task: &mut Task, event: &ProbeRecord, found: &mut Findings) {
    let (ttt, sn) = (event.ii_ttt, event.ii_datasn);
    found.want(task.flags & WRITE != 0, "probe", || "an R2T for a command that does not write".into());
    found.want(ttt != RESERVED, "ii_ttt", || "the reserved tag asks for data".into());
    let next = task.next_sn();
    let again = task.has_sent(sn, (true, 0, event.ii_flags)) && at_most(sn, next);
    found.want(sn == next || again, "ii_datasn", || format!("R2TSN {sn}, {next} comes next"));
    if sn == next {
        task.sent.push((true, 0, event.ii_flags));
    }
    let twice = task.asked.insert(ttt, 0).is_some();
    found.want(!twice || again, "ii_ttt", || format!("{ttt:#x} asks for data already"));
}

fn data_in_flags(event: &ProbeRecord, found: &mut Findings) {
    let (flags, ttt) = (event.ii_flags, event.ii_ttt);
    let (over, under) = (flags & OVERFLOW != 0, flags & UNDERFLOW != 0);
    let has_status = flags & STATUS != 0;
    found.want(!has_status || flags & FINAL != 0, "ii_flags", || {
        format!("{flags:#x}: a status before the end")
    });
    found.want(has_status || !(over || under), "ii_flags", || {
        format!("{flags:#x}: a residual without a status")
    });
    found.want(!(over && under), "ii_flags", || format!("{flags:#x}: too much and too little"));
    let asks = flags & ACKNOWLEDGE != 0;
    found.want(asks == (ttt != RESERVED), "ii_ttt", || format!("{ttt:#x} with flags {flags:#x}"));
}

fn data_in(task: &mut Task, event: &ProbeRecord, found: &mut Findings) {
    found.want(task.flags & READ != 0, "probe", || "data for a command that does not read".into());
    let (sn, next) = (event.ii_datasn, task.next_sn());
    let what = (false, event.ii_datalen, event.ii_flags);
    let again = task.has_sent(sn, what);
    found.want(sn == next || again, "ii_datasn", || format!("DataSN {sn}, {next} comes next"));
    if again {
        return;
    }
    task.sent.push(what);
    task.went += u64::from(event.ii_datalen);
    let limit = allocation(&task.cdb);
    let went = task.went;
    found.want(limit.is_none_or(|limit| went <= limit), "ii_datalen", || {
        format!("{went} bytes, more than was asked for")
    });
}

fn status(task: &Task, event: &ProbeRecord, whole: bool, found: &mut Findings) {
    let flags = event.ii_flags;
    found.want(flags & (OVERFLOW | UNDERFLOW) != OVERFLOW | UNDERFLOW, "ii_flags", || {
        format!("{flags:#x}: too much and too little")
    });
    let both = READ | WRITE;
    found.want(flags & READ_RESIDUAL == 0 || task.flags & both == both, "ii_flags", || {
        format!("{flags:#x}: a residual of a read that a command in one direction has not")
    });
    // R2Ts count, but only where there was a Data-In (RFC 7143 11.4.8).
    let reads = task.sent.iter().any(|(is_r2t, ..)| !is_r2t);
    let (sn, sent) = (event.ii_datasn, if reads { task.next_sn() } else { 0 });
    found.want(sn == sent || !whole, "ii_datasn", || format!("ExpDataSN {sn}, but {sent} were sent"));
    if event.ii_datalen > 0 {
        sense_length(event, found);
    }
}

/// Direction and number of blocks of the transfers whose data is blocks and nothing else (SBC).
fn transfer(cdb: &[u8]) -> Option<(bool, u64)> {
    let number = |from: usize, to: usize| {
        let bytes = cdb.get(from..to)?;
        Some(bytes.iter().fold(0_u64, |all, byte| all << 8 | u64::from(*byte)))
    };
    let opcode = *cdb.first()?;
    let blocks = match opcode {
        0x08 | 0x0a => number(4, 5).map(|blocks| if blocks == 0 { 256 } else { blocks })?,
        0x28 | 0x2a | 0x2e => number(7, 9)?,
        0xa8 | 0xaa => number(6, 10)?,
        0x88 | 0x8a => number(10, 14)?,
        _ => return None,
    };
    Some((matches!(opcode, 0x0a | 0x2a | 0x2e | 0xaa | 0x8a), blocks))
}

/// The most that a command wants to have, where its CDB says so in bytes (SPC).
fn allocation(cdb: &[u8]) -> Option<u64> {
    let byte = |at: usize| cdb.get(at).copied().map(u64::from);
    match *cdb.first()? {
        // INQUIRY, then REQUEST SENSE and MODE SENSE (6), then MODE SENSE (10).
        0x12 => Some(byte(3)? << 8 | byte(4)?),
        0x03 | 0x1a => byte(4),
        0x5a => Some(byte(7)? << 8 | byte(8)?),
        _ => None,
    }
}
