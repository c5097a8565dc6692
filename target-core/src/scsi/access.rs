//! What does a command do, as far as reservations are concerned? (SPC-2 5.5.1, SPC-4 5.12.1, SBC-3 4.17)

/// One class for each row pattern of the tables in the standards. The table of commands gives each command its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Never in conflict: it asks what the unit is, or concerns the nexus alone.
    Free,
    /// TEST UNIT READY: kept out by RESERVE, never by a persistent reservation.
    Ready,
    /// Reports about the device server, which SPC-2 did not know: kept out by exclusive access alone.
    Inform,
    /// Reads the medium or parameters.
    Reads,
    /// Changes the medium or parameters.
    Changes,
    /// RESERVE.
    Reserve,
    /// RELEASE.
    Release,
    /// PERSISTENT RESERVE IN.
    PersistIn,
    /// PERSISTENT RESERVE OUT, which judges registrations and keys itself.
    PersistOut,
}

impl Access {
    /// Whether it may go on while RESERVE keeps the unit, for its holder (`own`) or for somebody else. The two kinds of
    /// reservation exclude each other, even for the holder (SPC-2 5.5.1).
    pub(super) const fn despite_reserve(self, own: bool) -> bool {
        match self {
            Self::Free | Self::Inform | Self::Release => true,
            Self::Ready | Self::Reads | Self::Changes | Self::Reserve => own,
            Self::PersistIn | Self::PersistOut => false,
        }
    }
}
