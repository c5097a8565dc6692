//! Are there enough file descriptors for as many connections as the limits allow? The system's usual 1024 are not.

use super::config::ServeConfig;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// For what is neither a connection, a portal nor a LUN: the log, the recording, events, the standard streams.
const OTHERS: u64 = 64;

/// Takes as many as are needed. What to tell people if the system gives fewer.
pub(super) fn provide(config: &ServeConfig) -> Option<String> {
    let luns: usize = config.targets.iter().map(|target| target.luns.len()).sum();
    let spare = super::accept::SPARE + config.portals.len() + luns;
    let needed = u64::from(config.limits.connections) + OTHERS + u64::try_from(spare).unwrap_or(u64::MAX);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= needed) {
        return None;
    }
    let most = maximum.map_or(needed, |maximum| maximum.min(needed));
    let given = match setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum }) {
        Ok(()) => most,
        Err(_) => current.unwrap_or(most),
    };
    (given < needed).then(|| {
        format!(
            "{given} file descriptors are allowed, limits.connections = {} needs {needed}: raise the hard limit (ulimit -Hn)",
            config.limits.connections
        )
    })
}
