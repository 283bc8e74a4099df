//! An output that is kept back until its run has ended well: then it appears whole, or not at all.
//!
//! ```text
//! create ─► write ... ─► settle (all bytes on disk) ─► publish (renamed to its place, or copied to a stream)
//! ```
//! What goes to a file waits beside it, so that a rename can put it in its place; what goes to standard output, a pipe
//! or a device waits in the directory for temporary files, without a name. Last step of the event path over files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::{Error, Step};

/// Where an output goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// Standard output.
    Stdout,
    /// A file, a device or a named pipe.
    File(PathBuf),
}

impl Target {
    /// `-` is standard output.
    pub fn of_argument(name: &Path) -> Self {
        if name == Path::new("-") { Target::Stdout } else { Target::File(name.to_owned()) }
    }

    fn name(&self) -> String {
        match self {
            Target::Stdout => "standard output".to_owned(),
            Target::File(path) => path.display().to_string(),
        }
    }
}

/// An output that waits.
pub struct Spool {
    /// For messages.
    name: String,
    target: Target,
    writer: BufWriter<File>,
    waiting: Waiting,
}

/// Where it waits.
enum Waiting {
    /// Under a name of its own beside the place that it is renamed to.
    Beside { path: PathBuf, place: PathBuf },
    /// In a file without a name.
    Nameless,
}

impl Spool {
    /// An empty output for a target. What stands there now stays until [`Spool::publish`].
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn create(target: &Target) -> Result<Self, Error> {
        let name = target.name();
        match target {
            Target::File(path) if is_replaceable(path) => {
                let place = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
                let path = beside(&place);
                let file = create_new(&path).map_err(Error::at(Step::Create, &name))?;
                let waiting = Waiting::Beside { path, place };
                Ok(Spool { name, target: target.clone(), writer: BufWriter::new(file), waiting })
            }
            Target::File(_) | Target::Stdout => Self::nameless(target, name),
        }
    }

    /// An empty output that only its maker reads: see [`Spool::rewind`].
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn scratch() -> Result<Self, Error> {
        Self::nameless(&Target::Stdout, format!("a file in {}", temporary_directory().display()))
    }

    fn nameless(target: &Target, name: String) -> Result<Self, Error> {
        let path = temporary_directory().join(part_name("output"));
        let shown = path.display().to_string();
        let file = create_new(&path).map_err(Error::at(Step::Create, &shown))?;
        // A run that is killed leaves nothing behind.
        fs::remove_file(&path).map_err(Error::at(Step::Create, &shown))?;
        let (target, waiting) = (target.clone(), Waiting::Nameless);
        Ok(Spool { name, target, writer: BufWriter::new(file), waiting })
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// The disk.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.writer.write_all(bytes).map_err(Error::at(Step::Write, &self.name))
    }

    /// Reads what was written, from the beginning.
    ///
    /// # Errors
    /// The disk.
    pub fn rewind(&mut self) -> Result<Rewind<'_>, Error> {
        let rewound = self.writer.flush().and_then(|()| self.writer.get_mut().rewind());
        rewound.map_err(Error::at(Step::Write, &self.name))?;
        Ok(Rewind { name: &self.name, reader: BufReader::new(self.writer.get_ref()) })
    }

    /// Brings every byte to the disk: after this only [`Spool::publish`] is left to do.
    ///
    /// # Errors
    /// The disk.
    pub fn settle(&mut self) -> Result<(), Error> {
        let flushed = self.writer.flush().and_then(|()| match &self.waiting {
            Waiting::Beside { .. } => self.writer.get_ref().sync_all(),
            // It need not outlive the process.
            Waiting::Nameless => Ok(()),
        });
        flushed.map_err(Error::at(Step::Write, &self.name))
    }

    /// Puts the output in its place.
    ///
    /// # Errors
    /// The disk, or a stream whose reader has gone.
    pub fn publish(mut self) -> Result<(), Error> {
        self.settle()?;
        let published = match (&self.waiting, &self.target) {
            (Waiting::Beside { path, place }, _) => {
                fs::rename(path, place).and_then(|()| sync_directory_of(place))
            }
            (Waiting::Nameless, Target::Stdout) => {
                // Not through Rust's own buffer, which looks for line breaks in all of it.
                let mut stdout = BufWriter::with_capacity(64 * 1024, io::stdout().lock());
                copy(self.writer.get_mut(), &mut stdout)
            }
            (Waiting::Nameless, Target::File(path)) => OpenOptions::new()
                .write(true)
                .open(path)
                .and_then(|mut stream| copy(self.writer.get_mut(), &mut stream)),
        };
        published.map_err(Error::at(Step::Publish, &self.name))
    }
}

/// A run that failed leaves nothing behind; of a published output the name is gone already.
impl Drop for Spool {
    fn drop(&mut self) {
        if let Waiting::Beside { path, .. } = &self.waiting {
            drop(fs::remove_file(path));
        }
    }
}

/// What was written so far, from the beginning.
pub struct Rewind<'s> {
    name: &'s str,
    reader: BufReader<&'s File>,
}

impl Rewind<'_> {
    /// Replaces what is in `line` by the next line, without its line break; `false` at the end.
    ///
    /// # Errors
    /// The disk.
    pub fn read_line(&mut self, line: &mut Vec<u8>) -> Result<bool, Error> {
        line.clear();
        let read = io::BufRead::read_until(&mut self.reader, b'\n', line);
        let count = read.map_err(Error::at(Step::Read, self.name))?;
        line.pop_if(|last| *last == b'\n');
        Ok(count > 0)
    }
}

/// Whether the path is, or would become, an ordinary file: nothing else may be replaced by one.
fn is_replaceable(path: &Path) -> bool {
    fs::metadata(path).map_or(true, |metadata| metadata.is_file())
}

fn temporary_directory() -> PathBuf {
    std::env::temp_dir()
}

/// A name that no other output of this machine waits under.
fn part_name(name: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!(".{name}.{}-{number}.odometer-part", process::id())
}

fn beside(place: &Path) -> PathBuf {
    let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
    place.with_file_name(part_name(&name))
}

fn create_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    match options.read(true).write(true).create_new(true).open(path) {
        // Left behind by a process of the same number that was killed.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            options.open(path)
        }
        outcome => outcome,
    }
}

fn copy(from: &mut File, to: &mut impl Write) -> io::Result<()> {
    from.rewind()?;
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let count = from.read(&mut chunk)?;
        if count == 0 {
            return to.flush();
        }
        to.write_all(chunk.get(..count).unwrap_or_default())?;
    }
}

/// A rename lasts only once its directory is on disk.
fn sync_directory_of(place: &Path) -> io::Result<()> {
    let directory = place.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}
