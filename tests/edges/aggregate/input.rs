//! What events may come from: plain, gzip, zstd, pipes; and what of it is broken.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{aggregate, events, expect_failure, newest, status, sum_metrics};
use crate::program::{odometer, write};

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

fn zstd(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 1).expect("memory takes all")
}

fn put(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    fs::write(&path, bytes).expect("the folder takes files");
    path.to_str().expect("text").to_owned()
}

#[test]
fn compressed_input_gives_the_totals_of_the_plain_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let (folder, text) = (folder.path(), events(3_000));
    let (head, tail) = text.split_at(text.len() / 3);
    let metrics = sum_metrics(folder);
    let inputs = [
        put(folder, "plain.ndjson", text.as_bytes()),
        put(folder, "one.ndjson.gz", &gzip(&text)),
        put(folder, "two-members.GZ", &[gzip(head), gzip(tail)].concat()),
        put(folder, "one.ndjson.zst", &zstd(&text)),
        put(folder, "two-frames.zst", &[zstd(head), zstd(tail)].concat()),
    ];
    let totals = inputs.map(|input| {
        let outcome = aggregate(folder, &["--metrics", &metrics, "--input", &input]);
        assert_eq!(outcome.summary["counted"], 3_000, "{input}");
        newest(&outcome.totals)
    });
    for other in &totals[1..] {
        assert_eq!(*other, totals[0]);
    }
}

#[test]
fn zeros_after_gzip_are_padding_and_all_else_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let (folder, text) = (folder.path(), events(3_000));
    let (head, tail) = text.split_at(text.len() / 3);
    let metrics = sum_metrics(folder);
    let (whole, zeros) = (gzip(&text), vec![0; 200_000]);
    for (name, bytes) in [
        ("one-zero.gz", [&whole[..], &[0]].concat()),
        ("padded.gz", [&whole[..], &zeros].concat()),
        ("between.gz", [&gzip(head)[..], &zeros, &gzip(tail), &[0; 512]].concat()),
    ] {
        let input = put(folder, name, &bytes);
        let outcome = aggregate(folder, &["--metrics", &metrics, "--input", &input]);
        assert_eq!(outcome.summary["counted"], 3_000, "{name}");
    }
    for (name, after) in [
        ("short.gz", &b"x"[..]),
        ("long.gz", &[b'x'; 1_000]),
        ("nearly.gz", b"\x1F\x8Bxxxxxxxxxxxxxxxx"),
        ("after-padding.gz", b"\0\0\0\0garbage"),
    ] {
        let input = put(folder, name, &[&whole[..], after].concat());
        let said = expect_failure(&["--metrics", &metrics, "--input", &input]);
        assert!(said.contains("bytes after its end that are no gzip"), "{name}: {said}");
    }
    let cut = put(folder, "cut-later.gz", &[&whole[..], &whole[..whole.len() / 2]].concat());
    let said = expect_failure(&["--metrics", &metrics, "--input", &cut]);
    assert!(said.contains("ends in the middle"), "{said}");
}

#[test]
fn standard_input_may_be_compressed_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let metrics = sum_metrics(folder.path());
    let text = events(500);
    for (flags, bytes) in
        [(&["--input", "-"][..], text.clone().into_bytes()), (&[], gzip(&text)), (&[], zstd(&text))]
    {
        let mut program = odometer(["aggregate", "--metrics", &metrics])
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        program.stdin.take().expect("a pipe").write_all(&bytes).expect("the program reads");
        let output = program.wait_with_output().expect("the program ends");
        assert_eq!(status(&output), Some(0));
        let totals = super::lines(&String::from_utf8(output.stdout).expect("text"));
        assert_eq!(newest(&totals).len(), 7);
        assert_eq!(totals[0]["source"]["files"], "-");
    }
}

