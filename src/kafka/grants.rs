//! Whether the user that the properties name may do what is to be done, and the group is free for it, asked before anything
//! is: nothing is read or written for it.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::client::ASSIGNOR;
use super::describe::{self, Grants, Group};
use super::trouble::{self, Trouble};
use super::{Access, Error, Options, sink};

const ASKING: &str = "asking for what is granted";

/// What the broker says of a grant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Grant {
    /// It is there.
    Given,
    /// The broker does not tell.
    Unknown,
}

/// Whether a topic may be read from, or written to.
///
/// # Errors
/// [`Error::Unauthorised`] where it may not; a broker that does not answer.
pub fn check_topic_grant(
    properties: &BTreeMap<String, String>,
    topic: &str,
    access: Access,
    timeout: Duration,
) -> Result<Grant, Error> {
    let client = client(properties)?;
    let found = describe::topic(client.client(), topic, timeout);
    let found = found.map_err(|code| failed(&client, code))?.grants;
    let lacks = Error::Unauthorised { topic: topic.to_owned(), access };
    judged(found, access).ok_or(lacks)
}

/// Whether a group may be read with, and nobody else does so.
///
/// # Errors
/// That it may not; members of another kind; a broker that does not answer.
pub fn check_group(
    properties: &BTreeMap<String, String>,
    group: &str,
    timeout: Duration,
) -> Result<Grant, Error> {
    let client = client(properties)?;
    let Group { assignor, grants } = match describe::group(client.client(), group, timeout) {
        // Of a group that does not exist some brokers say nothing else.
        Err(RDKafkaErrorCode::GroupIdNotFound) => Group { assignor: None, grants: None },
        found => found.map_err(|code| failed(&client, code))?,
    };
    let code = RDKafkaErrorCode::GroupAuthorizationFailed;
    let lacks = Error::Request { what: ASKING, cause: KafkaError::Global(code) };
    let grant = judged(grants, Access::Read).ok_or(lacks)?;
    match assignor {
        Some(assignor) if assignor != ASSIGNOR => Err(Error::OtherMembers { assignor }),
        Some(_) | None => Ok(grant),
    }
}

/// Takes up a transactional id that no worker has, with a client as theirs are: whether those of the workers, which begin
/// the same, may be, and their transactions may take as long.
///
/// # Errors
/// Settings that make no client; that it may not; a broker that does not answer.
pub fn check_transactional_id(options: &Options, id: &str) -> Result<(), Error> {
    sink::take_up(options, id)
}

/// Makes a client as the workers' are, which does not join the group.
///
/// # Errors
/// Settings that make none.
pub fn check_member(options: &Options) -> Result<(), Error> {
    let made: Result<BaseConsumer, _> = options.consumer().create();
    made.map(drop).map_err(Error::Client)
}

fn client(properties: &BTreeMap<String, String>) -> Result<BaseConsumer<Trouble>, Error> {
    Options::client(properties).create_with_context(Trouble::default()).map_err(Error::Client)
}

fn failed(client: &BaseConsumer<Trouble>, code: RDKafkaErrorCode) -> Error {
    let error = Error::Request { what: ASKING, cause: KafkaError::Global(code) };
    error.explained(trouble::last_said(client))
}

/// `None`: it is not granted.
fn judged(found: Option<Grants>, access: Access) -> Option<Grant> {
    let Some(Grants { read, write }) = found else { return Some(Grant::Unknown) };
    let is_given = match access {
        Access::Read => read,
        Access::Write => write,
    };
    is_given.then_some(Grant::Given)
}
