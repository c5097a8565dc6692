//! How do events come out of the kernel? A BPF ring buffer: a producer's and a consumer's position, records between them.

use super::error::LiveError;
use super::sys::{self, Pages};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A record's length and two bits of state stand before it.
const HEAD: usize = 8;
const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;

/// The consumer's side.
pub(super) struct Ring {
    map: OwnedFd,
    consumer: Pages,
    /// The producer's position, then the data twice, so that a record never wraps.
    data: Pages,
    page: usize,
    size: usize,
}

impl Ring {
    /// A ring of `size` bytes, a power of two that is at least a page.
    pub(super) fn new(size: usize) -> Result<Self, LiveError> {
        let page = sys::page_size();
        let entries =
            u32::try_from(size).map_err(|error| LiveError::Call("ring size", io::Error::other(error)))?;
        let map = sys::map(sys::RING, entries)?;
        let fail = |error| LiveError::Call("mmap of the ring buffer", error);
        let consumer = Pages::map(map.as_fd(), 0, page, true).map_err(fail)?;
        let data = Pages::map(map.as_fd(), page, page + 2 * size, false).map_err(fail)?;
        Ok(Self { map, consumer, data, page, size })
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.map.as_fd()
    }

    /// Hands over every record that is complete, in order.
    pub(super) fn drain(&mut self, take: &mut dyn FnMut(&[u8])) {
        let consumed = self.consumer.word::<AtomicU64>(0);
        let mut at = consumed.load(Ordering::Relaxed);
        let produced = self.data.word::<AtomicU64>(0).load(Ordering::Acquire);
        while at < produced {
            // The mask keeps it inside the data; sizes are powers of two.
            let place = self.page + (at as usize & (self.size - 1));
            let head = self.data.word::<AtomicU32>(place).load(Ordering::Acquire);
            if head & BUSY != 0 {
                break;
            }
            let len = (head & !DISCARDED) as usize;
            if head & DISCARDED == 0 {
                take(self.data.bytes(place + HEAD, len));
            }
            at += (len + HEAD).next_multiple_of(8) as u64;
            consumed.store(at, Ordering::Release);
        }
    }
}
