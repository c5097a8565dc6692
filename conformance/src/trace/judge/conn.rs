//! What must hold from one event of a connection to the next: strings and sequence numbers.

use super::Findings;
use super::phases::Login;
use super::rules::Rules;
use super::task::Task;
use crate::trace::ProbeRecord;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use target_core::probe::Probe;

/// Answers that a retransmission is compared with (ErrorRecoveryLevel 1 and above).
const KEPT_MAX: usize = 256;
/// Requests that were never answered; more are not remembered.
const TASKS_MAX: usize = 65_536;

/// The tag that stands for none (RFC 7143 11.2.1.8).
pub(super) const RESERVED: u32 = 0xffff_ffff;

/// One connection as its events show it.
#[derive(Debug)]
pub(super) struct Conn {
    /// Everything since the first login request was seen.
    pub(super) whole: bool,
    /// Other connections may be of the same session.
    pub(super) shared: bool,
    /// Task management may have ended tasks of this connection.
    pub(super) aborts: bool,
    strings: [String; 3],
    pub(super) target: String,
    pub(super) initiator: String,
    pub(super) login: Option<Login>,
    pub(super) full_feature: bool,
    pub(super) ended: bool,
    /// The next StatSN.
    stat_sn: Option<u32>,
    /// ExpStatSN as last heard.
    exp_stat_sn: Option<u32>,
    /// The CmdSN after the highest that was used.
    pub(super) next_cmd_sn: Option<u32>,
    /// ExpCmdSN as last sent.
    exp_cmd_sn: Option<u32>,
    /// Requests not answered yet, by their Initiator Task Tag.
    pub(super) tasks: BTreeMap<u32, Task>,
    /// Write commands that ended before their data was complete.
    pub(super) late: BTreeSet<u32>,
    /// Data-Outs that may have been rejected.
    pub(super) rejectable: u32,
    /// LUNs of pings of the target, by their tag.
    pub(super) pings: BTreeMap<u32, u64>,
    /// Tag of the last Text Response that has more to come.
    pub(super) text_tag: Option<u32>,
    /// Block sizes that transfers have shown, by LUN.
    pub(super) block_sizes: BTreeMap<u64, u64>,
    kept: VecDeque<(u32, ProbeRecord)>,
    /// Commands that were answered, by tag: their data may be asked for once more until the status is acknowledged.
    answered: VecDeque<(u32, Task)>,
    /// Text was exchanged in full feature phase: what is sent once more may be cut to another length (RFC 7143 11.16).
    pub(super) text_seen: bool,
}

/// a <= b among serial numbers (RFC 1982).
pub(super) const fn at_most(a: u32, b: u32) -> bool {
    b.wrapping_sub(a) < 1 << 31
}

impl Conn {
    /// A connection whose first event this is.
    pub(super) fn new(event: &ProbeRecord) -> Self {
        Self {
            whole: event.probe == Probe::LoginCommand,
            shared: false,
            aborts: false,
            strings: [event.ci_local.clone(), event.ci_remote.clone(), event.ci_protocol.clone()],
            target: String::new(),
            initiator: String::new(),
            login: None,
            full_feature: event.probe != Probe::LoginCommand,
            ended: false,
            stat_sn: None,
            exp_stat_sn: None,
            next_cmd_sn: None,
            exp_cmd_sn: None,
            tasks: BTreeMap::new(),
            late: BTreeSet::new(),
            rejectable: 0,
            pings: BTreeMap::new(),
            text_tag: None,
            block_sizes: BTreeMap::new(),
            kept: VecDeque::new(),
            answered: VecDeque::new(),
            text_seen: false,
        }
    }

    /// The last command with that tag that was answered.
    pub(super) fn answered(&self, itt: u32) -> Option<&Task> {
        self.answered.iter().rev().find(|(tag, _)| *tag == itt).map(|(_, task)| task)
    }

    /// Remembers a command that was answered.
    pub(super) fn keep_answered(&mut self, itt: u32, task: Task) {
        if self.answered.len() == KEPT_MAX {
            self.answered.pop_front();
        }
        self.answered.push_back((itt, task));
    }

    /// Events were lost: only what cannot change still holds.
    pub(super) fn forget(&mut self) {
        let Self { strings, target, initiator, block_sizes, .. } = std::mem::take(self);
        *self = Self { strings, target, initiator, block_sizes, ..Self::default() };
    }

    /// True if the event's connection may be one more of this one's session.
    pub(super) fn may_share_a_session_with(&self, event: &ProbeRecord) -> bool {
        !self.ended
            && self.initiator == event.ii_initiator
            && self.target == event.ii_target
            && !self.target.is_empty()
    }

