//! Whatever members say to a swarm: decoding, and the rules behind it.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| relay_server::fuzzing::control(input));
