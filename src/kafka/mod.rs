//! Kafka: the source's consumer group and the sink's transactions, on librdkafka.
//!
//! Reads records, tells of rebalances, commits entries and offsets in one transaction, and says in doubt what the
//! broker says; beside that, re-keys records into an internal topic (`internal`, `rekeyer`), says which customers are seen (`customers`), reads a topic once (`log`) and sends records again (`sender`). It decides nothing about totals, and knows no state.

mod client;
mod committed;
mod customers;
mod definitions;
mod describe;
mod destinations;
mod error;
mod grants;
mod horizon;
mod internal;
mod limits;
mod log;
mod making;
mod member;
mod members;
mod outsider;
mod peek;
mod property;
mod receipts;
mod rekeyer;
mod remedy;
mod sender;
mod sink;
mod source;
mod tended;
mod topic_id;
mod trouble;
mod undecided;
mod withheld;

pub use client::{Options, Topics, check_topics};
pub use committed::committed_offsets;
pub use customers::{CustomersFault, CustomersWriter, check_shape, customers_topic};
pub use definitions::{DefinitionTopic, DefinitionWriter, DefinitionsFault};
pub use destinations::Destinations;
pub use error::{Access, Disposition, Error};
pub use grants::{Grant, check_group, check_member, check_topic_grant, check_transactional_id};
pub use horizon::Horizon;
pub use internal::{Internal, InternalFault, Wanted, internal_topic};
pub use limits::{Inquiry, Limits, TopicLimit, topic_limit};
pub use log::{Log, LogRecord, LogStep};
pub use members::{Member, group_members};
pub use outsider::Outsider;
pub use peek::{Peeked, is_damage, record_before};
pub use property::refused_property;
pub use rekeyer::{Advance, Copy, Rekeyer};
pub use remedy::refused_membership;
pub use sender::{Addressed, Sender};
pub use sink::{Delivery, Outgoings, Sink, take_up};
pub use source::{FatalError, Happening, Membership, Source};
pub use topic_id::{TopicId, TopicShape, topic_id};
pub use undecided::undecided;
pub use withheld::Withheld;
