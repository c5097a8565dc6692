//! What is a running target doing? A tracer of our own: bpf(2) and perf_event_open(2), nothing else needed.
//!
//! ```text
//!  ELF notes ──sites──> which places, which registers ──program──> BPF instructions (bpf(2) loads them)
//!                                                                       │ attach: one multi link, or a perf event a site
//!  traced process ──hits a site──> program: copies the structs and strings ──> ring buffer ──ring──> event ──> Record
//!                                            no room: counts what is lost
//! ```
//!
//! The kernel attaches to the file, not to the process: it may start later, be stripped, or run many times. Events leave
//! the ring in the order in which they fired. Needs root, or CAP_BPF and CAP_PERFMON (CAP_SYS_ADMIN where perf events place the
//! probes, CAP_SYS_PTRACE for a process of another user), and Linux 5.8 or later (the ring
//! buffer); what is missing is said by name.

mod attach;
mod counter;
mod error;
mod event;
mod program;
mod ring;
mod sites;
mod sys;
mod tracer;

pub use attach::How;
pub use counter::Counter;
pub use error::LiveError;
pub use sites::Scope;
pub use tracer::{Tracer, Unreadable};
