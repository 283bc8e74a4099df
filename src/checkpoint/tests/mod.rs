//! Checkpoints in a store that fails: what is there is whole, and what somebody may need stays.

mod late;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path as Location;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use proptest::prelude::*;

use super::bucket::RETRIES_MAX;
use super::{Base, Bucket, Error, Followed, Inventory, Progress, Shelf};
use crate::engine::{Binding, CommitId};
use crate::format::Manifest;

const AGE: Duration = Duration::ZERO;

/// A store that fails now and then, before it did what was asked or behind it.
#[derive(Debug)]
struct Flaky {
    inner: Arc<InMemory>,
    /// Of what is asked, what fails: bit by bit.
    faults: Mutex<u64>,
    failed: AtomicU32,
    /// What was listed, and is deleted before it is read.
    gone: Mutex<Option<Location>>,
}

impl Flaky {
    fn over(inner: Arc<InMemory>, faults: u64) -> Self {
        let (failed, gone) = (AtomicU32::new(0), Mutex::default());
        Flaky { inner, faults: Mutex::new(faults), failed, gone }
    }

    fn fault(&self) -> u64 {
        let mut faults = self.faults.lock().expect("no holder panics");
        let next = *faults & 3;
        *faults >>= 2;
        next
    }

    fn check(&self, fault: u64, wanted: u64) -> Result<()> {
        if fault != wanted {
            return Ok(());
        }
        self.failed.fetch_add(1, Ordering::Relaxed);
        Err(object_store::Error::Generic { store: "flaky", source: "no answer".into() })
    }
}

impl fmt::Display for Flaky {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("flaky")
    }
}

#[async_trait]
impl ObjectStore for Flaky {
    async fn put_opts(
        &self,
        to: &Location,
        what: PutPayload,
        how: PutOptions,
    ) -> Result<PutResult> {
        let fault = self.fault();
        self.check(fault, 1)?;
        let put = self.inner.put_opts(to, what, how).await;
        self.check(fault, 2)?;
        put
    }

    async fn put_multipart_opts(
        &self,
        to: &Location,
        how: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let fault = self.fault();
        self.check(fault, 1)?;
        self.inner.put_multipart_opts(to, how).await
    }

    async fn get_opts(&self, from: &Location, how: GetOptions) -> Result<GetResult> {
        let fault = self.fault();
        self.check(fault, 1)?;
        if self.gone.lock().expect("no holder panics").as_ref() == Some(from) {
            let (path, source) = (from.to_string(), "it was deleted".into());
            return Err(object_store::Error::NotFound { path, source });
        }
        self.inner.get_opts(from, how).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Location>>,
    ) -> BoxStream<'static, Result<Location>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Location>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Location>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Location, to: &Location, how: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, how).await
    }
}

fn binding() -> Binding {
    Binding {
        cluster: "c".to_owned(),
        group: "g/h".to_owned(),
        topic: "usage".to_owned(),
        partition: 3,
        partitions: 4,
    }
}

fn commit(number: u64) -> CommitId {
    let mut id = [0; 16];
    id[8..].copy_from_slice(&number.to_be_bytes());
    CommitId(id)
}

fn chain(last: u64) -> (u64, Vec<CommitId>) {
    (last, (last.saturating_sub(2)..=last).map(commit).collect())
}

type Content = BTreeMap<String, Vec<u8>>;

fn write(directory: &Path, content: &Content) {
    let _ = fs::remove_dir_all(directory);
    fs::create_dir_all(directory).expect("a directory");
    for (name, bytes) in content {
        fs::write(directory.join(name), bytes).expect("a file");
    }
}

fn read(directory: &Path) -> Content {
    let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("one"));
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().expect("text");
            (name, fs::read(entry.path()).expect("a file"))
        })
        .collect()
}

