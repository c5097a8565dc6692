//! Firing the probes: each field by the definitions, from the header alone where the header has it.
//!
//! Byte 1 of the basic header is `ii_flags` everywhere; the wire module owns the fields, so it is read from the bytes.

use super::Target;
use super::command::Extras;
use crate::api::ConnId;
use crate::conn::connection::{Connection, Names};
use crate::conn::framing::Frame;
pub(super) use crate::probe::Fields;
use crate::probe::{IscsiCmd, IscsiInfo, Probe, ProbeEvent, ProbeSink};
use crate::wire::{
    BHS_LEN, DataOut, LoginRequest, LogoutRequest, Lun, NopOut, Opcode, RESERVED_TAG, ScsiCommand,
    TaskRequest, TextRequest,
};

/// Fires one event. A free function, so that the caller may hold parts of the target.
pub(super) fn fire(
    sink: &mut impl ProbeSink,
    names: &Names,
    probe: Probe,
    bhs: &[u8; BHS_LEN],
    fields: Fields,
    cdb: Option<&[u8]>,
) {
    let [_, flags, ..] = *bhs;
    let info = IscsiInfo {
        target: &names.target,
        initiator: &names.initiator,
        lun: fields.lun,
        itt: fields.itt,
        ttt: fields.ttt,
        cmd_sn: fields.cmd_sn,
        stat_sn: fields.stat_sn,
        data_sn: fields.data_sn,
        data_len: fields.data_len,
        flags: u32::from(if planted!(ProbeFlags) { flags & 0x7f } else { flags }),
    };
    let cmd = cdb.map(|cdb| IscsiCmd { cdb });
    sink.fire(&ProbeEvent { probe, conn: names.conn_info(), info, cmd });
}

impl<S: ProbeSink> Target<S> {
    fn fire_received(
        &mut self,
        id: ConnId,
        probe: Probe,
        bhs: &[u8; BHS_LEN],
        fields: Fields,
        cdb: Option<&[u8]>,
    ) {
        if let Some(conn) = self.conns.get(&id) {
            fire(&mut self.sink, &conn.names, probe, bhs, fields, cdb);
        }
    }

    /// scsi-command.
    pub(super) fn fire_scsi_command(
        &mut self,
        id: ConnId,
        frame: &Frame,
        pdu: &ScsiCommand,
        extras: &Extras,
    ) {
        if !self.sink.is_enabled(Probe::ScsiCommand) {
            return;
        }
        let fields = Fields {
            lun: if planted!(ProbeLunRaw) { pdu.lun.0 } else { pdu.lun.probe_number() },
            itt: pdu.itt,
            cmd_sn: pdu.cmd_sn,
            stat_sn: pdu.exp_stat_sn,
            data_len: pdu.data_segment_length,
            ..Fields::default()
        };
        let cdb = extras.cdb.as_deref().filter(|_| !planted!(ProbeCdb)).unwrap_or(&pdu.cdb);
        self.fire_received(id, Probe::ScsiCommand, &frame.bhs, fields, Some(cdb));
    }

    /// data-receive; `lun` is that of the command, 0 if there is none.
    pub(super) fn fire_data_out(&mut self, id: ConnId, frame: &Frame, pdu: &DataOut, lun: Lun) {
        if !self.sink.is_enabled(Probe::DataReceive) {
            return;
        }
        let fields = Fields {
            lun: lun.probe_number().wrapping_add(u64::from(planted!(ProbeTaskLun))),
            itt: pdu.itt,
            ttt: pdu.ttt,
            stat_sn: pdu.exp_stat_sn,
            data_sn: if planted!(ProbeDataSn) { pdu.buffer_offset } else { pdu.data_sn },
            data_len: pdu.data_segment_length,
            ..Fields::default()
        };
        self.fire_received(id, Probe::DataReceive, &frame.bhs, fields, None);
    }

    /// Every other PDU an initiator sends, by its opcode alone. A login's names were taken note of before.
    pub(super) fn fire_other(&mut self, id: ConnId, opcode: Opcode, frame: &Frame) {
        let bhs = &frame.bhs;
        let (probe, fields) = match opcode {
            Opcode::NopOut => {
                let pdu = NopOut::parse(bhs);
                (Probe::NopReceive, fields(pdu.lun, pdu.itt, pdu.ttt, pdu.cmd_sn, pdu.exp_stat_sn))
            }
            Opcode::TaskRequest => {
                let pdu = TaskRequest::parse(bhs);
                let tag = if planted!(ProbeTaskTag) { pdu.itt } else { pdu.referenced_task_tag };
                let common = fields(pdu.lun, pdu.itt, tag, pdu.cmd_sn, pdu.exp_stat_sn);
                (Probe::TaskCommand, Fields { data_sn: pdu.exp_data_sn, ..common })
            }
            Opcode::LoginRequest => {
                let pdu = LoginRequest::parse(bhs);
                (Probe::LoginCommand, fields(Lun(0), pdu.itt, RESERVED_TAG, pdu.cmd_sn, pdu.exp_stat_sn))
            }
            Opcode::TextRequest => {
                let pdu = TextRequest::parse(bhs);
                (Probe::TextCommand, fields(pdu.lun, pdu.itt, pdu.ttt, pdu.cmd_sn, pdu.exp_stat_sn))
            }
            Opcode::LogoutRequest => {
                let pdu = LogoutRequest::parse(bhs);
                (Probe::LogoutCommand, fields(Lun(0), pdu.itt, RESERVED_TAG, pdu.cmd_sn, pdu.exp_stat_sn))
            }
            // Fired by their own verbs, or no probe at all.
            Opcode::ScsiCommand
            | Opcode::DataOut
            | Opcode::Snack
            | Opcode::NopIn
            | Opcode::ScsiResponse
            | Opcode::TaskResponse
            | Opcode::LoginResponse
            | Opcode::TextResponse
            | Opcode::DataIn
            | Opcode::LogoutResponse
            | Opcode::R2t
            | Opcode::AsyncMessage
            | Opcode::Reject => return,
        };
        if self.sink.is_enabled(probe) {
            let data_len = crate::wire::data_segment_length(bhs);
            self.fire_received(id, probe, bhs, Fields { data_len, ..fields }, None);
        }
    }
}

fn fields(lun: Lun, itt: u32, ttt: u32, cmd_sn: u32, stat_sn: u32) -> Fields {
    Fields { lun: lun.probe_number(), itt, ttt, cmd_sn, stat_sn, ..Fields::default() }
}

/// Fires the event of a PDU that goes out.
pub(super) fn fire_sent(
    sink: &mut impl ProbeSink,
    conn: &Connection,
    probe: Probe,
    bhs: &[u8; BHS_LEN],
    fields: Fields,
) {
    if sink.is_enabled(probe) && !(planted!(ProbeMissed) && probe == Probe::TaskResponse) {
        fire(sink, &conn.names, probe, bhs, fields, None);
    }
}
