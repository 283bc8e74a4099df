//! libFuzzer's program for `odometer_fuzz::bodies`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| odometer_fuzz::bodies(data));
