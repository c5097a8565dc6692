//! Bytes to and from the target: batches out, frames in, neither waiting for the other.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::Timespec;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags};
use std::io::IoSlice;
use std::net::TcpStream;
use std::time::Duration;
use target_core::conn::batch::TxBatch;
use target_core::conn::framing::{Frame, Framer, Verdict};
use target_core::io::SgList;
use target_core::wire::{BHS_LEN, Digests};

/// How long a target may say nothing while something is asked of it.
pub(super) const SILENCE: Duration = Duration::from_secs(20);

/// What is said of such a target.
pub(super) fn silent() -> String {
    format!("the target said nothing for {} s", SILENCE.as_secs())
}

/// Pieces handed to one system call.
const PIECES_MAX: usize = 128;

pub(super) struct Wire {
    socket: TcpStream,
    framer: Framer,
    batch: TxBatch,
    digests: Digests,
}

impl Wire {
    pub(super) fn new(socket: TcpStream, digests: Digests, segment_max: u32) -> Self {
        let mut framer = Framer::new(segment_max, crc32c::crc32c_append);
        framer.set_digests(digests);
        Self { socket, framer, batch: TxBatch::new(usize::MAX), digests }
    }

    /// Queues a PDU for the next [`Wire::exchange`].
    pub(super) fn push(&mut self, bhs: &[u8; BHS_LEN], data: &SgList) {
        self.batch.push(bhs, &[], data, self.digests);
    }

    /// Sends what is queued and reads once; waits until something came. Afterwards [`Wire::next`] has it.
    pub(super) fn exchange(&mut self) -> Result<(), String> {
        self.batch.seal(crc32c::crc32c_append);
        loop {
            let all_sent = self.send().map_err(|error| format!("send: {error}"))?;
            // With something unsent, reading must not wait: the target may be waiting for us to read.
            let flags = if all_sent { RecvFlags::empty() } else { RecvFlags::DONTWAIT };
            match rustix::net::recv(&self.socket, self.framer.spare(1), flags) {
                Ok((_, 0)) => return Err("the target closed the connection".into()),
                Ok((_, n)) => {
                    self.framer.commit(n);
                    return Ok(());
                }
                Err(Errno::INTR) => {}
                // The socket's own time limit for reading.
                Err(Errno::AGAIN) if all_sent => return Err(silent()),
                Err(Errno::AGAIN) => {
                    let mut fds = [PollFd::new(&self.socket, PollFlags::IN | PollFlags::OUT)];
                    let limit = Timespec::try_from(SILENCE).map_err(|error| error.to_string())?;
                    let ready = poll(&mut fds, Some(&limit)).map_err(|error| format!("poll: {error}"))?;
                    if ready == 0 {
                        return Err(silent());
                    }
                }
                Err(error) => return Err(format!("receive: {error}")),
            }
        }
    }

    /// The next whole PDU.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, String> {
        match self.framer.next_frame() {
            Some(frame) if frame.verdict != Verdict::Good => {
                Err(format!("the target sent a PDU that is not good: {:?}", frame.verdict))
            }
            frame => Ok(frame),
        }
    }

    /// Sends what the socket takes; true if that was all.
    fn send(&mut self) -> Result<bool, Errno> {
        while !self.batch.is_empty() {
            let mut pieces = [IoSlice::new(&[]); PIECES_MAX];
            let mut count = 0;
            for (piece, chunk) in pieces.iter_mut().zip(self.batch.chunks()) {
                *piece = IoSlice::new(chunk);
                count += 1;
            }
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            let mut control = SendAncillaryBuffer::default();
            match rustix::net::sendmsg(&self.socket, &pieces[..count], &mut control, flags) {
                Ok(n) => self.batch.advance(n),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}
