//! Where operators look in: section `admin`.

use std::net::SocketAddr;

use super::reader::{Faulty, Field, Table};

pub(super) const KEYS: [&str; 1] = ["address"];

/// Where operators look in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Admin {
    /// Address and port of the listener. `None`: there is none. Default `127.0.0.1:9464`.
    pub address: Option<SocketAddr>,
}

/// Reads the section.
pub(super) fn read(table: &Table<'_>) -> Result<Admin, Faulty> {
    let default = SocketAddr::from(([127, 0, 0, 1], 9464));
    Ok(Admin { address: table.value_or("address", Some(default), address)? })
}

fn address(field: &Field<'_>) -> Result<Option<SocketAddr>, Faulty> {
    let text = field.text()?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        field.unexpected(
            "an IP address and a port such as \"127.0.0.1:9464\" or \"[::]:9464\", or \"\" for none",
        )
    })
}
