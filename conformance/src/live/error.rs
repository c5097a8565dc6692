//! Why can this machine, or this user, not trace? The missing thing by name, and what to do about it.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why tracing is not possible.
#[derive(Debug)]
pub enum LiveError {
    /// The program file cannot be read.
    File(PathBuf, io::Error),
    /// The program file is not what can be traced: no ELF, no probes, arguments in no register.
    Binary(PathBuf, String),
    /// The kernel refuses: privilege.
    NotPermitted(&'static str),
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
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Binary(path, why) => write!(f, "{}: {why}", path.display()),
            Self::NotPermitted(call) => {
                write!(
                    f,
                    "{call}: not permitted; run as root, or with CAP_BPF and CAP_PERFMON ({})",
                    settings()
                )
            }
            Self::Missing(what) => write!(f, "this kernel has no {what}"),
            Self::Call(call, error) => write!(f, "{call}: {error}"),
            Self::Verifier(log) => write!(f, "the kernel does not accept the tracing program: {log}"),
        }
    }
}

impl std::error::Error for LiveError {}

impl LiveError {
    /// What the errno of a call means. `lacks` is what the kernel is without if it does not know the call or its argument.
    pub(super) fn of(call: &'static str, error: io::Error, lacks: &'static str) -> Self {
        match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => Self::NotPermitted(call),
            Some(libc::ENOSYS | libc::EINVAL | libc::EOPNOTSUPP | libc::E2BIG) => Self::Missing(lacks),
            _ => Self::Call(call, error),
        }
    }
}

/// What the system says about who may trace.
fn settings() -> String {
    let read =
        |path: &str| std::fs::read_to_string(path).map_or_else(|_| "?".into(), |text| text.trim().to_owned());
    let status = read("/proc/self/status");
    let capabilities =
        status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap_or("?").trim().to_owned();
    format!(
        "effective capabilities {capabilities}, kernel.unprivileged_bpf_disabled {}, kernel.perf_event_paranoid {}",
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
            LiveError::of("bpf(BPF_MAP_CREATE)", io::Error::from_raw_os_error(errno), "BPF ring buffer")
        };
        let text = of(libc::EPERM).to_string();
        assert!(text.contains("CAP_BPF") && text.contains("effective capabilities 0"), "{text}");
        assert_eq!(of(libc::EINVAL).to_string(), "this kernel has no BPF ring buffer");
        assert!(of(libc::ENOMEM).to_string().starts_with("bpf(BPF_MAP_CREATE): "));
    }
}
