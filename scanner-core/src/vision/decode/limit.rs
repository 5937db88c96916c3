//! A time limit for code that is not ours.

use std::sync::mpsc;
use std::time::Duration;

/// Runs `work` on a thread of its own and waits `limit` for it. `None` if it took longer or panicked.
///
/// A thread cannot be stopped from outside: work that never ends goes on in the background and costs a core, but never the caller. Readers for
/// matrix codes have looped without end on odd pictures before.
pub fn with_deadline<T: Send + 'static>(limit: Duration, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let spawned = std::thread::Builder::new().name("decode".into()).spawn(move || {
        if let Ok(result) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
            // The receiver may have given up waiting.
            let _ = sender.send(result);
        }
    });
    spawned.ok()?;
    receiver.recv_timeout(limit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_ends_is_given_up() {
        let (release, hold) = mpsc::channel::<()>();
        assert_eq!(with_deadline(Duration::from_millis(20), move || hold.recv().is_err()), None);
        drop(release);
        assert_eq!(with_deadline(Duration::from_secs(60), || 7), Some(7));
    }
}
