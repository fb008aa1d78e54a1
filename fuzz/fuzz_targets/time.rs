//! Whatever arrives where time datagrams are awaited, with the right signature and without.

#![no_main]

use hmac::{Hmac, KeyInit, Mac};
use protocol::datagram::{Datagram, DatagramKey, LENGTH, Tag};
use sha2::Sha256;

/// The length of a signature. (bytes)
const SIGNATURE: usize = 16;

const SECRET: &[u8] = b"a secret of the relay's";

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let token = Datagram::claimed_sender(input).unwrap_or(Tag(1));
    let key = DatagramKey::of_token(SECRET, token);
    assert!(Datagram::decode(input, &key).is_err(), "nobody can guess a signature");

    let mut bytes = [0; LENGTH];
    let length = input.len().min(LENGTH - SIGNATURE);
    bytes[..length].copy_from_slice(&input[..length]);
    let signature = sign(&bytes[..LENGTH - SIGNATURE], &key);
    bytes[LENGTH - SIGNATURE..].copy_from_slice(&signature);
    let Ok(datagram) = Datagram::decode(&bytes, &key) else { return };

    let again = datagram.encode(&key);
    assert_eq!(Datagram::decode(&again, &key), Ok(datagram), "what was read is written as it was");
    let at = input.len() % LENGTH;
    let mut spoilt = again;
    spoilt[at] ^= 1 << (length % 8);
    assert!(Datagram::decode(&spoilt, &key).is_err(), "byte {at} is not signed");
});

fn sign(body: &[u8], key: &DatagramKey) -> [u8; SIGNATURE] {
    let hex = key.to_hex();
    let bytes: Vec<u8> = (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hex digits"))
        .collect();
    let mut mac = Hmac::<Sha256>::new_from_slice(&bytes).expect("HMAC takes keys of any length");
    mac.update(body);
    let mut signature = [0; SIGNATURE];
    signature.copy_from_slice(&mac.finalize().into_bytes()[..SIGNATURE]);
    signature
}
