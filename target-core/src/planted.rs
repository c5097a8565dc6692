//! Small, realistic errors, planted on purpose: does the suite notice them?
//!
//! The one list of them. Each has exactly one place, `planted!(Name)` at the line that it breaks, and all of them are there
//! only with the feature `planted`: without it [`active`] is a constant `false` and neither the list nor one of the places is
//! in the program. `iscsi-lab mutants` switches one on in a process of its own and runs the suite or seeds against it.
//!
//! The middle column says where errors of that kind were seen: the module of this crate that would make it, then a row of the
//! list of field reports (C1 the 25 most frequent, C2 fixes, C3 or CVE holes, A1 to A3 what other targets lack, B1 and B2 what
//! existing suites check) or a clause.

/// Whether a planted error is switched on: `planted!(Name)`.
macro_rules! planted {
    ($bug:ident) => {
        $crate::planted::active($crate::planted::Bug::$bug)
    };
}

macro_rules! bugs {
    ($($bug:ident $name:literal $seen:literal $what:literal)*) => {
        /// An error that can be switched on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub enum Bug {
            $(#[doc = $what] $bug,)*
        }

        /// All of them.
        #[cfg(feature = "planted")]
        pub const BUGS: &[Planted] = &[$(Planted { bug: Bug::$bug, name: $name, seen: $seen, what: $what },)*];
    };
}

/// What there is to say about one.
#[cfg(feature = "planted")]
#[derive(Clone, Copy, Debug)]
pub struct Planted {
    /// Which.
    pub bug: Bug,
    /// What it is called on the command line.
    pub name: &'static str,
    /// Module; row of the list of field reports, or clause.
    pub seen: &'static str,
    /// What is broken, in a sentence.
    pub what: &'static str,
}

/// Without the feature nothing is ever switched on, and the compiler knows.
#[cfg(not(feature = "planted"))]
#[inline(always)]
pub const fn active(_: Bug) -> bool {
    false
}

#[cfg(feature = "planted")]
mod switch {
    use super::Bug;
    use core::sync::atomic::{AtomicU16, Ordering};

    /// The error that is switched on in this process, counted from 1; 0 for none. The one piece of global state in the core,
    /// and only with the feature.
    static ACTIVE: AtomicU16 = AtomicU16::new(0);

    /// Whether that error is switched on.
    #[inline]
    pub fn active(bug: Bug) -> bool {
        ACTIVE.load(Ordering::Relaxed) == bug as u16 + 1
    }

    /// Switches one on for the whole process, in place of another.
    pub fn switch_on(bug: Bug) {
        ACTIVE.store(bug as u16 + 1, Ordering::Relaxed);
    }

    /// Switches off what is switched on.
    pub fn switch_off() {
        ACTIVE.store(0, Ordering::Relaxed);
    }
}

#[cfg(feature = "planted")]
pub use switch::{active, switch_off, switch_on};

