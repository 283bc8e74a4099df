//! libFuzzer's program for `odometer_fuzz::event`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| odometer_fuzz::event(data));
