//! Zenskar's API of aggregates: `/aggregates` and what is below it, in Zenskar's words.
//!
//! ```text
//! request (`request`: organisation, id, parameters, body) ─► aggregates │ listing (by `filter`) │ estimate ─► `answer`
//! ```
//! An aggregate's id is that of its metric, and the code too where it was made here. Whose it is, the header `organisation` says.

mod aggregates;
mod answer;
mod estimate;
mod filter;
mod listing;
mod request;

pub(super) use self::aggregates::{create, delete, read_one, topic_of, update};
pub(super) use self::answer::{failed, refused};
pub(super) use self::estimate::estimates;
pub(super) use self::filter::{Column, OPERATORS};
pub(super) use self::listing::{LIMIT, LIMIT_MAX, list};
pub(super) use self::request::{ORGANISATION, uuid_of};
