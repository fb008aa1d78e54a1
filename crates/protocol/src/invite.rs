//! Invitations: one link that holds all that is needed to join a party.
//!
//! `swarm://join#v=1&k=acid-acorn-acre&n=Kitchen&r=192.168.1.20:8080` – all of it behind the
//! `#`, which no browser sends to a server. `v` is the version, `k` the swarm key, `n` the name
//! that people know the party by, and each `r` an address of the relay. Values are
//! percent-encoded (RFC 3986); fields of later versions are skipped.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::ids::{InvalidId, Label};
use crate::key::SwarmKey;
use crate::limits;

/// How a link begins.
const SCHEME: &str = "swarm:";

/// What may follow the scheme before the `#`. Some systems add the slash at the end.
const PLACES: [&str; 3] = ["//join", "//join/", "join"];

const VERSION: &str = "1";

/// What would end a value, or a link that is pasted into a sentence.
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'&')
    .add(b'\'')
    .add(b'(')
    .add(b')')
    .add(b'+')
    .add(b'<')
    .add(b'=')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Why a text is no invitation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidInvite {
    /// It is longer than any invitation.
    #[error("the link has {found} bytes, more than the 4096 allowed")]
    TooLong {
        /// Length found. (bytes)
        found: usize,
    },
    /// It is something else.
    #[error("an invitation begins with swarm://join#")]
    NoInvite,
    /// It was made by an app that this one is too old for.
    #[error("the link has version `{found}`, and this app knows version 1: update it")]
    Version {
        /// What it says.
        found: String,
    },
    /// A field that must be there is not; the link may have been cut.
    #[error("the link says nothing of {what}: copy it whole")]
    Missing {
        /// Which field, in words.
        what: &'static str,
    },
    /// A field that may be there once is there twice.
    #[error("the link names {what} twice")]
    Twice {
        /// Which field, in words.
        what: &'static str,
    },
    /// A value is not what percent-encoding gives.
    #[error("{what} in the link is not well encoded: copy it anew")]
    Encoding {
        /// Which field, in words.
        what: &'static str,
    },
    /// More addresses than a device has.
    #[error("the link names more than {} addresses", limits::MAX_ADDRESSES)]
    TooManyRelays,
    /// A relay's address that is none.
    #[error("the link holds a relay address that cannot be used")]
    Relay,
    /// The key or the name cannot be used.
    #[error("the link cannot be used: {0}")]
    Value(#[from] InvalidId),
}

/// All that is needed to join a party.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// What opens the swarm.
    pub key: SwarmKey,
    /// What people call the party.
    pub name: Label,
    /// Where the relay may be reached, the likeliest first; none for a party that is to be found
    /// on the local network.
    pub relays: Vec<String>,
}

impl Invite {
    /// True for a text that can only be meant as an invitation, sound or not.
    pub fn is_meant(text: &str) -> bool {
        fragment(text.trim()).is_some()
    }

    /// Reads a link.
    ///
    /// # Errors
    ///
    /// [`InvalidInvite`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, InvalidInvite> {
        let text = text.trim();
        if text.len() > limits::MAX_INVITE {
            return Err(InvalidInvite::TooLong { found: text.len() });
        }
        let fragment = fragment(text).ok_or(InvalidInvite::NoInvite)?;
        let (mut version, mut key, mut name, mut relays) = (None, None, None, Vec::new());
        for (field, value) in fragment.split('&').filter_map(|pair| pair.split_once('=')) {
            match field {
                "v" => put(&mut version, value, "its version")?,
                "k" => put(&mut key, value, "the party key")?,
                "n" => put(&mut name, value, "the party's name")?,
                "r" if relays.len() == limits::MAX_ADDRESSES => {
                    return Err(InvalidInvite::TooManyRelays);
                }
                "r" => relays.push(relay(decoded(value, "a relay address")?)?),
                _ => {}
            }
        }
        match version.as_deref() {
            Some(VERSION) => {}
            Some(found) => {
                return Err(InvalidInvite::Version { found: found.chars().take(20).collect() });
            }
            None => return Err(InvalidInvite::Missing { what: "its version" }),
        }
        let key = key.ok_or(InvalidInvite::Missing { what: "the party key" })?;
        let name = name.ok_or(InvalidInvite::Missing { what: "the party's name" })?;
        Ok(Self { key: SwarmKey::parse(&key)?, name: Label::parse(name)?, relays })
    }

    /// The link, key included.
    pub fn link(&self) -> String {
        // A hyphen is a space to a key, and shorter than one in a link.
        let key = self.key.reveal().replace(' ', "-");
        let (key, name) = (encoded(&key), encoded(self.name.as_str()));
        let mut link = format!("{SCHEME}//join#v={VERSION}&k={key}&n={name}");
        for relay in &self.relays {
            link.push_str("&r=");
            link.push_str(&encoded(relay));
        }
        link
    }
}

