//! A login driven by hand: one configuration, one directory that says what it is told to, random bytes that count.

mod admission;
mod continuation;
mod hostile;
mod operational;
mod security;
mod vectors;

use super::*;
use crate::config::{AuthConfig, Credential, TargetConfig};
use crate::wire::LoginRequest;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

pub(super) const NAMES: &str =
    "InitiatorName=iqn.2024-01.example:host\0TargetName=iqn.2024-01.example:disk\0";
pub(super) const DISCOVERY: &str = "InitiatorName=iqn.2024-01.example:host\0SessionType=Discovery\0";

pub(super) const SECRET: &[u8] = b"a secret of 96 bits or more";
pub(super) const OWN_SECRET: &[u8] = b"another secret altogether";

/// What the engine knows of sessions, fixed.
pub(super) struct Directory(pub(super) Result<Admitted, NotAdmitted>);

impl SessionDirectory for Directory {
    fn admit(&self, _: &Admission<'_>) -> Result<Admitted, NotAdmitted> {
        self.0.clone()
    }
}

pub(super) struct Bench {
    pub(super) config: Config,
    pub(super) directory: Directory,
    pub(super) challenges: Challenges,
    pub(super) accepting: bool,
    pub(super) login: Login,
    pub(super) next: LoginRequest,
    random: u8,
}

pub(super) fn bench() -> Bench {
    let target = TargetConfig { name: "iqn.2024-01.example:disk".into(), ..TargetConfig::default() };
    Bench {
        config: Config { targets: vec![target], ..Config::default() },
        directory: Directory(Ok(Admitted::Leading)),
        challenges: Challenges::new([9; 32]),
        accepting: true,
        login: Login::new(),
        next: LoginRequest { isid: [0x80, 0, 0, 0, 0, 1], itt: 7, cid: 3, ..LoginRequest::default() },
        random: 0,
    }
}

/// With credentials for one-way and mutual CHAP.
pub(super) fn bench_with_chap() -> Bench {
    let mut bench = bench();
    bench.config.targets[0].auth = AuthConfig {
        credentials: vec![Credential { name: "user".into(), secret: SECRET.into(), ..Credential::default() }],
        mutual: Some(Credential { name: "disk".into(), secret: OWN_SECRET.into(), ..Credential::default() }),
        algorithms: Vec::new(),
    };
    bench
}

impl Bench {
    /// Sends one request: `T` and `C` in `flags`, stages `csg` and `nsg`.
    pub(super) fn send(&mut self, flags: &str, csg: u8, nsg: u8, text: impl AsRef<[u8]>) -> LoginStep {
        let request = LoginRequest {
            transit: flags.contains('T'),
            continue_bit: flags.contains('C'),
            csg,
            nsg,
            ..self.next
        };
        let data = Bytes::copy_from_slice(text.as_ref());
        let random = &mut self.random;
        let mut rng = |out: &mut [u8]| {
            for byte in out {
                *random = random.wrapping_add(1);
                *byte = *random;
            }
        };
        let mut env = LoginEnv {
            config: &self.config,
            directory: &self.directory,
            challenges: &self.challenges,
            group: 5,
            rng: &mut rng,
            accepting: self.accepting,
        };
        self.login.observe(&data);
        self.login.receive(&mut env, &request, &data)
    }

    /// Sends one request that must be answered and not end the login.
    pub(super) fn reply(&mut self, flags: &str, csg: u8, nsg: u8, text: impl AsRef<[u8]>) -> LoginReply {
        match self.send(flags, csg, nsg, text) {
            LoginStep::Reply(reply) => {
                assert_eq!(reply.status, 0);
                reply
            }
            other => panic!("expected a reply, got {other:?}"),
        }
    }

    /// Sends one request that must complete the login.
    pub(super) fn done(&mut self, csg: u8, text: impl AsRef<[u8]>) -> (LoginReply, Box<LoginOutcome>) {
        match self.send("T", csg, 3, text) {
            LoginStep::Done(reply, outcome) => {
                assert_eq!(
                    (reply.transit, reply.continue_bit, reply.csg, reply.nsg, reply.status),
                    (true, false, csg, 3, 0)
                );
                (reply, outcome)
            }
            other => panic!("expected the end of the login, got {other:?}"),
        }
    }

    /// Sends one request that must be refused; the login takes nothing more.
    pub(super) fn refused(
        &mut self,
        flags: &str,
        csg: u8,
        nsg: u8,
        text: impl AsRef<[u8]>,
    ) -> (u16, LoginFault) {
        let LoginStep::Refuse { reply, fault } = self.send(flags, csg, nsg, &text) else {
            panic!("expected a refusal of {:?}", String::from_utf8_lossy(text.as_ref()));
        };
        assert_eq!((reply.transit, reply.continue_bit, reply.csg, reply.nsg), (false, false, 0, 0));
        assert!(!fault.why().is_empty() && !fault.section().is_empty());
        assert!(matches!(self.send("T", 1, 3, NAMES), LoginStep::Refuse { fault: LoginFault::Over, .. }));
        (reply.status, fault)
    }

    /// Starts over with the same configuration.
    pub(super) fn again(&mut self) -> &mut Self {
        self.login = Login::new();
        self
    }
}

/// The pairs of an answer, one a line.
pub(super) fn lines(text: &[u8]) -> String {
    core::str::from_utf8(text).unwrap().trim_end_matches('\0').replace('\0', "\n")
}

/// The value of a key in an answer.
pub(super) fn value(text: &[u8], key: &str) -> Option<String> {
    crate::wire::text::pairs(text)
        .map(|pair| pair.unwrap())
        .find(|pair| pair.0 == key)
        .map(|pair| pair.1.to_string())
}
