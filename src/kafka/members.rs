//! Who is in a consumer group, and which partitions each one has, asked by one who is no member of it.

use std::collections::BTreeSet;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};

use super::trouble::{self, Trouble};
use super::{Error, Options};

/// A member of a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// The name of its client.
    pub client: String,
    /// Topics and partitions that it has. None while the group is moving them.
    pub partitions: BTreeSet<(String, i32)>,
}

/// The members of a group; none where there is no such group.
///
/// # Errors
/// A broker that does not answer, or does not let the group be described.
pub fn group_members(options: &Options, timeout: Duration) -> Result<Vec<Member>, Error> {
    let client: BaseConsumer<Trouble> = Options::client(&options.source)
        .create_with_context(Trouble::default())
        .map_err(Error::Client)?;
    let answer = client
        .fetch_group_list(Some(&options.group), timeout)
        .map_err(Error::request("asking for the members of the group"))
        .map_err(|error| error.explained(trouble::last_said(&client)))?;
    let members = answer.groups().iter().flat_map(rdkafka::groups::GroupInfo::members);
    let member = |member: &rdkafka::groups::GroupMemberInfo| Member {
        client: member.client_id().to_owned(),
        partitions: member.assignment().and_then(partitions).unwrap_or_default(),
    };
    Ok(members.map(member).collect())
}

/// What an assignment of the consumer protocol has: a version of 16 bits, then topics, each with its partitions, and user data
/// (`ConsumerProtocolAssignment.json` of Apache Kafka). `None`: it is something else.
fn partitions(assignment: &[u8]) -> Option<BTreeSet<(String, i32)>> {
    let mut rest = assignment.get(2..)?;
    let mut found = BTreeSet::new();
    for _ in 0..number(&mut rest)? {
        let (length, after) = rest.split_first_chunk::<2>()?;
        let length = usize::try_from(i16::from_be_bytes(*length)).ok()?;
        let name = std::str::from_utf8(after.get(..length)?).ok()?;
        rest = after.get(length..)?;
        for _ in 0..number(&mut rest)? {
            found.insert((name.to_owned(), number(&mut rest)?));
        }
    }
    Some(found)
}

fn number(rest: &mut &[u8]) -> Option<i32> {
    let (number, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    Some(i32::from_be_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_are_read() {
        let bytes = [
            &[0, 1][..],
            &[0, 0, 0, 2],
            &[0, 1, b'a', 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 7],
            &[0, 2, b'b', b'c', 0, 0, 0, 1, 0, 0, 1, 0],
            &[0xff, 0xff, 0xff, 0xff],
        ]
        .concat();
        let name = |name: &str, partition| (name.to_owned(), partition);
        let expected = [name("a", 0), name("a", 7), name("bc", 256)].into();
        assert_eq!(partitions(&bytes), Some(expected));
        assert_eq!(partitions(&bytes[..bytes.len() - 8]), None, "it is cut");
        assert_eq!(partitions(&[]), None);
        assert_eq!(partitions(&[0, 0, 0, 0, 0, 0]), Some(BTreeSet::new()));
    }
}
