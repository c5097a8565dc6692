//! Where may the kernel read and write without its page cache? In memory that begins at a multiple of what disks ask for.

use bytes::Bytes;
use target_core::io::SgList;

/// Enough for every disk: a page, and the largest sector in use.
const ALIGNMENT: usize = 4096;

/// So many bytes that begin where O_DIRECT wants it.
pub(super) struct Aligned {
    bytes: Vec<u8>,
    at: usize,
    len: usize,
}

impl Aligned {
    /// Zeros.
    pub(super) fn new(len: usize) -> Self {
        let bytes = vec![0; len + ALIGNMENT];
        let at = bytes.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Self { bytes, at, len }
    }

    /// A copy of what is to be written.
    pub(super) fn of(data: &SgList) -> Self {
        let mut out = Self::new(data.len());
        let mut at = 0;
        for piece in data.pieces() {
            out.get()[at..at + piece.len()].copy_from_slice(piece);
            at += piece.len();
        }
        out
    }

    pub(super) fn get(&mut self) -> &mut [u8] {
        &mut self.bytes[self.at..self.at + self.len]
    }

    /// What it holds now, without a copy.
    pub(super) fn into_bytes(self) -> Bytes {
        Bytes::from(self.bytes).slice(self.at..self.at + self.len)
    }
}
