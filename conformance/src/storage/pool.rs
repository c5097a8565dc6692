//! Who waits for the disk? A few threads that do nothing else. Each hands its completion in itself, so the thread that
//! asked is never involved again.

use super::Device;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use target_core::io::{IoDone, IoError, IoId, IoOp};

/// Where a completion goes; called on a worker's thread.
pub trait Complete: Send + Sync {
    /// Takes the one completion of an operation.
    fn complete(&self, done: IoDone);
}

/// An operation that would have blocked its caller.
pub struct Job {
    /// Comes back in the completion.
    pub id: IoId,
    /// The device, kept open by the job.
    pub device: Arc<Device>,
    /// What to do.
    pub op: IoOp,
    /// Who wants to know.
    pub to: Arc<dyn Complete>,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    closed: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    work: Condvar,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A fixed number of worker threads. The queue is bounded by the commands that sessions may have outstanding.
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

impl Pool {
    /// Starts `workers` threads.
    ///
    /// # Errors
    /// The system refused a thread.
    pub fn new(workers: usize) -> std::io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let mut pool = Self { shared, workers: Vec::new() };
        for n in 0..workers.max(1) {
            let shared = Arc::clone(&pool.shared);
            pool.workers
                .push(std::thread::Builder::new().name(format!("disk-{n}")).spawn(move || work(&shared))?);
        }
        Ok(pool)
    }

    /// Queues a job. Jobs start in the order they came; they end in any order.
    pub fn submit(&self, job: Job) {
        self.shared.queue().jobs.push_back(job);
        self.shared.work.notify_one();
    }

    /// Gives up an operation that no worker has begun; its completion is the answer. One that has begun runs to its end.
    pub fn cancel(&self, id: IoId) -> Option<IoDone> {
        let mut queue = self.shared.queue();
        let at = queue.jobs.iter().position(|job| job.id == id)?;
        queue.jobs.remove(at)?;
        Some(IoDone { id, result: Err(IoError::Cancelled) })
    }
}

impl Drop for Pool {
    /// Finishes what is queued, then ends the threads.
    fn drop(&mut self) {
        self.shared.queue().closed = true;
        self.shared.work.notify_all();
        let me = std::thread::current().id();
        for worker in self.workers.drain(..) {
            // The last owner may be a worker itself; it must not wait for its own end.
            if worker.thread().id() != me {
                let _ = worker.join();
            }
        }
    }
}

fn work(shared: &Shared) {
    loop {
        let mut queue = shared.queue();
        let job = loop {
            match queue.jobs.pop_front() {
                Some(job) => break job,
                None if queue.closed => return,
                None => queue = shared.work.wait(queue).unwrap_or_else(PoisonError::into_inner),
            }
        };
        drop(queue);
        let result = job.device.run(&job.op);
        job.to.complete(IoDone { id: job.id, result });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Backing;
    use std::sync::mpsc;

    struct Channel(mpsc::Sender<IoDone>);

    impl Complete for Channel {
        fn complete(&self, done: IoDone) {
            let _ = self.0.send(done);
        }
    }

    #[test]
    fn every_job_completes_once_even_when_the_pool_is_dropped() {
        let device = Arc::new(Device::open(&Backing::Null { bytes: 1 << 20 }, 512, false).expect("a device"));
        let (sender, receiver) = mpsc::channel();
        let to: Arc<dyn Complete> = Arc::new(Channel(sender));
        let pool = Pool::new(3).expect("threads");
        for n in 0..100 {
            let op = IoOp::Read { lba: n, blocks: 1 };
            pool.submit(Job { id: IoId(n), device: Arc::clone(&device), op, to: Arc::clone(&to) });
        }
        let cancelled = pool.cancel(IoId(99));
        drop(pool);
        drop(to);
        let mut ids: Vec<_> = receiver.iter().chain(cancelled).map(|done| done.id.0).collect();
        ids.sort_unstable();
        assert_eq!(ids, (0..100).collect::<Vec<_>>());
    }
}
