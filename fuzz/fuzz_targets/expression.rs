//! libFuzzer's program for `odometer_fuzz::expression`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| odometer_fuzz::expression(data));
