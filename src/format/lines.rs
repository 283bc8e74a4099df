//! Cuts a byte stream, given in chunks of any size, into the lines that are records (rule 1.9).
//!
//! First step of the event path where the source is a file. It reads no file itself. Lines that
//! lie within a chunk are not copied; of one that runs over its chunk's end no more is kept than a
//! record may have, so that memory is bounded whatever comes.
//!
//! ```text
//! chunk   ...tail of line 3 \n line 4 \n line 5 \n beginning of line 6
//!         └── finished ────┘   └─── body ──────┘   └── unfinished ───┘
//! ```

#![expect(
    clippy::arithmetic_side_effects,
    reason = "lengths within memory, and one stream's counts of bytes and lines"
)]

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// What a line may hold beside its record: a byte-order mark and a carriage return.
const BESIDE_BYTES: usize = 4;

/// One line that is a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Line<'a> {
    /// Counted from 1, blank lines too.
    pub number: u64,
    /// Where the record's first byte stands in the stream: behind a byte-order mark.
    pub offset: u64,
    /// The record; only its beginning where it is longer than a record may be.
    pub bytes: &'a [u8],
    /// How many bytes the whole record has.
    pub length: u64,
}

impl Line<'_> {
    /// Whether `bytes` is all of it; a record that is not whole is `too_large`.
    pub fn is_whole(&self) -> bool {
        count(self.bytes) == self.length
    }
}

/// What must be known between two chunks.
#[derive(Clone, Debug)]
pub struct LineSplitter {
    record_bytes_max: usize,
    /// The line that the next byte belongs to.
    place: Place,
    /// Its beginning, where that has come.
    unfinished: Piece,
    /// The line that the latest chunk has finished, lent out while the chunk's own end is put away.
    finished: Piece,
}

impl LineSplitter {
    /// At the start of a stream whose records have at most so many bytes.
    pub fn new(record_bytes_max: usize) -> Self {
        Self::resume(record_bytes_max, 1, 0)
    }

    /// In a stream read before: at the place that [`LineSplitter::position`] gave.
    pub fn resume(record_bytes_max: usize, number: u64, offset: u64) -> Self {
        LineSplitter {
            record_bytes_max,
            place: Place { number, offset },
            unfinished: Piece::default(),
            finished: Piece::default(),
        }
    }

    /// Number and first byte of the line that the next byte belongs to.
    pub fn position(&self) -> (u64, u64) {
        (self.place.number, self.place.offset)
    }

    /// The records that end in this chunk. What follows its last line break waits for the next.
    pub fn lines<'a>(&'a mut self, chunk: &'a [u8]) -> Lines<'a> {
        let record_bytes_max = self.record_bytes_max;
        let Some(last_break) = chunk.iter().rposition(|byte| *byte == b'\n') else {
            self.unfinished.extend(chunk, record_bytes_max);
            return Lines { first: None, place: self.place, body: &[], record_bytes_max };
        };
        let (mut body, tail) = chunk.split_at(last_break + 1);
        let mut place = self.place;
        let mut first = None;
        if !self.unfinished.is_empty() {
            let (head, rest) = split_line(body);
            body = rest;
            self.unfinished.extend(head, record_bytes_max);
            let after = place.after(self.unfinished.length() + 1, 1);
            self.unfinished.strip_return();
            self.finished.take(&mut self.unfinished);
            first = self.finished.record(place, record_bytes_max);
            place = after;
        }
        self.place = place.after(count(body), breaks(body));
        self.unfinished.extend(tail, record_bytes_max);
        Lines { first, place, body, record_bytes_max }
    }

    /// The last record, where the stream ends without a line break.
    pub fn finish(&mut self) -> Option<Line<'_>> {
        let place = self.place;
        self.place = place.after(self.unfinished.length(), 0);
        self.finished.take(&mut self.unfinished);
        self.finished.record(place, self.record_bytes_max)
    }
}

/// The records of one chunk, in order.
#[derive(Debug)]
pub struct Lines<'a> {
    /// The one that began before the chunk.
    first: Option<Line<'a>>,
    /// Where `body` begins.
    place: Place,
    /// Whole lines, the last line break included.
    body: &'a [u8],
    record_bytes_max: usize,
}

impl Lines<'_> {
    /// Number and first byte of the line after the record that was given out last.
    pub fn position(&self) -> (u64, u64) {
        (self.place.number, self.place.offset)
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        while !self.body.is_empty() {
            let (line, rest) = split_line(self.body);
            let place = self.place;
            self.place = place.after(count(line) + 1, 1);
            self.body = rest;
            let text = line.strip_suffix(b"\r").unwrap_or(line);
            if let Some(line) = record(place, text, Beyond::default(), self.record_bytes_max) {
                return Some(line);
            }
        }
        None
    }
}

