//! What does a CDB do to the blocks of a logical unit? (SBC-3; only what the content check needs)

/// Effect of a command that ends GOOD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It neither returns nor changes blocks.
    None,
    /// Its Data-In are blocks.
    Read { lba: u64, blocks: u64 },
    /// Its Data-Out become blocks.
    Write { lba: u64, blocks: u64, fua: bool },
    /// Its Data-Out, one block, becomes each of these blocks; zeros do if there is none.
    Same { lba: u64, blocks: u64, zeros: bool },
    /// The ranges in its Data-Out, a list of so many bytes, become zeros.
    Unmap { len: u64 },
    /// The first half of its Data-Out must be in these blocks, which the second half becomes.
    CompareAndWrite { lba: u64, blocks: u64, fua: bool },
    /// Its Data-Out is added to these blocks, bit by bit.
    Or { lba: u64, blocks: u64 },
    /// What was written before is durable.
    Sync,
    /// Not known here: afterwards any block may hold anything.
    Unknown,
    /// A third-party copy: likewise, on any logical unit.
    Anywhere,
}

impl Effect {
    /// Its blocks run over the end of 64 bits: no device has them, so nothing comes of it.
    pub(super) const fn wraps(self) -> bool {
        match self {
            Self::Read { lba, blocks }
            | Self::Write { lba, blocks, .. }
            | Self::Same { lba, blocks, .. }
            | Self::CompareAndWrite { lba, blocks, .. }
            | Self::Or { lba, blocks } => lba.checked_add(blocks).is_none(),
            Self::None | Self::Unmap { .. } | Self::Sync | Self::Unknown | Self::Anywhere => false,
        }
    }
}

