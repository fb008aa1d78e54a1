//! The WebTorrent tracker's messages: JSON objects told apart by `action`.
//!
//! Their binary names are JavaScript strings whose characters are bytes: 20 characters of
//! U+0000 to U+00FF. In UTF-8 that is 20 to 40 bytes, so lengths are counted in characters.

use std::borrow::Cow;
use std::fmt;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use crate::limits::Limits;

/// A torrent, a peer or an offer, as 20 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Bytes20([u8; 20]);

impl Bytes20 {
    /// Reads a binary string. `None` unless it has exactly 20 characters, all below U+0100.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 20];
        let mut characters = text.chars();
        for byte in &mut bytes {
            *byte = u8::try_from(u32::from(characters.next()?)).ok()?;
        }
        characters.next().is_none().then_some(Self(bytes))
    }

    fn to_text(self) -> String {
        self.0.into_iter().map(char::from).collect()
    }
}

impl fmt::Debug for Bytes20 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&protocol::ids::hex(&self.0))
    }
}

impl Serialize for Bytes20 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Each character takes one or two bytes.
        let mut text = [0; 2 * 20];
        let mut length = 0;
        for byte in self.0 {
            length += char::from(byte).encode_utf8(&mut text[length..]).len();
        }
        serializer.serialize_str(std::str::from_utf8(&text[..length]).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Bytes20 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Bytes20;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("20 characters below U+0100")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Bytes20, E> {
                Bytes20::parse(text).ok_or_else(|| E::custom("expected 20 characters below U+0100"))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// What a client asks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Request {
    /// Tells what it has and wants to meet others.
    Announce(Announce),
    /// Answers an offer that was passed to it.
    Answer(Answer),
    /// Asks how many have a torrent.
    Scrape(Vec<Bytes20>),
}

/// An announce without an answer in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Announce {
    pub(crate) info_hash: Bytes20,
    pub(crate) peer_id: Bytes20,
    pub(crate) event: Event,
    /// True when nothing is missing; absent when the client did not say.
    pub(crate) is_seeder: Option<bool>,
    pub(crate) offers: Vec<Offer>,
}

/// What happened at the client. Events nobody knows are updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Update,
    Completed,
    Stopped,
}

/// A WebRTC offer to be passed to one other peer.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Offer {
    pub(crate) offer: Description,
    pub(crate) offer_id: Bytes20,
}

/// A WebRTC answer to an offer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) info_hash: Bytes20,
    pub(crate) peer_id: Bytes20,
    pub(crate) to_peer_id: Bytes20,
    pub(crate) offer_id: Bytes20,
    pub(crate) answer: Description,
}

/// A WebRTC session description, passed on unread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Description {
    #[serde(rename = "type")]
    kind: String,
    sdp: String,
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "lowercase")]
pub(crate) enum Reply {
    /// Answers an announce, or carries an offer or an answer.
    Announce(AnnounceReply),
    /// Answers a scrape.
    Scrape {
        /// The counts of each torrent, in the order asked.
        #[serde(serialize_with = "as_object")]
        files: Vec<(Bytes20, Counts)>,
    },
}

/// The three things an `announce` from the tracker may be.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum AnnounceReply {
    Counts { info_hash: Bytes20, interval: i64, complete: usize, incomplete: usize },
    Offer { info_hash: Bytes20, peer_id: Bytes20, offer: Description, offer_id: Bytes20 },
    Answer { info_hash: Bytes20, peer_id: Bytes20, answer: Description, offer_id: Bytes20 },
}

/// How many have a torrent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    pub(crate) complete: usize,
    pub(crate) incomplete: usize,
    pub(crate) downloaded: u64,
}

/// Why a request is refused. Clients drop the connection for five minutes on any message
/// whose `action` they do not know and ignore errors about no torrent of theirs, so a refusal
/// repeats both.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    action: &'static str,
    info_hash: Option<Bytes20>,
    reason: &'static str,
}

