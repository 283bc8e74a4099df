//! Layer 4, what operators watch: the log's set-up.

pub mod log;

pub use log::LogFormat;
