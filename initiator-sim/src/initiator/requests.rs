//! How do task management, logout and ping run? One request, one answer each (RFC 7143 11.5, 11.14, 11.18).

use bytes::Bytes;

use super::compose::NO_TAG;
use super::program::{Step, rejected};
use super::{Draft, FieldValue, Incoming, Session};
use crate::codec::{Kind, Pdu};

/// A request and the one PDU that answers it.
#[derive(Debug)]
struct Exchange {
    conn: usize,
    request: Kind,
    answer: Kind,
    itt: u32,
    fields: Vec<(String, FieldValue)>,
}

impl Exchange {
    fn new(conn: usize, request: Kind, answer: Kind, fields: Vec<(String, FieldValue)>) -> Exchange {
        Exchange { conn, request, answer, itt: NO_TAG, fields }
    }

    /// Takes a tag unless the fields name one, and adds the fields to the draft.
    fn draft(&mut self, session: &mut Session, mut draft: Draft) -> Draft {
        self.itt = match self.fields.iter().rev().find(|(name, _)| name == "ITT") {
            Some((_, FieldValue::Number(itt))) => *itt as u32,
            _ => session.take_itt(),
        };
        draft = draft.with("ITT", u64::from(self.itt));
        for (name, value) in &self.fields {
            draft = draft.with(name.clone(), value.clone());
        }
        draft
    }

    fn hear<'a>(&self, incoming: &'a Incoming) -> Option<Result<&'a Pdu, u8>> {
        if let Some(reason) = rejected(incoming, self.request, self.itt) {
            return Some(Err(reason));
        }
        incoming.answer(self.answer, self.itt).map(Ok)
    }
}

/// How a task management function ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TmfOutcome {
    /// The response code of 11.6.1; 0 is "function complete".
    Response(u8),
    /// The request was rejected with this reason.
    Rejected(u8),
}

/// Runs a task management function.
#[derive(Debug)]
pub struct TmfProgram {
    exchange: Exchange,
    function: u8,
    lun: u64,
    referenced: Option<u32>,
}

impl TmfProgram {
    /// A function on a unit; ABORT TASK and TASK REASSIGN name a task. `fields` override.
    pub fn new(
        conn: usize,
        function: u8,
        lun: u64,
        referenced: Option<u32>,
        fields: Vec<(String, FieldValue)>,
    ) -> TmfProgram {
        let exchange = Exchange::new(conn, Kind::TaskRequest, Kind::TaskResponse, fields);
        TmfProgram { exchange, function, lun, referenced }
    }

    /// Its Initiator Task Tag, after [`TmfProgram::start`].
    pub fn itt(&self) -> u32 {
        self.exchange.itt
    }

    /// The request, immediate as usual. RefCmdSN is that of the task; of an immediate task it is the request's own
    /// (11.5.1, 11.5.5).
    pub fn start(&mut self, session: &mut Session) -> Step<TmfOutcome> {
        let mut draft =
            Draft::new(Kind::TaskRequest).with("Function", u64::from(self.function)).with("LUN", self.lun);
        if let Some(itt) = self.referenced {
            let cmd_sn = session.task_cmd_sn(itt).unwrap_or(session.cmd_sn);
            draft = draft.with("RefTaskTag", u64::from(itt));
            if self.function == 1 {
                draft = draft.with("RefCmdSN", u64::from(cmd_sn));
            }
        }
        Step::send(vec![self.exchange.draft(session, draft)])
    }

    /// Takes what came.
    pub fn receive(&mut self, _: &mut Session, incoming: &Incoming) -> Step<TmfOutcome> {
        match self.exchange.hear(incoming) {
            Some(Ok(pdu)) => Step::done(TmfOutcome::Response(pdu.word("Response") as u8)),
            Some(Err(reason)) => Step::done(TmfOutcome::Rejected(reason)),
            None => Step::wait(),
        }
    }
}

/// How a logout ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogoutOutcome {
    /// The target answered.
    Response {
        /// 0 is "closed successfully" (11.15.1).
        response: u8,
        /// Seconds.
        time2wait: u16,
        /// Seconds.
        time2retain: u16,
    },
    /// The request was rejected with this reason.
    Rejected(u8),
}

/// Runs a logout.
#[derive(Debug)]
pub struct LogoutProgram {
    exchange: Exchange,
    reason: u8,
    cid: Option<u16>,
}

impl LogoutProgram {
    /// Reason 0 closes the session, 1 a connection, 2 removes a connection for recovery. Without `cid` it is the
    /// connection that carries the request.
    pub fn new(
        conn: usize,
        reason: u8,
        cid: Option<u16>,
        fields: Vec<(String, FieldValue)>,
    ) -> LogoutProgram {
        let exchange = Exchange::new(conn, Kind::LogoutRequest, Kind::LogoutResponse, fields);
        LogoutProgram { exchange, reason, cid }
    }

    /// The request.
    pub fn start(&mut self, session: &mut Session) -> Step<LogoutOutcome> {
        let mut draft = Draft::new(Kind::LogoutRequest).with("Reason", u64::from(self.reason));
        if let Some(cid) = self.cid {
            draft = draft.with("CID", u64::from(cid));
        }
        Step::send(vec![self.exchange.draft(session, draft)])
    }

    /// Takes what came. After a success nothing more is owed on the connections it closed.
    pub fn receive(&mut self, session: &mut Session, incoming: &Incoming) -> Step<LogoutOutcome> {
        let pdu = match self.exchange.hear(incoming) {
            None => return Step::wait(),
            Some(Err(reason)) => return Step::done(LogoutOutcome::Rejected(reason)),
            Some(Ok(pdu)) => pdu,
        };
        let response = pdu.word("Response") as u8;
        if response == 0 {
            let cid = self.cid.unwrap_or(session.connection(self.exchange.conn).cid);
            for conn in 0..session.connections().len() {
                if session.connection(conn).cid == cid {
                    session.closed(conn);
                } else if self.reason == 0 {
                    session.ended_elsewhere(conn);
                }
            }
        }
        let (time2wait, time2retain) = (pdu.word("Time2Wait") as u16, pdu.word("Time2Retain") as u16);
        Step::done(LogoutOutcome::Response { response, time2wait, time2retain })
    }
}

/// How a ping ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PingOutcome {
    /// The data that came back.
    Echo(Bytes),
    /// The request was rejected with this reason.
    Rejected(u8),
}

/// Runs a ping: NOP-Out there, NOP-In back.
#[derive(Debug)]
pub struct NopProgram {
    exchange: Exchange,
    data: Bytes,
    immediate: bool,
}

impl NopProgram {
    /// A ping with this data.
    pub fn new(conn: usize, data: Bytes, immediate: bool, fields: Vec<(String, FieldValue)>) -> NopProgram {
        let exchange = Exchange::new(conn, Kind::NopOut, Kind::NopIn, fields);
        NopProgram { exchange, data, immediate }
    }

    /// The request.
    pub fn start(&mut self, session: &mut Session) -> Step<PingOutcome> {
        let draft =
            Draft::new(Kind::NopOut).with("I", u64::from(self.immediate)).with_data(self.data.clone());
        Step::send(vec![self.exchange.draft(session, draft)])
    }

    /// Takes what came.
    pub fn receive(&mut self, _: &mut Session, incoming: &Incoming) -> Step<PingOutcome> {
        match self.exchange.hear(incoming) {
            Some(Ok(pdu)) => Step::done(PingOutcome::Echo(pdu.data.clone())),
            Some(Err(reason)) => Step::done(PingOutcome::Rejected(reason)),
            None => Step::wait(),
        }
    }
}
