//! The secret of a swarm: what counts as the same key, however it was typed.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;

use crate::ids::{InvalidId, SwarmHash, TrackerNamespace, hex, is_invisible};
use crate::limits;

/// The secret that members of a swarm share. It leaves the device only in an invitation that a
/// person passes on, and is never printed.
///
/// Kept in its normal form, so that two people who type the same words meet: case, the kind and
/// number of spaces and hyphens between words, curly or straight quotes, and the several ways in
/// which Unicode writes one letter make no difference.
#[derive(Clone, PartialEq, Eq)]
pub struct SwarmKey(String);

impl SwarmKey {
    /// Takes a key as typed.
    ///
    /// # Errors
    ///
    /// [`InvalidId`] if nothing is left, or more than [`limits::MAX_SWARM_KEY`] bytes are.
    pub fn parse(typed: &str) -> Result<Self, InvalidId> {
        // Before the work, and again after it: one character may become eighteen.
        check_length(typed.trim())?;
        let key = normal_form(typed);
        check_length(&key)?;
        if key.is_empty() {
            return Err(InvalidId::Empty { what: "swarm key" });
        }
        Ok(Self(key))
    }

    /// The name of the swarm this key opens: hex SHA-256 of the normal form's UTF-8 bytes.
    pub fn hash(&self) -> SwarmHash {
        SwarmHash::parse(hex(&Sha256::digest(self.0.as_bytes())))
            .expect("a digest in hex is a swarm hash")
    }

    /// Where the swarm's members meet at a tracker: the same for all who hold the key. A keyed
    /// digest, because a tracker's path stands in the logs of proxies: it names no swarm, and
    /// who reads it there learns no [`SwarmHash`] to join with.
    pub fn tracker_namespace(&self) -> TrackerNamespace {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_bytes())
            .expect("HMAC takes a key of any length");
        mac.update(b"synced-swarm tracker namespace 1");
        // 128 bits: as good as never the same by chance, and short in a URL.
        TrackerNamespace::parse(hex(&mac.finalize().into_bytes()[..16]))
            .expect("hex digits are a namespace")
    }

    /// The key in its normal form, for showing it to its owner.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SwarmKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SwarmKey(…)")
    }
}

fn check_length(key: &str) -> Result<(), InvalidId> {
    if key.len() <= limits::MAX_SWARM_KEY {
        return Ok(());
    }
    Err(InvalidId::Length {
        what: "swarm key",
        found: key.chars().count(),
        expected: "at most 1024 bytes",
    })
}

/// Words in lower case with one space between them, in Unicode's form NFKC (UAX 15), with
/// straight quotes and nothing invisible.
fn normal_form(typed: &str) -> String {
    let plain: String = typed.nfkc().filter_map(plain_character).collect();
    let words: Vec<&str> = plain.split(' ').filter(|word| !word.is_empty()).collect();
    // A letter may have a character of its own in lower case only, hence once more.
    words.join(" ").to_lowercase().nfkc().collect()
}

fn plain_character(c: char) -> Option<char> {
    match c {
        // Hyphens, dashes and the minus sign.
        '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' => Some(' '),
        '\u{2018}'..='\u{201b}' | '\u{2bc}' => Some('\''),
        '\u{201c}'..='\u{201f}' => Some('"'),
        '\u{ad}' => None,
        c if c.is_whitespace() => Some(' '),
        c if is_invisible(c) => None,
        c => Some(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(typed: &str) -> SwarmKey {
        SwarmKey::parse(typed).unwrap_or_else(|error| panic!("{typed:?}: {error}"))
    }

    #[test]
    fn a_swarm_hash_is_the_sha256_of_the_keys_utf8_bytes() {
        // From `printf 'blue otter' | sha256sum`.
        assert_eq!(
            key("  blue otter\n").hash().as_str(),
            "45ceeb81bd5ccd54a8b22d80b715a6e6f7ce687787dd5e5cdf768fbbbae99f97"
        );
    }

    #[test]
    fn a_tracker_namespace_needs_the_key_and_tells_nothing_of_the_swarm() {
        let namespace = key("blue otter").tracker_namespace();
        // From `printf 'synced-swarm tracker namespace 1' | openssl dgst -sha256 -hmac 'blue otter'`.
        assert_eq!(namespace.as_str(), "4c7d8e941e8d88382fe99864edc97048");
        assert_ne!(namespace, key("red otter").tracker_namespace());
        assert!(!key("blue otter").hash().as_str().contains(namespace.as_str()));
        for bad in ["", "a/b", "a b", "..", "%2e", &"x".repeat(65)] {
            assert!(TrackerNamespace::parse(bad).is_err(), "{bad:?}");
        }
        assert!(TrackerNamespace::parse("x".repeat(64)).is_ok());
    }

    #[test]
    fn a_key_is_never_printed() {
        assert!(!format!("{:?}", key("hush")).contains("hush"));
    }

    #[test]
    fn the_same_words_are_the_same_key_however_they_are_typed() {
        for (typed, normal) in [
            ("Blue Otter", "blue otter"),
            ("blue-otter", "blue otter"),
            ("blue – otter", "blue otter"),
            ("\u{a0}blue\t  otter\u{3000}", "blue otter"),
            ("blue\u{200b} ot\u{ad}ter", "blue otter"),
            ("Ｂｌｕｅ　Ｏｔｔｅｒ", "blue otter"),
            ("mia’s “party”", "mia's \"party\""),
            ("CAFÉ", "cafe\u{301}"),
            ("ΟΔΟΣ", "οδος"),
            // Unicode has one character for this letter in lower case only.
            ("T\u{308}", "\u{1e97}"),
        ] {
            assert_eq!(key(typed), key(normal), "{typed:?} against {normal:?}");
            assert_eq!(key(typed).hash(), key(normal).hash());
        }
        assert_ne!(key("blue otter"), key("blueotter"));
        assert_ne!(key("blue otter"), key("otter blue"));
    }

    #[test]
    fn what_is_shown_of_a_key_is_that_key_again_when_it_is_typed() {
        for c in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            let once = normal_form(&format!("a{c}b {c}"));
            assert_eq!(normal_form(&once), once, "U+{:04X}", u32::from(c));
        }
    }

    #[test]
    fn nothing_and_too_much_are_no_keys() {
        for empty in ["", " \n", "- –", "\u{200b}"] {
            assert_eq!(SwarmKey::parse(empty), Err(InvalidId::Empty { what: "swarm key" }));
        }
        assert!(SwarmKey::parse(&"x".repeat(limits::MAX_SWARM_KEY)).is_ok());
        // Each of these becomes eighteen letters (the longest there is, Unicode NFKC of U+FDFA).
        for long in ["x".repeat(limits::MAX_SWARM_KEY + 1), "\u{fdfa}".repeat(100)] {
            assert!(matches!(SwarmKey::parse(&long), Err(InvalidId::Length { .. })));
        }
    }
}