fn restored(
    shelf: &Shelf<'_>,
    manifest: &Manifest,
    directory: &Path,
) -> std::result::Result<Content, Error> {
    let _ = fs::remove_dir_all(directory);
    let mut last = None;
    shelf.restore(manifest, directory, None, &mut |progress| {
        last = Some(progress);
        true
    })?;
    let of = manifest.files.iter().map(|file| file.bytes).sum();
    assert_eq!(
        last.unwrap_or(Progress { bytes: 0, of: 0, near: 0 }),
        Progress { bytes: of, of, near: 0 }
    );
    Ok(read(directory))
}

fn content(files: &[(&str, &[u8])]) -> Content {
    files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect()
}

/// A directory of the file system serves as well as a bucket does.
#[test]
fn checkpoint_comes_back_as_it_was_and_sends_what_is_new() {
    let scratch = tempfile::tempdir().expect("a directory");
    let url = format!("file://{}/store", scratch.path().display());
    let bucket = Bucket::open(&url, &BTreeMap::new(), None).expect("a store");
    let shelf = bucket.shelf(&binding());
    let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
    let large = vec![7; 20 << 20];
    let first = content(&[("000001.sst", &large), ("CURRENT", b"MANIFEST-1\n"), ("empty", b"")]);
    write(&from, &first);
    let mut base = Base::new([1; 16], None);
    assert_eq!(shelf.until(|_| false).expect("an answer"), []);
    let one = shelf.put(&mut base, &from, &binding(), chain(5)).expect("it is put");
    assert_eq!(one.bytes_sent, (20 << 20) + 11);
    let mut second = first.clone();
    second.extend(content(&[("000002.sst", b"more"), ("CURRENT", b"MANIFEST-2\n")]));
    write(&from, &second);
    let two = shelf.put(&mut base, &from, &binding(), chain(9)).expect("it is put");
    assert_eq!(two.bytes_sent, 15);
    let all = shelf.until(|_| false).expect("an answer");
    assert_eq!(all, [two.manifest.clone(), one.manifest.clone()]);
    assert_eq!(two.manifest.commits, [commit(7), commit(8), commit(9)]);
    assert_eq!(restored(&shelf, &one.manifest, &to).expect("it is whole"), first);
    assert_eq!(restored(&shelf, &two.manifest, &to).expect("it is whole"), second);
    let mut other = binding();
    other.partition = 2;
    assert_eq!(bucket.shelf(&other).until(|_| false).expect("an answer"), []);
    // What is young stays.
    let hour = Duration::from_secs(3_600);
    assert_eq!(shelf.collect(&mut base, &two.manifest, hour).expect("an answer"), 0);
    assert_eq!(
        shelf.collect(&mut base, &two.manifest, AGE).expect("an answer"),
        2,
        "manifest and CURRENT"
    );
    assert_eq!(shelf.until(|_| false).expect("an answer"), std::slice::from_ref(&two.manifest));
    assert_eq!(restored(&shelf, &two.manifest, &to).expect("it is whole"), second);
    // Again, by a process that knows of nothing: all is sent again, and the same manifest is no other.
    let mut anew = Base::new([1; 16], None);
    let again = shelf.put(&mut anew, &from, &binding(), chain(9)).expect("it is there");
    assert_eq!(again.manifest, two.manifest);
    // Whatever else it has of that commit: what is there stays.
    write(&from, &first);
    let again = shelf.put(&mut anew, &from, &binding(), chain(9)).expect("it is there");
    assert_eq!(again.manifest, two.manifest);
    let newest = shelf.until(|_| true).expect("an answer");
    assert_eq!(newest, [two.manifest]);
}

