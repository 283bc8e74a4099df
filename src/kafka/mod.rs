//! Kafka: the source's consumer group and the sink's transactions, on librdkafka.
//!
//! Reads records, tells of rebalances, commits entries and offsets in one transaction, and says in doubt what the
//! broker says. It decides nothing about totals, and knows no state.

mod client;
mod destinations;
mod error;
mod horizon;
mod limits;
mod peek;
mod property;
mod receipts;
mod sink;
mod source;
mod topic_id;
mod trouble;
mod withheld;

pub use client::{Options, Topics, check_topics};
pub use destinations::Destinations;
pub use error::{Access, Disposition, Error};
pub use horizon::Horizon;
pub use limits::{Limits, TopicLimit, topic_limit, topic_setting};
pub use peek::{Peeked, record_before};
pub use property::refused_property;
pub use sink::{Delivery, Outgoings, Sink, take_up};
pub use source::{Happening, Membership, Source};
pub use topic_id::{TopicId, TopicShape, topic_id};
pub use withheld::Withheld;
