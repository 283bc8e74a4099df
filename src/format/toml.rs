//! What errors of the TOML parser leave readable: shared by definitions files and the configuration. Knows neither.

use ::toml::de::Error;

/// What the parser says of a key that stands twice in one table. It leaves the second one out and reads on.
pub(super) const REPEATED: &str = "duplicate key";

/// How what it says of a key begins that puts something into a finished table, or into what is none. It leaves that out.
const EXTENDED: &str = "cannot extend value of type";

/// Whether all but the key that it is about was read as it is written.
pub fn is_of_one_key(error: &Error) -> bool {
    error.message() == REPEATED || error.message().starts_with(EXTENDED)
}
