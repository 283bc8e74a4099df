//! Files that are read again: on SIGHUP, and when one of them changed.
//!
//! A file is looked at once a second. It counts as changed once it looks the same at two looks in a row, so that one that
//! is being written is not read half. What becomes of it is for whoever reads it (`Reread`).

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use signal_hook::consts::SIGHUP;

use crate::daemon::clock;

const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// How long to wait before the operator's will is looked at.
const PAUSE: Duration = Duration::from_millis(100);

/// Who reads files again.
pub(super) trait Reread: Send + 'static {
    /// Reads all of them: somebody asked for it, or one changed.
    fn reread(&mut self);

    /// Whatever else is to be looked at as often.
    fn look(&mut self);
}

/// The thread that looks; dropped it ends.
pub(super) struct Watching {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// How a file looks: device, inode, length, when it was modified; `None`: it cannot be looked at.
type Look = Option<(u64, u64, u64, i64, i64)>;

/// Looks at the files from now on, on a thread of that name.
///
/// # Errors
/// A signal or thread that the system refuses.
pub(super) fn watch(
    name: &str,
    files: Vec<PathBuf>,
    mut reader: impl Reread,
) -> io::Result<Watching> {
    let (is_over, is_asked) = (Arc::default(), Arc::default());
    signal_hook::flag::register(SIGHUP, Arc::clone(&is_asked))?;
    let is_ended = Arc::clone(&is_over);
    let thread = std::thread::Builder::new().name(name.to_owned());
    let thread = thread.spawn(move || run(&files, &mut reader, &is_asked, &is_ended))?;
    Ok(Watching { is_over, thread: Some(thread) })
}

fn run(files: &[PathBuf], reader: &mut impl Reread, is_asked: &AtomicBool, is_over: &AtomicBool) {
    let looks = || files.iter().map(|path| look(path)).collect::<Vec<Look>>();
    let mut taken = looks();
    let mut before = taken.clone();
    let mut since = clock::Stopwatch::start();
    while !is_over.load(Ordering::Relaxed) {
        clock::pause(PAUSE);
        if is_asked.swap(false, Ordering::Relaxed) {
            taken = looks();
            reader.reread();
        } else if since.elapsed() >= LOOK_INTERVAL {
            since = clock::Stopwatch::start();
            let now = looks();
            if now != taken && now == before {
                taken.clone_from(&now);
                reader.reread();
            }
            before = now;
            reader.look();
        }
    }
}

fn look(path: &Path) -> Look {
    let metadata = fs::metadata(path).ok()?;
    // The time of change of the inode moves with the content, and with who may read it.
    Some((metadata.dev(), metadata.ino(), metadata.len(), metadata.ctime(), metadata.ctime_nsec()))
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic there was reported by itself; what counted before still does.
            drop(thread.join());
        }
    }
}
