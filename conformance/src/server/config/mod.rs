//! What does a server serve, and where? The value that the command line and a configuration file both end in.

mod auth;
mod file;
mod places;
mod reader;
mod size;

pub use file::parse;
pub use places::Places;
pub use size::size;

use crate::storage::registry::{Opened, Registry, Staged};
use crate::storage::{Backing, FileId};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;
use target_core::config::{
    AuthConfig, Config, Limits, LunConfig, Offer, PortalConfig, Provisioning, Redirect, TargetConfig, Timers,
    UnitPolicy,
};

/// The name of the target that `serve` makes without a configuration file.
pub const DEFAULT_TARGET: &str = "iqn.2026-01.org.example.iscsi-lab:disk";

/// The address that `serve` listens on without a configuration file; the port is IANA's for iSCSI.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:3260";

/// Everything a server needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServeConfig {
    /// Where to listen; port 0 lets the system choose.
    pub portals: Vec<PortalConfig>,
    /// What to serve.
    pub targets: Vec<TargetSpec>,
    /// Who may ask for the targets.
    pub discovery_auth: AuthConfig,
    /// What negotiation offers.
    pub offer: Offer,
    /// Bounds.
    pub limits: Limits,
    /// Intervals of the protocol.
    pub timers: Timers,
    /// What is not the protocol's.
    pub server: ServerOptions,
    /// What is allowed and yet better otherwise: one `path:line:column: message` each.
    pub warnings: Vec<String>,
    /// Where in its file each setting is.
    pub places: Places,
}

/// Settings of sockets, threads and shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerOptions {
    /// Threads that may wait for disks.
    pub workers: usize,
    /// How long sent bytes may stay unacknowledged before a connection counts as gone (TCP_USER_TIMEOUT).
    pub tcp_user_timeout: Duration,
    /// How long a closing connection may take to be closed by the peer too.
    pub linger: Duration,
    /// How long sessions may take to log out when the server is told to end.
    pub drain: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            workers: 4,
            tcp_user_timeout: Duration::from_secs(30),
            linger: Duration::from_secs(2),
            drain: Duration::from_secs(5),
        }
    }
}

/// One target: what [`TargetConfig`] says, with storage still to be opened.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TargetSpec {
    /// iSCSI name.
    pub name: String,
    /// TargetAlias; empty for none.
    pub alias: String,
    /// Its logical units.
    pub luns: Vec<LunSpec>,
    /// Who may log in.
    pub auth: AuthConfig,
    /// Initiators that may see it; empty for all.
    pub initiators: Vec<String>,
    /// Send every login elsewhere.
    pub redirect: Option<Redirect>,
    /// Tags of the portal groups it is reached through; empty for all.
    pub groups: Vec<u16>,
    /// Refuse target resets.
    pub refuse_resets: bool,
}

/// One logical unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LunSpec {
    /// Its number.
    pub lun: u16,
    /// The storage behind it.
    pub backing: Backing,
    /// Logical block length in bytes.
    pub block_size: u32,
    /// Refuse writes.
    pub read_only: bool,
    /// T10 vendor identification.
    pub vendor: String,
    /// Product identification.
    pub product: String,
    /// Product revision level.
    pub revision: String,
    /// Unit serial number.
    pub serial: String,
    /// Write cache enabled at start.
    pub write_cache: bool,
    /// How it differs from the usual disk.
    pub policy: UnitPolicy,
    /// Thin: blocks can be unmapped. Memory can keep space for them (anchor them) as well.
    pub thin: bool,
}

impl LunSpec {
    /// A writable unit with 512-byte blocks and names of our own.
    pub fn new(target: &str, lun: u16, backing: Backing) -> Self {
        Self {
            lun,
            backing,
            block_size: 512,
            read_only: false,
            vendor: "ISCSILAB".into(),
            product: "VIRTUAL-DISK".into(),
            revision: "0001".into(),
            serial: serial(target, lun),
            write_cache: true,
            policy: UnitPolicy::default(),
            thin: true,
        }
    }
}

/// An iSCSI name in the form in which names are compared.
///
/// # Errors
/// What a name looks like.
pub fn target_name(text: &str) -> Result<String, String> {
    target_core::conn::negotiate::names::normalise(text)
        .map_err(|error| format!("{text:?} is not an iSCSI name: {error}"))
}

/// A serial number that a unit keeps over restarts and that no other unit of any target is likely to have.
fn serial(target: &str, lun: u16) -> String {
    let one = crc32c::crc32c(target.as_bytes());
    let two = crc32c::crc32c_append(one ^ u32::MAX, target.as_bytes());
    format!("{one:08x}{two:08x}{lun:04x}")
}

