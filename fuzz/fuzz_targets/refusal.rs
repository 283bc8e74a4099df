//! libFuzzer's program for `odometer_fuzz::refusal`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| odometer_fuzz::refusal(data));