#[test]
fn cut_or_damaged_compression_fails_and_leaves_what_stood_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let (folder, text) = (folder.path(), events(20_000));
    let metrics = sum_metrics(folder);
    let totals = put(folder, "totals", b"before");
    let (whole_gzip, whole_zstd) = (gzip(&text), zstd(&text));
    let mut damaged = whole_gzip.clone();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 64].fill(0xAA);
    for (name, bytes, words) in [
        ("cut.gz", &whole_gzip[..whole_gzip.len() / 2], "ends in the middle"),
        ("without-its-sum.gz", &whole_gzip[..whole_gzip.len() - 4], "ends in the middle"),
        ("damaged.gz", &damaged, "is damaged"),
        ("no-gzip.gz", text.as_bytes(), "is damaged"),
        ("empty.gz", b"", "ends in the middle"),
        ("cut.zst", &whole_zstd[..whole_zstd.len() / 2], "ends in the middle"),
        ("no-zstd.zst", text.as_bytes(), "is damaged"),
        ("empty.zst", b"", "ends in the middle"),
    ] {
        let input = put(folder, name, bytes);
        let summary = folder.join("summary");
        let said = expect_failure(&[
            "--metrics",
            &metrics,
            "--input",
            &input,
            "--output",
            &totals,
            "--summary",
            summary.to_str().expect("text"),
        ]);
        assert!(said.contains(name) && said.contains(words), "{name}: {said}");
        assert_eq!(fs::read(&totals).expect("it stands"), b"before");
        assert!(!summary.exists());
        super::expect_no_parts(folder);
    }
}

#[test]
fn input_that_cannot_be_read_is_named_with_the_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let metrics = sum_metrics(folder.path());
    let nowhere = folder.path().join("nowhere.ndjson");
    for (input, words) in
        [(nowhere.as_path(), "there is no such file"), (folder.path(), "it is a directory")]
    {
        let input = input.to_str().expect("text");
        let said = expect_failure(&["--metrics", &metrics, "--input", input]);
        assert!(said.contains(input) && said.contains(words), "{said}");
    }
}

#[test]
fn definitions_without_a_metric_are_faulty() {
    let folder = tempfile::tempdir().expect("a folder");
    let empty = write(folder.path(), "empty.toml", "");
    let input = write(folder.path(), "events.ndjson", &events(1));
    let output = crate::program::run(["aggregate", "--metrics", &empty, "--input", &input]);
    let (_, said) = crate::program::expect_status(&output, 2);
    assert!(said.contains("empty.toml: no metric is defined"), "{said}");
}

#[test]
fn no_events_are_no_totals() {
    let folder = tempfile::tempdir().expect("a folder");
    let metrics = sum_metrics(folder.path());
    let input = write(folder.path(), "blank.ndjson", "\n  \r\n\t\n");
    let outcome = aggregate(folder.path(), &["--metrics", &metrics, "--input", &input]);
    assert_eq!((outcome.totals.len(), &outcome.summary["read"]), (0, &0.into()));
}

#[test]
fn record_over_one_mebibyte_is_rejected_with_its_beginning() {
    let folder = tempfile::tempdir().expect("a folder");
    let metrics = sum_metrics(folder.path());
    let long = format!("{{\"id\":\"{}\"}}\n", "x".repeat(3 << 20));
    let text = [super::event(1), long.clone(), super::event(2)].concat();
    let input = write(folder.path(), "long.ndjson", &text);
    let outcome = aggregate(folder.path(), &["--metrics", &metrics, "--input", &input]);
    assert_eq!(outcome.summary["counted"], 2);
    let rejects = outcome.read_rejects();
    let [reject] = rejects.as_slice() else { panic!("{} rejects", rejects.len()) };
    assert_eq!(reject["reason"], "too_large");
    assert_eq!(reject["source"]["line"], 2);
    assert_eq!(reject["truncated"], true);
    let event = reject["event"].as_str().expect("a text");
    assert_eq!((event.len(), long.starts_with(event)), (1 << 20, true));
}
