//! Requests and their answers other than SCSI commands: logins, logouts, pings, text, task management, news.

use super::Findings;
use super::conn::{Conn, RESERVED};
use super::task::Task;
use crate::trace::ProbeRecord;
use target_core::probe::Probe;

/// Bits of byte 1 of login and text PDUs (RFC 7143 11.12, 11.10).
const TRANSIT: u32 = 0x80;
const FINAL: u32 = 0x80;
const CONTINUE: u32 = 0x40;

/// A ping is echoed up to what the initiator takes, which is 512 bytes at least (RFC 7143 13.12).
const ECHO_SURE: u32 = 512;

/// The last login request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Login {
    itt: u32,
    flags: u32,
}

const fn current_stage(flags: u32) -> u32 {
    flags >> 2 & 3
}

const fn next_stage(flags: u32) -> u32 {
    flags & 3
}

impl Conn {
    pub(super) fn received(&mut self, event: &ProbeRecord, found: &mut Findings) {
        match event.probe {
            Probe::LoginCommand => return self.login_request(event, found),
            Probe::DataReceive => return self.data_out(event, found),
            Probe::NopReceive if event.ii_itt == RESERVED => return self.pong(event, found),
            _ => {}
        }
        found.want(event.ii_itt != RESERVED, "ii_itt", || "the reserved tag on a request".into());
        let (flags, ttt) = (event.ii_flags, event.ii_ttt);
        match event.probe {
            Probe::ScsiCommand => self.scsi_command(event, found),
            Probe::TaskCommand => self.task_request(event, found),
            Probe::NopReceive if ttt == RESERVED => {
                found.want(event.ii_lun == 0, "ii_lun", || "reserved without a Target Transfer Tag".into());
            }
            Probe::NopReceive => self.pong(event, found),
            Probe::TextCommand => {
                let both = FINAL | CONTINUE;
                found.want(flags & both != both, "ii_flags", || {
                    format!("{flags:#x}: final and to be continued")
                });
                if ttt == RESERVED {
                    found.want(event.ii_lun == 0, "ii_lun", || {
                        "reserved without a Target Transfer Tag".into()
                    });
                } else if self.whole {
                    found.want(self.text_tag == Some(ttt), "ii_ttt", || {
                        format!("{ttt:#x} is no tag of a Text Response")
                    });
                }
            }
            Probe::LogoutCommand => {
                let reason = flags & 0x7f;
                found.want(reason <= 2, "ii_flags", || format!("{reason} is no reason for a logout"));
                none_of(event, found);
            }
            _ => {}
        }
        self.tasks.insert(event.ii_itt, Task::new(event));
    }

    fn login_request(&mut self, event: &ProbeRecord, found: &mut Findings) {
        let flags = event.ii_flags;
        found.want(!self.full_feature || !self.whole, "probe", || "a login after the login".into());
        let both = TRANSIT | CONTINUE;
        found.want(flags & both != both, "ii_flags", || format!("{flags:#x}: transit and to be continued"));
        let (current, next) = (current_stage(flags), next_stage(flags));
        found.want(current < 2, "ii_flags", || format!("{flags:#x}: stage {current}"));
        let forward = flags & TRANSIT == 0 || (next > current && next != 2);
        found.want(forward, "ii_flags", || format!("{flags:#x}: from stage {current} to {next}"));
        if let Some(before) = self.login {
            found.want(event.ii_itt == before.itt, "ii_itt", || {
                format!("{:#x}, the login began with {:#x}", event.ii_itt, before.itt)
            });
        }
        self.login = Some(Login { itt: event.ii_itt, flags });
    }

    fn login_response(&mut self, event: &ProbeRecord, found: &mut Findings) {
        let flags = event.ii_flags;
        let Some(login) = self.login else {
            return found.want(!self.whole, "probe", || "there was no login request".into());
        };
        found.want(event.ii_itt == login.itt, "ii_itt", || {
            format!("{:#x}, the request had {:#x}", event.ii_itt, login.itt)
        });
        // A refusal has no stage.
        let same_stage = flags == 0 || current_stage(flags) == current_stage(login.flags);
        found.want(same_stage, "ii_flags", || {
            format!("{flags:#x}: another stage than the request's {:#x}", login.flags)
        });
        if flags & TRANSIT != 0 {
            let asked = login.flags & TRANSIT != 0 && next_stage(login.flags) == next_stage(flags);
            found.want(asked, "ii_flags", || {
                format!("{flags:#x}: the request {:#x} did not ask for that", login.flags)
            });
            self.full_feature = next_stage(flags) == 3;
        } else {
            found.want(next_stage(flags) == 0, "ii_flags", || format!("{flags:#x}: a next stage without T"));
        }
    }

    /// The answer to a ping of the target.
    fn pong(&mut self, event: &ProbeRecord, found: &mut Findings) {
        if event.ii_ttt == RESERVED {
            return;
        }
        match self.pings.remove(&event.ii_ttt) {
            Some(lun) => found.want(event.ii_lun == lun, "ii_lun", || {
                format!("{:#x}, the ping had {lun:#x}", event.ii_lun)
            }),
            None => found.want(!self.whole, "ii_ttt", || format!("there was no ping {:#x}", event.ii_ttt)),
        }
    }

