//! Which commands does a persistent reservation keep out? (SPC-4 5.12.1, SBC-3 4.17)

use super::super::access::Access;

/// Type of a persistent reservation; its scope is always the logical unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(in crate::scsi) enum Kind {
    WriteExclusive = 1,
    ExclusiveAccess = 3,
    WriteExclusiveRegistrants = 5,
    ExclusiveAccessRegistrants = 6,
    WriteExclusiveAll = 7,
    ExclusiveAccessAll = 8,
}

/// What a nexus is to the reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scsi) enum Role {
    Holder,
    Registrant,
    Other,
}

/// How much is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Right {
    All,
    Read,
    Little,
}

/// The conflict matrix: for each type what its holder, another registrant and anybody else may do. Under the types for all
/// registrants every registrant is a holder.
const RIGHTS: [(Kind, [Right; 3]); 6] = [
    (Kind::WriteExclusive, [Right::All, Right::Read, Right::Read]),
    (Kind::ExclusiveAccess, [Right::All, Right::Little, Right::Little]),
    (Kind::WriteExclusiveRegistrants, [Right::All, Right::All, Right::Read]),
    (Kind::ExclusiveAccessRegistrants, [Right::All, Right::All, Right::Little]),
    (Kind::WriteExclusiveAll, [Right::All, Right::All, Right::Read]),
    (Kind::ExclusiveAccessAll, [Right::All, Right::All, Right::Little]),
];

impl Kind {
    /// All types.
    pub(in crate::scsi) const ALL: [Self; 6] = [
        Self::WriteExclusive,
        Self::ExclusiveAccess,
        Self::WriteExclusiveRegistrants,
        Self::ExclusiveAccessRegistrants,
        Self::WriteExclusiveAll,
        Self::ExclusiveAccessAll,
    ];

    /// SCOPE and TYPE of a CDB; `None` for a scope other than the logical unit or a type that is none.
    pub(in crate::scsi) fn of(scope_type: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == scope_type)
    }

    /// Whether all registrants hold it.
    pub(in crate::scsi) const fn is_for_all(self) -> bool {
        matches!(self, Self::WriteExclusiveAll | Self::ExclusiveAccessAll)
    }

    /// Whether registrants that do not hold it may do what the holder may.
    pub(in crate::scsi) const fn is_for_registrants(self) -> bool {
        !matches!(self, Self::WriteExclusive | Self::ExclusiveAccess)
    }

    /// Whether a nexus in that role may have a command of that class.
    pub(in crate::scsi) fn permits(self, role: Role, access: Access) -> bool {
        let rights = RIGHTS.iter().find(|(kind, _)| *kind == self).map(|(_, rights)| rights);
        let right = match (rights, role) {
            (Some([right, _, _]), Role::Holder)
            | (Some([_, right, _]), Role::Registrant)
            | (Some([_, _, right]), Role::Other) => *right,
            (None, _) => Right::Little,
        };
        match access {
            Access::Free | Access::Ready | Access::PersistIn | Access::PersistOut => true,
            Access::Inform | Access::Reads => right != Right::Little,
            Access::Changes => right == Right::All || (planted!(WriteExclusive) && right == Right::Read),
            // SPC-4 5.12.3: well received, without effect, from whom the reservation lets do everything.
            Access::Reserve | Access::Release => role != Role::Other && right == Right::All,
        }
    }
}
