//! The way into the full feature phase, with the lab's own codec: one operational stage, no authentication.

use super::Plan;
use initiator_sim::codec::{Digests, Kind, Pdu, Split, Splitter, encode, text};
use std::io::{Read, Write};
use std::net::TcpStream;

/// What the target agreed to, and where the numbering stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Agreed {
    pub(super) digests: Digests,
    /// The longest data segment that the target takes.
    pub(super) max_send_segment: usize,
    /// Data that may go with the command.
    pub(super) immediate_max: usize,
    pub(super) max_burst: usize,
    pub(super) cmd_sn: u32,
    pub(super) max_cmd_sn: u32,
    pub(super) exp_stat_sn: u32,
}

/// The longest data segment that we take.
pub(super) const RECV_SEGMENT: u32 = 1 << 20;

/// A target that goes on asking is given up.
const ROUNDS_MAX: usize = 16;

/// Logs in. `n` makes sessions of one initiator differ.
pub(super) fn login(stream: &mut TcpStream, plan: &Plan, n: u16) -> Result<Agreed, String> {
    let digest = |on| if on { "CRC32C" } else { "None" };
    let segment = RECV_SEGMENT.to_string();
    let keys = [
        ("InitiatorName", plan.initiator.as_str()),
        ("TargetName", plan.target.as_str()),
        ("SessionType", "Normal"),
        ("HeaderDigest", digest(plan.digests.header)),
        ("DataDigest", digest(plan.digests.data)),
        ("MaxRecvDataSegmentLength", segment.as_str()),
        ("InitialR2T", "Yes"),
        ("ImmediateData", "Yes"),
        ("MaxBurstLength", "1048576"),
        ("FirstBurstLength", "262144"),
        ("MaxOutstandingR2T", "1"),
        ("MaxConnections", "1"),
        ("ErrorRecoveryLevel", "0"),
    ];
    let mut data = text::join(keys);
    let mut answers = Vec::new();
    let mut splitter = Splitter::new();
    for _ in 0..ROUNDS_MAX {
        let isid = [0x80, 0, 0, 0, n.to_be_bytes()[0], n.to_be_bytes()[1]];
        let mut request = Pdu::new(Kind::LoginRequest)
            .with("T", 1)
            .with("CSG", 1)
            .with("NSG", 3)
            .with("ITT", 1)
            .with("CmdSN", 1)
            .with_data(std::mem::take(&mut data));
        request.set_bytes("ISID", &isid).map_err(|error| error.to_string())?;
        stream.write_all(&encode(&request, Digests::NONE)).map_err(|error| error.to_string())?;
        let response = receive(stream, &mut splitter)?;
        if response.kind() != Some(Kind::LoginResponse) {
            return Err(format!("{response} instead of a login response"));
        }
        let status = (response.word("StatusClass"), response.word("StatusDetail"));
        if status != (0, 0) {
            return Err(format!(
                "the target refused the login with status {:02x}{:02x}{}",
                status.0,
                status.1,
                if status.0 == 2 && status.1 == 1 { " (it wants authentication)" } else { "" }
            ));
        }
        answers.extend(text::pairs(&response.data).0);
        if response.flag("T") {
            return agreed(&response, &answers);
        }
    }
    Err("the target does not end the login".into())
}

fn agreed(last: &Pdu, answers: &[(String, String)]) -> Result<Agreed, String> {
    let value = |key: &str| text::find(answers, key);
    let number = |key: &str, default: usize| value(key).and_then(|v| v.parse().ok()).unwrap_or(default);
    let max_send_segment = number("MaxRecvDataSegmentLength", 8192);
    let first_burst = number("FirstBurstLength", 65_536);
    let immediate = value("ImmediateData") != Some("No");
    Ok(Agreed {
        digests: Digests {
            header: value("HeaderDigest") == Some("CRC32C"),
            data: value("DataDigest") == Some("CRC32C"),
        },
        max_send_segment,
        immediate_max: if immediate { first_burst.min(max_send_segment) } else { 0 },
        max_burst: number("MaxBurstLength", 262_144),
        // Login requests are immediate: the first command has the same number (RFC 7143 11.12.8).
        cmd_sn: 1,
        max_cmd_sn: last.word("MaxCmdSN"),
        exp_stat_sn: last.word("StatSN").wrapping_add(1),
    })
}

fn receive(stream: &mut TcpStream, splitter: &mut Splitter) -> Result<Pdu, String> {
    loop {
        match splitter.next_split() {
            Some(Split::Pdu(pdu)) => return Ok(pdu.to_pdu()),
            Some(_) => return Err("a digest during login".into()),
            None => {}
        }
        let n = stream.read(splitter.spare(8192)).map_err(|error| error.to_string())?;
        if n == 0 {
            return Err("the target closed the connection during login".into());
        }
        splitter.commit(n);
    }
}
