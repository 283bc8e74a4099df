//! An input as chunks of plain bytes: a file or standard input, decompressed where it is gzip or zstd.
//!
//! First step of the event path over files. A compressed input that is cut or damaged is an error: what was
//! read of it so far must not become totals. Knows nothing of lines.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::{Error, Step};
use super::gzip::Members;
use crate::format::state::Compression;

/// How inputs are read.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many bytes of plain text a chunk has, but for the last.
    pub chunk_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options { chunk_bytes: 256 * 1024 }
    }
}

/// Where events are read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// Standard input; compression is told by the first bytes.
    Stdin,
    /// A file; compression is told by `.gz` or `.zst` at the end of its name.
    File(PathBuf),
}

impl Source {
    /// `-` is standard input.
    pub fn of_argument(name: &Path) -> Self {
        if name == Path::new("-") { Source::Stdin } else { Source::File(name.to_owned()) }
    }

    /// Whether it can be opened; of what is no ordinary file, which may be opened only once, that it is there.
    ///
    /// # Errors
    /// As [`Input::open`].
    pub fn probe(&self) -> Result<(), Error> {
        let Source::File(path) = self else { return Ok(()) };
        let name = self.name();
        let found = fs::metadata(path).map_err(Error::at(Step::Open, &name))?;
        if found.is_file() {
            Input::open(self, Options { chunk_bytes: 1 })?;
        }
        Ok(())
    }

    /// Whether it is a file that can be read again.
    pub fn is_ordinary(&self) -> bool {
        matches!(self, Source::File(path) if path.is_file())
    }

    /// The name as it was given; `-` for standard input.
    pub fn name(&self) -> String {
        match self {
            Source::Stdin => "-".to_owned(),
            Source::File(path) => path.display().to_string(),
        }
    }
}

/// How far an input was read: to be looked at from another thread.
#[derive(Clone, Debug)]
pub struct Progress {
    read_bytes: Arc<AtomicU64>,
    length_bytes: Option<u64>,
}

impl Progress {
    /// Bytes read of the input as it is stored.
    pub fn read_bytes(&self) -> u64 {
        self.read_bytes.load(Ordering::Relaxed)
    }

    /// Bytes of the input as it is stored, where that is known.
    pub fn length_bytes(&self) -> Option<u64> {
        self.length_bytes
    }
}

/// An input that is being read.
pub struct Input {
    /// For messages.
    name: String,
    body: Body,
    progress: Progress,
    options: Options,
}

type Raw = BufReader<Counted>;

enum Body {
    Plain(Box<Raw>),
    Gzip(Box<Members<Raw>>),
    Zstd(Box<zstd::stream::read::Decoder<'static, Raw>>),
}

impl Input {
    /// Opens an input at its beginning.
    ///
    /// # Errors
    /// Where it cannot be opened, is a directory, or is named as compressed and is empty.
    pub fn open(source: &Source, options: Options) -> Result<Self, Error> {
        let name = match source {
            Source::Stdin => "standard input".to_owned(),
            Source::File(path) => path.display().to_string(),
        };
        let (stream, length_bytes) = match source {
            Source::Stdin => (Stream::Stdin(io::stdin()), None),
            Source::File(path) => {
                let file = File::open(path).map_err(Error::at(Step::Open, &name))?;
                stream_of(file, &name)?
            }
        };
        let compression = match source {
            Source::Stdin => None,
            Source::File(path) => Some(Compression::of_name(path)),
        };
        Self::begin(name, stream, length_bytes, compression, options)
    }

    /// Begins to read a file that is open, whatever bears its name by now: no more of it than those bytes, however it
    /// grows.
    ///
    /// # Errors
    /// As [`Input::open`].
    pub(super) fn of_file(
        path: &Path,
        file: File,
        bytes: u64,
        compression: Compression,
    ) -> Result<Self, Error> {
        let name = path.display().to_string();
        let stream = Stream::Beginning(file.take(bytes));
        Self::begin(name, stream, Some(bytes), Some(compression), Options::default())
    }

