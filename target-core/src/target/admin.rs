//! What an operator can ask of a running target.

use super::Target;
use super::node::Node;
use crate::api::{Admin, ConnId, Event};
use crate::config::{Config, TargetConfig};
use crate::fault::LOGICAL_UNIT_NOT_SUPPORTED;
use crate::probe::ProbeSink;
use crate::scsi::Attention;
use crate::session::{Scope, SessionKey};
use crate::task::TaskKey;
use crate::wire::Lun;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

impl<S: ProbeSink> Target<S> {
    /// Does it. What it names and is not there (any more) is no error.
    pub(super) fn administer(&mut self, admin: Admin) {
        match admin {
            Admin::Reconfigure(config) => self.reconfigure(*config),
            Admin::Resized { device, blocks } => {
                for target in &mut self.config.targets {
                    for lun in target.luns.iter_mut().filter(|lun| lun.device == device) {
                        lun.blocks = blocks;
                    }
                }
                for node in &mut self.nodes {
                    node.scsi.resized(device, blocks);
                }
            }
            Admin::RequestLogout { session, seconds } => {
                if let Some(key) = self.session_by_tsih(session) {
                    self.request_session_logout(key, seconds);
                }
            }
            Admin::DropConnection { conn } => self.announce_drop(conn, "dropped by the operator"),
            Admin::DropSession { session } => {
                if let Some(key) = self.session_by_tsih(session) {
                    self.announce_session_drop(key, "dropped by the operator");
                }
            }
            Admin::RequestNegotiation { session, seconds } => {
                for conn in self.session_by_tsih(session).map_or_else(Vec::new, |key| self.conns_of(key)) {
                    self.request_negotiation(conn, seconds);
                }
            }
            Admin::Drain { seconds } => self.begin_drain(seconds),
        }
    }

    fn conns_of(&self, key: SessionKey) -> Vec<ConnId> {
        let session = self.sessions.get(key);
        session.map_or_else(Vec::new, |session| session.conns.iter().map(|(_, conn)| *conn).collect())
    }

    /// Event 1 on every connection. A discovery session is just dropped (RFC 7143 7.4.3, implementation note).
    fn request_session_logout(&mut self, key: SessionKey, seconds: u16) {
        if self.sessions.get(key).is_some_and(|session| session.is_discovery()) {
            return self.end_session(key, None, "discovery session dropped");
        }
        for conn in self.conns_of(key) {
            self.request_logout(conn, seconds);
        }
    }

    fn begin_drain(&mut self, seconds: u16) {
        if self.draining {
            return;
        }
        self.draining = true;
        for key in self.sessions.keys() {
            let failed = self.sessions.get(key).is_some_and(|session| session.conns.is_empty());
            if failed {
                self.end_session(key, None, "draining");
            } else {
                self.request_session_logout(key, seconds);
            }
        }
        self.drain = Some(self.now + Duration::from_secs(u64::from(seconds)));
        self.arm_drain();
        self.note_drained();
    }

    /// The time for a drain is over.
    pub(super) fn drain_ends(&mut self) {
        self.drain = None;
        for key in self.sessions.keys() {
            self.announce_session_drop(key, "draining");
        }
    }

    /// Says so once the last session of a drain is gone.
    pub(super) fn note_drained(&mut self) {
        let is_over = self.draining && self.sessions.is_empty();
        if is_over && !self.events.contains(&Event::Drained) {
            self.drain = None;
            self.events.push_back(Event::Drained);
        }
    }

    /// Takes over another configuration, which was checked.
    fn reconfigure(&mut self, config: Config) {
        let gone: Vec<SessionKey> = self
            .sessions
            .iter()
            .filter(|(_, session)| {
                let name = session.node.and_then(|node| self.nodes.get(node)).map(|node| &node.name);
                name.is_some_and(|name| config.targets.iter().all(|target| target.name != *name))
            })
            .map(|(key, _)| key)
            .collect();
        for key in gone {
            self.announce_session_drop(key, "its target was removed");
        }
        let mut old: Vec<Option<Node>> = core::mem::take(&mut self.nodes).into_iter().map(Some).collect();
        let old_names: Vec<_> = old.iter().flatten().map(|node| node.name.clone()).collect();
        let mut changed = Vec::new();
        for (index, target) in config.targets.iter().enumerate() {
            let kept = old_names.iter().position(|name| *name == target.name);
            let node = match kept.and_then(|at| old.get_mut(at)).and_then(Option::take) {
                Some(mut node) => {
                    let before = self.config.targets.iter().find(|old| old.name == target.name);
                    if before.is_some_and(|before| luns_differ(before, target)) {
                        changed.push(index);
                    }
                    node.reconfigure(target);
                    node
                }
                None => Node::new(target, &config),
            };
            self.nodes.push(node);
        }
        let moved = moved_away(&self.config, &config);
        let before = self.config.offer.max_recv_data_segment_length;
        self.config = config;
        self.renumber(&old_names);
        self.send_away(&moved);
        if self.config.offer.max_recv_data_segment_length != before {
            self.ask_for_negotiations();
        }
        for node in changed {
            self.luns_changed(node);
        }
        self.resume_upkeep();
    }

