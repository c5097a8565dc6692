//! Who waits for the disk? Threads that do nothing else. Each hands its completion in itself, so the thread that asked is never
//! involved again.
//!
//! Every device has a lane, and so many threads at most, so that one that is slow keeps nobody else waiting. Threads begin when
//! they are needed; what a busy device needed beyond the usual number ends after a while.

use super::Device;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use target_core::io::{DeviceId, IoDone, IoError, IoId, IoOp};

/// How long a thread beyond the usual number waits for something to do.
const IDLE_MAX: Duration = Duration::from_secs(10);

/// Where a completion goes; called on a worker's thread.
pub trait Complete: Send + Sync {
    /// Takes the one completion of an operation.
    fn complete(&self, done: IoDone);
}

/// An operation that would have blocked its caller.
pub struct Job {
    /// Comes back in the completion.
    pub id: IoId,
    /// The number of its device.
    pub number: DeviceId,
    /// The device, kept open by the job.
    pub device: Arc<Device>,
    /// What to do.
    pub op: IoOp,
    /// Who wants to know.
    pub to: Arc<dyn Complete>,
}

/// What one device has to do.
#[derive(Default)]
struct Lane {
    jobs: VecDeque<Job>,
    /// Threads that are at it.
    busy: usize,
}

#[derive(Default)]
struct Queue {
    lanes: BTreeMap<DeviceId, Lane>,
    /// Whose turn was the last.
    last: Option<DeviceId>,
    /// Threads that wait for something to do, and all of them.
    idle: usize,
    threads: usize,
    closed: bool,
}

impl Queue {
    /// Jobs that could be begun now.
    fn ready(&self, per_device: usize) -> usize {
        self.lanes.values().map(|lane| lane.jobs.len().min(per_device.saturating_sub(lane.busy))).sum()
    }

    /// The next job, from one device after the other.
    fn take(&mut self, per_device: usize) -> Option<Job> {
        let may = |lane: &Lane| !lane.jobs.is_empty() && lane.busy < per_device;
        let last = self.last;
        let after = self.lanes.iter().filter(|(number, _)| last.is_some_and(|last| **number > last));
        let found = after.chain(&self.lanes).find(|(_, lane)| may(lane)).map(|(number, _)| *number)?;
        self.last = Some(found);
        let lane = self.lanes.get_mut(&found)?;
        lane.busy += 1;
        lane.jobs.pop_front()
    }

    fn done(&mut self, number: DeviceId) {
        if let Some(lane) = self.lanes.get_mut(&number) {
            lane.busy -= 1;
            if lane.busy == 0 && lane.jobs.is_empty() {
                self.lanes.remove(&number);
            }
        }
    }
}

struct Shared {
    queue: Mutex<Queue>,
    work: Condvar,
    per_device: usize,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Worker threads. The queue is bounded by the commands that sessions may have outstanding.
pub struct Pool {
    shared: Arc<Shared>,
    workers: Mutex<Vec<JoinHandle<()>>>,
}

impl Pool {
    /// Starts `workers` threads; each device may use so many.
    ///
    /// # Errors
    /// The system refused a thread.
    pub fn new(workers: usize) -> std::io::Result<Self> {
        let per_device = workers.max(1);
        let shared = Shared { queue: Mutex::default(), work: Condvar::new(), per_device };
        let pool = Self { shared: Arc::new(shared), workers: Mutex::default() };
        for _ in 0..per_device {
            pool.spawn()?;
        }
        Ok(pool)
    }

    fn spawn(&self) -> std::io::Result<()> {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.retain(|worker| !worker.is_finished());
        let shared = Arc::clone(&self.shared);
        // Counted before it runs, so that nobody starts another one for the same job.
        let mut queue = shared.queue();
        queue.threads += 1;
        queue.idle += 1;
        drop(queue);
        let spawned = std::thread::Builder::new().name("disk".to_owned()).spawn(move || work(&shared));
        if spawned.is_err() {
            let mut queue = self.shared.queue();
            queue.threads -= 1;
            queue.idle -= 1;
        }
        workers.push(spawned?);
        Ok(())
    }

    /// Queues a job. Jobs of one device start in the order they came; they end in any order.
    pub fn submit(&self, job: Job) {
        let mut queue = self.shared.queue();
        queue.lanes.entry(job.number).or_default().jobs.push_back(job);
        let short = queue.ready(self.shared.per_device) > queue.idle;
        drop(queue);
        if short && let Err(error) = self.spawn() {
            // The job waits for one of those that are there.
            tracing::warn!(%error, "no thread for a busy disk");
        }
        self.shared.work.notify_one();
    }

