//! Which customers are to be claimed: whatever a process knew when it ended, none is left out.

use std::collections::BTreeSet;
use std::path::Path;

use super::Task;
use crate::engine::{CommitId, Input, customer_digest};
use crate::format::state::ClaimsNote;
use crate::store::Options;

fn place(topic: &str, scope: &str) -> ClaimsNote {
    let (topic, scope) = (topic.to_owned(), scope.to_owned());
    ClaimsNote { topic, id: None, scope, looked: 0, commit: 0 }
}

fn digest(customer: u64) -> u64 {
    customer_digest("default", &format!("c{customer}"))
}

/// The task of the state there, and up to where it has looked at claims.
fn opened(directory: &Path, place: ClaimsNote) -> (Task, i64) {
    let mut task = Task::open(directory, &Options::new(8 << 20));
    let looked = task.store.keep_claims(place).expect("it may be read");
    (task, looked)
}

impl Task {
    /// Counts an event of a customer, as a worker does.
    fn see(&mut self, customer: u64) {
        self.count(customer);
        for (tenant, customer) in self.processor.take_new_customers() {
            self.store.note_customer(customer_digest(&tenant, &customer));
        }
    }

    fn commit(&mut self) {
        self.commits += 1;
        self.tell(Input::Cut { id: CommitId(u128::from(self.commits).to_be_bytes()) });
    }

    fn assert_unclaimed(&self, customers: &[u64]) {
        let found: BTreeSet<u64> = self.store.unclaimed().iter().copied().collect();
        let wanted: BTreeSet<u64> = customers.iter().copied().map(digest).collect();
        assert_eq!(found, wanted);
        assert_eq!(self.store.unclaimed().len(), customers.len(), "each once");
    }
}

#[test]
fn customer_is_claimed_once_it_is_stored_and_again_until_that_is_stored_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().join("state");
    let usual = || place("customers", "usage/1/-");
    let (mut task, looked) = opened(&directory, usual());
    assert_eq!(looked, 0);
    task.see(1);
    task.assert_unclaimed(&[]);
    task.commit();
    task.assert_unclaimed(&[1]);
    task.see(1);
    task.see(2);
    task.commit();
    task.assert_unclaimed(&[1, 2]);
    task.store.claimed(1);
    task.assert_unclaimed(&[2]);
    drop(task);

    // That one of them was claimed was not stored.
    let (mut task, _) = opened(&directory, usual());
    task.assert_unclaimed(&[1, 2]);
    task.store.claimed(2);
    task.see(3);
    task.store.note_looked(40);
    task.commit();
    task.assert_unclaimed(&[3]);
    drop(task);

    let (mut task, looked) = opened(&directory, usual());
    assert_eq!(looked, 40);
    task.assert_unclaimed(&[3]);
    task.store.claimed(1);
    // What was looked at stays so, and what is seen again is no news.
    task.store.note_looked(30);
    task.see(3);
    task.commit();
    task.assert_unclaimed(&[]);
    drop(task);
    let (task, looked) = opened(&directory, usual());
    assert_eq!(looked, 40);
    task.assert_unclaimed(&[]);
}

#[test]
fn state_that_others_may_know_nothing_of_claims_all_of_its_customers() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().join("state");
    let usual = || place("customers", "usage/1/-");
    // Made by a process that claims nothing.
    let mut task = Task::open(&directory, &Options::new(8 << 20));
    for customer in 0..5 {
        task.count(customer);
    }
    task.commit();
    drop(task);
    let (mut task, _) = opened(&directory, usual());
    task.assert_unclaimed(&[0, 1, 2, 3, 4]);
    task.store.claimed(3);
    task.see(5);
    task.store.note_looked(7);
    task.commit();
    task.assert_unclaimed(&[3, 4, 5]);
    drop(task);

    // Until all of them are claimed nothing tells which are.
    let (mut task, looked) = opened(&directory, usual());
    assert_eq!(looked, 0);
    task.assert_unclaimed(&[0, 1, 2, 3, 4, 5]);
    task.store.claimed(6);
    task.store.note_looked(7);
    task.see(6);
    task.commit();
    task.store.claimed(1);
    task.see(1);
    task.commit();
    drop(task);
    let (task, looked) = opened(&directory, usual());
    assert_eq!(looked, 7);
    task.assert_unclaimed(&[]);
    drop(task);

    for (topic, scope) in [("others", "usage/1/-"), ("customers", "usage/2/-")] {
        let (task, looked) = opened(&directory, place(topic, scope));
        assert_eq!(looked, 0, "{topic} {scope}");
        task.assert_unclaimed(&[0, 1, 2, 3, 4, 5, 6]);
    }
    // A commit in between that claimed nothing may have brought customers.
    let mut task = Task::open(&directory, &Options::new(8 << 20));
    task.count(7);
    task.commit();
    drop(task);
    let (task, looked) = opened(&directory, usual());
    assert_eq!(looked, 0);
    task.assert_unclaimed(&[0, 1, 2, 3, 4, 5, 6, 7]);
}
