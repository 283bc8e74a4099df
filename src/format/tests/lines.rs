//! Streams in chunks of every size, against a plain split of the whole (rule 1.9).

use proptest::prelude::*;

use crate::format::{Line, LineSplitter};

/// Number, offset, bytes and length of each record.
type Record = (u64, u64, Vec<u8>, u64);

fn owned(line: Line<'_>) -> Record {
    (line.number, line.offset, line.bytes.to_vec(), line.length)
}

fn split<'c>(bytes_max: usize, chunks: impl IntoIterator<Item = &'c [u8]>) -> Vec<Record> {
    let mut splitter = LineSplitter::new(bytes_max);
    let mut records = Vec::new();
    for chunk in chunks {
        records.extend(splitter.lines(chunk).map(owned));
    }
    records.extend(splitter.finish().map(owned));
    records
}

/// The rule, word by word, over the whole stream at once.
fn reference(bytes_max: usize, stream: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    let mut offset = 0;
    let lines: Vec<&[u8]> = stream.split(|byte| *byte == b'\n').collect();
    for (at, line) in lines.iter().enumerate() {
        let is_last = at + 1 == lines.len();
        let mut text = if is_last { line } else { line.strip_suffix(b"\r").unwrap_or(line) };
        let mut start = offset;
        if at == 0 && text.starts_with("\u{feff}".as_bytes()) {
            (text, start) = (&text[3..], 3);
        }
        if !text.iter().all(|byte| b" \t\r".contains(byte)) {
            let kept = &text[..text.len().min(bytes_max)];
            records.push((at as u64 + 1, start, kept.to_vec(), text.len() as u64));
        }
        offset += line.len() as u64 + 1;
    }
    records
}

fn check(stream: &str, expected: &[(u64, u64, &str)]) {
    let expected: Vec<Record> = expected
        .iter()
        .map(|(number, offset, text)| {
            (*number, *offset, text.as_bytes().to_vec(), text.len() as u64)
        })
        .collect();
    for chunk_bytes in [1, 2, 3, 5, 1000] {
        assert_eq!(split(100, stream.as_bytes().chunks(chunk_bytes)), expected, "{stream:?}");
    }
}

#[test]
fn every_line_is_a_record() {
    check("", &[]);
    check("a", &[(1, 0, "a")]);
    check("a\nb\n", &[(1, 0, "a"), (2, 2, "b")]);
    check("a\r\nb\r\n", &[(1, 0, "a"), (2, 3, "b")]);
    check("a\nb", &[(1, 0, "a"), (2, 2, "b")]);
}

#[test]
fn one_return_before_the_break_is_no_part_of_the_record() {
    check("a\r\r\nb\rc\nd\r", &[(1, 0, "a\r"), (2, 4, "b\rc"), (3, 8, "d\r")]);
}

#[test]
fn blank_lines_are_counted_but_not_read() {
    check("\n \t\r\n\r\na\n\n  ", &[(4, 7, "a")]);
    check("\u{b}\n", &[(1, 0, "\u{b}")]);
}

#[test]
fn byte_order_mark_is_skipped_at_the_very_start() {
    check("\u{feff}a\n\u{feff}b", &[(1, 3, "a"), (2, 5, "\u{feff}b")]);
    check("\u{feff}\r\na", &[(2, 5, "a")]);
    check("\u{feff}", &[]);
    check("\u{feff}\u{feff}a", &[(1, 3, "\u{feff}a")]);
    assert_eq!(split(100, [&b"\xEF\xBB"[..]]), [(1, 0, b"\xEF\xBB".to_vec(), 2)]);
}

