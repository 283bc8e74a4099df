//! An output that is kept back until its run has ended well: then it appears whole, or not at all.
//!
//! ```text
//! create ─► write ... ─► settle (all bytes on disk) ─► publish (renamed to its place, or copied to a stream)
//! ```
//! What goes to a file waits beside it, so that a rename can put it in its place; what goes to standard output, a pipe
//! or a device waits in the directory for temporary files, without a name. What waits under a name is locked by its
//! process, so that what a killed one left behind can be told, and is removed by the next output in that directory; but
//! for what was handed over (see [`Spool::hand_over`]), which goes with the next output of its own name. Last step of the
//! event path over files.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use super::claim;
use super::error::{Error, Step};
use super::handover::Handover;

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

    /// The absolute path of the ordinary file that is or will be there; `None` for a stream, and where its
    /// directory cannot be looked at.
    pub fn place(&self) -> Option<PathBuf> {
        match self {
            Target::File(path) if !is_stream(path) => place_of(path).ok(),
            Target::File(_) | Target::Stdout => None,
        }
    }
}

/// An output that waits.
pub struct Spool {
    /// For messages.
    name: String,
    /// Where its bytes are until then, for messages.
    waiting_name: String,
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
        let path = match target {
            Target::File(path) if !is_stream(path) => path,
            Target::File(_) | Target::Stdout => return Self::nameless(target, name),
        };
        if path.is_dir() {
            let directory = io::Error::from(io::ErrorKind::IsADirectory);
            return Err(Error::at(Step::Create, &name)(directory));
        }
        let failed = |error| Error::at(Step::Create, &name)(error);
        let place = place_of(path).map_err(failed)?;
        let (path, file) = claim::beside(&place).map_err(failed)?;
        // Nobody reads what waits who may not read what it replaces.
        let waiting_mode = mode_of(&place).map(|mode| mode | OWNER_MODE);
        if let Err(error) = waiting_mode.map_or(Ok(()), |mode| set_mode(&path, mode)) {
            drop(fs::remove_file(&path));
            return Err(failed(error));
        }
        let waiting = Waiting::Beside { path, place };
        let writer = BufWriter::new(file);
        Ok(Spool { waiting_name: name.clone(), name, target: target.clone(), writer, waiting })
    }

    /// An empty output that only its maker reads: see [`Spool::rewind`].
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn scratch() -> Result<Self, Error> {
        Self::nameless(&Target::Stdout, "standard output".to_owned())
    }

    fn nameless(target: &Target, name: String) -> Result<Self, Error> {
        let directory = claim::temporary_directory();
        let shown = format!("a temporary file in {} (TMPDIR)", directory.display());
        let file = claim::nameless(&directory).map_err(Error::at(Step::Create, &shown))?;
        let waiting_name = format!("{shown} for {name}");
        let (target, waiting) = (target.clone(), Waiting::Nameless);
        Ok(Spool { name, waiting_name, target, writer: BufWriter::new(file), waiting })
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// The disk.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.writer.write_all(bytes).map_err(Error::at(Step::Write, &self.waiting_name))
    }

    /// Reads what was written, from the beginning.
    ///
    /// # Errors
    /// The disk.
    pub fn rewind(&mut self) -> Result<Rewind<'_>, Error> {
        let rewound = self.writer.flush().and_then(|()| self.writer.get_mut().rewind());
        rewound.map_err(Error::at(Step::Write, &self.waiting_name))?;
        Ok(Rewind { name: &self.waiting_name, reader: BufReader::new(self.writer.get_ref()) })
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
        flushed.map_err(Error::at(Step::Write, &self.waiting_name))
    }

    /// Keeps it for another process, should this one be killed, and says what that needs to put it in its place; `None`
    /// for what goes to a stream. Only after [`Spool::settle`].
    ///
    /// # Errors
    /// The disk.
    pub fn hand_over(&mut self) -> Result<Option<Handover>, Error> {
        let Waiting::Beside { path, place } = &mut self.waiting else { return Ok(None) };
        let handover = claim::hand_over(path).and_then(|whole| {
            *path = whole;
            Handover::of(self.writer.get_ref(), path, place)
        });
        handover.map(Some).map_err(Error::at(Step::Publish, &self.name))
    }

    /// Puts the output in its place.
    ///
    /// # Errors
    /// The disk, or a stream whose reader has gone.
    pub fn publish(mut self) -> Result<(), Error> {
        self.settle()?;
        let published = match (&self.waiting, &self.target) {
            (Waiting::Beside { path, place }, _) => put_in_place(path, place),
            (Waiting::Nameless, Target::Stdout) => {
                // Not through Rust's own buffer, which looks for line breaks in all of it.
                let mut stdout = BufWriter::with_capacity(64 * 1024, io::stdout().lock());
                copy(self.writer.get_mut(), &mut stdout)
            }
            // What stands in a file that a stream was redirected to is left as it is.
            (Waiting::Nameless, Target::File(path)) => OpenOptions::new()
                .append(true)
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

/// Whether the path names what is written to and never replaced: a pipe, a device, a stream of this process.
fn is_stream(path: &Path) -> bool {
    let is_own = ["/dev/stdout", "/dev/stderr", "/dev/fd", "/proc"]
        .iter()
        .any(|stream| path.starts_with(stream));
    is_own || fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// The absolute path of a file that is there, or can be made: where a link to nothing yet points.
pub(super) fn place_of(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    loop {
        match fs::canonicalize(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // Links in a circle among them.
            found => return found,
        }
        let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
        let directory = fs::canonicalize(directory_of(&path))?;
        let place = directory.join(name);
        match fs::read_link(&place) {
            Ok(target) => path = directory.join(target),
            Err(_) => return Ok(place),
        }
    }
}

/// Where a path leads, whether or not there is something already.
pub fn real_place(path: &Path) -> Option<PathBuf> {
    let mut place = PathBuf::new();
    for part in std::path::absolute(path).ok()?.components() {
        if part == Component::ParentDir {
            place.pop();
        } else {
            place.push(part);
            place = place_of(&place).unwrap_or(place);
        }
    }
    Some(place)
}

/// Where a file lies; for a bare name the working directory.
pub fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => Path::new("/"),
    }
}

/// What its owner must be allowed with a file that waits, whatever it will have in its place.
const OWNER_MODE: u32 = 0o600;

/// The permissions of a file that is there.
fn mode_of(place: &Path) -> Option<u32> {
    fs::metadata(place).ok().map(|found| found.mode() & 0o7777)
}

/// Gives a file permissions, unless it has them: not every file system knows any.
pub(super) fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    if mode_of(path) == Some(mode) {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(mode))
}

/// Renames, and makes the new name last. The permissions of a file that is replaced stay.
pub(super) fn put_in_place(path: &Path, place: &Path) -> io::Result<()> {
    if let Some(mode) = mode_of(place) {
        set_mode(path, mode)?;
    }
    fs::rename(path, place)?;
    // A rename lasts only once its directory is on disk.
    match File::open(directory_of(place)) {
        // One that may be written to and not be read cannot be asked for that.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        directory => directory?.sync_all(),
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