impl ServeConfig {
    /// One target with these logical units at these addresses.
    pub fn simple(listen: &[SocketAddr], target: &str, luns: Vec<LunSpec>) -> Self {
        let portals = listen.iter().map(|address| PortalConfig { address: *address, group: 1 }).collect();
        let target = TargetSpec { name: target.to_owned(), luns, ..TargetSpec::default() };
        Self {
            portals,
            targets: vec![target],
            discovery_auth: AuthConfig::default(),
            offer: Offer::default(),
            limits: Limits::default(),
            timers: Timers::default(),
            server: ServerOptions::default(),
            warnings: Vec::new(),
            places: Places::default(),
        }
    }

    /// Initiators take units of one serial number for one disk, seen over several paths: other storage under it would be
    /// mixed up with that, and one target never shows a disk twice.
    fn check_serials(&self) -> Result<(), String> {
        let mut seen: BTreeMap<&str, (usize, &LunSpec)> = BTreeMap::new();
        for (index, target) in self.targets.iter().enumerate() {
            for (at, lun) in target.luns.iter().enumerate() {
                let Some((other, first)) = seen.insert(&lun.serial, (index, lun)) else { continue };
                if other == index || first.backing != lun.backing {
                    let problem = format!(
                        "LUN {} of {} has the serial {:?} of LUN {} of {}, which is another disk",
                        lun.lun, target.name, lun.serial, first.lun, self.targets[other].name
                    );
                    return Err(self.places.message(&format!("targets[{index}].luns[{at}].serial"), problem));
                }
            }
        }
        Ok(())
    }

    /// Two units that write to one file would each overwrite what the other's initiators rely on: neither knows the other's
    /// reservations, cache or unfinished SANITIZE. Units that only read may share one.
    fn check_files(&self) -> Result<(), String> {
        let mut seen: BTreeMap<FileId, (&str, &LunSpec)> = BTreeMap::new();
        let mut wrong = String::new();
        for (index, target) in self.targets.iter().enumerate() {
            for (at, lun) in target.luns.iter().enumerate() {
                let Backing::File(file) = &lun.backing else { continue };
                let Some(id) = FileId::at(&file.path) else { continue };
                let (owner, first) = *seen.entry(id).or_insert((&target.name, lun));
                let is_other = owner != target.name || first.lun != lun.lun;
                if is_other && !(first.read_only && lun.read_only) {
                    let problem = format!(
                        "LUN {} of {} and LUN {} of {owner} are one file ({} and {}); give each its own, or make both read-only",
                        lun.lun, target.name, first.lun, lun.backing, first.backing
                    );
                    let field = format!("targets[{index}].luns[{at}].file");
                    let _ = writeln!(wrong, "{}", self.places.message(&field, problem));
                }
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong.trim_end().to_owned()) }
    }

    /// Opens all storage and gives what the core wants to know. Nothing is in force until the stage is committed.
    ///
    /// # Errors
    /// One line for each thing that is wrong.
    pub fn stage<'a>(&self, registry: &'a Registry) -> Result<(Config, Staged<'a>), String> {
        self.check_serials()?;
        self.check_files()?;
        let mut staged = registry.stage();
        let mut wrong = String::new();
        let mut targets = Vec::new();
        for (index, spec) in self.targets.iter().enumerate() {
            let mut luns = Vec::new();
            for (at, lun) in spec.luns.iter().enumerate() {
                match staged.open(&lun.backing, lun.block_size) {
                    Ok(device) => luns.push(lun.config(device)),
                    Err(error) => {
                        let problem = format!("target {}, LUN {}: {error}", spec.name, lun.lun);
                        let field = format!("targets[{index}].luns[{at}].file");
                        let _ = writeln!(wrong, "{}", self.places.message(&field, problem));
                    }
                }
            }
            targets.push(TargetConfig {
                name: spec.name.clone(),
                alias: spec.alias.clone(),
                luns,
                auth: spec.auth.clone(),
                initiators: spec.initiators.clone(),
                redirect: spec.redirect.clone(),
                groups: spec.groups.clone(),
                refuse_resets: spec.refuse_resets,
            });
        }
        if !wrong.is_empty() {
            return Err(wrong.trim_end().to_owned());
        }
        let config = Config {
            targets,
            portals: self.portals.clone(),
            discovery_auth: self.discovery_auth.clone(),
            offer: self.offer.clone(),
            limits: self.limits,
            timers: self.timers,
        };
        config.check().map_err(|error| self.places.error(&error))?;
        Ok((config, staged))
    }
}

impl LunSpec {
    fn config(&self, device: Opened) -> LunConfig {
        LunConfig {
            lun: self.lun,
            device: device.id,
            block_size: self.block_size,
            blocks: device.blocks,
            read_only: self.read_only,
            vendor: self.vendor.clone(),
            product: self.product.clone(),
            revision: self.revision.clone(),
            serial: self.serial.clone(),
            write_cache: self.write_cache,
            policy: self.policy.clone(),
            provisioning: match (self.thin, &self.backing) {
                (false, _) => Provisioning::Full,
                (true, Backing::Memory { .. }) => Provisioning::ThinAnchored,
                (true, _) => Provisioning::Thin,
            },
            kept: device.kept,
        }
    }
}

#[cfg(test)]
mod tests;