/// Whether it is the one that is wanted nobody knows.
#[test]
fn manifest_that_cannot_be_understood_is_told_where_no_other_is_wanted() {
    let scratch = tempfile::tempdir().expect("a directory");
    let store = scratch.path().join("store");
    let bucket = Bucket::open(&format!("file://{}", store.display()), &BTreeMap::new(), None);
    let bucket = bucket.expect("a store");
    let shelf = bucket.shelf(&binding());
    let from = scratch.path().join("from");
    let mut base = Base::new([2; 16], None);
    write(&from, &content(&[("a", b"content")]));
    let older = shelf.put(&mut base, &from, &binding(), chain(1)).expect("it is put").manifest;
    write(&from, &content(&[("a", b"other")]));
    let newer = shelf.put(&mut base, &from, &binding(), chain(2)).expect("it is put").manifest;
    let path = store.join(shelf.manifest(&newer).as_ref());
    let text = fs::read_to_string(&path).expect("a manifest");
    for (changed, is_of_other_form) in
        [(text.replace("\"format\":1", "\"format\":2"), true), (text[..40].to_owned(), false)]
    {
        fs::write(&path, changed).expect("a file");
        assert_eq!(shelf.until(|_| true).expect("one is wanted"), std::slice::from_ref(&older));
        let told = shelf.until(|_| false).expect_err("none is wanted that is understood");
        assert_eq!(matches!(told, Error::OtherForm { .. }), is_of_other_form, "{told}");
        assert_eq!(matches!(told, Error::Damaged { .. }), !is_of_other_form, "{told}");
        assert!(
            !told.is_passing() && told.to_string().contains(&newer.last().to_string()),
            "{told}"
        );
        let Inventory { kept, unread } = shelf.all().expect("an answer");
        assert!(matches!(&kept[..], [(one, _)] if *one == older), "{kept:?}");
        assert_eq!(unread.iter().map(ToString::to_string).collect::<Vec<_>>(), [told.to_string()]);
    }
}

#[test]
fn damage_is_told_and_nothing_comes_back() {
    let scratch = tempfile::tempdir().expect("a directory");
    let store = scratch.path().join("store");
    let bucket = Bucket::open(&format!("file://{}", store.display()), &BTreeMap::new(), None);
    let bucket = bucket.expect("a store");
    let shelf = bucket.shelf(&binding());
    let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
    write(&from, &content(&[("a", b"content"), ("b", b"other")]));
    let mut base = Base::new([2; 16], None);
    let put = shelf.put(&mut base, &from, &binding(), chain(1)).expect("it is put");
    let file = store.join(shelf.file(&put.manifest.files[0]).as_ref());
    for damage in [&b"contenT"[..], b"conten", b""] {
        fs::write(&file, damage).expect("a file");
        let told = restored(&shelf, &put.manifest, &to).expect_err("it is damaged");
        assert!(matches!(told, Error::Damaged { .. }) && !told.is_passing(), "{told}");
        assert!(!to.exists(), "it appears whole or not at all");
    }
    fs::remove_file(&file).expect("it is there");
    let told = restored(&shelf, &put.manifest, &to).expect_err("it is gone");
    assert!(told.to_string().contains("reading") && !to.exists(), "{told}");
    fs::write(&file, b"content").expect("a file");
    assert!(restored(&shelf, &put.manifest, &to).is_ok(), "the same call again");
    let manifest = store.join(shelf.manifest(&put.manifest).as_ref());
    fs::write(&manifest, b"{\"format\":9}").expect("a file");
    assert!(shelf.collect(&mut base, &put.manifest, AGE).is_err(), "what it names is not known");
    assert!(file.exists());
}

