//! Random worlds.

use odometer::definition::Definitions;

/// Reads definitions.
pub fn definitions(_text: &str) -> Definitions {
    todo!()
}