    /// Gives up an operation that no worker has begun; its completion is the answer. One that has begun runs to its end.
    pub fn cancel(&self, id: IoId) -> Option<IoDone> {
        let mut queue = self.shared.queue();
        let found = queue.lanes.values_mut().find_map(|lane| {
            let at = lane.jobs.iter().position(|job| job.id == id)?;
            lane.jobs.remove(at)
        });
        found.map(|_| IoDone { id, result: Err(IoError::Cancelled) })
    }
}

impl Drop for Pool {
    /// Gives up what no thread has begun (nobody was told that it is done), then ends the threads.
    fn drop(&mut self) {
        let mut queue = self.shared.queue();
        queue.closed = true;
        let lanes = std::mem::take(&mut queue.lanes);
        let left: Vec<Job> = lanes
            .into_iter()
            .flat_map(|(number, Lane { jobs, busy })| {
                if busy > 0 {
                    queue.lanes.insert(number, Lane { jobs: VecDeque::new(), busy });
                }
                jobs
            })
            .collect();
        drop(queue);
        self.shared.work.notify_all();
        for job in left {
            job.to.complete(IoDone { id: job.id, result: Err(IoError::Cancelled) });
        }
        let me = std::thread::current().id();
        let workers = self.workers.get_mut().unwrap_or_else(PoisonError::into_inner);
        for worker in workers.drain(..) {
            // The last owner may be a worker itself; it must not wait for its own end.
            if worker.thread().id() != me {
                let _ = worker.join();
            }
        }
    }
}

/// A worker's life. It begins counted as idle.
fn work(shared: &Shared) {
    loop {
        let mut queue = shared.queue();
        let job = loop {
            match queue.take(shared.per_device) {
                Some(job) => break job,
                None if queue.closed => return,
                None if queue.threads > shared.per_device => {
                    let (again, wait) =
                        shared.work.wait_timeout(queue, IDLE_MAX).unwrap_or_else(PoisonError::into_inner);
                    queue = again;
                    if wait.timed_out() && queue.ready(shared.per_device) == 0 {
                        queue.threads -= 1;
                        queue.idle -= 1;
                        return;
                    }
                }
                None => queue = shared.work.wait(queue).unwrap_or_else(PoisonError::into_inner),
            }
        };
        queue.idle -= 1;
        drop(queue);
        let Job { id, number, device, op, to } = job;
        let result = device.run(&op);
        shared.queue().done(number);
        to.complete(IoDone { id, result });
        shared.queue().idle += 1;
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
        let device = Arc::new(Device::open(&Backing::Null { bytes: 1 << 20 }, 512, None).expect("a device"));
        let (sender, receiver) = mpsc::channel();
        let to: Arc<dyn Complete> = Arc::new(Channel(sender));
        let pool = Pool::new(3).expect("threads");
        for n in 0..100 {
            let op = IoOp::Read { lba: n, blocks: 1 };
            pool.submit(Job {
                id: IoId(n),
                number: DeviceId(0),
                device: Arc::clone(&device),
                op,
                to: Arc::clone(&to),
            });
        }
        let cancelled = pool.cancel(IoId(99));
        drop(pool);
        drop(to);
        let mut ids: Vec<_> = receiver.iter().chain(cancelled).map(|done| done.id.0).collect();
        ids.sort_unstable();
        assert_eq!(ids, (0..100).collect::<Vec<_>>());
    }

    /// A slow disk, as many operations on it as there are threads for it, and one on another disk, which need not wait.
    #[test]
    fn a_slow_disk_keeps_no_other_waiting() {
        let path = std::env::temp_dir().join(format!("iscsi-lab-pool-{}", std::process::id()));
        std::fs::File::create(&path).and_then(|file| file.set_len(4096)).expect("a file");
        let delay = Duration::from_millis(500);
        let slow = crate::storage::FileBacking { delay, ..crate::storage::FileBacking::new(&path, true) };
        let open = |backing| Arc::new(Device::open(&backing, 512, None).expect("a device"));
        let (slow, quick) = (open(Backing::File(slow)), open(Backing::Null { bytes: 4096 }));
        let (sender, receiver) = mpsc::channel();
        let to: Arc<dyn Complete> = Arc::new(Channel(sender));
        let pool = Pool::new(2).expect("threads");
        for n in 0..5 {
            let (number, device) = if n < 4 { (DeviceId(7), &slow) } else { (DeviceId(3), &quick) };
            let op = IoOp::Read { lba: 0, blocks: 1 };
            pool.submit(Job { id: IoId(n), number, device: Arc::clone(device), op, to: Arc::clone(&to) });
        }
        assert_eq!(receiver.recv().expect("a completion").id, IoId(4));
        drop(pool);
        drop(to);
        let rest: Vec<_> = receiver.iter().collect();
        assert_eq!(rest.len(), 4, "{rest:?}");
        assert!(rest.iter().any(|done| done.result.is_ok()) && rest.iter().any(|done| done.result.is_err()));
        std::fs::remove_file(&path).expect("removable");
    }
}
