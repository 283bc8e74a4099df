//! Odometer: usage events in, exact period totals out.
//!
//! The layers, from the bottom: [`model`] (the words), [`definition`] (what a metric is), [`engine`]
//! (what happens to an event), [`dialect`] (other systems' shapes of a definition), [`mod@format`] (every byte that enters, leaves or outlives the process),
//! [`registry`] (what is defined while the process works). These are
//! pure: no clock, no chance, no threads, no input or output. The shells above them exist only with
//! the cargo feature `daemon`. `ARCHITECTURE.md` holds the map.

pub mod definition;
pub mod dialect;
pub mod engine;
pub mod format;
pub mod model;
pub mod registry;

#[cfg(feature = "daemon")]
pub mod admin;
#[cfg(feature = "daemon")]
pub mod checkpoint;
#[cfg(feature = "daemon")]
pub mod daemon;
#[cfg(feature = "daemon")]
pub mod file;
#[cfg(feature = "daemon")]
pub mod kafka;
#[cfg(feature = "daemon")]
pub mod settings;
#[cfg(feature = "daemon")]
pub mod store;
#[cfg(feature = "daemon")]
pub mod telemetry;