impl Failure {
    /// A refused announce or answer.
    pub(crate) fn announce(info_hash: Bytes20, reason: &'static str) -> Self {
        Self { action: "announce", info_hash: Some(info_hash), reason }
    }

    /// The text frame to send.
    pub(crate) fn encode(&self) -> String {
        let mut text = json!({ "action": self.action, "failure reason": self.reason });
        if let Some(info_hash) = self.info_hash {
            text["info_hash"] = Value::String(info_hash.to_text());
        }
        text.to_string()
    }
}

impl Reply {
    /// The text frame to send.
    pub(crate) fn encode(&self) -> String {
        // A text that grows while it is written is copied several times.
        let mut bytes = Vec::with_capacity(self.usual_length());
        serde_json::to_writer(&mut bytes, self)
            .expect("replies have text keys and whole numbers only");
        String::from_utf8(bytes).expect("JSON is text")
    }

    /// With little to spare, unless much in it must be escaped. (bytes)
    fn usual_length(&self) -> usize {
        /// Keys, names and counts.
        const REST: usize = 320;
        match self {
            Self::Announce(
                AnnounceReply::Offer { offer: description, .. }
                | AnnounceReply::Answer { answer: description, .. },
            ) => REST + description.sdp.len() + description.sdp.len() / 16,
            Self::Announce(AnnounceReply::Counts { .. }) => REST,
            Self::Scrape { files } => REST + 128 * files.len(),
        }
    }
}

/// Every field a client may send, before it is known what it asks.
#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    action: Option<Text<'a>>,
    #[serde(borrow)]
    info_hash: Option<OneOrMany<'a>>,
    #[serde(borrow)]
    peer_id: Option<Text<'a>>,
    event: Option<Value>,
    left: Option<Value>,
    #[serde(default)]
    offers: Option<Vec<Offer>>,
    #[serde(borrow)]
    to_peer_id: Option<Text<'a>>,
    #[serde(borrow)]
    offer_id: Option<Text<'a>>,
    answer: Option<Description>,
}

/// A text that is copied only where escapes stand in it.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<'a> {
    #[serde(borrow)]
    One(Text<'a>),
    #[serde(borrow)]
    Many(Vec<Text<'a>>),
}

/// What is found in a request that does not have the right form.
#[derive(Deserialize)]
struct Rough {
    action: Option<Value>,
    info_hash: Option<Value>,
}

impl Request {
    /// Reads one text frame.
    ///
    /// # Errors
    ///
    /// [`Failure`], to be sent back.
    pub(crate) fn decode(text: &str, limits: &Limits) -> Result<Self, Failure> {
        let raw: Raw = serde_json::from_str(text).map_err(|_| malformed(text))?;
        match raw.action.as_ref().map(|action| &*action.0) {
            Some("announce") => announce(raw, limits),
            Some("scrape") => scrape(raw, limits),
            _ => Err(Failure {
                action: "announce",
                info_hash: raw.one_info_hash(),
                reason: "unknown action",
            }),
        }
    }
}

impl Raw<'_> {
    fn one_info_hash(&self) -> Option<Bytes20> {
        match &self.info_hash {
            Some(OneOrMany::One(text)) => Bytes20::parse(&text.0),
            _ => None,
        }
    }
}

