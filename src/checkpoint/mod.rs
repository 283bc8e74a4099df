//! Checkpoints: copies of tasks' states in an object store, from which another machine takes a task over.
//!
//! ```text
//! <store>/<cluster>/<group>/<topic>/<partition>/files/<sha256>-<by>                  content, put once, never changed
//! <store>/<cluster>/<group>/<topic>/<partition>/manifests/<number>-<commit>.json     put last, only where there is none
//! ```
//! A checkpoint is there once its manifest is: it names files by their content, all of which were put before. So a process
//! that breaks off in between leaves nothing that anybody reads, and one that wakes late overwrites nothing: what it puts is
//! of a commit that never becomes visible, and nobody asks for it. `<by>` is the session that put a file: what one deletes
//! because no manifest names it no other has put again meanwhile.
//!
//! Everything here blocks; it is for a thread of its own.

mod bucket;
mod collect;
mod error;
mod files;
mod follow;
mod pace;
mod put;
mod restore;
#[cfg(test)]
mod tests;

pub use bucket::{Bucket, Inventory, Shelf, check_address, directory};
pub use error::Error;
pub use follow::Followed;
pub use put::{Base, Put};
pub use restore::Progress;
