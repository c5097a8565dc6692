//! The shape all PDUs share: a value, where its fields lie, what is fixed.

/// Makes a PDU's value with `parse` and `emit` from one table `field: type = place`, so that the two cannot
/// disagree.
macro_rules! pdu {
    (
        $(#[$doc:meta])*
        pub struct $name:ident = $opcode:ident {
            $($(#[$field_doc:meta])* pub $field:ident: $value:ty = $place:ty,)*
        }
        fixed { $($fixed_place:ty = $fixed_value:expr,)* }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $value,)*
        }

        impl $name {
            /// Reads a header whose opcode is this PDU's. Never fails; reserved bits are ignored.
            pub fn parse(bhs: &[u8; crate::wire::BHS_LEN]) -> Self {
                use crate::wire::field::Field;
                // rfc7143/10.7-5.
                Self { $($field: <$place>::load(bhs),)* }
            }

            /// The header, with opcode and fixed bits set and reserved bits 0.
            pub fn emit(&self) -> [u8; crate::wire::BHS_LEN] {
                use crate::wire::field::{Field, OpcodeBits};
                // rfc7143/10.7-4.
                let mut bhs = [0; crate::wire::BHS_LEN];
                OpcodeBits::store(&mut bhs, crate::wire::Opcode::$opcode.code());
                $(<$fixed_place>::store(&mut bhs, $fixed_value);)*
                $(<$place>::store(&mut bhs, self.$field);)*
                bhs
            }
        }
    };
}

/// Makes an enum of the codes of one header field.
macro_rules! codes {
    (
        $(#[$doc:meta])*
        pub enum $name:ident: $repr:ident, $from:ident {
            $($(#[$variant_doc:meta])* $variant:ident = $code:literal,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr($repr)]
        pub enum $name {
            $($(#[$variant_doc])* $variant = $code,)*
        }

        impl $name {
            /// Every assigned code.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The code on the wire.
            pub const fn code(self) -> $repr {
                self as $repr
            }

            /// What that code means; `None` if it is reserved, unassigned or vendor-specific.
            pub const fn $from(code: $repr) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

pub(super) use {codes, pdu};

/// The tests every PDU has: that it uses the bits of `FIXED` and `USED`, and that parse undoes emit.
#[cfg(test)]
macro_rules! pdu_tests {
    ($name:ident) => {
        #[test]
        fn layout() {
            $crate::wire::pdu::testing::assert_layout(|bhs| $name::parse(bhs).emit(), FIXED, USED);
        }

        proptest::proptest! {
            #[test]
            fn parse_undoes_emit(bytes in proptest::array::uniform::<_, 48>(proptest::num::u8::ANY)) {
                let value = $name::parse(&bytes);
                proptest::prop_assert_eq!($name::parse(&value.emit()), value);
            }
        }
    };
}

#[cfg(test)]
pub(super) use pdu_tests;

/// What tests of every PDU have in common.
#[cfg(test)]
pub(super) mod testing {
    use crate::wire::BHS_LEN;

    pub(in crate::wire) type Bhs = [u8; BHS_LEN];

    /// A word whose bits all carry a field.
    pub(in crate::wire) const ALL: u32 = 0xffff_ffff;

    /// A header from its twelve words, as the RFC draws it.
    pub(in crate::wire) fn bhs(words: [u32; 12]) -> Bhs {
        let mut out = [0; BHS_LEN];
        for (place, word) in out.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        out
    }

    /// Which bits `emit(parse(_))` keeps, and what it always sets.
    pub(in crate::wire) fn assert_layout(again: fn(&Bhs) -> Bhs, fixed: [u32; 12], used: [u32; 12]) {
        let fixed = bhs(fixed);
        assert_eq!(again(&[0; BHS_LEN]), fixed, "bits that are always set");
        let mut kept = [0; BHS_LEN];
        for byte in 0..BHS_LEN {
            for bit in 0..8 {
                let mut one = [0; BHS_LEN];
                one[byte] = 1 << bit;
                let mut out = again(&one);
                for (out, fixed) in out.iter_mut().zip(fixed) {
                    *out ^= fixed;
                }
                if out == one {
                    kept[byte] |= 1 << bit;
                } else {
                    assert_eq!(out, [0; BHS_LEN], "byte {byte} bit {bit} moved");
                }
            }
        }
        assert_eq!(kept, bhs(used), "bits that carry a field");
    }
}
