//! Does the target keep to what was negotiated? (RFC 7143 13.12 to 13.19; DataSN and offsets: 11.7, 11.8)

use super::fields::Fields;
use super::task::{NO_TAG, OpenR2t, Task};
use super::{Sink, WirePdu};
use crate::clock::Nanos;
use crate::codec::Kind;
use crate::world::tap::Track;

/// Any PDU of the target.
pub(super) fn pdu(track: &Track, pdu: &WirePdu<'_>, kind: Kind, sink: &mut Sink) {
    let len = pdu.view.data.len();
    // During login the limit is the default, whatever was declared (13.12).
    let most = if kind == Kind::LoginResponse {
        8192.max(track.params.receive_max)
    } else {
        track.params.receive_max
    };
    if len > most as usize {
        sink.add(
            "limits",
            "rfc7143/13.12",
            format!("{kind} with {len} bytes of data; the initiator takes {most}"),
        );
    }
    if pdu.view.padding.iter().any(|byte| *byte != 0) {
        sink.add("limits", "rfc7143/11.1", format!("{kind} with padding that is not zero"));
    }
}

/// A Data-In of an open command.
pub(super) fn data_in(fields: &Fields, track: &Track, pdu: &WirePdu<'_>, task: &mut Task, sink: &mut Sink) {
    if task.tangled {
        return;
    }
    let bhs = pdu.view.bhs;
    let len = pdu.view.data.len() as u32;
    let (sn, offset) = (fields.data_in_sn.word(bhs), fields.data_in_offset.word(bhs));
    if sn != task.next_data_sn {
        let want = task.next_data_sn;
        sink.add(
            "limits",
            "rfc7143/11.7.5",
            format!("Data-In of task {:#x}: DataSN {sn}, expected {want}", task.itt),
        );
    }
    task.next_data_sn = sn.wrapping_add(1);
    if track.session.data_pdu_in_order
        && track.session.data_sequence_in_order
        && offset != task.next_data_in_offset
    {
        let want = task.next_data_in_offset;
        sink.add(
            "limits",
            "rfc7143/13.18",
            format!("Data-In of task {:#x}: offset {offset}, expected {want}", task.itt),
        );
    }
    task.next_data_in_offset = offset.saturating_add(len);
    if u64::from(offset) + u64::from(len) > u64::from(task.read_len) {
        let text = format!(
            "Data-In of task {:#x} ends at {}, expected were {}",
            task.itt,
            offset.saturating_add(len),
            task.read_len
        );
        sink.add("limits", "rfc7143/11.7.6", text);
    }
    task.burst = task.burst.saturating_add(len);
    if task.burst > track.session.max_burst {
        let text = format!(
            "Data-In sequence of {} bytes, MaxBurstLength is {}",
            task.burst, track.session.max_burst
        );
        sink.add("limits", "rfc7143/13.13", text);
    }
    if fields.data_in_a.is_set(bhs) && track.session.error_recovery_level == 0 {
        sink.add("limits", "rfc7143/11.7.2-2", "Data-In with A at ErrorRecoveryLevel 0");
    }
    if fields.final_bit.is_set(bhs) {
        task.burst = 0;
    } else if fields.data_in_s.is_set(bhs) {
        sink.add("limits", "rfc7143/11.7.3", "Data-In with S but without F");
    }
}

/// An R2T of an open command. `patience` is how long the target waits for write data.
pub(super) fn r2t(
    fields: &Fields,
    track: &Track,
    pdu: &WirePdu<'_>,
    task: &mut Task,
    patience: Nanos,
    sink: &mut Sink,
) {
    if task.tangled {
        return;
    }
    let bhs = pdu.view.bhs;
    let (sn, ttt) = (fields.r2t_sn.word(bhs), fields.r2t_ttt.word(bhs));
    let (offset, len) = (fields.r2t_offset.word(bhs), fields.r2t_len.word(bhs));
    let itt = task.itt;
    if !task.write {
        sink.add("limits", "rfc7143/11.8", format!("R2T for task {itt:#x}, which writes nothing"));
    }
    if ttt == NO_TAG {
        sink.add("limits", "rfc7143/11.8.4", format!("R2T of task {itt:#x} with the reserved TTT"));
    }
    if sn != task.next_r2t_sn {
        let want = task.next_r2t_sn;
        sink.add("limits", "rfc7143/11.8.1", format!("R2T of task {itt:#x}: R2TSN {sn}, expected {want}"));
    }
    task.next_r2t_sn = sn.wrapping_add(1);
    if len == 0 || len > track.session.max_burst {
        let text =
            format!("R2T of task {itt:#x} for {len} bytes, MaxBurstLength is {}", track.session.max_burst);
        sink.add("limits", "rfc7143/11.8.4", text);
    }
    if u64::from(offset) + u64::from(len) > u64::from(task.edtl) {
        let end = u64::from(offset) + u64::from(len);
        sink.add(
            "limits",
            "rfc7143/11.8.4",
            format!("R2T of task {itt:#x} ends at {end}, EDTL is {}", task.edtl),
        );
    }
    if track.session.error_recovery_level > 0 {
        // A recovery R2T takes the place of the one whose data did not come (11.8).
        let apart = |open: &OpenR2t| {
            open.offset.saturating_add(open.len) <= offset || offset.saturating_add(len) <= open.offset
        };
        task.r2ts.retain(apart);
        // After a sequence reception time-out those before it are outstanding no more (13.17).
        if pdu.at >= task.heard.saturating_add(patience) {
            task.r2ts.clear();
            task.heard = pdu.at;
        }
        task.unsolicited_over = true;
    }
    task.r2ts.push(OpenR2t { ttt, offset, len });
    if task.r2ts.len() > track.session.max_outstanding_r2t as usize {
        let text = format!("{} R2Ts open for task {itt:#x}", task.r2ts.len());
        sink.add(
            "limits",
            "rfc7143/13.17",
            format!("{text}, MaxOutstandingR2T is {}", track.session.max_outstanding_r2t),
        );
    }
}

/// A Data-Out of an open command: closes the sequence it ends.
pub(super) fn data_out(fields: &Fields, pdu: &WirePdu<'_>, task: &mut Task) {
    let bhs = pdu.view.bhs;
    task.heard = pdu.at;
    if !fields.final_bit.is_set(bhs) {
        return;
    }
    let ttt = fields.out_ttt.word(bhs);
    if ttt == NO_TAG {
        task.unsolicited_over = true;
    } else {
        task.r2ts.retain(|r2t| r2t.ttt != ttt);
    }
}