#[test]
fn long_line_is_cut_and_its_length_told() {
    for (stream, expected) in [
        ("abcd\nx", vec![(1, 0, "abcd", 4), (2, 5, "x", 1)]),
        ("abcd\r\nx", vec![(1, 0, "abcd", 4), (2, 6, "x", 1)]),
        ("\u{feff}abcd\r\nx", vec![(1, 3, "abcd", 4), (2, 9, "x", 1)]),
        ("abcde\nx", vec![(1, 0, "abcd", 5), (2, 6, "x", 1)]),
        ("abcd\r", vec![(1, 0, "abcd", 5)]),
        ("abcd\r\r\nx", vec![(1, 0, "abcd", 5), (2, 7, "x", 1)]),
        ("\u{feff}abcdefghijk\r\nx", vec![(1, 3, "abcd", 11), (2, 16, "x", 1)]),
        ("                \nx", vec![(2, 17, "x", 1)]),
        ("                y\nx", vec![(1, 0, "    ", 17), (2, 18, "x", 1)]),
    ] {
        let expected: Vec<Record> = expected
            .iter()
            .map(|(number, offset, text, length)| {
                (*number, *offset, text.as_bytes().to_vec(), *length)
            })
            .collect();
        for chunk_bytes in 1..20 {
            let records = split(4, stream.as_bytes().chunks(chunk_bytes));
            assert_eq!(records, expected, "{stream:?} by {chunk_bytes}");
        }
    }
}

#[test]
fn memory_is_bounded_whatever_comes() {
    let mut splitter = LineSplitter::new(1000);
    let chunk = vec![b'x'; 65_536];
    for _ in 0..1_000 {
        assert_eq!(splitter.lines(&chunk).count(), 0);
    }
    let line = splitter.finish().map(owned).expect("a line");
    assert_eq!(line, (1, 0, vec![b'x'; 1000], 65_536_000));
    assert_eq!(splitter.position(), (1, 65_536_000));
}

#[test]
fn reading_goes_on_at_a_position() {
    let stream = b"a\nbb\nccc\nd";
    let mut splitter = LineSplitter::new(100);
    // The chunk's end is put away even where nobody asks for its lines.
    let _ = splitter.lines(&stream[..7]);
    let (number, offset) = splitter.position();
    assert_eq!((number, offset), (3, 5));
    let mut resumed = LineSplitter::resume(100, number, offset);
    for splitter in [(&mut splitter, 7), (&mut resumed, 5)] {
        let (splitter, from) = splitter;
        let lines: Vec<Record> = splitter.lines(&stream[from..]).map(owned).collect();
        assert_eq!(lines, [(3, 5, b"ccc".to_vec(), 3)]);
        assert_eq!(splitter.position(), (4, 9));
        assert_eq!(splitter.finish().map(owned), Some((4, 9, b"d".to_vec(), 1)));
        assert_eq!(splitter.finish(), None);
    }
}

#[test]
fn lines_within_a_chunk_are_not_copied() {
    let chunk = b"a\nb\n";
    let mut splitter = LineSplitter::new(100);
    let lines: Vec<Line<'_>> = splitter.lines(chunk).collect();
    assert!(chunk.as_ptr_range().contains(&lines[1].bytes.as_ptr()));
    assert!(lines.iter().all(Line::is_whole));
}

#[test]
fn place_after_each_record_is_known() {
    let mut splitter = LineSplitter::new(100);
    assert_eq!(splitter.lines(b"a").position(), (1, 0));
    let mut lines = splitter.lines(b"b\r\n\nc\n");
    assert_eq!(lines.next().map(owned), Some((1, 0, b"ab".to_vec(), 2)));
    assert_eq!(lines.position(), (2, 4));
    assert_eq!(lines.next().map(owned), Some((3, 5, b"c".to_vec(), 1)));
    assert_eq!(lines.position(), (4, 7));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn chunks_do_not_matter(
        stream in r"(\u{feff})?([a-c]{0,12}|[ \t\r]{0,12}|a{30,80}|\r?\n|\n){0,12}",
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let bytes = stream.as_bytes();
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        places.extend([0, bytes.len()]);
        places.sort_unstable();
        let chunks = places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
        prop_assert_eq!(split(6, chunks), reference(6, bytes));
    }
}