/// What stands behind the `#`.
fn fragment(text: &str) -> Option<&str> {
    let (front, fragment) = text.split_once('#')?;
    let scheme = front.get(..SCHEME.len())?;
    let place = front[SCHEME.len()..].to_ascii_lowercase();
    let is_ours = scheme.eq_ignore_ascii_case(SCHEME) && PLACES.contains(&place.as_str());
    is_ours.then_some(fragment)
}

fn put(slot: &mut Option<String>, value: &str, what: &'static str) -> Result<(), InvalidInvite> {
    match slot.replace(decoded(value, what)?) {
        None => Ok(()),
        Some(_) => Err(InvalidInvite::Twice { what }),
    }
}

fn decoded(value: &str, what: &'static str) -> Result<String, InvalidInvite> {
    let text = percent_decode_str(value).decode_utf8();
    text.map(String::from).map_err(|_| InvalidInvite::Encoding { what })
}

fn encoded(value: &str) -> String {
    utf8_percent_encode(value, ESCAPED).to_string()
}

/// Whether it is an address is for who connects to say; here it is bounded.
fn relay(text: String) -> Result<String, InvalidInvite> {
    let is_sound = (1..=limits::MAX_NAME).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_sound { Ok(text) } else { Err(InvalidInvite::Relay) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invite(key: &str, name: &str, relays: &[&str]) -> Invite {
        Invite {
            key: SwarmKey::parse(key).expect("a key"),
            name: Label::parse(name).expect("a name"),
            relays: relays.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn a_link_is_short_and_reads_as_what_it_says() {
        let made =
            invite("acid acorn", "Kitchen", &["192.168.1.20:8080", "wss://relay.example/ws"]);
        let link =
            "swarm://join#v=1&k=acid-acorn&n=Kitchen&r=192.168.1.20:8080&r=wss://relay.example/ws";
        assert_eq!(made.link(), link);
        assert_eq!(Invite::parse(link), Ok(made));
    }

    #[test]
    fn whatever_a_key_and_a_name_hold_survives_the_link() {
        let every_ascii: String = (' '..='~').collect();
        for text in [every_ascii.as_str(), "Käthe & Søn’s 100 % #1", "مطبخ", "a+b=c", "🎉 %41"]
        {
            let made = invite(text, text, &["[fe80::1]:8080"]);
            let link = made.link();
            assert!(link.is_ascii() && !link.contains(' '), "{link}");
            assert_eq!(Invite::parse(&link), Ok(made), "{link}");
        }
    }

    #[test]
    fn systems_may_rewrite_the_front_of_a_link_and_later_versions_add_fields() {
        let sound = Ok(invite("acid acorn", "Kitchen", &[]));
        for front in ["swarm://join#", "SWARM://JOIN/#", " swarm:join#", "swarm://join/#"] {
            let link = format!("{front}n=Kitchen&k=acid%20acorn&v=1&later=x&&y\n");
            assert!(Invite::is_meant(&link), "{link}");
            assert_eq!(Invite::parse(&link), sound, "{link}");
        }
    }

    #[test]
    fn a_link_that_cannot_be_used_says_what_is_wrong_with_it() {
        for (link, expected) in [
            ("https://example.org/#v=1&k=a&n=b".to_owned(), "begins with swarm://join#"),
            ("swarm://leave#v=1&k=a&n=b".to_owned(), "begins with swarm://join#"),
            ("swarm://join#k=a&n=b".to_owned(), "nothing of its version"),
            ("swarm://join#v=2&k=a&n=b".to_owned(), "version `2`"),
            ("swarm://join#v=1&n=b".to_owned(), "nothing of the party key"),
            ("swarm://join#v=1&k=a".to_owned(), "nothing of the party's name"),
            ("swarm://join#v=1&k=a&k=b&n=c".to_owned(), "names the party key twice"),
            ("swarm://join#v=1&k=%ff&n=b".to_owned(), "the party key in the link is not well"),
            ("swarm://join#v=1&k=-&n=b".to_owned(), "swarm key is empty"),
            ("swarm://join#v=1&k=a&n=%07".to_owned(), "text may only contain visible"),
            ("swarm://join#v=1&k=a&n=b&r=a%20b".to_owned(), "relay address"),
            (format!("swarm://join#v=1&k=a&n=b{}", "&r=h".repeat(9)), "more than 8 addresses"),
            (format!("swarm://join#v=1&k=a&n={}", "b".repeat(4096)), "4119 bytes"),
        ] {
            let error = Invite::parse(&link).expect_err(&link).to_string();
            assert!(error.contains(expected), "{link:.60}: {error}");
        }
    }

    #[test]
    fn a_key_is_not_taken_for_a_link() {
        for key in ["swarm", "swarm: the party", "blue otter #1", "join#v=1", "s"] {
            assert!(!Invite::is_meant(key), "{key:?}");
        }
    }
}