/// What a warm copy has is not fetched: it is taken from there though the store has lost it.
#[test]
fn warm_copy_follows_and_is_taken_from() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (store, near) = (scratch.path().join("store"), scratch.path().join("near"));
    let bucket = Bucket::open(&format!("file://{}", store.display()), &BTreeMap::new(), None);
    let bucket = bucket.expect("a store");
    let shelf = bucket.shelf(&binding());
    let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
    let follow = || shelf.follow(&near, &|| true).expect("an answer");
    assert_eq!(follow(), None, "nothing is there");
    let mut files = content(&[("1.sst", b"table"), ("CURRENT", b"one"), ("MANIFEST-1", b"m")]);
    write(&from, &files);
    let mut base = Base::new([1; 16], None);
    shelf.put(&mut base, &from, &binding(), chain(1)).expect("it is put");
    assert_eq!(follow(), Some(Followed { number: 1, bytes: 9 }));
    assert_eq!(follow(), Some(Followed { number: 1, bytes: 0 }));
    files.extend(content(&[("2.sst", b"tables"), ("CURRENT", b"two")]));
    write(&from, &files);
    let two = shelf.put(&mut base, &from, &binding(), chain(2)).expect("it is put").manifest;
    let given_up = shelf.follow(&near, &|| false);
    assert!(matches!(given_up, Err(Error::GivenUp)), "{given_up:?}");
    assert_eq!(follow(), Some(Followed { number: 2, bytes: 9 }));
    assert_eq!(fs::read_dir(&near).expect("it is there").count(), 4, "what it names alone");
    for file in &two.files {
        fs::remove_file(store.join(shelf.file(file).as_ref())).expect("it was there");
    }
    shelf.restore(&two, &to, Some(&near), &mut |_| true).expect("nothing is fetched");
    assert_eq!(read(&to), files);
    // The database writes on in what is no table: the copy does not change with it.
    fs::write(to.join("MANIFEST-1"), b"more").expect("a file");
    fs::remove_dir_all(&to).expect("a directory");
    shelf.restore(&two, &to, Some(&near), &mut |_| true).expect("nothing is fetched");
    assert_eq!(read(&to), files);
    fs::write(near.join(super::bucket::object_name(&two.files[0])), b"shorter").expect("a file");
    fs::remove_dir_all(&to).expect("a directory");
    let told = shelf.restore(&two, &to, Some(&near), &mut |_| true);
    assert!(matches!(told, Err(Error::Store { .. })), "it is wanted from the store: {told:?}");
}

#[test]
fn restore_that_is_given_up_leaves_nothing() {
    let scratch = tempfile::tempdir().expect("a directory");
    let url = format!("file://{}/store", scratch.path().display());
    let bucket = Bucket::open(&url, &BTreeMap::new(), Some(1 << 30)).expect("a store");
    let shelf = bucket.shelf(&binding());
    let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
    write(&from, &content(&[("a", b"content"), ("b", b"other")]));
    let put =
        shelf.put(&mut Base::new([1; 16], None), &from, &binding(), chain(1)).expect("it is put");
    for pieces in 0..3 {
        let mut left = pieces;
        let told = shelf.restore(&put.manifest, &to, None, &mut |_| {
            left -= 1;
            left >= 0
        });
        assert!(matches!(told, Err(Error::GivenUp)), "{told:?}");
        assert!(!to.exists());
    }
    assert!(shelf.restore(&put.manifest, &to, None, &mut |_| true).is_ok());
}

#[test]
fn addresses_are_told_apart() {
    let none = BTreeMap::new();
    for wrong in
        ["", "checkpoints", "/mnt/checkpoints", "ftp://host/x", "http://host/x", "memory:///"]
    {
        let Err(told) = Bucket::open(wrong, &none, None) else { panic!("{wrong}") };
        assert!(told.to_string().contains("expected file:///directory"), "{told}");
    }
    let own = [("aws_region".to_owned(), "eu-west-1".to_owned())].into();
    for right in ["s3://bucket/some/prefix", "gs://bucket", "az://container/prefix"] {
        let properties = if right.starts_with("az") {
            [("azure_storage_account_name".to_owned(), "a".to_owned())].into()
        } else if right.starts_with("s3") {
            BTreeMap::clone(&own)
        } else {
            BTreeMap::new()
        };
        assert!(Bucket::open(right, &properties, None).is_ok(), "{right}");
    }
}