pub(super) fn effect(cdb: &[u8; 16]) -> Effect {
    let b = |at: usize| u64::from(cdb[at]);
    let long = |at: usize| u32::from_be_bytes([cdb[at], cdb[at + 1], cdb[at + 2], cdb[at + 3]]);
    let (lba6, len6) = ((b(1) & 0x1f) << 16 | b(2) << 8 | b(3), if cdb[4] == 0 { 256 } else { b(4) });
    let (lba10, len10) = (u64::from(long(2)), b(7) << 8 | b(8));
    let (lba12, len12) = (u64::from(long(2)), u64::from(long(6)));
    let (lba16, len16) = (u64::from(long(2)) << 32 | u64::from(long(6)), u64::from(long(10)));
    let fua = cdb[1] & 0x08 != 0;
    match cdb[0] {
        0x08 => Effect::Read { lba: lba6, blocks: len6 },
        0x28 => Effect::Read { lba: lba10, blocks: len10 },
        0xa8 => Effect::Read { lba: lba12, blocks: len12 },
        0x88 => Effect::Read { lba: lba16, blocks: len16 },
        0x0a => Effect::Write { lba: lba6, blocks: len6, fua: false },
        0x2a => Effect::Write { lba: lba10, blocks: len10, fua },
        0xaa => Effect::Write { lba: lba12, blocks: len12, fua },
        0x8a => Effect::Write { lba: lba16, blocks: len16, fua },
        0x9c => Effect::Write { lba: lba16, blocks: b(12) << 8 | b(13), fua },
        // XDWRITEREAD; with DISABLE WRITE it leaves them alone.
        0x53 if cdb[1] & 0x04 != 0 => Effect::None,
        0x53 => Effect::Write { lba: lba10, blocks: len10, fua },
        // WRITE AND VERIFY: verification is of the medium, but nothing says the cache is flushed.
        0x2e => Effect::Write { lba: lba10, blocks: len10, fua: false },
        0xae => Effect::Write { lba: lba12, blocks: len12, fua: false },
        0x8e => Effect::Write { lba: lba16, blocks: len16, fua: false },
        // WRITE SAME, UNMAP or not; how far a length of 0 goes is not known.
        0x41 if len10 > 0 => Effect::Same { lba: lba10, blocks: len10, zeros: false },
        0x93 if len16 > 0 => Effect::Same { lba: lba16, blocks: len16, zeros: cdb[1] & 1 != 0 },
        0x42 => Effect::Unmap { len: len10 },
        0x89 => Effect::CompareAndWrite { lba: lba16, blocks: b(13), fua },
        0x8b => Effect::Or { lba: lba16, blocks: len16 },
        // SYNCHRONIZE CACHE; with IMMED the status says nothing, and a range covers only itself.
        0x35 if cdb[1] & 2 == 0 && lba10 == 0 && len10 == 0 => Effect::Sync,
        0x91 if cdb[1] & 2 == 0 && lba16 == 0 && len16 == 0 => Effect::Sync,
        // EXTENDED COPY, with short and long list identifiers.
        0x83 if cdb[1] & 0x1f <= 1 => Effect::Anywhere,
        0x84 => Effect::None,
        0x00
        | 0x03
        | 0x12
        | 0x15..=0x17
        | 0x1a..=0x1e
        | 0x25
        | 0x2b
        | 0x2f
        | 0x34
        | 0x35
        | 0x37
        | 0x3b
        | 0x3c
        | 0x4c
        | 0x4d
        | 0x55..=0x57
        | 0x5a
        | 0x5e
        | 0x5f
        | 0x8c
        | 0x8d
        | 0x8f..=0x92
        | 0x9e
        | 0xa0
        | 0xa2..=0xa4
        | 0xaf
        | 0xb5
        | 0xb7 => Effect::None,
        _ => Effect::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cdb(bytes: &[u8]) -> [u8; 16] {
        let mut cdb = [0; 16];
        cdb[..bytes.len()].copy_from_slice(bytes);
        cdb
    }

    #[test]
    fn addresses_and_lengths_of_each_size() {
        for (bytes, expected) in [
            (&[0x08, 0xff, 2, 3, 0][..], Effect::Read { lba: 0x1f_0203, blocks: 256 }),
            (&[0x28, 0, 0, 0, 1, 0, 0, 0, 7, 0], Effect::Read { lba: 256, blocks: 7 }),
            (&[0x2a, 8, 0, 0, 0, 1, 0, 1, 0, 0], Effect::Write { lba: 1, blocks: 256, fua: true }),
            (&[0xaa, 0, 0, 0, 0, 9, 0, 1, 0, 0, 0, 0], Effect::Write { lba: 9, blocks: 65536, fua: false }),
            (
                &[0x88, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0],
                Effect::Read { lba: 1 << 32 | 2, blocks: 3 },
            ),
            (&[0x53, 0, 0, 0, 0, 1, 0, 0, 2, 0], Effect::Write { lba: 1, blocks: 2, fua: false }),
            (&[0x53, 4, 0, 0, 0, 1, 0, 0, 2, 0], Effect::None),
            (&[0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0], Effect::Sync),
            (&[0x35, 2, 0, 0, 0, 0, 0, 0, 0, 0], Effect::None),
            (&[0x12, 0, 0, 0, 36, 0], Effect::None),
            (&[0xc0], Effect::Unknown),
            (&[0x42, 0, 0, 0, 0, 0, 0, 1, 8, 0], Effect::Unmap { len: 264 }),
            (&[0x83, 1], Effect::Anywhere),
            (&[0x83, 0x11], Effect::Unknown),
            (&[0x41, 0, 0, 0, 0, 9, 0, 0, 3, 0], Effect::Same { lba: 9, blocks: 3, zeros: false }),
            (&[0x41, 8, 0, 0, 0, 9, 0, 0, 3, 0], Effect::Same { lba: 9, blocks: 3, zeros: false }),
            (&[0x41, 0, 0, 0, 0, 9, 0, 0, 0, 0], Effect::Unknown),
            (
                &[0x93, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0],
                Effect::Same { lba: 2, blocks: 3, zeros: true },
            ),
            (
                &[0x89, 8, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0],
                Effect::CompareAndWrite { lba: 2, blocks: 3, fua: true },
            ),
            (&[0x8b, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0], Effect::Or { lba: 2, blocks: 3 }),
        ] {
            assert_eq!(effect(&cdb(bytes)), expected, "{bytes:02x?}");
        }
    }
}
