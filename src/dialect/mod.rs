//! Layer 2, other systems' shapes of a definition: Lago's, Maple's and Zenskar's, each with its own structs.
//!
//! ```text
//! vendor's body ─► <vendor>: its fields, every fault kept ─► the same metric in the native form
//! ```
//! A vendor's module reads a body by that vendor's rules and says in the native form what it means; the format layer
//! compiles that as any other definition. `express` goes the other way. Nothing here knows of HTTP, files, or of how a
//! native definition is read.

#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::float_arithmetic,
        clippy::indexing_slicing
    )
)]

mod comparison;
mod defaults;
mod express;
mod fault;
mod json;
pub mod lago;
pub mod maple;
mod spelling;
pub mod zenskar;

pub use defaults::Defaults;
pub use express::Unsayable;
pub use fault::{Fault, Step};
pub use json::{Json, JsonFault, Members};

/// A definition in the native form: the keys that an entry of `metrics` in a definitions file has.
pub type Native = serde_json::Map<String, serde_json::Value>;
