//! libFuzzer's program for `odometer_fuzz::read_definitions`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| odometer_fuzz::read_definitions(data));