fn announce(raw: Raw<'_>, limits: &Limits) -> Result<Request, Failure> {
    let Some(info_hash) = raw.one_info_hash() else {
        let reason = "info_hash must be a binary string of 20 characters";
        return Err(Failure { action: "announce", info_hash: None, reason });
    };
    let refused = |reason| Failure::announce(info_hash, reason);
    let id = |text: Option<Text<'_>>, reason| {
        text.and_then(|text| Bytes20::parse(&text.0)).ok_or(refused(reason))
    };
    let peer_id = id(raw.peer_id, "peer_id must be a binary string of 20 characters")?;
    if let Some(answer) = raw.answer {
        return Ok(Request::Answer(Answer {
            info_hash,
            peer_id,
            to_peer_id: id(raw.to_peer_id, "to_peer_id must be a binary string of 20 characters")?,
            offer_id: id(raw.offer_id, "offer_id must be a binary string of 20 characters")?,
            answer,
        }));
    }
    let offers = raw.offers.unwrap_or_default();
    if offers.len() > limits.tracker_offers {
        return Err(refused("too many offers in one announce"));
    }
    let event = match raw.event.as_ref().and_then(Value::as_str) {
        Some("stopped") => Event::Stopped,
        Some("completed") => Event::Completed,
        _ => Event::Update,
    };
    // A client that knows no length yet has `left` infinite, which JSON writes as null.
    let is_seeder = raw.left.as_ref().and_then(Value::as_f64).map(|left| left <= 0.0);
    Ok(Request::Announce(Announce { info_hash, peer_id, event, is_seeder, offers }))
}

fn scrape(raw: Raw<'_>, limits: &Limits) -> Result<Request, Failure> {
    let refused = |reason| Failure { action: "scrape", info_hash: None, reason };
    let texts = match raw.info_hash {
        Some(OneOrMany::One(text)) => vec![text],
        Some(OneOrMany::Many(texts)) => texts,
        None => return Err(refused("this tracker does not list its torrents")),
    };
    if texts.is_empty() || texts.len() > limits.tracker_scrape {
        return Err(refused("a scrape names no torrent, or too many"));
    }
    let hashes: Option<Vec<Bytes20>> = texts.iter().map(|text| Bytes20::parse(&text.0)).collect();
    hashes.map(Request::Scrape).ok_or(refused("info_hash must be binary strings of 20 characters"))
}

/// The refusal of what has not the right form, with as much of its address as can be read.
fn malformed(text: &str) -> Failure {
    let rough: Option<Rough> = serde_json::from_str(text).ok();
    let action = rough.as_ref().and_then(|rough| rough.action.as_ref()?.as_str());
    let info_hash = rough.as_ref().and_then(|rough| rough.info_hash.as_ref()?.as_str());
    Failure {
        action: if action == Some("scrape") { "scrape" } else { "announce" },
        info_hash: info_hash.and_then(Bytes20::parse),
        reason: "not a WebTorrent tracker message",
    }
}

