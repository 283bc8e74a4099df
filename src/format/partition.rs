//! Which partition of the totals topic a customer's totals go to: that of Kafka's Java client, so
//! that any client finds them there.

#![expect(clippy::arithmetic_side_effects, reason = "shifts within a word, a checked modulus")]

/// Partition of a customer's totals: murmur2 of `tenant/customer`, made positive, modulo the number
/// of partitions. Neither name is encoded.
///
/// # Panics
/// Where there are no partitions.
pub fn partition_of_customer(tenant: &str, customer: &str, partitions: u32) -> u32 {
    assert!(partitions > 0, "a topic has at least one partition");
    let key = [tenant, "/", customer].concat();
    (murmur2(key.as_bytes()) & 0x7FFF_FFFF) % partitions
}

/// 32-bit murmur2 with Kafka's seed (`org.apache.kafka.common.utils.Utils.murmur2`).
fn murmur2(bytes: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_B28C;
    const FACTOR: u32 = 0x5BD1_E995;
    let length = u32::try_from(bytes.len()).expect("a key is shorter than 4 GiB");
    let (words, rest) = bytes.as_chunks::<4>();
    let mut hash = SEED ^ length;
    for word in words {
        let mut mixed = u32::from_le_bytes(*word).wrapping_mul(FACTOR);
        mixed ^= mixed >> 24;
        hash = hash.wrapping_mul(FACTOR) ^ mixed.wrapping_mul(FACTOR);
    }
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0, |tail, byte| (tail << 8) | u32::from(*byte));
        hash = (hash ^ tail).wrapping_mul(FACTOR);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(FACTOR);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_is_that_of_kafkas_java_client() {
        // The cases of org.apache.kafka.common.utils.UtilsTest.testMurmur2.
        for (text, expected) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(text.as_bytes()).cast_signed(), expected, "{text}");
        }
    }

    #[test]
    fn partition_is_the_positive_hash_modulo_the_partitions() {
        assert_eq!(partition_of_customer("default", "acme", 50), 755_002_141 % 50);
        // This hash is 3,344,513,654, so negative in Java.
        assert_eq!(partition_of_customer("tenant", "künde", 12), 1_197_030_006 % 12);
        assert_eq!(partition_of_customer("tenant", "acme", 1), 0);
    }
}
