//! A small initiator for the tests of the server: blocking, one connection, with the lab's own codec. Waits are bounded
//! so that a server that stands still fails a test instead of hanging it.
#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod serve;

use conformance::server::config::{LunSpec, ServeConfig};
use conformance::storage::Backing;
use initiator_sim::codec::{Digests, Kind, Pdu, Split, Splitter, encode, text};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

pub use serve::PATIENCE;

pub const TARGET: &str = "iqn.2026-01.org.example:test";

/// A memory LUN of 64 MiB at any port of the loopback.
pub fn memory() -> ServeConfig {
    with_lun(Backing::Memory { bytes: 64 << 20, name: "test/0".into() })
}

pub fn with_lun(backing: Backing) -> ServeConfig {
    let any = "127.0.0.1:0".parse().expect("an address");
    ServeConfig::simple(&[any], TARGET, vec![LunSpec::new(TARGET, 0, backing)])
}

pub struct Client {
    pub stream: TcpStream,
    splitter: Splitter,
    pub cmd_sn: u32,
    pub exp_stat_sn: u32,
    next_itt: u32,
}

impl Client {
    /// A connection without a login.
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        stream.set_write_timeout(Some(PATIENCE)).expect("a time-out");
        stream.set_nodelay(true).expect("an option");
        Self { stream, splitter: Splitter::new(), cmd_sn: 1, exp_stat_sn: 0, next_itt: 1 }
    }

    /// A normal session, unit attentions cleared.
    pub fn login(address: SocketAddr, isid: u8) -> Self {
        let mut client = Self::connect(address);
        let (class, detail) = client.try_login(isid, &[("TargetName", TARGET)]);
        assert_eq!((class, detail), (0, 0), "the login is refused");
        // TEST UNIT READY until it is GOOD: a new nexus finds unit attentions.
        for _ in 0..8 {
            if client.command(&[0; 6], 0, None).0 == 0 {
                return client;
            }
        }
        panic!("the unit does not become ready");
    }

    /// One request with these keys beside the usual; status class and detail.
    pub fn try_login(&mut self, isid: u8, keys: &[(&str, &str)]) -> (u32, u32) {
        let mut pairs = vec![
            ("InitiatorName", "iqn.2026-01.org.example:client"),
            ("MaxRecvDataSegmentLength", "262144"),
            ("InitialR2T", "Yes"),
            ("ImmediateData", "No"),
        ];
        pairs.extend_from_slice(keys);
        let mut request = Pdu::new(Kind::LoginRequest)
            .with("T", 1)
            .with("CSG", 1)
            .with("NSG", 3)
            .with("ITT", 1)
            .with("CmdSN", 1)
            .with_data(text::join(pairs));
        request.set_bytes("ISID", &[0x80, 0, 0, 0, 0, isid]).expect("six bytes");
        self.send(&request);
        let Some(response) = self.receive() else { return (u32::MAX, 0) };
        assert_eq!(response.kind(), Some(Kind::LoginResponse), "{response}");
        self.exp_stat_sn = response.word("StatSN").wrapping_add(1);
        (response.word("StatusClass"), response.word("StatusDetail"))
    }

    pub fn send(&mut self, pdu: &Pdu) {
        self.stream.write_all(&encode(pdu, Digests::NONE)).expect("the server reads");
    }

    /// The next PDU; `None` at the end of the stream.
    pub fn receive(&mut self) -> Option<Pdu> {
        loop {
            match self.splitter.next_split() {
                Some(Split::Pdu(pdu)) => return Some(pdu.to_pdu()),
                Some(_) => panic!("a digest error without digests"),
                None => {}
            }
            match self.stream.read(self.splitter.spare(65536)) {
                Ok(0) => return None,
                Ok(n) => self.splitter.commit(n),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("nothing came: {error}"),
            }
        }
    }

    /// A SCSI command request; the caller sends it.
    pub fn request(&mut self, cdb: &[u8], len: u32, write: bool) -> Pdu {
        let mut request = Pdu::new(Kind::ScsiCommand)
            .with("F", 1)
            .with(if write { "W" } else { "R" }, u64::from(len > 0))
            .with("ITT", self.next_itt.into())
            .with("EDTL", len.into())
            .with("CmdSN", self.cmd_sn.into())
            .with("ExpStatSN", self.exp_stat_sn.into());
        request.set_bytes("CDB", &[cdb, &vec![0; 16 - cdb.len()]].concat()).expect("sixteen bytes");
        self.next_itt += 1;
        self.cmd_sn = self.cmd_sn.wrapping_add(1);
        request
    }

    /// Does a command to its end: status and data. Write data goes out as R2Ts ask.
    pub fn command(&mut self, cdb: &[u8], len: u32, out: Option<&[u8]>) -> (u32, Vec<u8>) {
        let request = self.request(cdb, len, out.is_some());
        self.send(&request);
        let mut data = Vec::new();
        loop {
            let pdu = self.receive().expect("an answer");
            match pdu.kind() {
                Some(Kind::R2T) => {
                    let (at, n) = (pdu.word("BufferOffset") as usize, pdu.word("DesiredLen") as usize);
                    let out = out.expect("something to write");
                    self.data_out(&pdu, &out[at..at + n]);
                }
                Some(Kind::DataIn) => {
                    data.extend_from_slice(&pdu.data);
                    if pdu.flag("S") {
                        self.exp_stat_sn = pdu.word("StatSN").wrapping_add(1);
                        return (pdu.word("Status"), data);
                    }
                }
                Some(Kind::ScsiResponse) => {
                    self.exp_stat_sn = pdu.word("StatSN").wrapping_add(1);
                    return (pdu.word("Status"), data);
                }
                // News of a unit attention (event 0).
                Some(Kind::AsyncMessage) if pdu.word("AsyncEvent") == 0 => {}
                other => panic!("{other:?} in the middle of a command: {pdu}"),
            }
        }
    }

    /// Answers an R2T with one Data-Out.
    pub fn data_out(&mut self, r2t: &Pdu, data: &[u8]) {
        let pdu = Pdu::new(Kind::DataOut)
            .with("F", 1)
            .with("ITT", r2t.itt().into())
            .with("TTT", r2t.word("TTT").into())
            .with("ExpStatSN", self.exp_stat_sn.into())
            .with("BufferOffset", r2t.word("BufferOffset").into())
            .with_data(data.to_vec());
        self.send(&pdu);
    }

    pub fn read(&mut self, lba: u32, blocks: u8) -> (u32, Vec<u8>) {
        self.command(&rw10(0x28, lba, blocks), u32::from(blocks) * 512, None)
    }

    pub fn write(&mut self, lba: u32, data: &[u8]) -> u32 {
        let blocks = u8::try_from(data.len() / 512).expect("a short write");
        self.command(&rw10(0x2a, lba, blocks), data.len() as u32, Some(data)).0
    }
}

/// READ (10) or WRITE (10).
pub fn rw10(opcode: u8, lba: u32, blocks: u8) -> [u8; 10] {
    let [a, b, c, d] = lba.to_be_bytes();
    [opcode, 0, a, b, c, d, 0, 0, blocks, 0]
}