    /// Judges one event.
    pub(super) fn take(&mut self, event: &ProbeRecord, rules: &Rules, found: &mut Findings) {
        self.check_strings(event, found);
        let begins_later = self.login.is_none() && !self.full_feature && event.probe != Probe::LoginCommand;
        if begins_later {
            // The target ends such a connection; nothing more can be said of it.
            self.whole = false;
        }
        if is_sent(event.probe) {
            if self.repeats(event) {
                return;
            }
            self.check_stat_sn(event, found);
            self.check_exp_cmd_sn(event, found);
            if rules.has_command_lun(event.probe) {
                self.check_command_lun(event, found);
            }
            self.sent(event, found);
        } else {
            self.check_exp_stat_sn(event, found);
            self.check_cmd_sn(event, found);
            if rules.has_command_lun(event.probe) {
                self.check_command_lun(event, found);
            }
            self.received(event, found);
            while self.tasks.len() > TASKS_MAX {
                self.tasks.pop_first();
            }
        }
    }

    fn check_strings(&mut self, event: &ProbeRecord, found: &mut Findings) {
        let now = [&event.ci_local, &event.ci_remote, &event.ci_protocol];
        for ((member, now), before) in
            ["ci_local", "ci_remote", "ci_protocol"].into_iter().zip(now).zip(&self.strings)
        {
            found.want(now == before, member, || format!("{now:?}, it was {before:?}"));
        }
        let names = [
            ("ii_target", &event.ii_target, &mut self.target),
            ("ii_initiator", &event.ii_initiator, &mut self.initiator),
        ];
        for (member, now, before) in names {
            found.want(before.is_empty() || now == before, member, || format!("{now:?}, it was {before:?}"));
            // A name shows when it is declared, which is during login (RFC 7143 6.3).
            let may_show = !self.full_feature || !self.whole;
            found.want(may_show || !before.is_empty() || now.is_empty(), member, || {
                format!("{now:?} shows after the login")
            });
            if before.is_empty() {
                before.clone_from(now);
            }
        }
        let named = self.login.is_none() || !self.full_feature || !event.ii_initiator.is_empty();
        found.want(named, "ii_initiator", || "empty after the login".into());
    }

    /// True if a StatSN of the past comes back with all that it had: a retransmission.
    fn repeats(&self, event: &ProbeRecord) -> bool {
        let old = self.kept.iter().find(|(stat_sn, _)| *stat_sn == event.ii_statsn);
        let same = |old: &ProbeRecord| ProbeRecord { ii_cmdsn: event.ii_cmdsn, ..old.clone() } == *event;
        // Data that is cut anew may leave no place for the status that was in the last of it.
        let apart = |old: &ProbeRecord| {
            self.text_seen
                && (old.probe, event.probe) == (Probe::DataSend, Probe::ScsiResponse)
                && old.ii_itt == event.ii_itt
        };
        takes_stat_sn(event) && old.is_some_and(|(_, old)| same(old) || apart(old))
    }

    fn check_stat_sn(&mut self, event: &ProbeRecord, found: &mut Findings) {
        let takes = takes_stat_sn(event);
        if !takes && !shows_stat_sn(event) {
            return;
        }
        let now = event.ii_statsn;
        if let Some(next) = self.stat_sn {
            let gap = now.wrapping_sub(next);
            let excused = self.rejects(event.ii_itt);
            found.want(gap <= excused, "ii_statsn", || {
                let hint = if at_most(next, now) { "; Rejects take numbers and have no probe" } else { "" };
                format!("{now}, {next} comes next{hint}")
            });
            self.aborts |= gap > 0 && gap <= excused;
            self.rejectable = 0;
        }
        self.stat_sn = Some(now.wrapping_add(u32::from(takes)));
        if takes {
            if self.kept.len() == KEPT_MAX {
                self.kept.pop_front();
            }
            self.kept.push_back((now, event.clone()));
        }
    }

    /// How many Rejects there may have been that were not told: a Reject takes a StatSN and has no probe (RFC 7143 11.17), so
    /// who was not answered may have been rejected.
    fn rejects(&self, answered: u32) -> u32 {
        let open = self.tasks.len().saturating_sub(usize::from(self.tasks.contains_key(&answered)));
        if self.whole { self.rejectable.saturating_add(open as u32) } else { 1 << 16 }
    }

