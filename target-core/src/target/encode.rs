//! One PDU on its way out: its header with the numbers of this moment, its data, its probe.

use super::notify::sense_segment;
use super::probes::{Fields, fire_sent};
use crate::conn::batch::TxBatch;
use crate::conn::connection::{Connection, KeepLimit, Kept};
use crate::conn::out::{AsyncOut, LoginOut, Out, TextOut};
use crate::io::SgList;
use crate::probe::{Probe, ProbeSink};
use crate::scsi::status;
use crate::task::Task;
use crate::task::read::Residual;
use crate::task::sent::SentData;
use crate::task::write::R2tSpec;
use crate::wire::{
    AsyncEvent, AsyncMessage, BHS_LEN, DataIn, LoginResponse, LogoutResponse, Lun, NopIn, R2t, RESERVED_TAG,
    Reject, ScsiResponse, TaskResponse, TextResponse, set_window,
};
use bytes::Bytes;

/// Where one PDU goes and what it takes its numbers from.
pub(super) struct Encoder<'a, S: ProbeSink> {
    pub(super) sink: &'a mut S,
    pub(super) conn: &'a mut Connection,
    pub(super) batch: &'a mut TxBatch,
    /// How much the connection keeps for recovery.
    pub(super) keep: KeepLimit,
    pub(super) numbers: Numbers,
}

/// ExpCmdSN and MaxCmdSN of this moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    pub(super) exp_cmd_sn: u32,
    pub(super) max_cmd_sn: u32,
}