/// A server that answers every request with 503 until the test ends; gives its port and the number of requests so far.
#[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
fn out_of_service() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let requests = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&requests);
    thread::spawn(move || {
        for client in listener.incoming() {
            let Ok(mut client) = client else { return };
            let mut reader = BufReader::new(client.try_clone().expect("a second handle"));
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|bytes| bytes > 2) {
                line.clear();
            }
            count.fetch_add(1, Ordering::Relaxed);
            let answer = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            let _ = client.write_all(answer.as_bytes());
        }
    });
    (port, requests)
}

#[test]
fn store_that_is_out_of_service_is_told_after_a_few_requests() {
    let (port, requests) = out_of_service();
    let own = [
        ("aws_region", "eu-west-1".to_owned()),
        ("aws_endpoint", format!("http://127.0.0.1:{port}")),
        ("aws_allow_http", "true".to_owned()),
        ("aws_access_key_id", "AKIA".to_owned()),
        ("aws_secret_access_key", "s3cr3t".to_owned()),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value)).into();
    let bucket = Bucket::open("s3://bucket/prefix", &own, None).expect("its address is sound");
    let told =
        bucket.shelf(&binding()).until(|_| false).expect_err("it is out of service").to_string();
    assert!(told.contains("503"), "{told}");
    assert!(!told.contains("s3cr3t"), "{told}");
    assert_eq!(requests.load(Ordering::Relaxed), 1 + RETRIES_MAX);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Two processes put checkpoints of a growing chain in turn, each from where it knows; each step may fail, be tried again or
    /// be given up with the process. Whatever is collected, the newest that was put whole comes back as it was.
    #[test]
    fn newest_checkpoint_is_whole_whatever_fails(
        steps in prop::collection::vec((any::<bool>(), 0_u8..4, prop::collection::vec((0_u8..6, 0_u8..4), 0..5), any::<u64>()), 1..14),
    ) {
        let scratch = tempfile::tempdir().expect("a directory");
        let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
        let inner = Arc::new(InMemory::new());
        let store = Arc::new(Flaky::over(Arc::clone(&inner), 0));
        let (rough, calm) = (Bucket::over(Arc::clone(&store) as Arc<dyn ObjectStore>, None), Bucket::over(inner, None));
        let (rough, calm) = (rough.shelf(&binding()), calm.shelf(&binding()));
        let mut bases = [Base::new([1; 16], None), Base::new([2; 16], None)];
        let mut session = 2;
        let mut known = [0, 0];
        let mut files = Content::new();
        let mut newest: Option<(Manifest, Content)> = None;
        for (number, (is_other, restarts, changes, faults)) in (1..).zip(steps) {
            let owner = usize::from(is_other);
            if restarts == 0 {
                session += 1;
                bases[owner] = Base::new([session; 16], None);
            }
            // Where the other one put the newest, it takes the task over from there.
            if let Some((manifest, _)) = newest.as_ref().filter(|(one, _)| one.number != known[owner] || restarts == 0) {
                bases[owner].begin_from(manifest);
            }
            for (name, value) in changes {
                files.insert(format!("{name}.part"), vec![value; usize::from(value) * 3]);
            }
            write(&from, &files);
            *store.faults.lock().expect("no holder panics") = faults;
            let put = rough.put(&mut bases[owner], &from, &binding(), chain(number));
            let is_there = calm.until(|_| false).expect("an answer").iter().any(|one| one.number == number);
            if let Ok(put) = &put {
                prop_assert!(is_there);
                known[owner] = number;
                newest = Some((put.manifest.clone(), files.clone()));
                let _ = rough.collect(&mut bases[owner], &put.manifest, AGE);
            } else {
                prop_assert!(store.failed.load(Ordering::Relaxed) > 0);
            }
            if let Some((manifest, content)) = &newest {
                prop_assert_eq!(&restored(&calm, manifest, &to).expect("it is whole"), content);
            }
            for manifest in calm.until(|_| false).expect("an answer") {
                prop_assert!(restored(&calm, &manifest, &to).is_ok(), "{:?}", manifest);
            }
        }
    }
}
