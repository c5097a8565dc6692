//! Which logical unit does a LUN field name? (RFC 7143 11.2.1.7; SAM-5 4.7, single level LUN structure)

/// The 8 wire bytes as one big-endian number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lun(pub u64);

/// Highest number that a single level LUN can hold.
const NUMBER_MAX: u16 = 0x3fff;

/// Above this the peripheral device format has no room (its upper six bits name a bus), so flat space
/// addressing is used.
const PERIPHERAL_MAX: u16 = 0xff;

/// The addressing method, in the upper two bits.
const FLAT: u16 = 0b01;

impl Lun {
    /// The number, at most 14 bits, of a single level LUN by peripheral device or flat space addressing;
    /// `None` for any other form.
    ///
    /// In the peripheral format all 14 bits count: initiators that know nothing of flat addressing write LUN
    /// 256 and above so.
    pub const fn number(self) -> Option<u16> {
        let [high, low, rest @ ..] = self.0.to_be_bytes();
        let first = u16::from_be_bytes([high, low]);
        if u64::from_be_bytes([0, 0, rest[0], rest[1], rest[2], rest[3], rest[4], rest[5]]) != 0
            || first >> 14 > FLAT
        {
            return None;
        }
        Some(first & NUMBER_MAX)
    }

    /// The LUN with that number, as REPORT LUNS shows it: peripheral format up to 255, flat above. Bits above
    /// 14 are dropped.
    pub const fn from_number(number: u16) -> Self {
        let number = number & NUMBER_MAX;
        let method = if number > PERIPHERAL_MAX { FLAT << 14 } else { 0 };
        Self(((method | number) as u64) << 48)
    }

    /// What probes show: the number if there is one, else the 8 bytes.
    pub const fn probe_number(self) -> u64 {
        match self.number() {
            Some(number) => number as u64,
            None => self.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peripheral_and_flat_have_a_number() {
        for (wire, number) in [
            (0x0000_0000_0000_0000, Some(0)),
            (0x0005_0000_0000_0000, Some(5)),
            (0x00ff_0000_0000_0000, Some(255)),
            (0x012c_0000_0000_0000, Some(300)),
            (0x4000_0000_0000_0000, Some(0)),
            (0x412c_0000_0000_0000, Some(300)),
            (0x7fff_0000_0000_0000, Some(0x3fff)),
            (0x8001_0000_0000_0000, None),
            (0xc101_0000_0000_0000, None),
            (0x0001_0001_0000_0000, None),
            (0x0000_0000_0000_0001, None),
        ] {
            assert_eq!(Lun(wire).number(), number, "{wire:#018x}");
            assert_eq!(Lun(wire).probe_number(), number.map_or(wire, u64::from));
        }
    }

    #[test]
    fn every_number_has_a_lun() {
        for number in 0..=NUMBER_MAX {
            assert_eq!(Lun::from_number(number).number(), Some(number));
        }
        assert_eq!(Lun::from_number(255), Lun(0x00ff_0000_0000_0000));
        assert_eq!(Lun::from_number(256), Lun(0x4100_0000_0000_0000));
    }
}
