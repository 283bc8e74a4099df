//! Layer 3, every byte that enters, leaves or outlives the process.

pub mod definitions;
