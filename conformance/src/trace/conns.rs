//! Which connection is an event of? Its arguments do not say, but its strings are the connection's own: they stay where
//! they are as long as it lives.

use super::ProbeRecord;
use std::collections::BTreeMap;
use target_core::probe::Probe;

/// Where a connection's strings are: a process, and an address in it.
pub type ConnKey = (u64, u64);

/// Ordinals of connections, from 0, in the order in which they first show.
#[derive(Debug, Default)]
pub struct ConnIds {
    next: u32,
    known: BTreeMap<ConnKey, Known>,
}

#[derive(Debug)]
struct Known {
    ordinal: u32,
    remote: String,
    /// The login is over, or was never seen.
    past_login: bool,
    /// StatSN of the last answer.
    stat_sn: Option<u32>,
}

impl ConnIds {
    /// The connection that this event is of. Memory is used again: a login where there was one already, or where one is
    /// under way that it does not go on with, is of a new connection.
    pub fn of(&mut self, key: ConnKey, event: &ProbeRecord) -> u32 {
        let begins = event.probe == Probe::LoginCommand;
        let same = self.known.get(&key).filter(|known| {
            // It acknowledges what was sent here; the first request of a connection does not.
            let goes_on =
                known.stat_sn.map_or(!known.past_login, |last| event.ii_statsn == last.wrapping_add(1));
            known.remote == event.ci_remote && (goes_on || !begins)
        });
        if same.is_none() {
            let remote = event.ci_remote.clone();
            let known = Known { ordinal: self.next, remote, past_login: !begins, stat_sn: None };
            self.next = self.next.wrapping_add(1);
            self.known.insert(key, known);
        }
        let Some(known) = self.known.get_mut(&key) else { return super::CONN_UNKNOWN };
        match event.probe {
            Probe::LoginResponse | Probe::LogoutResponse | Probe::TextResponse => {
                known.stat_sn = Some(event.ii_statsn)
            }
            Probe::ScsiResponse | Probe::TaskResponse | Probe::AsyncSend => {
                known.stat_sn = Some(event.ii_statsn)
            }
            Probe::NopSend if event.ii_itt != u32::MAX => known.stat_sn = Some(event.ii_statsn),
            Probe::DataSend if event.ii_flags & 1 != 0 => known.stat_sn = Some(event.ii_statsn),
            _ => {}
        }
        known.past_login |= !matches!(event.probe, Probe::LoginCommand | Probe::LoginResponse);
        known.ordinal
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::tests::probe;

    #[test]
    fn a_connection_keeps_its_number_and_memory_used_again_gets_another() {
        let mut ids = ConnIds::default();
        let mut of = |key, which, flags, stat_sn| {
            let event = ProbeRecord { ii_flags: flags, ii_statsn: stat_sn, ..probe(which) };
            ids.of((1, key), &event)
        };
        assert_eq!(of(7, Probe::LoginCommand, 0x81, 0), 0);
        assert_eq!(of(7, Probe::LoginResponse, 0x81, 1), 0);
        assert_eq!(of(9, Probe::LoginCommand, 0x87, 0), 1);
        assert_eq!(of(7, Probe::LoginCommand, 0x87, 2), 0, "the second stage of the login");
        assert_eq!(of(7, Probe::LoginResponse, 0x87, 2), 0);
        assert_eq!(of(7, Probe::ScsiCommand, 0x81, 3), 0);
        assert_eq!(of(7, Probe::ScsiResponse, 0x80, 3), 0);
        assert_eq!(
            of(7, Probe::LoginCommand, 0x87, 4),
            0,
            "a login where none may be, but of the same connection"
        );
        assert_eq!(of(7, Probe::LoginCommand, 0x87, 0), 2, "a login after a login");
        assert_eq!(of(7, Probe::LoginResponse, 0x04, 1), 2, "refused");
        assert_eq!(of(7, Probe::LoginCommand, 0x87, 0), 3, "it does not go on where the refused one was");
        assert_eq!(of(5, Probe::DataSend, 0x81, 9), 4, "a login that was not seen");
        assert_eq!(of(5, Probe::LoginCommand, 0x87, 0), 5);
        let other = ProbeRecord { ci_remote: "192.0.2.77".into(), ..probe(Probe::NopSend) };
        assert_eq!(ids.of((1, 9), &other), 6, "another host");
    }
}
