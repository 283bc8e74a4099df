//! libFuzzer's program for `odometer_fuzz::zenskar_query`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| odometer_fuzz::zenskar_query(data));