    fn check_exp_stat_sn(&mut self, event: &ProbeRecord, found: &mut Findings) {
        let now = event.ii_statsn;
        if event.probe == Probe::LoginCommand && self.stat_sn.is_none() {
            // A first request has nothing to acknowledge, but for a connection that is taken over (RFC 7143 11.12.9).
            return;
        }
        if let Some(next) = self.stat_sn {
            let all = event.probe == Probe::LoginCommand && self.whole;
            let ahead = !at_most(now, next);
            // Initiators in use also count the StatSN that an R2T shows, as if it were taken.
            let excused = self.full_feature && now.wrapping_sub(next) <= self.rejects(RESERVED);
            let right = if all { now == next } else { !ahead || excused };
            found.want(right, "ii_statsn", || format!("acknowledges up to {now}, {next} was not used yet"));
        }
        if let Some(before) = self.exp_stat_sn {
            found.want(at_most(before, now), "ii_statsn", || format!("{now} after {before}"));
        }
        self.exp_stat_sn = Some(now);
    }

    fn check_exp_cmd_sn(&mut self, event: &ProbeRecord, found: &mut Findings) {
        let now = event.ii_cmdsn;
        if let Some(before) = self.exp_cmd_sn {
            found.want(at_most(before, now), "ii_cmdsn", || format!("ExpCmdSN {now} after {before}"));
        }
        if let Some(next) = self.next_cmd_sn.filter(|_| self.whole && !self.shared) {
            found.want(at_most(now, next), "ii_cmdsn", || {
                format!("ExpCmdSN {now}, but nothing from {next} on came")
            });
        }
        self.exp_cmd_sn = Some(now);
    }

    fn check_cmd_sn(&mut self, event: &ProbeRecord, found: &mut Findings) {
        let now = event.ii_cmdsn;
        if event.probe == Probe::DataReceive {
            return;
        }
        let login = event.probe == Probe::LoginCommand;
        if let (Some(next), false) = (self.next_cmd_sn, self.shared) {
            // Immediate or not does not show: an immediate request has the number of the one that comes next.
            let right = if login { now == next } else { at_most(now, next) };
            found.want(right, "ii_cmdsn", || format!("CmdSN {now}, {next} comes next"));
        }
        if let (Some(expected), false) = (self.exp_cmd_sn, self.shared) {
            found.want(at_most(expected, now), "ii_cmdsn", || {
                format!("CmdSN {now}, the target expects {expected}")
            });
        }
        // A login request is immediate, and so is a ping's answer (RFC 7143 11.12.8, 11.18.1).
        let stays = login || (event.probe == Probe::NopReceive && event.ii_itt == RESERVED);
        let after = now.wrapping_add(u32::from(!stays));
        if self.next_cmd_sn.is_none_or(|next| at_most(next, after)) {
            self.next_cmd_sn = Some(after);
        }
    }
}

impl Default for Conn {
    fn default() -> Self {
        let nothing = ProbeRecord {
            probe: Probe::NopSend,
            ci_local: String::new(),
            ci_remote: String::new(),
            ci_protocol: String::new(),
            ii_target: String::new(),
            ii_initiator: String::new(),
            ii_lun: 0,
            ii_itt: 0,
            ii_ttt: 0,
            ii_cmdsn: 0,
            ii_statsn: 0,
            ii_datasn: 0,
            ii_datalen: 0,
            ii_flags: 0,
            ic_len: None,
            ic_cdb: None,
        };
        Self::new(&nothing)
    }
}

/// True if the target sent the PDU.
pub(super) const fn is_sent(probe: Probe) -> bool {
    use Probe::{
        AsyncSend, DataRequest, DataSend, LoginResponse, LogoutResponse, NopSend, ScsiResponse, TaskResponse,
        TextResponse,
    };
    matches!(
        probe,
        AsyncSend
            | DataRequest
            | DataSend
            | LoginResponse
            | LogoutResponse
            | NopSend
            | ScsiResponse
            | TaskResponse
            | TextResponse
    )
}

/// True if the next PDU has the next StatSN (RFC 7143 4.2.2.2): a status; not an R2T, a ping, or data without status.
const fn takes_stat_sn(event: &ProbeRecord) -> bool {
    match event.probe {
        Probe::DataRequest => false,
        Probe::DataSend => event.ii_flags & 1 != 0,
        Probe::NopSend => event.ii_itt != RESERVED,
        probe => is_sent(probe),
    }
}

/// True if it tells the next StatSN without taking it.
const fn shows_stat_sn(event: &ProbeRecord) -> bool {
    matches!(event.probe, Probe::DataRequest | Probe::NopSend)
}
