//! Where do the fields lie that the checks read? Looked up once in the codec's tables, so that the checks share its one
//! description of RFC 7143 section 11 and no look-up by name happens per PDU.

use crate::codec::{Field, Kind, lookup};
use std::sync::LazyLock;

/// A field of one to four bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word(Field);

impl Word {
    fn of(kind: Kind, name: &'static str) -> Self {
        match lookup(Some(kind), name) {
            Ok(field) => Self(field),
            Err(error) => panic!("the codec's tables lack a field: {error}"),
        }
    }

    /// Its value.
    pub(super) fn word(&self, bhs: &[u8; 48]) -> u32 {
        u32::try_from(self.long(bhs)).unwrap_or(u32::MAX)
    }

    /// Its value, for fields of up to eight bytes.
    pub(super) fn long(&self, bhs: &[u8; 48]) -> u64 {
        self.0.value(bhs).unwrap_or(0)
    }

    /// True if it is not zero.
    pub(super) fn is_set(&self, bhs: &[u8; 48]) -> bool {
        self.long(bhs) != 0
    }
}

macro_rules! fields {
    ($($name:ident: $kind:ident $field:literal,)*) => {
        /// The fields the checks read; named by PDU where the place differs.
        #[derive(Clone, Copy, Debug)]
        pub(super) struct Fields {
            $(pub(super) $name: Word,)*
        }

        impl Fields {
            fn new() -> Self {
                Self { $($name: Word::of(Kind::$kind, $field),)* }
            }

            /// Looked up once for all worlds.
            pub(super) fn shared() -> &'static Self {
                static SHARED: LazyLock<Fields> = LazyLock::new(Fields::new);
                &SHARED
            }
        }
    };
}

fields! {
    itt: NopIn "ITT",
    lun: ScsiCommand "LUN",
    immediate: ScsiCommand "I",
    cmd_sn: ScsiCommand "CmdSN",
    stat_sn: NopIn "StatSN",
    exp_cmd_sn: NopIn "ExpCmdSN",
    max_cmd_sn: NopIn "MaxCmdSN",
    final_bit: DataIn "F",
    attribute: ScsiCommand "ATTR",
    write: ScsiCommand "W",
    read: ScsiCommand "R",
    edtl: ScsiCommand "EDTL",
    function: TaskRequest "Function",
    ref_task_tag: TaskRequest "RefTaskTag",
    ref_cmd_sn: TaskRequest "RefCmdSN",
    exp_data_sn: TaskRequest "ExpDataSN",
    exp_stat_sn: NopOut "ExpStatSN",
    snack_type: Snack "Type",
    snack_ttt: Snack "TTT",
    beg_run: Snack "BegRun",
    run_length: Snack "RunLength",
    out_ttt: DataOut "TTT",
    out_offset: DataOut "BufferOffset",
    data_in_s: DataIn "S",
    data_in_a: DataIn "A",
    data_in_ttt: DataIn "TTT",
    data_in_status: DataIn "Status",
    data_in_sn: DataIn "DataSN",
    data_in_offset: DataIn "BufferOffset",
    r2t_ttt: R2T "TTT",
    r2t_sn: R2T "R2TSN",
    r2t_offset: R2T "BufferOffset",
    r2t_len: R2T "DesiredLen",
    response: ScsiResponse "Response",
    snack_tag: ScsiResponse "SNACKTag",
    status: ScsiResponse "Status",
    task_response: TaskResponse "Response",
    login_class: LoginResponse "StatusClass",
    async_event: AsyncMessage "AsyncEvent",
    async_parameter1: AsyncMessage "Parameter1",
    nop_ttt: NopIn "TTT",
}