impl<S: ProbeSink> Encoder<'_, S> {
    fn send(&mut self, probe: Option<Probe>, bhs: &[u8; BHS_LEN], data: &SgList, fields: Fields) {
        self.batch.push(bhs, &[], data, self.conn.send_digests);
        if let Some(probe) = probe {
            fire_sent(self.sink, self.conn, probe, bhs, fields);
        }
    }

    /// A response: it has a StatSN of its own and may have to be sent again.
    fn send_response(&mut self, probe: Option<Probe>, bhs: &[u8; BHS_LEN], data: Bytes, fields: Fields) {
        let data = SgList::from(data);
        self.send(probe, bhs, &data, fields);
        self.keep(probe, bhs, data, fields);
    }

    fn keep(&mut self, probe: Option<Probe>, bhs: &[u8; BHS_LEN], data: SgList, fields: Fields) {
        let shown = probe.map(|probe| (probe, fields));
        self.conn.keep(Kept { stat_sn: fields.stat_sn, bhs: *bhs, data, shown }, self.keep);
    }

    /// The response with that number once more, the same but for the command window (rfc7143/11.16-2).
    pub(super) fn status_again(&mut self, stat_sn: u32) {
        // rfc7143/11.4.9-1.
        let Some(Kept { mut bhs, data, shown, .. }) = self.conn.kept(stat_sn).cloned() else { return };
        if !self.conn.takes(data.len()) {
            // The initiator has lowered its limit since it asked.
            return;
        }
        let Numbers { exp_cmd_sn, max_cmd_sn } = self.numbers;
        if !planted!(ReplayOldWindow) {
            set_window(&mut bhs, exp_cmd_sn, max_cmd_sn);
        }
        let (probe, fields) = shown.unzip();
        let fields = fields.unwrap_or_default();
        self.send(probe, &bhs, &data, Fields { cmd_sn: exp_cmd_sn, ..fields });
    }

    /// Everything but SCSI Response, R2T, Data-In and what is sent again, which need their task.
    pub(super) fn other(&mut self, out: Out) {
        match out {
            Out::Scsi(_) | Out::R2t(..) | Out::Statuses(..) => {}
            Out::NopEcho { itt, data, immediate } => {
                self.answered(immediate);
                let stat_sn = self.conn.next_stat_sn();
                // rfc7143/11.19-2.
                let max = self.conn.params.max_send_segment as usize;
                self.nop_in(
                    Lun(0),
                    itt,
                    // rfc7143/11.19-3.
                    RESERVED_TAG,
                    stat_sn,
                    data.slice(..data.len().min(if planted!(NopEchoOverMax) { usize::MAX } else { max })),
                );
            }
            // A NOP-In without a task tag shows the next StatSN and does not take it (RFC 7143 11.19.2).
            Out::NopPing { lun, ttt } => {
                if planted!(PingTakesStatSn) {
                    self.conn.next_stat_sn();
                }
                // rfc7143/11.19-5.
                self.nop_in(lun, RESERVED_TAG, ttt, self.conn.stat_sn, Bytes::new());
            }
            Out::NopWindow => {
                // rfc7143/11.19.1-1, rfc7143/11.19-5.
                self.nop_in(Lun(0), RESERVED_TAG, RESERVED_TAG, self.conn.stat_sn, Bytes::new());
            }
            Out::Login(out) => self.login(*out),
            Out::Text(out) => self.text(*out),
            Out::Logout { itt, result, time2wait, time2retain } => {
                let Numbers { exp_cmd_sn, max_cmd_sn } = self.numbers;
                let stat_sn = self.conn.next_stat_sn();
                let pdu = LogoutResponse {
                    response: result.code(),
                    itt,
                    stat_sn,
                    exp_cmd_sn,
                    max_cmd_sn,
                    time2wait,
                    time2retain,
                };
                let fields = Fields { itt, cmd_sn: exp_cmd_sn, stat_sn, ..Fields::default() };
                // rfc7143/11.15.2-1.
                self.send_response(Some(Probe::LogoutResponse), &pdu.emit(), Bytes::new(), fields);
            }
            Out::Tmf { answer, fenced } => {
                if answer.immediate {
                    self.conn.immediate_tmfs = self.conn.immediate_tmfs.saturating_sub(1);
                }
                let Numbers { exp_cmd_sn, max_cmd_sn } = self.numbers;
                let stat_sn = self.conn.next_stat_sn();
                if fenced {
                    self.conn.fenced = Some(stat_sn);
                }
                let itt = answer.itt;
                let pdu = TaskResponse {
                    response: answer.response.code(),
                    additional: answer.additional,
                    itt,
                    stat_sn,
                    exp_cmd_sn,
                    max_cmd_sn,
                };
                let fields = Fields { itt, cmd_sn: exp_cmd_sn, stat_sn, ..Fields::default() };
                // rfc7143/11.6.2-1.
                self.send_response(Some(Probe::TaskResponse), &pdu.emit(), Bytes::new(), fields);
            }
            Out::Reject { reason, header, data_sn } => {
                let Numbers { exp_cmd_sn, max_cmd_sn } = self.numbers;
                let stat_sn = self.conn.next_stat_sn();
                let pdu = Reject {
                    // There is no 0x0b among them (rfc7143/11.17.1-1, rfc7143/11.17.1-2).
                    reason: reason.code(),
                    data_segment_length: length(&header),
                    stat_sn,
                    exp_cmd_sn,
                    max_cmd_sn,
                    data_sn,
                };
                if planted!(RejectStatSn) {
                    self.conn.stat_sn = stat_sn;
                }
                let fields = Fields { cmd_sn: exp_cmd_sn, stat_sn, ..Fields::default() };
                self.send_response(None, &pdu.emit(), header, fields);
            }
            Out::Async(out) => self.async_message(*out),
        }
    }

    /// An immediate request is answered and counts no more.
    fn answered(&mut self, immediate: bool) {
        if immediate {
            self.conn.immediate = self.conn.immediate.saturating_sub(1);
        }
    }

    fn nop_in(&mut self, lun: Lun, itt: u32, ttt: u32, stat_sn: u32, data: Bytes) {
        let Numbers { exp_cmd_sn, max_cmd_sn } = self.numbers;
        let data_segment_length = length(&data);
        let pdu = NopIn { data_segment_length, lun, itt, ttt, stat_sn, exp_cmd_sn, max_cmd_sn };
        let fields = Fields {
            lun: lun.probe_number(),
            itt,
            ttt,
            cmd_sn: exp_cmd_sn,
            stat_sn,
            data_len: data_segment_length,
            ..Fields::default()
        };
        if itt == RESERVED_TAG {
            self.send(Some(Probe::NopSend), &pdu.emit(), &SgList::from(data), fields);
        } else {
            self.send_response(Some(Probe::NopSend), &pdu.emit(), data, fields);
        }
    }

    fn login(&mut self, out: LoginOut) {
        let Numbers { exp_cmd_sn, max_cmd_sn } = self.numbers;
        let stat_sn = self.conn.next_stat_sn();
        let pdu = LoginResponse {
            transit: out.reply.transit,
            continue_bit: out.reply.continue_bit,
            csg: out.reply.csg,
            nsg: out.reply.nsg,
            // rfc7143/11.13.1-1, rfc7143/11.13.2-1.
            version_max: 0,
            version_active: 0,
            data_segment_length: length(&out.reply.text),
            isid: out.isid,
            tsih: if planted!(TsihZero) { 0 } else { out.tsih },
            itt: out.itt,
            stat_sn,
            exp_cmd_sn,
            max_cmd_sn,
            status: out.reply.status,
        };
        let fields = Fields {
            itt: out.itt,
            cmd_sn: exp_cmd_sn,
            stat_sn,
            data_len: pdu.data_segment_length,
            ..Fields::default()
        };
        self.send(Some(Probe::LoginResponse), &pdu.emit(), &SgList::from(out.reply.text), fields);
        if out.last {
            // rfc7143/13.1-2.
            self.conn.send_digests = self.conn.params.digests;
        }
    }

    fn text(&mut self, out: TextOut) {
        self.answered(out.immediate);
        let Numbers { exp_cmd_sn, max_cmd_sn } = self.numbers;
        let stat_sn = self.conn.next_stat_sn();
        let pdu = TextResponse {
            final_bit: out.reply.final_bit,
            continue_bit: out.reply.continue_bit,
            data_segment_length: length(&out.reply.text),
            lun: out.lun,
            itt: out.itt,
            ttt: out.reply.ttt,
            stat_sn,
            exp_cmd_sn,
            max_cmd_sn,
        };
        let fields = Fields {
            lun: out.lun.probe_number(),
            itt: out.itt,
            ttt: pdu.ttt,
            cmd_sn: exp_cmd_sn,
            stat_sn,
            data_len: pdu.data_segment_length,
            ..Fields::default()
        };
        self.send_response(Some(Probe::TextResponse), &pdu.emit(), out.reply.text, fields);
        if let Some(max_send_segment) = out.reply.changed.max_send_segment {
            self.conn.params.max_send_segment = max_send_segment;
        }
        if let Some(length) = out.reply.changed.max_recv_segment {
            // What the initiator sent before it read this may be as long as before.
            let params = &mut self.conn.params;
            params.max_recv_segment = params.max_recv_segment.max(length);
            self.conn.receive_change = Some((stat_sn, length));
        }
    }

    fn async_message(&mut self, out: AsyncOut) {
        let Numbers { exp_cmd_sn, max_cmd_sn } = self.numbers;
        let stat_sn = self.conn.next_stat_sn();
        if out.event == AsyncEvent::TaskTermination {
            self.conn.terminations.sent(out.lun, stat_sn);
        }
        let [parameter1, parameter2, parameter3] = out.parameters;
        let pdu = AsyncMessage {
            data_segment_length: length(&out.data),
            lun: out.lun,
            stat_sn,
            exp_cmd_sn,
            max_cmd_sn,
            event: out.event.code(),
            vcode: 0,
            parameter1,
            parameter2,
            parameter3,
        };
        let fields = Fields {
            // Whatever the header says: the definition of the probe knows the LUN of event 0 alone.
            lun: if out.event == AsyncEvent::ScsiAsyncEvent { out.lun.probe_number() } else { 0 },
            cmd_sn: exp_cmd_sn,
            stat_sn,
            data_len: pdu.data_segment_length,
            ..Fields::default()
        };
        self.send_response(Some(Probe::AsyncSend), &pdu.emit(), out.data, fields);
    }

    /// An R2T of the task with that LUN and tag. It shows the next StatSN and does not take it (RFC 7143 11.8.3).
    pub(super) fn r2t(&mut self, spec: R2tSpec, lun: Lun, itt: u32) {
        let Numbers { exp_cmd_sn, max_cmd_sn } = self.numbers;
        let pdu = R2t {
            lun: if planted!(R2tLun) { Lun(0) } else { lun },
            itt,
            ttt: spec.ttt,
            // Of this moment, when it is sent again (rfc7143/11.16-3).
            stat_sn: if planted!(R2tTakesStatSn) { self.conn.next_stat_sn() } else { self.conn.stat_sn },
            exp_cmd_sn,
            max_cmd_sn,
            r2t_sn: spec.r2t_sn,
            buffer_offset: spec.buffer_offset,
            desired_data_transfer_length: spec.desired_length,
        };
        let fields = Fields {
            lun: lun.probe_number(),
            itt,
            ttt: spec.ttt,
            cmd_sn: exp_cmd_sn,
            stat_sn: pdu.stat_sn,
            data_sn: spec.r2t_sn,
            ..Fields::default()
        };
        // rfc7143/11.8.1-1.
        self.send(Some(Probe::DataRequest), &pdu.emit(), &SgList::new(), fields);
    }

    /// One Data-In of a task, with status if that rides on it.
    pub(super) fn data_in(&mut self, task: &Task, data_sn: u32, sent: &SentData, data: SgList) {
        let Numbers { exp_cmd_sn, max_cmd_sn } = self.numbers;
        let stat_sn = task.stat_sn.filter(|_| sent.status).unwrap_or(0);
        let residual = if sent.status { residuals(task).1 } else { Residual::None };
        // rfc7143/11.7.4-1.
        let ttt = sent.ack.unwrap_or(RESERVED_TAG);
        let pdu = DataIn {
            final_bit: sent.final_bit,
            acknowledge: sent.ack.is_some(),
            overflow: matches!(residual, Residual::Overflow(_)),
            underflow: matches!(residual, Residual::Underflow(_)),
            status_bit: sent.status,
            status: status::GOOD,
            data_segment_length: u32::try_from(data.len()).unwrap_or(u32::MAX),
            // LUN and TTT are only there to be copied into a DataACK (RFC 7143 11.7.4).
            lun: if sent.ack.is_some() { task.lun } else { Lun(0) },
            itt: task.itt,
            ttt,
            stat_sn,
            exp_cmd_sn: if planted!(DataInExpCmdSn) { 0 } else { exp_cmd_sn },
            max_cmd_sn,
            data_sn,
            buffer_offset: if planted!(LastOffset) && sent.status { 0 } else { sent.offset },
            residual_count: residual.count(),
        };
        let fields = Fields {
            lun: task.lun.probe_number(),
            itt: task.itt,
            ttt,
            cmd_sn: exp_cmd_sn,
            stat_sn,
            data_sn,
            data_len: pdu.data_segment_length,
        };
        // Reserved bits are 0 in all of them (rfc7143/10.7-4).
        let bhs = pdu.emit();
        self.send(Some(Probe::DataSend), &bhs, &data, fields);
        if sent.status {
            self.keep(Some(Probe::DataSend), &bhs, data, fields);
        }
    }

    /// The SCSI Response of a task.
    pub(super) fn scsi_response(&mut self, task: &Task) {
        let Some(outcome) = &task.outcome else { return };
        let Numbers { exp_cmd_sn, max_cmd_sn } = self.numbers;
        let stat_sn = task.stat_sn.unwrap_or(0);
        if task.fenced {
            self.conn.fenced = Some(stat_sn);
        }
        let (write, read) = residuals(task);
        // Autosense (rfc7143/4.6.1.2-1, rfc7143/10.2-1, rfc7143/11.4.7-1, rfc7143/11.4.7-2, rfc7144/5.2.2-1,
        // rfc7144/5.2.2-2).
        let sense = sense_segment(&outcome.sense);
        // A unidirectional command has its one residual in the first place, whatever its direction.
        // rfc7143/11.4.6-1.
        let (first, bidi) = if task.read && (!task.write || planted!(BidiResidual)) {
            (read, Residual::None)
        } else {
            (write, read)
        };
        let pdu = ScsiResponse {
            bidi_overflow: matches!(bidi, Residual::Overflow(_)),
            bidi_underflow: matches!(bidi, Residual::Underflow(_)),
            overflow: matches!(first, Residual::Overflow(_)),
            underflow: matches!(first, Residual::Underflow(_)),
            // The target has no other to tell, so the flags may be set (rfc7143/11.4.1-1).
            response: 0,
            status: outcome.status,
            data_segment_length: length(&sense),
            status_qualifier: outcome.qualifier,
            itt: task.itt,
            // rfc7143/11.16.3-3, rfc7143/11.16.5-2.
            snack_tag: if planted!(SnackTagLost) { 0 } else { task.snack_tag },
            stat_sn,
            exp_cmd_sn,
            max_cmd_sn,
            // rfc7143/11.4.8-1.
            exp_data_sn: if task.data_in.is_some() {
                task.sent.data_ins().wrapping_sub(u32::from(planted!(ExpDataSn)))
            } else {
                0
            },
            bidi_residual_count: bidi.count(),
            residual_count: first.count(),
        };
        let fields = Fields {
            lun: task.lun.probe_number(),
            itt: task.itt,
            cmd_sn: exp_cmd_sn,
            stat_sn,
            data_sn: pdu.exp_data_sn,
            data_len: pdu.data_segment_length,
            ..Fields::default()
        };
        self.send_response(Some(Probe::ScsiResponse), &pdu.emit(), sense, fields);
    }
}

/// The residuals of the write and the read of a task (RFC 7143 11.4.5): what the device server moved, or would have,
/// against what the initiator expected.
pub(super) fn residuals(task: &Task) -> (Residual, Residual) {
    let Some(outcome) = &task.outcome else { return (Residual::None, Residual::None) };
    let written = if planted!(WriteResidual) { task.edtl } else { outcome.data_out_expected } as usize;
    // What is left after the allocation length cut it, that of REPORT LUNS too (rfc7143/11.4.5.3-1,
    // rfc7143/11.4.5.3-2, rfc7143/11.4.5.3-3).
    let read = outcome.data_in.len();
    let read_residual = if task.read { Residual::of(read, task.read_edtl) } else { Residual::None };
    let write_residual = if task.write {
        Residual::of(written, task.edtl)
    } else if !task.read {
        // Neither direction was declared: all data there is is too much, and what was expected all the same never moved.
        Residual::of(read.max(written), task.edtl)
    } else {
        Residual::None
    };
    (write_residual, read_residual)
}

fn length(data: &Bytes) -> u32 {
    u32::try_from(data.len()).unwrap_or(u32::MAX)
}