    /// Something that can be declared anew was changed: event 4 on every connection, so that the initiator begins a text
    /// exchange in which that can be done.
    fn ask_for_negotiations(&mut self) {
        let seconds = u16::try_from(self.config.timers.logout.as_secs()).unwrap_or(u16::MAX);
        for key in self.sessions.keys() {
            for conn in self.conns_of(key) {
                self.request_negotiation(conn, seconds);
            }
        }
    }

    /// Asks the sessions of targets that have moved to log out; when they come back they are sent where it is now.
    fn send_away(&mut self, moved: &[String]) {
        let seconds = u16::try_from(self.config.timers.logout.as_secs()).unwrap_or(u16::MAX);
        for key in self.sessions.keys() {
            let node = self.sessions.get(key).and_then(|session| session.node);
            let name = node.and_then(|node| self.nodes.get(node)).map(|node| &node.name);
            if name.is_some_and(|name| moved.contains(name)) {
                self.request_session_logout(key, seconds);
            }
        }
    }

    /// Sessions know their target by its place in the configuration, which may have changed.
    fn renumber(&mut self, old_names: &[String]) {
        let nodes = &self.nodes;
        let place = |old: usize| {
            let name = old_names.get(old)?;
            nodes.iter().position(|node| node.name == *name)
        };
        for key in self.sessions.keys() {
            let Some(session) = self.sessions.get_mut(key) else { continue };
            session.node = session.node.and_then(place);
            if let Scope::Target(old, group) = session.scope {
                // A discovery session that named a target which is gone must never match another.
                session.scope = Scope::Target(place(old).unwrap_or(usize::MAX), group);
            }
        }
    }

    /// The logical units of a target changed: commands to those that are gone end, and every session is told, by unit
    /// attention (the device server's) and by an asynchronous message.
    fn luns_changed(&mut self, node: usize) {
        let luns = self.config.targets.get(node).map(|target| target.luns.iter().map(|lun| lun.lun));
        let there: Vec<u16> = luns.map_or_else(Vec::new, Iterator::collect);
        self.end_acas(node, |number, _| !there.contains(&number));
        for key in self.sessions.keys() {
            let Some(session) = self.sessions.get(key).filter(|session| session.node == Some(node)) else {
                continue;
            };
            let nexus = session.nexus;
            let Some(scsi) = self.nodes.get(node).map(|node| &node.scsi) else { return };
            let orphans: Vec<TaskKey> = session
                .tasks
                .iter()
                .filter(|(_, task)| task.set.is_some() && !scsi.lun_exists(nexus, task.lun))
                .map(|(key, _)| key)
                .collect();
            for task in orphans {
                self.fail(key, task, LOGICAL_UNIT_NOT_SUPPORTED);
            }
            let lun =
                self.config.targets.get(node).and_then(|target| target.luns.iter().map(|lun| lun.lun).min());
            if let Some(lun) = lun {
                // rfc7143/11.9.3-1.
                self.report_condition(key, Lun::from_number(lun), Attention::LunsChanged.code());
            }
        }
    }
}

/// Names of the targets that `after` redirects and `before` did not, or elsewhere.
fn moved_away(before: &Config, after: &Config) -> Vec<String> {
    let was = |name: &String| {
        let old = before.targets.iter().find(|target| target.name == *name);
        old.and_then(|target| target.redirect.as_ref())
    };
    let moved = after.targets.iter().filter(|target| target.redirect.is_some());
    moved
        .filter(|target| was(&target.name) != target.redirect.as_ref())
        .map(|target| target.name.clone())
        .collect()
}

fn luns_differ(before: &TargetConfig, after: &TargetConfig) -> bool {
    let mut of_before: Vec<_> = before.luns.iter().map(|lun| (lun.lun, lun.device)).collect();
    let mut of_after: Vec<_> = after.luns.iter().map(|lun| (lun.lun, lun.device)).collect();
    of_before.sort_unstable();
    of_after.sort_unstable();
    of_before != of_after
}
