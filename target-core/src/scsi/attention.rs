//! What must a nexus be told before its next command? (SAM-5 5.14)

use super::sense::{SenseCode, code};

/// A unit attention condition, in order of precedence: the first is reported first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Attention {
    /// 29/00: the nexus is new to the logical unit. Makes everything queued before pointless.
    PowerOn,
    /// 29/03: LOGICAL UNIT RESET or a target reset.
    Reset,
    /// 29/07: the initiator port comes back after its session was lost.
    NexusLoss,
    /// 28/00: a medium was put in, perhaps another one.
    MediumMayHaveChanged,
    /// 2F/00: another nexus cleared this one's commands.
    CommandsCleared,
    /// 47/7F: an iSCSI protocol event cleared this nexus's commands (RFC 7143 11.14.5).
    ClearedByProtocol,
    /// 3F/0E: logical units came or went.
    LunsChanged,
    /// 2A/09: the device was resized.
    CapacityChanged,
    /// 2A/01: another nexus changed mode parameters.
    ModeChanged,
    /// 2A/03: another nexus cleared all registrations, this nexus's among them.
    ReservationsPreempted,
    /// 2A/05: another nexus took this one's registration away.
    RegistrationsPreempted,
    /// 2A/04: a reservation for registrants, of which this nexus is one, has ended or changed its type.
    ReservationsReleased,
    /// 2A/02: another nexus changed log parameters.
    LogChanged,
    /// 2A/06: an access state was changed, by another nexus or by the operator.
    AccessStateChanged,
    /// 2A/08: another nexus set this one's priority.
    PriorityChanged,
    /// 3F/05: another nexus set the identifying information.
    IdentifierChanged,
    /// 2A/10: another nexus set the clock.
    TimestampChanged,
    /// 5A/01: the operator asks for the medium, whose removal is prevented.
    OperatorAsksForMedium,
    /// 5D/00: failures so far are a sign of more to come.
    FailurePredicted,
    /// 5D/FF: a test of the report of such a sign.
    FailureTest,
}

impl Attention {
    /// All, by precedence.
    pub const ALL: [Self; 20] = [
        Self::PowerOn,
        Self::Reset,
        Self::NexusLoss,
        Self::MediumMayHaveChanged,
        Self::CommandsCleared,
        Self::ClearedByProtocol,
        Self::LunsChanged,
        Self::CapacityChanged,
        Self::ModeChanged,
        Self::ReservationsPreempted,
        Self::RegistrationsPreempted,
        Self::ReservationsReleased,
        Self::LogChanged,
        Self::AccessStateChanged,
        Self::PriorityChanged,
        Self::IdentifierChanged,
        Self::TimestampChanged,
        Self::OperatorAsksForMedium,
        Self::FailurePredicted,
        Self::FailureTest,
    ];

    /// Its sense code.
    pub const fn code(self) -> SenseCode {
        match self {
            Self::PowerOn => code::POWER_ON_OR_RESET,
            Self::Reset => code::BUS_DEVICE_RESET,
            Self::NexusLoss => code::NEXUS_LOSS,
            Self::MediumMayHaveChanged => code::MEDIUM_MAY_HAVE_CHANGED,
            Self::CommandsCleared => code::COMMANDS_CLEARED,
            Self::ClearedByProtocol => code::CLEARED_BY_PROTOCOL,
            Self::LunsChanged => code::REPORTED_LUNS_CHANGED,
            Self::CapacityChanged => code::CAPACITY_CHANGED,
            Self::ModeChanged => code::MODE_PARAMETERS_CHANGED,
            Self::ReservationsPreempted => code::RESERVATIONS_PREEMPTED,
            Self::RegistrationsPreempted => code::REGISTRATIONS_PREEMPTED,
            Self::ReservationsReleased => code::RESERVATIONS_RELEASED,
            Self::LogChanged => code::LOG_PARAMETERS_CHANGED,
            Self::AccessStateChanged => code::ACCESS_STATE_CHANGED,
            Self::PriorityChanged => code::PRIORITY_CHANGED,
            Self::IdentifierChanged => code::IDENTIFIER_CHANGED,
            Self::TimestampChanged => code::TIMESTAMP_CHANGED,
            Self::OperatorAsksForMedium => code::OPERATOR_ASKS_FOR_MEDIUM,
            Self::FailurePredicted => code::FAILURE_PREDICTED,
            Self::FailureTest => code::FAILURE_PREDICTION_TEST,
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u8
    }
}

/// The queue of one nexus at one logical unit. A condition is queued once however often it is established, so a set
/// ordered by precedence is the whole queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pending(u32);

impl Pending {
    /// Queues a condition; beyond `limit` conditions the ones of lowest precedence are lost.
    pub(super) fn establish(&mut self, attention: Attention, limit: u32) {
        self.0 = match attention {
            Attention::PowerOn => attention.bit(),
            _ if planted!(AttentionOverwrites) => attention.bit(),
            _ => self.0 | attention.bit(),
        };
        while self.0.count_ones() > limit.max(1) {
            self.0 &= !(1 << (31 - self.0.leading_zeros()));
        }
    }

    /// The one to report first.
    pub(super) fn first(self) -> Option<Attention> {
        Attention::ALL.into_iter().find(|attention| self.has(*attention))
    }

    /// How many are queued.
    pub(super) const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// Takes the one to report.
    pub(super) fn take(&mut self) -> Option<Attention> {
        let first = self.first()?;
        self.clear(first);
        Some(first)
    }

    /// Forgets a condition.
    pub(super) fn clear(&mut self, attention: Attention) {
        self.0 &= !attention.bit();
    }

    /// Whether that condition is queued.
    pub(super) const fn has(self, attention: Attention) -> bool {
        self.0 & attention.bit() != 0
    }

    /// Whether nothing is queued.
    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_by_precedence_and_each_once() {
        let mut pending = Pending::default();
        for attention in [Attention::ModeChanged, Attention::Reset, Attention::LunsChanged, Attention::Reset]
        {
            pending.establish(attention, 32);
        }
        let told: std::vec::Vec<_> = core::iter::from_fn(|| pending.take()).collect();
        assert_eq!(told, [Attention::Reset, Attention::LunsChanged, Attention::ModeChanged]);
        assert!(pending.is_empty());
    }

    #[test]
    fn power_on_supersedes_and_the_limit_drops_the_least() {
        let mut pending = Pending::default();
        pending.establish(Attention::Reset, 32);
        pending.establish(Attention::PowerOn, 32);
        assert_eq!((pending.take(), pending.take()), (Some(Attention::PowerOn), None));
        for attention in Attention::ALL {
            pending.establish(attention, 2);
        }
        assert_eq!((pending.take(), pending.take()), (Some(Attention::PowerOn), Some(Attention::Reset)));
        assert_eq!(pending.take(), None);
    }

    #[test]
    fn order_of_the_list_is_the_order_of_precedence() {
        assert!(Attention::ALL.is_sorted());
    }
}
