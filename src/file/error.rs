//! What can go wrong with a file: what was being done, to what, and what the operating system says.

use std::fmt;
use std::io;

/// What was being done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Opening an input.
    Open,
    /// Reading an input's bytes.
    Read,
    /// Undoing an input's compression.
    Decompress,
    /// Making an output.
    Create,
    /// Writing to an output, or to where it waits.
    Write,
    /// Putting a finished output in its place.
    Publish,
}

/// A file could not be read or written as it had to be.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step} {name}: {}", cause(*step, source))]
pub struct Error {
    /// What was being done.
    pub step: Step,
    /// To what: a path as it was given, or `standard input`, `standard output`.
    pub name: String,
    /// Why not.
    pub source: io::Error,
}

impl Error {
    /// Whether a compressed file ends in the middle: it may be whole some time.
    pub fn is_half_written(&self) -> bool {
        self.step == Step::Decompress && self.source.kind() == io::ErrorKind::UnexpectedEof
    }

    /// Whether the content is at fault, and not the way to it: reading it once more finds the same.
    pub(super) fn is_of_content(&self) -> bool {
        self.step == Step::Decompress && self.source.raw_os_error().is_none()
    }

    pub(super) fn at(step: Step, name: &str) -> impl FnOnce(io::Error) -> Error + use<> {
        let name = name.to_owned();
        move |source| Error { step, name, source }
    }
}

/// A verb.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::Open => "open",
            Step::Read => "read",
            Step::Decompress => "decompress",
            Step::Create => "create",
            Step::Write => "write",
            Step::Publish => "finish",
        })
    }
}

/// The operating system's words, or better ones where there are.
fn cause(step: Step, error: &io::Error) -> String {
    match (step, error.kind()) {
        (_, io::ErrorKind::FileTooLarge) => {
            "it would be larger than files may be here (see ulimit -f, and what the file system takes)"
                .to_owned()
        }
        (_, io::ErrorKind::StorageFull) => "the disk is full".to_owned(),
        (Step::Open | Step::Read, io::ErrorKind::NotFound) => "there is no such file".to_owned(),
        (Step::Create, io::ErrorKind::NotFound) => "its directory does not exist".to_owned(),
        (_, io::ErrorKind::IsADirectory) => "it is a directory".to_owned(),
        (Step::Decompress, io::ErrorKind::UnexpectedEof) => {
            "it ends in the middle; the file was cut, or is still being written".to_owned()
        }
        // Said by `gzip` itself.
        (Step::Decompress, io::ErrorKind::InvalidData) => error.to_string(),
        (Step::Decompress, _) => format!("it is damaged ({error})"),
        (Step::Write | Step::Publish, io::ErrorKind::BrokenPipe) => {
            "its reader has gone".to_owned()
        }
        _ => error.to_string(),
    }
}
