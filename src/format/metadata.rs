//! The metadata of a committed offset: the truth about what is visible. Text, at most 4096 bytes of UTF-8.
//!
//! ```text
//! odometer/1 commit=<32 hex> genesis=<0 or 1> sequence=<n> watermark=<micros or -> partitions=<n>
//! ```

use crate::engine::{CommitId, Visible};
use crate::model::EventTime;

const HEAD: &str = "odometer/1";

/// The metadata that says what is visible.
pub fn encode_metadata(visible: &Visible) -> String {
    let watermark =
        visible.watermark.map_or_else(|| "-".to_owned(), |mark| mark.micros().to_string());
    format!(
        "{HEAD} commit={} genesis={} sequence={} watermark={watermark} partitions={}",
        visible.commit,
        u8::from(visible.is_genesis),
        visible.sequence,
        visible.partitions
    )
}

/// Inverse of [`encode_metadata`]; `None` for a text of another form.
pub fn decode_metadata(text: &str) -> Option<Visible> {
    let mut words = text.split(' ');
    if words.next()? != HEAD {
        return None;
    }
    let mut field = |name: &str| words.next()?.strip_prefix(name)?.strip_prefix('=');
    let commit = read_id(field("commit")?)?;
    let is_genesis = match field("genesis")? {
        "0" => false,
        "1" => true,
        _ => return None,
    };
    let sequence = field("sequence")?.parse().ok()?;
    let watermark = match field("watermark")? {
        "-" => None,
        micros => Some(EventTime::from_micros(micros.parse().ok()?)),
    };
    let partitions = field("partitions")?.parse().ok()?;
    words.next().is_none().then_some(Visible {
        commit,
        is_genesis,
        sequence,
        watermark,
        partitions,
    })
}

pub(super) fn read_id(text: &str) -> Option<CommitId> {
    if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    Some(CommitId(u128::from_str_radix(text, 16).ok()?.to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_reads_back_and_nothing_else_does() {
        let visible = Visible {
            commit: CommitId([0xAB; 16]),
            is_genesis: false,
            sequence: 17,
            watermark: Some(EventTime::from_micros(-5)),
            partitions: 4,
        };
        let text = "odometer/1 commit=abababababababababababababababab genesis=0 sequence=17 \
                    watermark=-5 partitions=4";
        assert_eq!(encode_metadata(&visible), text);
        assert_eq!(decode_metadata(text), Some(visible));
        let fresh = Visible { watermark: None, is_genesis: true, sequence: 0, ..visible };
        assert_eq!(decode_metadata(&encode_metadata(&fresh)), Some(fresh));
        for foreign in ["", "odometer/1", "x", &text[..40], &format!("{text} more")] {
            assert_eq!(decode_metadata(foreign), None, "{foreign:?}");
        }
    }
}