    /// `compression`: where it is `None` the first bytes tell.
    fn begin(
        name: String,
        stream: Stream,
        length_bytes: Option<u64>,
        compression: Option<Compression>,
        options: Options,
    ) -> Result<Self, Error> {
        let read_bytes = Arc::new(AtomicU64::new(0));
        let progress = Progress { read_bytes: Arc::clone(&read_bytes), length_bytes };
        let mut raw = BufReader::with_capacity(128 * 1024, Counted { stream, read_bytes });
        let first = raw.fill_buf().map_err(Error::at(Step::Read, &name))?;
        let compression = compression.unwrap_or_else(|| Compression::of_bytes(first));
        if compression != Compression::None && first.is_empty() {
            let empty = io::Error::from(io::ErrorKind::UnexpectedEof);
            return Err(Error::at(Step::Decompress, &name)(empty));
        }
        let body = match compression {
            Compression::None => Body::Plain(Box::new(raw)),
            Compression::Gzip => Body::Gzip(Box::new(Members::new(raw))),
            Compression::Zstd => {
                let decoder = zstd::stream::read::Decoder::with_buffer(raw);
                Body::Zstd(Box::new(decoder.map_err(Error::at(Step::Decompress, &name))?))
            }
        };
        Ok(Input { name, body, progress, options })
    }

    /// How far it was read, for as long as the input is read.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Replaces what is in `chunk` by the next plain bytes; nothing at the end.
    ///
    /// A chunk is filled whole, so that its size does not hang on what a read happens to give; but what comes
    /// in pieces (a pipe) is handed on after each of them.
    ///
    /// # Errors
    /// Where reading fails, or the compression is damaged or cut.
    pub fn read_chunk(&mut self, chunk: &mut Vec<u8>) -> Result<(), Error> {
        chunk.clear();
        let room = u64::try_from(self.options.chunk_bytes).unwrap_or(u64::MAX);
        let step = self.step();
        let outcome = match &mut self.body {
            Body::Plain(raw) if raw.get_ref().stream.is_stdin() => {
                raw.fill_buf().map(<[u8]>::len).and_then(|ready| {
                    let ready = u64::try_from(ready).unwrap_or(room);
                    raw.take(ready.min(room)).read_to_end(chunk)
                })
            }
            Body::Plain(raw) => raw.take(room).read_to_end(chunk),
            Body::Gzip(decoder) => decoder.take(room).read_to_end(chunk),
            Body::Zstd(decoder) => decoder.take(room).read_to_end(chunk),
        };
        outcome.map(|_| ()).map_err(Error::at(step, &self.name))
    }

    /// Steps over the first plain bytes: those were read by an earlier run. Returns how many there were.
    ///
    /// # Errors
    /// As [`Input::read_chunk`].
    pub fn skip(&mut self, bytes: u64) -> Result<u64, Error> {
        let step = self.step();
        let length = self.progress.length_bytes;
        let outcome = match &mut self.body {
            Body::Plain(raw) if !raw.get_ref().stream.is_stdin() => {
                let bytes = length.map_or(bytes, |length| bytes.min(length));
                raw.seek(SeekFrom::Start(bytes)).inspect(|at| {
                    self.progress.read_bytes.store(*at, Ordering::Relaxed);
                })
            }
            Body::Plain(raw) => io::copy(&mut raw.take(bytes), &mut io::sink()),
            Body::Gzip(decoder) => io::copy(&mut decoder.take(bytes), &mut io::sink()),
            Body::Zstd(decoder) => io::copy(&mut decoder.take(bytes), &mut io::sink()),
        };
        outcome.map_err(Error::at(step, &self.name))
    }