fn as_object<S: Serializer>(files: &[(Bytes20, Counts)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(files.iter().map(|(hash, counts)| (hash, counts)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "aaaaaaaaaaaaaaaaaaaa";
    const PEER: &str = "-WW0200-bbbbbbbbbbbb";

    #[test]
    fn a_binary_string_is_twenty_characters_whatever_their_bytes() {
        let control: String = (0..20).map(char::from).collect();
        let high: String = (236..=255).map(char::from).collect();
        for text in [HASH, &control, &high] {
            let bytes = Bytes20::parse(text).expect("twenty characters");
            assert_eq!(bytes.to_text(), text);
            let wire = serde_json::to_string(&bytes).expect("text");
            assert_eq!(serde_json::from_str::<Bytes20>(&wire).expect("the same text"), bytes);
        }
        assert_eq!(high.len(), 40, "every character takes two bytes");
    }

    #[test]
    fn a_binary_string_of_another_length_is_refused_and_never_cut() {
        for text in
            ["", "aaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaaaaa"]
        {
            assert_eq!(Bytes20::parse(text), None, "{text:?}");
        }
        let beyond = format!("{}\u{100}", "a".repeat(19));
        assert_eq!(Bytes20::parse(&beyond), None, "U+0100 is no byte");
    }

    #[test]
    fn control_characters_travel_as_escapes_and_high_ones_as_two_bytes() {
        let text: String = "\u{0}\u{1f}\u{ff}".chars().chain(HASH.chars().skip(3)).collect();
        let hash = Bytes20::parse(&text).expect("twenty characters");
        let wire = Failure::announce(hash, "no").encode();
        assert!(wire.contains("\\u0000\\u001f\u{ff}aaa"), "{wire}");
    }

    #[test]
    fn a_peer_without_metadata_is_a_leecher() {
        // `left: null` is how JSON writes the infinity of a magnet link without metadata.
        for (left, is_seeder) in [
            (json!(null), None),
            (json!(0), Some(true)),
            (json!(1), Some(false)),
            (json!(1e300), Some(false)),
            (json!("0"), None),
        ] {
            let request = decode(json!({
                "action": "announce", "info_hash": HASH, "peer_id": PEER, "left": left,
            }));
            let Ok(Request::Announce(announce)) = request else { panic!("{request:?}") };
            assert_eq!(announce.is_seeder, is_seeder, "left: {left}");
        }
    }

    #[test]
    fn an_event_nobody_knows_is_an_update() {
        for event in [json!("started"), json!("paused"), json!(""), json!(7), json!(null)] {
            let request = decode(json!({
                "action": "announce", "info_hash": HASH, "peer_id": PEER, "event": event,
            }));
            let Ok(Request::Announce(announce)) = request else { panic!("{event}: {request:?}") };
            assert_eq!(announce.event, Event::Update, "{event}");
        }
    }

    #[test]
    fn every_refusal_carries_an_action_clients_know_and_the_torrent_if_there_is_one() {
        let about_hash = [
            json!({ "action": "dance", "info_hash": HASH }),
            json!({ "action": 7, "info_hash": HASH }),
            json!({ "info_hash": HASH }),
            json!({ "action": "announce", "info_hash": HASH }),
            json!({ "action": "announce", "info_hash": HASH, "peer_id": "short" }),
            json!({ "action": "announce", "info_hash": HASH, "peer_id": PEER, "offers": 5 }),
            json!({ "action": "announce", "info_hash": HASH, "peer_id": PEER, "answer": {} }),
            json!({ "action": "announce", "info_hash": HASH, "peer_id": PEER,
                "answer": { "type": "answer", "sdp": "" }, "to_peer_id": PEER }),
        ];
        for request in about_hash {
            let refusal = refusal(&request.to_string());
            assert_eq!(refusal["action"], "announce", "{request}");
            assert_eq!(refusal["info_hash"], HASH, "{request}");
            assert!(refusal["failure reason"].is_string(), "{request}");
        }
        for text in ["", "hello", "[]", "{}", r#"{"action":"announce","info_hash":"short"}"#] {
            assert_eq!(refusal(text)["action"], "announce", "{text:?}");
        }
    }

    #[test]
    fn more_offers_than_ten_are_refused() {
        let offer = json!({ "offer": { "type": "offer", "sdp": "" }, "offer_id": HASH });
        let with = |count: usize| {
            decode(json!({ "action": "announce", "info_hash": HASH, "peer_id": PEER,
                "offers": vec![offer.clone(); count] }))
        };
        assert!(with(10).is_ok());
        assert!(with(11).is_err());
    }

    #[test]
    fn a_scrape_names_its_torrents() {
        assert!(decode(json!({ "action": "scrape", "info_hash": HASH })).is_ok());
        assert!(decode(json!({ "action": "scrape", "info_hash": vec![HASH; 255] })).is_ok());
        for refused in [
            json!({ "action": "scrape" }),
            json!({ "action": "scrape", "info_hash": [] }),
            json!({ "action": "scrape", "info_hash": vec![HASH; 256] }),
            json!({ "action": "scrape", "info_hash": [HASH, "short"] }),
        ] {
            assert_eq!(refusal(&refused.to_string())["action"], "scrape", "{refused:.80}");
        }
    }

    fn decode(value: Value) -> Result<Request, Failure> {
        Request::decode(&value.to_string(), &Limits::default())
    }

    fn refusal(text: &str) -> Value {
        let Err(failure) = Request::decode(text, &Limits::default()) else {
            panic!("{text} was accepted")
        };
        serde_json::from_str(&failure.encode()).expect("a refusal is JSON")
    }
}
