//! Is anybody tracing? On Linux each probe has a counter that the kernel raises while a tracer is attached.

use target_core::probe::Probe;

/// False while nobody traces `probe`.
#[cfg(target_os = "linux")]
#[inline]
pub(super) fn is_enabled(probe: Probe) -> bool {
    macro_rules! raised {
        ($name:ident) => {{
            // SAFETY: only declares the symbol that usdt's own assembly defines, with its type.
            // SAFETY: the firing site of this probe in `provider` defines the symbol, two bytes; see below.
            unsafe extern "C" {
                static $name: u16;
            }
            // SAFETY: the symbol is the probe's semaphore, two bytes that live as long as the program (the firing
            // site in `provider` defines them). Only the kernel writes them; a volatile read is how every USDT
            // consumer looks.
            unsafe { (&raw const $name).read_volatile() != 0 }
        }};
    }
    match probe {
        Probe::AsyncSend => raised!(__usdt_sema_iscsi_async__send),
        Probe::LoginCommand => raised!(__usdt_sema_iscsi_login__command),
        Probe::LoginResponse => raised!(__usdt_sema_iscsi_login__response),
        Probe::LogoutCommand => raised!(__usdt_sema_iscsi_logout__command),
        Probe::LogoutResponse => raised!(__usdt_sema_iscsi_logout__response),
        Probe::DataReceive => raised!(__usdt_sema_iscsi_data__receive),
        Probe::DataRequest => raised!(__usdt_sema_iscsi_data__request),
        Probe::DataSend => raised!(__usdt_sema_iscsi_data__send),
        Probe::NopReceive => raised!(__usdt_sema_iscsi_nop__receive),
        Probe::NopSend => raised!(__usdt_sema_iscsi_nop__send),
        Probe::ScsiCommand => raised!(__usdt_sema_iscsi_scsi__command),
        Probe::ScsiResponse => raised!(__usdt_sema_iscsi_scsi__response),
        Probe::TaskCommand => raised!(__usdt_sema_iscsi_task__command),
        Probe::TaskResponse => raised!(__usdt_sema_iscsi_task__response),
        Probe::TextCommand => raised!(__usdt_sema_iscsi_text__command),
        Probe::TextResponse => raised!(__usdt_sema_iscsi_text__response),
    }
}

/// Elsewhere the probe's own is-enabled check decides.
#[cfg(not(target_os = "linux"))]
#[inline]
pub(super) const fn is_enabled(_: Probe) -> bool {
    true
}
