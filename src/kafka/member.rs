//! By which id the group knows a member.
//!
//! The group gives another id to a member that it had taken for gone. What the member had then was perhaps another's
//! meanwhile, also where it is its own again.

#![expect(unsafe_code, reason = "rdkafka has no door to rd_kafka_memberid")]

use std::ffi::CStr;

use rdkafka::ClientContext;
use rdkafka::bindings as native;
use rdkafka::client::Client;

/// The id as of now; empty where the group has given none, or has taken it back.
pub(super) fn id_of<C: ClientContext>(client: &Client<C>) -> String {
    // SAFETY: the client lives; what it gives is a text of its own that ends in 0, or null, and is freed once.
    unsafe {
        let text = native::rd_kafka_memberid(client.native_ptr());
        if text.is_null() {
            return String::new();
        }
        let id = CStr::from_ptr(text).to_string_lossy().into_owned();
        native::rd_kafka_mem_free(client.native_ptr(), text.cast());
        id
    }
}
