//! Why can this machine, or this user, not trace? The missing thing by name, and what to do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A privilege by the number and the name that capabilities(7) gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability(u32, &'static str);

/// To look into a process of another user.
pub(super) const SYS_PTRACE: Capability = Capability(19, "CAP_SYS_PTRACE");
/// To place uprobes through perf events.
pub(super) const SYS_ADMIN: Capability = Capability(21, "CAP_SYS_ADMIN");
/// To trace.
pub(super) const PERFMON: Capability = Capability(38, "CAP_PERFMON");
/// To load programs.
pub(super) const BPF: Capability = Capability(39, "CAP_BPF");

/// Why tracing is not possible.
#[derive(Debug)]
pub enum LiveError {
    /// The program file cannot be read.
    File(PathBuf, io::Error),
    /// The program file is not what can be traced: no ELF, no probes, arguments in no register.
    Binary(PathBuf, String),
    /// The kernel refuses the call, for which these capabilities are needed.
    NotPermitted(&'static str, &'static [Capability]),
    /// There is no such process.
    NoProcess(u32),
    /// The kernel has not got it.
    Missing(&'static str),
    /// Anything else that a call said.
    Call(&'static str, io::Error),
    /// The kernel's verifier did not accept a program; its last words.
    Verifier(String),
}

impl fmt::Display for LiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, error) if is_of_another(path, error) => {
                write!(
                    f,
                    "{}: {error}; the process belongs to another user: {}",
                    path.display(),
                    lacks(&[SYS_PTRACE])
                )
            }
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Binary(path, why) => write!(f, "{}: {why}", path.display()),
            Self::NotPermitted(call, needed) => {
                write!(f, "{call}: not permitted: {} ({})", lacks(needed), settings())
            }
            Self::NoProcess(pid) => write!(f, "there is no process {pid}"),
            Self::Missing(what) => write!(f, "this kernel has no {what}"),
            Self::Call(call, error) => write!(f, "{call}: {error}"),
            Self::Verifier(log) => write!(f, "the kernel does not accept the tracing program: {log}"),
        }
    }
}

impl std::error::Error for LiveError {}

impl LiveError {
    /// What the errno of a call means. `lacks` is what the kernel is without if it does not know the call or its argument.
    pub(super) fn of(
        call: &'static str,
        error: io::Error,
        lacks: &'static str,
        needs: &'static [Capability],
    ) -> Self {
        match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => Self::NotPermitted(call, needs),
            Some(libc::ENOSYS | libc::EINVAL | libc::EOPNOTSUPP | libc::E2BIG) => Self::Missing(lacks),
            _ => Self::Call(call, error),
        }
    }
}

/// What `/proc` does not show of somebody else's process.
fn is_of_another(path: &Path, error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied && path.starts_with("/proc")
}

/// Which of these this process has not got, and what to do about it.
fn lacks(needed: &[Capability]) -> String {
    let effective = std::fs::read_to_string("/proc/self/status").ok().and_then(|status| {
        let mask = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?.trim().to_owned();
        u64::from_str_radix(&mask, 16).ok()
    });
    said(needed, effective.unwrap_or(0))
}

fn said(needed: &[Capability], effective: u64) -> String {
    let names = |list: &[Capability]| list.iter().map(|one| one.1).collect::<Vec<_>>().join(" and ");
    let missing: Vec<_> = needed.iter().copied().filter(|one| effective >> one.0 & 1 == 0).collect();
    if missing.is_empty() {
        return format!("although this process has {}; the kernel may be locked down", names(needed));
    }
    format!("this process lacks {}; run it as root or give it that", names(&missing))
}

/// What the system says about who may trace.
fn settings() -> String {
    let read =
        |path: &str| std::fs::read_to_string(path).map_or_else(|_| "?".into(), |text| text.trim().to_owned());
    format!(
        "kernel.unprivileged_bpf_disabled {}, kernel.perf_event_paranoid {}",
        read("/proc/sys/kernel/unprivileged_bpf_disabled"),
        read("/proc/sys/kernel/perf_event_paranoid"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_has_a_name() {
        let of = |errno| {
            let error = io::Error::from_raw_os_error(errno);
            LiveError::of("bpf(BPF_MAP_CREATE)", error, "BPF ring buffer", &[BPF, PERFMON])
        };
        let text = of(libc::EPERM).to_string();
        assert!(text.contains("CAP_BPF") && text.contains("perf_event_paranoid"), "{text}");
        assert_eq!(
            said(&[BPF, PERFMON], 1 << 39),
            "this process lacks CAP_PERFMON; run it as root or give it that"
        );
        assert!(said(&[BPF, PERFMON], 0).contains("CAP_BPF and CAP_PERFMON"));
        assert!(said(&[SYS_ADMIN], u64::MAX).starts_with("although this process has CAP_SYS_ADMIN"));
        let other = LiveError::File("/proc/1/exe".into(), io::ErrorKind::PermissionDenied.into()).to_string();
        assert!(other.contains("belongs to another user") && other.contains("CAP_SYS_PTRACE"), "{other}");
        assert_eq!(of(libc::EINVAL).to_string(), "this kernel has no BPF ring buffer");
        assert!(of(libc::ENOMEM).to_string().starts_with("bpf(BPF_MAP_CREATE): "));
    }
}
