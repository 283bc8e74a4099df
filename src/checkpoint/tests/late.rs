//! What comes late: deletions, manifests of a process that had lost its task, and one who collects from an old list.

use std::fs;
use std::sync::Arc;

use super::*;

/// A commit that was visible when its task began: the newest checkpoint with it says what is there.
#[test]
fn task_sends_nothing_that_is_in_the_checkpoint_it_began_from() {
    let scratch = tempfile::tempdir().expect("a directory");
    let bucket = Bucket::over(Arc::new(InMemory::new()), None);
    let shelf = bucket.shelf(&binding());
    let from = scratch.path().join("from");
    write(&from, &content(&[("a", b"content")]));
    let put = |session: u8, visible: Option<u64>, number: u64| {
        let mut base = Base::new([session; 16], visible.map(commit));
        shelf.put(&mut base, &from, &binding(), chain(number)).expect("it is put").bytes_sent
    };
    assert_eq!(put(1, None, 5), 7);
    assert_eq!(put(2, Some(4), 6), 0, "commit 4 is in the chain of 5");
    assert_eq!(put(3, Some(2), 7), 7, "no chain has commit 2");
}

/// What was deleted and is put again gets another name, for the store may do a deletion later of which nothing was heard.
#[test]
fn what_was_deleted_is_put_under_another_name() {
    let scratch = tempfile::tempdir().expect("a directory");
    let bucket = Bucket::over(Arc::new(InMemory::new()), None);
    let shelf = bucket.shelf(&binding());
    let from = scratch.path().join("from");
    let mut base = Base::new([1; 16], None);
    let put = |base: &mut Base, files: &[(&str, &[u8])], number| {
        write(&from, &content(files));
        shelf.put(base, &from, &binding(), chain(number)).expect("it is put").manifest
    };
    let one = put(&mut base, &[("a", b"content"), ("b", b"other")], 1);
    let two = put(&mut base, &[("b", b"other")], 2);
    assert_eq!(two.files, one.files[1..], "what is there is not put again");
    assert_eq!(shelf.collect(&mut base, &two, AGE).expect("an answer"), 2, "manifest and file");
    let three = put(&mut base, &[("a", b"content"), ("b", b"other")], 3);
    assert_ne!(shelf.file(&three.files[0]), shelf.file(&one.files[0]));
    assert_eq!(three.files[1], one.files[1], "what was not deleted keeps its name");
}

/// A checkpoint that came after its files were collected stands for nothing: the one before it does.
#[test]
fn checkpoint_without_its_files_is_passed_over() {
    let scratch = tempfile::tempdir().expect("a directory");
    let store = scratch.path().join("store");
    let bucket = Bucket::open(&format!("file://{}", store.display()), &BTreeMap::new(), None);
    let bucket = bucket.expect("a store");
    let shelf = bucket.shelf(&binding());
    let from = scratch.path().join("from");
    let mut base = Base::new([1; 16], None);
    write(&from, &content(&[("a", b"content")]));
    let one = shelf.put(&mut base, &from, &binding(), chain(1)).expect("it is put").manifest;
    write(&from, &content(&[("a", b"content"), ("b", b"other")]));
    let two = shelf.put(&mut base, &from, &binding(), chain(2)).expect("it is put").manifest;
    let has_first = |manifest: &Manifest| manifest.commits.contains(&commit(1));
    assert_eq!(shelf.until(has_first).expect("an answer"), std::slice::from_ref(&two));
    fs::remove_file(store.join(shelf.file(&two.files[1]).as_ref())).expect("it is there");
    assert_eq!(shelf.until(has_first).expect("an answer"), [one]);
    // What is not wanted is told of all the same: nobody is to begin from it.
    assert_eq!(shelf.until(|_| false).expect("an answer").len(), 2);
}

/// One that hung between listing and reading deletes no file that it does not know to be unnamed.
#[test]
fn one_who_is_overtaken_deletes_no_file() {
    let scratch = tempfile::tempdir().expect("a directory");
    let inner = Arc::new(InMemory::new());
    let store = Arc::new(Flaky::over(inner, 0));
    let bucket = Bucket::over(Arc::clone(&store) as Arc<dyn ObjectStore>, None);
    let shelf = bucket.shelf(&binding());
    let from = scratch.path().join("from");
    let mut base = Base::new([1; 16], None);
    let put = |base: &mut Base, name: &str, number| {
        write(&from, &content(&[(name, name.as_bytes())]));
        shelf.put(base, &from, &binding(), chain(number)).expect("it is put").manifest
    };
    let one = put(&mut base, "a", 1);
    let two = put(&mut base, "b", 2);
    *store.gone.lock().expect("no holder panics") = Some(shelf.manifest(&two));
    assert_eq!(shelf.collect(&mut base, &one, AGE).expect("an answer"), 0);
    *store.gone.lock().expect("no holder panics") = None;
    let to = scratch.path().join("to");
    assert_eq!(restored(&shelf, &two, &to).expect("it is whole"), content(&[("b", b"b")]));
}