/// Number and first byte of a line.
#[derive(Clone, Copy, Debug)]
struct Place {
    number: u64,
    offset: u64,
}

impl Place {
    fn after(self, bytes: u64, lines: u64) -> Self {
        Place { number: self.number + lines, offset: self.offset + bytes }
    }
}

/// A line put together from chunks, of which no more is kept than can matter.
#[derive(Clone, Default, Debug)]
struct Piece {
    kept: Vec<u8>,
    beyond: Beyond,
}

/// What is known of the bytes of a line that were not kept.
#[derive(Clone, Copy, Default, Debug)]
struct Beyond {
    count: u64,
    /// Whether one of them is no blank.
    is_written: bool,
    /// Whether the last of them is a carriage return.
    ends_in_return: bool,
}

impl Piece {
    fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    fn length(&self) -> u64 {
        count(&self.kept) + self.beyond.count
    }

    fn extend(&mut self, bytes: &[u8], record_bytes_max: usize) {
        let room = record_bytes_max + BESIDE_BYTES - self.kept.len();
        let (kept, beyond) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        self.kept.extend_from_slice(kept);
        if let Some(last) = beyond.last() {
            self.beyond.count += count(beyond);
            self.beyond.is_written |= !is_blank(beyond);
            self.beyond.ends_in_return = *last == b'\r';
        }
    }

    /// Drops the carriage return before the line break.
    fn strip_return(&mut self) {
        if self.beyond.count == 0 {
            self.kept.pop_if(|last| *last == b'\r');
        } else if self.beyond.ends_in_return {
            self.beyond.count -= 1;
        }
    }

    /// Becomes `other`, which becomes empty; both keep their memory.
    fn take(&mut self, other: &mut Piece) {
        std::mem::swap(self, other);
        other.kept.clear();
        other.beyond = Beyond::default();
    }

    fn record(&self, place: Place, record_bytes_max: usize) -> Option<Line<'_>> {
        record(place, &self.kept, self.beyond, record_bytes_max)
    }
}

/// The record in a line whose end has been stripped; `None` where it is nothing but blanks.
fn record(place: Place, text: &[u8], beyond: Beyond, record_bytes_max: usize) -> Option<Line<'_>> {
    let unmarked = text.strip_prefix(BYTE_ORDER_MARK).filter(|_| place.offset == 0);
    let text = unmarked.unwrap_or(text);
    if is_blank(text) && !beyond.is_written {
        return None;
    }
    let mark = if unmarked.is_some() { count(BYTE_ORDER_MARK) } else { 0 };
    Some(Line {
        number: place.number,
        offset: place.offset + mark,
        bytes: text.get(..record_bytes_max).unwrap_or(text),
        length: count(text) + beyond.count,
    })
}

fn is_blank(text: &[u8]) -> bool {
    text.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
}

/// The first line without its line break, and what follows that.
fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    let (line, rest) = text.split_at_checked(line_bytes(text)).unwrap_or((text, &[]));
    (line, rest.strip_prefix(b"\n").unwrap_or(rest))
}

/// How many bytes stand before the first line break, looked for in eight at once: Mycroft's test for
/// a zero byte (Warren, "Hacker's Delight", section 6-1), whose lowest mark is exact.
fn line_bytes(text: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let (eights, rest) = text.as_chunks::<8>();
    let mut before = 0;
    for eight in eights {
        let zeroed = u64::from_le_bytes(*eight) ^ (ONES * u64::from(b'\n'));
        let marks = zeroed.wrapping_sub(ONES) & !zeroed & HIGHS;
        if marks != 0 {
            return before + usize::try_from(marks.trailing_zeros() / 8).unwrap_or_default();
        }
        before += 8;
    }
    before + rest.iter().take_while(|byte| **byte != b'\n').count()
}

/// How many line breaks there are: counted in bytes over short blocks and without checks, which
/// compilers turn into vector instructions.
fn breaks(text: &[u8]) -> u64 {
    const BLOCK_BYTES: usize = 128;
    let add = |sum: u8, byte: &u8| sum.wrapping_add(u8::from(*byte == b'\n'));
    text.chunks(BLOCK_BYTES).map(|block| u64::from(block.iter().fold(0, add))).sum()
}

fn count(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).expect("memory is addressed with 64 bits at most")
}
