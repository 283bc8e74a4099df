//! What stands in for the world around the engine: a store in memory, the decoding of records, a reader of what left.
//!
//! Shared by `driver`, which has one task and no faults, and `simulation`, which has nothing but faults.

mod incoming;
mod sight;
mod store;

pub use self::incoming::with_incoming;
pub use self::sight::Sight;
pub use self::store::{Disk, Store};
