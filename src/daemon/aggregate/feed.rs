//! The reader thread: opens the input, reads and decompresses ahead, hands chunks over in order.
//!
//! A wait on the input can last for ever (a pipe), so it never happens on the thread that must heed signals.

use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::daemon::CommandError;
use crate::daemon::signals::StopSignal;
use crate::file::{Error, Input, Options, Progress, Source};

/// How many chunks wait to be worked on.
const CHUNKS_AHEAD: usize = 4;

/// How long to wait for a chunk before the operator's will is looked at again.
const PATIENCE: Duration = Duration::from_millis(100);

/// What the reader thread says.
enum Said {
    Opened(Progress),
    Chunk(Vec<u8>),
    Failed(Error),
}

/// What came.
pub(super) enum Fed {
    /// Not yet anything.
    Nothing,
    /// The next bytes.
    Chunk(Vec<u8>),
    /// The input is read.
    End,
}

/// The input as this thread sees it.
pub(super) struct Feed {
    said: Receiver<Said>,
    used: Sender<Vec<u8>>,
    progress: Option<Progress>,
    stop: StopSignal,
}

impl Feed {
    /// Starts reading after so many plain bytes.
    pub(super) fn start(source: Source, from: u64, stop: StopSignal) -> Result<Self, CommandError> {
        let (say, said) = bounded(CHUNKS_AHEAD);
        let (used, unused) = bounded(CHUNKS_AHEAD + 2);
        thread::Builder::new()
            .name("reader".to_owned())
            .spawn(move || {
                if let Err(error) = read(&source, from, &say, &unused) {
                    // Nobody listens where the run has ended already.
                    drop(say.send(Said::Failed(error)));
                }
            })
            .map_err(|error| CommandError::failed_by("cannot start the reader thread", error))?;
        Ok(Feed { said, used, progress: None, stop })
    }

    /// Waits a little for the next chunk.
    pub(super) fn next(&mut self) -> Result<Fed, CommandError> {
        self.check()?;
        match self.said.recv_timeout(PATIENCE) {
            Ok(Said::Opened(progress)) => {
                self.progress = Some(progress);
                Ok(Fed::Nothing)
            }
            Ok(Said::Chunk(chunk)) => Ok(Fed::Chunk(chunk)),
            Ok(Said::Failed(error)) => Err(CommandError::failed(error.to_string())),
            Err(RecvTimeoutError::Timeout) => Ok(Fed::Nothing),
            Err(RecvTimeoutError::Disconnected) => Ok(Fed::End),
        }
    }

    /// The chunk's memory may be used again.
    pub(super) fn give_back(&self, chunk: Vec<u8>) {
        drop(self.used.try_send(chunk));
    }

    /// How far the input is read, once it is open.
    pub(super) fn progress(&self) -> Option<&Progress> {
        self.progress.as_ref()
    }

    /// Fails where the operator wants no more.
    pub(super) fn check(&self) -> Result<(), CommandError> {
        super::check(&self.stop)
    }
}

fn read(
    source: &Source,
    from: u64,
    say: &Sender<Said>,
    unused: &Receiver<Vec<u8>>,
) -> Result<(), Error> {
    let mut input = Input::open(source, Options::default())?;
    if say.send(Said::Opened(input.progress().clone())).is_err() {
        return Ok(());
    }
    if from > 0 {
        input.skip(from)?;
    }
    loop {
        let mut chunk = unused.try_recv().unwrap_or_default();
        input.read_chunk(&mut chunk)?;
        if chunk.is_empty() || say.send(Said::Chunk(chunk)).is_err() {
            return Ok(());
        }
    }
}
