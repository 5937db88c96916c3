//! Frames on their way through the workers, and back in order.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Scope;
use std::time::Instant;

use hardware_hal::Frame;

use super::FrameRecord;
use crate::vision::{FrameReading, Scanner};

/// Whatever reads frames. It knows neither order nor pool.
pub trait Recogniser: Sync {
    /// Reads one frame; the same frame gives the same reading.
    fn scan(&self, frame: &Frame) -> FrameReading;
}

impl Recogniser for Scanner {
    fn scan(&self, frame: &Frame) -> FrameReading {
        Scanner::scan(self, frame)
    }
}

/// A frame before it is read.
pub(super) struct Job {
    pub record: FrameRecord,
    pub frame: Frame,
}

/// A frame after it was read.
pub(super) struct Finished {
    pub record: FrameRecord,
    pub frame: Frame,
    pub wall_s: f64,
}

/// Threads that read frames, with a bounded number of frames among them.
pub(super) struct Workers {
    jobs: Option<SyncSender<(usize, Job)>>,
    results: Receiver<std::thread::Result<(usize, Finished)>>,
    waiting: BTreeMap<usize, Finished>,
    sent: usize,
    handed_out: usize,
    limit: usize,
}

impl Workers {
    /// Starts threads that end when this value is dropped. At most `workers + queue` frames are held at any time.
    pub fn start<'scope, R: Recogniser>(scope: &'scope Scope<'scope, '_>, recogniser: &'scope R, workers: usize, queue: usize) -> Self {
        let (send_job, receive_job) = sync_channel::<(usize, Job)>(queue.max(1));
        let jobs = Arc::new(Mutex::new(receive_job));
        let (send_result, results) = channel();
        for _ in 0..workers.max(1) {
            let (send_result, jobs): (Sender<_>, _) = (send_result.clone(), Arc::clone(&jobs));
            scope.spawn(move || {
                loop {
                    // One worker waits for a job with the lock in hand, the others for the lock.
                    let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok((number, Job { mut record, frame })) = job else { return };
                    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                        let started = Instant::now();
                        record.reading = recogniser.scan(&frame);
                        (number, Finished { record, frame, wall_s: started.elapsed().as_secs_f64() })
                    }));
                    if send_result.send(outcome).is_err() {
                        return;
                    }
                }
            });
        }
        Self { jobs: Some(send_job), results, waiting: BTreeMap::new(), sent: 0, handed_out: 0, limit: workers.max(1) + queue.max(1) }
    }

    /// Hands over a frame, and takes back those that are finished in the order in which they were handed over.
    pub fn submit(&mut self, job: Job, mut finished: impl FnMut(Finished)) {
        while self.sent - self.handed_out >= self.limit {
            self.take_one(&mut finished);
        }
        if let Some(jobs) = &self.jobs {
            // The workers live as long as this sender.
            let _ = jobs.send((self.sent, job));
            self.sent += 1;
        }
        while let Ok(result) = self.results.try_recv() {
            self.take(result, &mut finished);
        }
    }

    /// Takes back all that are still out, for good.
    pub fn finish(mut self, finished: impl FnMut(Finished)) {
        self.jobs = None;
        self.catch_up(finished);
    }

    /// Takes back all that are still out.
    pub fn catch_up(&mut self, mut finished: impl FnMut(Finished)) {
        while self.handed_out < self.sent {
            self.take_one(&mut finished);
        }
    }

    fn take_one(&mut self, finished: &mut impl FnMut(Finished)) {
        match self.results.recv() {
            Ok(result) => self.take(result, finished),
            // No worker is left, so nothing will come any more.
            Err(_) => self.handed_out = self.sent,
        }
    }

    fn take(&mut self, result: std::thread::Result<(usize, Finished)>, finished: &mut impl FnMut(Finished)) {
        match result {
            Ok((number, done)) => {
                self.waiting.insert(number, done);
            }
            // A recogniser that panics is a programming error; it must not look like an empty frame.
            Err(panic) => std::panic::resume_unwind(panic),
        }
        while let Some(next) = self.waiting.remove(&self.handed_out) {
            self.handed_out += 1;
            finished(next);
        }
    }
}
