//! What is a login to look like?

use super::super::FieldValue;
use super::super::chap::Encoding;

/// Which stages the login goes through (RFC 7143 6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stages {
    /// SecurityNegotiation, then LoginOperationalNegotiation.
    #[default]
    Both,
    /// SecurityNegotiation only: no operational key is negotiated.
    Security,
    /// LoginOperationalNegotiation only: no authentication.
    Operational,
}

/// CHAP credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChapPlan {
    /// AuthMethod values offered, by preference.
    pub methods: String,
    /// CHAP_A values offered, by preference.
    pub algorithms: Vec<u8>,
    /// CHAP_N of this side.
    pub name: String,
    /// This side's secret.
    pub secret: Vec<u8>,
    /// What the target has to prove; `None` for one-way.
    pub mutual: Option<MutualPlan>,
    /// How binary values are written.
    pub encoding: Encoding,
}

/// Authentication of the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MutualPlan {
    /// The secret the target has to know.
    pub secret: Vec<u8>,
    /// The name it has to give; any if `None`.
    pub name: Option<String>,
    /// CHAP_I of this side's challenge.
    pub identifier: u8,
    /// CHAP_C of this side; must be unpredictable outside of tests.
    pub challenge: Vec<u8>,
    /// The target's own challenge is sent back instead, which no target may accept (RFC 7143 9.2.1).
    pub reflect: bool,
}

impl ChapPlan {
    /// One-way, MD5 preferred last as RFC 7143 12.1.3 only demands that it is among the offers.
    pub fn new(name: impl Into<String>, secret: impl Into<Vec<u8>>) -> ChapPlan {
        ChapPlan {
            methods: "CHAP".to_owned(),
            algorithms: vec![7, 8, 6, 5],
            name: name.into(),
            secret: secret.into(),
            mutual: None,
            encoding: Encoding::Hex,
        }
    }

    /// The target has to prove itself too.
    pub fn mutual(
        mut self,
        secret: impl Into<Vec<u8>>,
        identifier: u8,
        challenge: impl Into<Vec<u8>>,
    ) -> ChapPlan {
        let (secret, challenge) = (secret.into(), challenge.into());
        self.mutual = Some(MutualPlan { secret, name: None, identifier, challenge, reflect: false });
        self
    }
}

/// A login to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginPlan {
    /// The stages.
    pub stages: Stages,
    /// A discovery session.
    pub discovery: bool,
    /// Operational keys to offer or declare, in order.
    pub keys: Vec<(String, String)>,
    /// Credentials; without them AuthMethod=None is offered.
    pub chap: Option<ChapPlan>,
    /// Most text in one request. The default MaxRecvDataSegmentLength holds during login (6.3).
    pub text_max: usize,
    /// Overrides of the first request's fields.
    pub fields: Vec<(String, FieldValue)>,
    /// The overrides hold for all requests.
    pub fields_in_all: bool,
}

impl Default for LoginPlan {
    fn default() -> Self {
        LoginPlan {
            stages: Stages::Both,
            discovery: false,
            keys: default_keys(),
            chap: None,
            text_max: 8192,
            fields: Vec::new(),
            fields_in_all: false,
        }
    }
}

impl LoginPlan {
    /// A discovery session.
    pub fn discovery() -> LoginPlan {
        let keys = vec![("MaxRecvDataSegmentLength".to_owned(), "262144".to_owned())];
        LoginPlan { discovery: true, keys, ..LoginPlan::default() }
    }

    /// Offers this value instead of the default one, or in addition.
    pub fn with_key(mut self, key: impl Into<String>, value: impl Into<String>) -> LoginPlan {
        let (key, value) = (key.into(), value.into());
        match self.keys.iter_mut().find(|(k, _)| *k == key) {
            Some((_, old)) => *old = value,
            None => self.keys.push((key, value)),
        }
        self
    }

    /// With credentials.
    pub fn with_chap(mut self, chap: ChapPlan) -> LoginPlan {
        self.chap = Some(chap);
        self
    }
}

/// The operational keys a usual initiator offers.
pub fn default_keys() -> Vec<(String, String)> {
    [
        ("HeaderDigest", "None"),
        ("DataDigest", "None"),
        ("ErrorRecoveryLevel", "0"),
        ("InitialR2T", "No"),
        ("ImmediateData", "Yes"),
        ("MaxRecvDataSegmentLength", "262144"),
        ("MaxBurstLength", "262144"),
        ("FirstBurstLength", "65536"),
        ("MaxOutstandingR2T", "1"),
        ("MaxConnections", "1"),
        ("DataPDUInOrder", "Yes"),
        ("DataSequenceInOrder", "Yes"),
        ("DefaultTime2Wait", "2"),
        ("DefaultTime2Retain", "20"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .to_vec()
}