    fn step(&self) -> Step {
        match self.body {
            Body::Plain(_) => Step::Read,
            Body::Gzip(_) | Body::Zstd(_) => Step::Decompress,
        }
    }
}

fn stream_of(file: File, name: &str) -> Result<(Stream, Option<u64>), Error> {
    let metadata = file.metadata().map_err(Error::at(Step::Open, name))?;
    if metadata.is_dir() {
        let directory = io::Error::from(io::ErrorKind::IsADirectory);
        return Err(Error::at(Step::Open, name)(directory));
    }
    let length = metadata.is_file().then_some(metadata.len());
    Ok((Stream::File(file), length))
}

impl Compression {
    /// As its name ends.
    pub(super) fn of_name(path: &Path) -> Self {
        let ending = path.extension().unwrap_or_default();
        if ending.eq_ignore_ascii_case("gz") {
            Compression::Gzip
        } else if ending.eq_ignore_ascii_case("zst") {
            Compression::Zstd
        } else {
            Compression::None
        }
    }

    /// Neither mark can begin a line of JSON. RFC 1952, section 2.3.1; RFC 8878, section 3.1.1.
    pub(super) fn of_bytes(first: &[u8]) -> Self {
        match first {
            [0x1F, 0x8B, 0x08, ..] => Compression::Gzip,
            [0x28, 0xB5, 0x2F, 0xFD, ..] => Compression::Zstd,
            _ => Compression::None,
        }
    }

    /// Whether bytes may be the beginning of a compressed file of which more is to come.
    pub fn may_begin(first: &[u8]) -> bool {
        !first.is_empty()
            && [&[0x1F, 0x8B, 0x08][..], &[0x28, 0xB5, 0x2F, 0xFD]]
                .iter()
                .any(|mark| mark.starts_with(first))
    }
}

enum Stream {
    Stdin(io::Stdin),
    File(File),
    Beginning(io::Take<File>),
}

impl Stream {
    fn is_stdin(&self) -> bool {
        matches!(self, Stream::Stdin(_))
    }
}

/// Says how much was read.
struct Counted {
    stream: Stream,
    read_bytes: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.stream {
            Stream::Stdin(stdin) => stdin.read(buffer)?,
            Stream::File(file) => {
                let count = file.read(buffer)?;
                if count == 0 && !buffer.is_empty() {
                    check_whole(file)?;
                }
                count
            }
            Stream::Beginning(file) => file.read(buffer)?,
        };
        let bytes = u64::try_from(count).unwrap_or_default();
        self.read_bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(count)
    }
}

/// A file that ends before what was read of it was cut meanwhile.
fn check_whole(file: &mut File) -> io::Result<()> {
    let metadata = file.metadata()?;
    if metadata.is_file() && metadata.len() < file.stream_position()? {
        return Err(io::Error::other(
            "it was truncated while it was read, so that part of it is missing",
        ));
    }
    Ok(())
}

impl Seek for Counted {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.stream {
            Stream::File(file) => file.seek(to),
            Stream::Stdin(_) | Stream::Beginning(_) => {
                Err(io::Error::from(io::ErrorKind::Unsupported))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_that_is_truncated_while_it_is_read_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("e.ndjson");
        let cut = |length| {
            let file = File::options().write(true).open(&path).expect("it is there");
            file.set_len(length).expect("the folder is ours");
        };
        for (length, is_told) in [(100, true), (1_500, true), (4_000, false)] {
            std::fs::write(&path, [b'\n'; 4_000]).expect("the folder takes files");
            let source = Source::of_argument(&path);
            let mut input = Input::open(&source, Options { chunk_bytes: 2_000 }).expect("a file");
            let mut chunk = Vec::new();
            input.read_chunk(&mut chunk).expect("it is whole so far");
            cut(length);
            let outcome = loop {
                match input.read_chunk(&mut chunk) {
                    Ok(()) if chunk.is_empty() => break Ok(()),
                    Ok(()) => {}
                    Err(error) => break Err(error.to_string()),
                }
            };
            let is_named = |error: &String| error.contains("truncated while it was read");
            assert_eq!(outcome.as_ref().is_err_and(is_named), is_told, "{length}: {outcome:?}");
        }
    }
}
