//! Whatever clients say to the tracker: decoding, and the rules behind it.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| relay_server::fuzzing::tracker(input));