    fn task_request(&mut self, event: &ProbeRecord, found: &mut Findings) {
        const ABORT_TASK: u32 = 1;
        const TARGET_RESETS: [u32; 2] = [6, 7];
        const REASSIGN: u32 = 8;
        const QUERY_TASK: u32 = 9;
        let function = event.ii_flags & 0x7f;
        // 9 to 12 are those of RFC 7144.
        found.want((1..=12).contains(&function), "ii_flags", || format!("there is no function {function}"));
        if ![ABORT_TASK, REASSIGN, QUERY_TASK].contains(&function) {
            found.want(event.ii_ttt == RESERVED, "ii_ttt", || {
                format!("function {function} refers to no task")
            });
        }
        if function != REASSIGN {
            found.want(event.ii_datasn == 0, "ii_datasn", || format!("function {function} has no ExpDataSN"));
        }
        if TARGET_RESETS.contains(&function) {
            found.want(event.ii_lun == 0, "ii_lun", || format!("function {function} is for no LUN"));
        }
        if let (ABORT_TASK | QUERY_TASK, Some(task)) = (function, self.tasks.get(&event.ii_ttt)) {
            found.want(event.ii_lun == task.lun, "ii_lun", || {
                format!("{:#x}, the task's is {:#x}", event.ii_lun, task.lun)
            });
        }
        none_of(event, found);
    }

    pub(super) fn sent(&mut self, event: &ProbeRecord, found: &mut Findings) {
        match event.probe {
            Probe::LoginResponse => return self.login_response(event, found),
            Probe::AsyncSend => return self.news(event, found),
            Probe::NopSend if event.ii_itt == RESERVED => return self.ping(event, found),
            Probe::DataRequest | Probe::DataSend | Probe::ScsiResponse => {
                return self.of_command(event, found);
            }
            _ => {}
        }
        let asks = match event.probe {
            Probe::LogoutResponse => Probe::LogoutCommand,
            Probe::TaskResponse => Probe::TaskCommand,
            Probe::TextResponse => Probe::TextCommand,
            _ => Probe::NopReceive,
        };
        let task = self.tasks.remove(&event.ii_itt);
        self.answers(task.as_ref(), asks, event, found);
        match event.probe {
            Probe::LogoutResponse => {
                // A session ends with its connections; one that stays goes on with requests of its own.
                self.ended = true;
                none_of(event, found);
            }
            Probe::TaskResponse => none_of(event, found),
            Probe::TextResponse => self.text_response(event, found),
            _ => {
                found.want(event.ii_ttt == RESERVED, "ii_ttt", || "an answer that asks for an answer".into());
                if let Some(task) = &task {
                    echo(task, event, found);
                }
            }
        }
    }

    /// There must be a request of that kind that this answers.
    pub(super) fn answers(
        &self,
        task: Option<&Task>,
        asks: Probe,
        event: &ProbeRecord,
        found: &mut Findings,
    ) {
        let itt = event.ii_itt;
        match task {
            Some(task) => {
                found.want(task.probe == asks, "ii_itt", || format!("{itt:#x} is a {}", task.probe.name()))
            }
            None => found.want(!self.whole, "ii_itt", || {
                format!("{itt:#x} is no {} that waits for an answer", asks.name())
            }),
        }
    }

    fn text_response(&mut self, event: &ProbeRecord, found: &mut Findings) {
        let (flags, ttt) = (event.ii_flags, event.ii_ttt);
        let both = FINAL | CONTINUE;
        found.want(flags & both != both, "ii_flags", || format!("{flags:#x}: final and to be continued"));
        let goes_on = flags & FINAL == 0;
        found.want(goes_on == (ttt != RESERVED), "ii_ttt", || format!("{ttt:#x} with flags {flags:#x}"));
        found
            .want(goes_on || event.ii_lun == 0, "ii_lun", || "reserved without a Target Transfer Tag".into());
        self.text_tag = goes_on.then_some(ttt);
        self.text_seen |= self.full_feature;
    }

    fn ping(&mut self, event: &ProbeRecord, found: &mut Findings) {
        if event.ii_ttt != RESERVED {
            let twice = self.pings.insert(event.ii_ttt, event.ii_lun).is_some();
            found.want(!twice, "ii_ttt", || {
                format!("{:#x} is the tag of a ping not answered yet", event.ii_ttt)
            });
        }
        none_of(event, found);
    }

    fn news(&mut self, event: &ProbeRecord, found: &mut Findings) {
        found.want(self.full_feature || !self.whole, "probe", || "news during login".into());
        found.want(event.ii_itt == RESERVED, "ii_itt", || {
            format!("{:#x}, but news answer nothing", event.ii_itt)
        });
        // Only a SCSI event has a LUN, and it has sense data (RFC 7143 11.9).
        if event.ii_datalen == 0 {
            found.want(event.ii_lun == 0, "ii_lun", || format!("{:#x} without sense data", event.ii_lun));
        } else {
            sense_length(event, found);
        }
    }
}

/// A sense length and at least a short header of sense data (RFC 7143 11.4.7).
pub(super) fn sense_length(event: &ProbeRecord, found: &mut Findings) {
    let len = event.ii_datalen;
    found.want((10..=254).contains(&len), "ii_datalen", || format!("{len} bytes are no sense data"));
}

/// PDUs without a data segment.
fn none_of(event: &ProbeRecord, found: &mut Findings) {
    found.want(event.ii_datalen == 0, "ii_datalen", || {
        format!("{} bytes, this PDU has none", event.ii_datalen)
    });
}

/// What a ping of the initiator gets back (RFC 7143 11.19).
fn echo(ping: &Task, event: &ProbeRecord, found: &mut Findings) {
    let (sent, came) = (event.ii_datalen, ping.data_len);
    let right = if came <= ECHO_SURE { sent == came } else { sent <= came };
    found.want(right, "ii_datalen", || format!("{sent} bytes, the ping had {came}"));
    let lun = event.ii_lun;
    found.want(lun == 0 || lun == ping.lun, "ii_lun", || format!("{lun:#x}, the ping had {:#x}", ping.lun));
}
