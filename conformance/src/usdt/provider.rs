//! The provider itself: one firing site for each of the sixteen.

use super::{ConnInfoRepr, IscsiCmdRepr, IscsiInfoRepr};
use target_core::probe::Probe;

// `usize` is the one argument type that reaches a tracer as an address: a `*const u8` would be emitted as a
// dereference. Two underscores become the dash of the published names.
#[usdt::provider(provider = "iscsi", probe_format = "{probe}")]
mod iscsi {
    fn async__send(conn: usize, info: usize) {}
    fn login__command(conn: usize, info: usize) {}
    fn login__response(conn: usize, info: usize) {}
    fn logout__command(conn: usize, info: usize) {}
    fn logout__response(conn: usize, info: usize) {}
    fn data__receive(conn: usize, info: usize) {}
    fn data__request(conn: usize, info: usize) {}
    fn data__send(conn: usize, info: usize) {}
    fn nop__receive(conn: usize, info: usize) {}
    fn nop__send(conn: usize, info: usize) {}
    fn scsi__command(conn: usize, info: usize, cmd: usize) {}
    fn scsi__response(conn: usize, info: usize) {}
    fn task__command(conn: usize, info: usize) {}
    fn task__response(conn: usize, info: usize) {}
    fn text__command(conn: usize, info: usize) {}
    fn text__response(conn: usize, info: usize) {}
}

/// The address of `value`, with everything written to it before.
///
/// The probe's own asm says that it touches no memory, so an optimised build would drop the stores that fill the
/// structs. This one reads memory as far as the compiler knows, and so keeps them.
#[inline(always)]
fn published<T>(value: &T) -> usize {
    let pointer = std::ptr::from_ref(value);
    // SAFETY: the template is a comment; no instruction is emitted, nothing is read or changed.
    unsafe {
        std::arch::asm!("/* {0} */", in(reg) pointer, options(readonly, nostack, preserves_flags));
    }
    pointer.addr()
}

/// Fires `probe`. The structs belong to the caller, so they outlive the whole macro and not only its closure.
///
/// Never inlined: each probe then has one site, and one ELF note, in the binary.
#[inline(never)]
pub(super) fn fire(probe: Probe, conn: &ConnInfoRepr, info: &IscsiInfoRepr, cmd: &IscsiCmdRepr) {
    match probe {
        Probe::AsyncSend => {
            iscsi::async__send!(|| (published(conn), published(info)));
        }
        Probe::LoginCommand => {
            iscsi::login__command!(|| (published(conn), published(info)));
        }
        Probe::LoginResponse => {
            iscsi::login__response!(|| (published(conn), published(info)));
        }
        Probe::LogoutCommand => {
            iscsi::logout__command!(|| (published(conn), published(info)));
        }
        Probe::LogoutResponse => {
            iscsi::logout__response!(|| (published(conn), published(info)));
        }
        Probe::DataReceive => {
            iscsi::data__receive!(|| (published(conn), published(info)));
        }
        Probe::DataRequest => {
            iscsi::data__request!(|| (published(conn), published(info)));
        }
        Probe::DataSend => {
            iscsi::data__send!(|| (published(conn), published(info)));
        }
        Probe::NopReceive => {
            iscsi::nop__receive!(|| (published(conn), published(info)));
        }
        Probe::NopSend => {
            iscsi::nop__send!(|| (published(conn), published(info)));
        }
        Probe::ScsiCommand => {
            iscsi::scsi__command!(|| (published(conn), published(info), published(cmd)));
        }
        Probe::ScsiResponse => {
            iscsi::scsi__response!(|| (published(conn), published(info)));
        }
        Probe::TaskCommand => {
            iscsi::task__command!(|| (published(conn), published(info)));
        }
        Probe::TaskResponse => {
            iscsi::task__response!(|| (published(conn), published(info)));
        }
        Probe::TextCommand => {
            iscsi::text__command!(|| (published(conn), published(info)));
        }
        Probe::TextResponse => {
            iscsi::text__response!(|| (published(conn), published(info)));
        }
    }
}