#[rustfmt::skip]
bugs! {
    HexOddDigit "hex-odd-digit" "wire/binary; CVE-2018-14633"
        "A hexadecimal value with an odd number of digits loses its first one."
    HexNumber "hex-number" "wire/text; C1 18"
        "Numbers in hexadecimal are not understood."
    DigestOverPadding "digest-over-padding" "conn/batch; C1 14"
        "The data digest that is sent does not cover the padding."
    DigestInPadding "digest-in-padding" "conn/framing; C1 14"
        "The data digest that comes in is held against the data without its padding."
    AhsOutsideDigest "ahs-outside-digest" "conn/framing; C1 14"
        "The header digest that comes in is held against the basic header alone."
    SegmentMax "segment-max" "conn/framing; C1 9"
        "A data segment of exactly the declared length is too long."
    PingUnderLoad "ping-under-load" "conn/keepalive; C1 12"
        "While a ping waits for its answer, nothing else that is heard counts as life."
    DeadPeerKept "dead-peer-kept" "conn/keepalive; C1 7"
        "A peer that never answers a ping is pinged again and never given up."
    PingAnyTag "ping-any-tag" "conn/connection; C1 12"
        "Any Target Transfer Tag answers the ping that is waiting."
    ImmediateLimit "immediate-limit" "conn/connection; C1 6"
        "One immediate request more than the limit allows is taken."
    KeptStatus "kept-status" "conn/connection; A2 SNACK"
        "ExpStatSN acknowledges the response of that number as well, so that it cannot be asked for again."
    ChapFirstOnly "chap-first-only" "conn/login/chap; C1 17"
        "Of the list of CHAP algorithms only the first entry is looked at."
    ChapSha1As7 "chap-sha1-as7" "conn/login/chap; C1 17"
        "Algorithm 7 is answered with SHA1."
    ChapReflection "chap-reflection" "conn/login/chap; C1 18"
        "A challenge of the target's own is answered when it is reflected."
    ChapMutualId "chap-mutual-id" "conn/login/chap; C1 18"
        "The target's own CHAP response is computed over the identifier that it sent, not the one it was sent."
    DiscoveryAuth "discovery-auth" "conn/login/start; C1 19"
        "A discovery session that names a target needs only that target's credentials."
    LoginContinueLost "login-continue-lost" "conn/login/machine; A1 C bit"
        "What a Login Request with the C bit brings is forgotten."
    TransitWithContinue "transit-with-continue" "conn/login/machine; A1 C bit"
        "A Login Request with T and C is taken."
    LoginCidChanges "login-cid-changes" "conn/login/machine"
        "The CID may change between two requests of a login."
    PortalGroupTag "portal-group-tag" "conn/login/machine; C1 25"
        "The first Login Response does not carry TargetPortalGroupTag."
    LoginAnswerUnbounded "login-answer-unbounded" "conn/login/machine; CVE-2026-63887"
        "The answer to a login may grow beyond its limit."
    LoginStatusClass "login-status-class" "conn/login/machine; C1 22"
        "Every refused login ends with status 0200, whatever the reason."
    KeyTwice "key-twice" "conn/negotiate/segment; C1 18"
        "A key that was negotiated already is negotiated again."
    BooleanResult "boolean-result" "conn/negotiate/answer; A1 ImmediateData"
        "The result of a boolean key with the function AND is computed with OR."
    Ceiling "ceiling" "conn/negotiate/answer; C2 LIO"
        "The agreed value of a number may pass what other keys allow: FirstBurstLength MaxBurstLength."
    FirstBurstIrrelevant "first-burst-irrelevant" "conn/negotiate/answer; C1 20"
        "FirstBurstLength is negotiated though nothing can be sent unasked."
    DigestPreference "digest-preference" "conn/negotiate/answer; C1 14"
        "CRC32C is chosen wherever it is offered, even behind None."
    FirstBurstDefault "first-burst-default" "conn/negotiate/draft; C1 20"
        "The default FirstBurstLength stays in force beyond a smaller MaxBurstLength."
    AnswerOverMax "answer-over-max" "conn/negotiate/outbox; C1 8"
        "A piece of a long text answer is up to eight bytes longer than the initiator takes."
    TextWrongTask "text-wrong-task" "conn/text/exchange; B2 17.5"
        "A Text Request with another task tag goes on with the exchange of its transfer tag."
    AddressGroup "address-group" "conn/text/send_targets; C2 LIO"
        "SendTargets gives every address in portal group 1."
    MaxCmdSnBack "max-cmd-sn-back" "session/window; C1 4"
        "MaxCmdSN moves back with each command that is delivered."
    WindowSize "window-size" "session/window; C1 4"
        "The window opens one command too far."
    AbortLeavesGap "abort-leaves-gap" "session/window; C1 15"
        "An abort of a command that never came is answered, and its CmdSN is still waited for."
    PluggedLeaks "plugged-leaks" "session/window; C1 24"
        "A CmdSN that counts as received keeps its place in the window for good."
    CmdSnNoWrap "cmd-sn-no-wrap" "session/window; C1 5"
        "A CmdSN beyond the wrap at 2^32 is outside the window."
    ReinstateAnyIsid "reinstate-any-isid" "target/sessions; C1 10"
        "A new session ends any other of the same initiator, whatever its ISID."
    SessionsPerInitiator "sessions-per-initiator" "target/sessions; C1 11"
        "One session more than an initiator may have is let in."
    RetainZero "retain-zero" "target/sessions; C1 22"
        "A session with DefaultTime2Retain=0 waits for Time2Wait when its last connection is lost."
    LostUntold "lost-untold" "target/sessions; rfc7143/11.14.5-1"
        "Nobody is told that commands were terminated with their connection."
    DataInOverMax "data-in-over-max" "task/read; C1 9"
        "The last Data-In of a sequence may be 512 bytes longer than MaxRecvDataSegmentLength."
    BurstWithoutFinal "burst-without-final" "task/read; B2 9.2"
        "The F bit is only set in the last Data-In of a command, not in that of each sequence."
    ResidualSide "residual-side" "task/read; B2 16.1"
        "A residual overflow is reported as underflow."
    ReleasedTooMuch "released-too-much" "task/read; A2 SNACK"
        "A DataACK gives back 512 bytes more than were acknowledged."
    FirstBurstImmediate "first-burst-immediate" "task/write; C1 20"
        "Immediate data does not count against FirstBurstLength."
    R2tOverBurst "r2t-over-burst" "task/write; C1 9"
        "An R2T asks for 512 bytes more than MaxBurstLength."
    R2tOutstanding "r2t-outstanding" "task/write; B2 10.1"
        "One R2T more than MaxOutstandingR2T is outstanding."
    R2tSn "r2t-sn" "task/write; B2 4.1"
        "R2TSN is 0 in every R2T."
    DataOutSn "data-out-sn" "task/write; B1 iSCSIdatasn"
        "DataSN of Data-Out is not looked at."
    DataOutOffset "data-out-offset" "task/write"
        "Data-Outs of a sequence may leave gaps and jump."
    SurplusKept "surplus-kept" "task/write; C3 2014-0256"
        "Data-Outs may bring more than an R2T asked for, and all of it is kept."
    LostDataForgotten "lost-data-forgotten" "task/write; B2 18.2"
        "Write data that was lost is not asked for again."
    DataSnRestart "data-sn-restart" "task/sent; B2 3.1"
        "DataSN begins at 0 again in each sequence."
    OrderedOvertakes "ordered-overtakes" "task/set; C2 LIO"
        "An ORDERED command does not wait for SIMPLE ones."
    SimpleOvertakes "simple-overtakes" "task/set; C2 LIO"
        "A SIMPLE command overtakes an ORDERED one that waits."
    PingTakesStatSn "ping-takes-stat-sn" "target/encode; C1 12"
        "A ping of the target's takes a StatSN."
    RejectStatSn "reject-stat-sn" "target/encode; C2 iSCSIConsole"
        "StatSN is not advanced after a Reject."
    NopEchoOverMax "nop-echo-over-max" "target/encode; B2 15.1"
        "The echo of a NOP-Out is not cut at MaxRecvDataSegmentLength."
    TsihZero "tsih-zero" "target/encode; C2 iscsi-s3"
        "The TSIH of the last Login Response is 0."
    R2tTakesStatSn "r2t-takes-stat-sn" "target/encode; B2 10.1"
        "An R2T takes a StatSN."
    R2tLun "r2t-lun" "target/encode; B2 8.1"
        "The LUN of an R2T is 0."
    LastOffset "last-offset" "target/encode; C2 tgt 26cf5c9"
        "Buffer Offset is 0 in the Data-In that carries the status."
    DataInExpCmdSn "data-in-exp-cmd-sn" "target/encode; C2 iSCSIConsole"
        "Data-In carries no ExpCmdSN."
    ExpDataSn "exp-data-sn" "target/encode; rfc7143/11.4.8"
        "ExpDataSN is the number of the last Data-In, not how many there were."
    BidiResidual "bidi-residual" "target/encode; A2 residuals"
        "The residual of the write of a bidirectional command is left out for that of its read."
    SnackTagLost "snack-tag-lost" "target/encode; A2 SNACK"
        "The response after an R-Data SNACK does not carry its tag."
    WriteResidual "write-residual" "target/encode; B2 16.1"
        "A write never has a residual."
    ReplayOldWindow "replay-old-window" "target/encode; rfc7143/11.16-2"
        "A response that is sent again shows the command window of the first time."
    ProbeFlags "probe-flags" "target/probes"
        "The flags of a probe leave out the F bit."
    ProbeLunRaw "probe-lun-raw" "target/probes"
        "scsi-command shows the eight bytes of the LUN instead of its number."
    ProbeTaskLun "probe-task-lun" "target/probes"
        "data-receive shows the LUN after that of the command."
    ProbeDataSn "probe-data-sn" "target/probes"
        "data-receive shows Buffer Offset as DataSN."
    ProbeTaskTag "probe-task-tag" "target/probes"
        "task-command shows the request's own tag as the referenced one."
    ProbeCdb "probe-cdb" "target/probes"
        "scsi-command shows only the first sixteen bytes of an extended CDB."
    ProbeMissed "probe-missed" "target/probes"
        "task-response does not fire."
    StatusWithoutGood "status-without-good" "target/transmit; B2 9.1"
        "Status rides on the last Data-In whatever it is."
    AckNeverAsked "ack-never-asked" "target/transmit; A2 SNACK"
        "No Data-In ever asks for an acknowledgement."
    AbortAnyLun "abort-any-lun" "target/tmf; C1 15"
        "ABORT TASK does not look at the LUN."
    AbortUnknown "abort-unknown" "target/tmf; C1 15"
        "ABORT TASK of a command that nobody knows is answered with function complete."
    StatusAfterAbort "status-after-abort" "target/tmf; C1 3"
        "A command that was answered and not sent yet sends its status behind the response of its abort."
    ResetFake "reset-fake" "target/multi_abort; A2 gotgt"
        "LOGICAL UNIT RESET is answered and resets nothing."
    ClearedUntold "cleared-untold" "target/multi_abort; A2 TMF"
        "CLEAR TASK SET does not tell the other sessions."
    ResetForgetsData "reset-forgets-data" "target/multi_abort; C1 16"
        "A reset does not wait for the write data that was asked for."
    AbortSetImmediate "abort-set-immediate" "target/multi_abort; C1 6"
        "ABORT TASK SET passes over an immediate command right before it."
    ResetKeepsAca "reset-keeps-aca" "target/multi_abort; A2 CLEAR ACA"
        "A reset does not end an ACA condition."
    ResetOwnOnly "reset-own-only" "target/multi_abort; C1 16"
        "A reset or CLEAR TASK SET leaves the commands of other sessions alone."
    LogoutUnknownCid "logout-unknown-cid" "target/logout; B2 13.3"
        "A logout of a CID that does not exist is answered with success."
    LogoutTimes "logout-times" "target/logout"
        "Time2Wait and Time2Retain are swapped in the Logout Response."
    LogoutFailedStays "logout-failed-stays" "target/logout; rfc7143/8.1.2"
        "A connection whose logout failed stays."
    RejectedTextCounts "rejected-text-counts" "target/text; rfc7143/7.3-2"
        "A Text Request that was rejected counts as received."
    ImmediateOpensWindow "immediate-opens-window" "target/finish; C1 6"
        "The end of an immediate command opens the window."
    AbortKeepsWindow "abort-keeps-window" "target/finish; C1 24"
        "An aborted command keeps its place in the window for good."
    HeldLeak "held-leak" "target/finish; C1 24"
        "The memory of a command that ended still counts as held."
    FenceLost "fence-lost" "target/finish; A1 TaskReporting"
        "A unit attention is not fenced."
    AbortForgetsTag "abort-forgets-tag" "target/finish; C1 15"
        "Data-Outs that come late for an aborted command are rejected."
    UpkeepBlocks "upkeep-blocks" "target/finish; libiscsi Sanitize.Reset"
        "Nobody is answered while a FORMAT UNIT or SANITIZE without IMMED goes on."
    CopyUnreserved "copy-unreserved" "scsi/copy/moves; A3 XCOPY"
        "A third-party copy does not ask for reservations at the units it reads and writes."
    CopyResult "copy-result" "scsi/copy/moves; A3 XCOPY"
        "A copy counts the segment that it is at as copied."
    TokenForever "token-forever" "scsi/copy/token; A3 ODX"
        "A ROD token never expires."
    TokenOffset "token-offset" "scsi/copy/rod; A3 ODX"
        "WRITE USING TOKEN begins at the first block of the token whatever OFFSET INTO ROD says."
    SanitizeShort "sanitize-short" "scsi/upkeep; A3 SANITIZE"
        "FORMAT UNIT and SANITIZE leave out the last block."
    SanitizeForgiven "sanitize-forgiven" "scsi/upkeep; A3 SANITIZE"
        "A SANITIZE or FORMAT UNIT that failed is forgotten."
    RegisteredEarly "registered-early" "scsi/keep; C1 23"
        "A change of registrations with APTPL is answered although no record of it could be kept."
    EjectPrevented "eject-prevented" "scsi/medium; libiscsi PreventAllow"
        "The medium is given out although an initiator prevents that."
    LoadedUntold "loaded-untold" "scsi/medium; C1 13"
        "Nobody is told that the medium was taken out and is back."
    AtomicShort "atomic-short" "scsi/atomic; SBC-4 5.48"
        "WRITE ATOMIC writes what came although not all of it did."
    SenseLength "sense-length" "target/notify; rfc7143/11.4.7"
        "Sense data comes without its length."
    SnackRunEnd "snack-run-end" "target/snack; B2 12.3"
        "A SNACK for all from a number on leaves out the last."
    RejectWithoutAhs "reject-without-ahs" "target/reject; C2 SPDK 9d660f187a"
        "A Reject carries no additional header segments of what it rejects."
    OutsideWindow "outside-window" "target/command; A2 CmdSN"
        "A command outside the window is rejected instead of ignored."
    LoginTimer "login-timer" "target/close; C2 SPDK"
        "The login timer is never armed."
    NeverPaused "never-paused" "target/receive; C3 2014-0255"
        "A connection is read from whether or not its peer reads what it is sent."
    DataOutLun "data-out-lun" "target/data_out; C1 15"
        "The LUN of a solicited Data-Out is not looked at."
    FuaIgnored "fua-ignored" "scsi/write"
        "FUA in a WRITE has no effect."
    FlushMissing "flush-missing" "scsi/cache"
        "SYNCHRONIZE CACHE says GOOD without flushing."
    ReadFuaCached "read-fua-cached" "scsi/read"
        "FUA in a READ is answered from the write cache."
    RangeWraps "range-wraps" "scsi/unit; C3 2bf2d65"
        "LBA plus length wraps at 2^64 and passes the check of the range."
    EmptyRange "empty-range" "scsi/unit"
        "A command for no blocks may begin right behind the last one."
    StaleReservation "stale-reservation" "scsi/unit; C2 LIO"
        "RESERVE outlives the session that made it."
    ResetKeepsReservation "reset-keeps-reservation" "scsi/unit; C1 23"
        "RESERVE outlives a reset."
    CapacityCount "capacity-count" "scsi/capacity"
        "READ CAPACITY(10) gives the number of blocks instead of the last one."
    ReleasedUntold "released-untold" "scsi/persist/registry; C1 23"
        "Registrants are not told that the persistent reservation was released."
    UnregisterKeeps "unregister-keeps" "scsi/persist/registry; C1 23"
        "The reservation of a holder that unregisters stays."
    PreemptHolder "preempt-holder" "scsi/persist/registry; C1 23"
        "PREEMPT takes the reservation away and gives it to nobody."
    Generation "generation" "scsi/persist/registry; C1 23"
        "PRGENERATION does not count registrations."
    WriteExclusive "write-exclusive" "scsi/persist/kind; C1 23"
        "A Write Exclusive reservation lets others write."
    VerifyGood "verify-good" "scsi/verify; A3 COMSTAR"
        "VERIFY with BYTCHK is always GOOD."
    MiscompareOffset "miscompare-offset" "scsi/atomic; spdk#2001"
        "MISCOMPARE of COMPARE AND WRITE does not say where."
    CompareNotAlone "compare-not-alone" "scsi/atomic"
        "A HEAD OF QUEUE command gets in between the read and the write of COMPARE AND WRITE."
    AttentionOverwrites "attention-overwrites" "scsi/attention; C1 13"
        "A unit attention takes the place of those that wait."
    LunFormat "lun-format" "scsi/luns; C1 13"
        "REPORT LUNS shows LUNs above 255 in peripheral format."
    WriteSameLength "write-same-length" "scsi/same; C2 tgt 6fcbce2"
        "WRITE SAME asks for as much data as it writes."
    ModeDataLength "mode-data-length" "scsi/mode_sense"
        "MODE DATA LENGTH counts one byte too many."
    ModeChangedUntold "mode-changed-untold" "scsi/mode_select"
        "MODE SELECT does not tell the other sessions."
    LunsChangedUntold "luns-changed-untold" "scsi/server; C1 13"
        "Nobody is told that the list of logical units changed."
}
