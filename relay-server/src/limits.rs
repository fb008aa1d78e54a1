//! What the relay allows, each bound with its reason. The largest message and the form of names
//! are in `protocol::limits`; who may connect from where is in `access.rs`.

use std::time::Duration;

use protocol::message::DecodeError;
use protocol::{ClientMessage, ErrorCode, limits};
use serde::{Deserialize, Serialize};
use serde_json::Value;
pub use sync_core::rate::Rate;

/// Bounds on what members and tracker clients may ask of one relay. The program makes each field
/// a setting by its name, with its doc comment as the explanation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(documented::DocumentedFields))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// Members in one swarm.
    pub members: usize,
    /// Files one member may share at a time.
    pub files_per_member: usize,
    /// Files in one swarm.
    pub files_per_swarm: usize,
    /// Messages that may wait for one slow reader before it is disconnected.
    ///
    /// Five seconds of control traffic of a large swarm.
    pub queue_messages: usize,
    /// Bytes that may wait for one slow reader before it is disconnected.
    ///
    /// The default of Centrifugo: memory for a thousand stuck readers is one gigabyte at most.
    pub queue_bytes: usize,
    /// From the first byte of a connection to the end of its HTTP request.
    pub handshake: Duration,
    /// From the open WebSocket to a `join` that succeeds.
    pub join: Duration,
    /// Between two WebSocket pings. Proxies cut links that are silent for a minute.
    pub ping_interval: Duration,
    /// Grace for the answer to a ping; after this and one interval of silence a link is dead.
    pub pong_timeout: Duration,
    /// Longest time that a connection may take nothing of what is sent to it.
    ///
    /// Longer than any radio's gap, shorter than the silence after which a link is dead.
    pub stalled_write: Duration,
    /// Messages of one connection, time pings apart.
    pub messages: Rate,
    /// Time pings of one connection: a burst at the start, then up to 40 a second over a path
    /// with much jitter.
    pub time_pings: Rate,
    /// `director:take` of one connection, so that two members can not make the lead flicker.
    pub director_takes: Rate,
    /// `join` of one connection. One is enough, unless the first is refused.
    pub joins: Rate,
    /// `file:announce` of one connection: at once whatever it may share, then a few.
    pub file_announces: Rate,
    /// This many times `messages` a second, frames of every kind counted, is a flood if it lasts
    /// for `flood-seconds`: it closes the connection. Whoever ignores `rate-limited` for so long
    /// does it on purpose, and even a dropped message costs time.
    pub flood_times: f64,
    /// Seconds in a row after which that is a flood.
    pub flood_seconds: u32,
    /// Longest `rtc:signal` payload, as JSON. 32768 at most. (bytes)
    pub signal_bytes: usize,
    /// Network candidates in one `rtc:signal`. A computer with four networks and a relay of its
    /// own has twenty.
    pub signal_candidates: usize,
    /// Longest `file:announce`. Twice what the longest names and magnet link take. (bytes)
    pub file_announce_bytes: usize,
    /// How deep a message may nest arrays and objects. The deepest of ours has four levels.
    pub json_depth: usize,
    /// Tracker messages of one connection. A page announces each of its torrents once, then
    /// answers every offer with a message of its own.
    pub tracker_messages: Rate,
    /// Offers in one tracker announce; clients send five, and ten by setting.
    pub tracker_offers: usize,
    /// Torrents in one tracker scrape. The bound of aquatic.
    pub tracker_scrape: usize,
    /// Peers of all its torrents that one tracker connection may be.
    pub tracker_torrents: usize,
    /// Peers that one tracker connection may be in one torrent: several clients in a web page
    /// share it.
    pub tracker_peers_per_torrent: usize,
    /// Offers of one peer that may wait for an answer: two announces of the largest size a minute.
    pub tracker_waiting_offers: usize,
    /// How long an offer may be answered. Clients give up after 50 s.
    pub tracker_offer_lifetime: Duration,
    /// A peer that has not announced for so long is gone: two intervals. A connection that has
    /// said nothing for so long has no peers left and is closed.
    pub tracker_peer_lifetime: Duration,
    /// Connections of all kinds.
    ///
    /// At 9 kB for an idle member this is half a gigabyte, and below the open files that
    /// systems usually let a service have.
    pub connections: usize,
    /// Connections of one address; of one /64 network in IPv6, because one subscriber has that.
    ///
    /// A large household or a small office behind one address.
    pub connections_per_address: usize,
    /// New connections, of all addresses together.
    pub new_connections: Rate,
    /// New connections of one address (or /64 network).
    pub new_connections_per_address: Rate,
    /// Connections from this computer and from local networks are neither counted by address
    /// nor slowed down: there a party has one address each, or a proxy has all of them.
    pub spares_local_networks: bool,
    /// HTTP requests over one connection, trusted proxies apart. The web interface is some dozen
    /// files.
    pub http_requests: Rate,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            members: limits::MAX_MEMBERS,
            files_per_member: limits::DEFAULT_FILES_PER_MEMBER,
            files_per_swarm: limits::MAX_FILES_PER_SWARM,
            queue_messages: 256,
            queue_bytes: 1024 * 1024,
            handshake: Duration::from_secs(5),
            join: Duration::from_secs(10),
            ping_interval: Duration::from_secs(25),
            pong_timeout: Duration::from_secs(10),
            stalled_write: Duration::from_secs(20),
            messages: Rate { per_second: 50.0, burst: 100.0 },
            time_pings: Rate { per_second: 50.0, burst: 100.0 },
            director_takes: Rate { per_second: 0.5, burst: 2.0 },
            joins: Rate { per_second: 2.0, burst: 4.0 },
            file_announces: Rate { per_second: 10.0, burst: 60.0 },
            flood_times: 10.0,
            flood_seconds: 5,
            signal_bytes: limits::MAX_SIGNAL,
            signal_candidates: 64,
            file_announce_bytes: 16 * 1024,
            json_depth: 8,
            tracker_messages: Rate { per_second: 50.0, burst: 200.0 },
            tracker_offers: 10,
            tracker_scrape: 255,
            tracker_torrents: 100,
            tracker_peers_per_torrent: 4,
            tracker_waiting_offers: 64,
            tracker_offer_lifetime: Duration::from_secs(120),
            tracker_peer_lifetime: Duration::from_secs(240),
            connections: 50_000,
            connections_per_address: 64,
            new_connections: Rate { per_second: 500.0, burst: 1_000.0 },
            new_connections_per_address: Rate { per_second: 20.0, burst: 40.0 },
            spares_local_networks: true,
            http_requests: Rate { per_second: 10.0, burst: 100.0 },
        }
    }
}

impl Limits {
    /// Checks what the form of a message does not say: `message` was read from a frame of
    /// `length` bytes.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::BadField`].
    pub(crate) fn check(&self, message: &ClientMessage, length: usize) -> Result<(), DecodeError> {
        let refused = |name: &str, reason: String| {
            let code = ErrorCode::BadField;
            Err(DecodeError { code, reason, found_type: Some(name.to_owned()) })
        };
        match message {
            ClientMessage::FileAnnounce(_) if length > self.file_announce_bytes => {
                let most = self.file_announce_bytes;
                refused("file:announce", format!("it has {length} bytes, at most {most} are read"))
            }
            ClientMessage::RtcSignal { data, .. } => {
                // The frame is longer than what it carries, and mostly short enough by itself.
                let is_long =
                    length > self.signal_bytes && data.to_string().len() > self.signal_bytes;
                let most = self.signal_candidates;
                if is_long {
                    let most = self.signal_bytes;
                    refused("rtc:signal", format!("at most {most} bytes of `data` are passed on"))
                } else if candidates(data) > most {
                    refused("rtc:signal", format!("at most {most} candidates are passed on"))
                } else {
                    Ok(())
                }
            }
            _ => Ok(()),
        }
    }
}

/// Network candidates in a signal, whichever way its sender packs them: each is a line or a text
/// that says `candidate:` (RFC 8839).
fn candidates(data: &Value) -> usize {
    match data {
        Value::String(text) => text.matches("candidate:").count(),
        Value::Array(items) => items.iter().map(candidates).sum(),
        Value::Object(fields) => fields.values().map(candidates).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use protocol::message::{FileAnnouncement, MediaInfo};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_signal_carries_sixty_four_candidates_and_not_one_more() {
        let limits = Limits::default();
        let line = "a=candidate:1 1 udp 2130706431 192.168.1.17 50000 typ host\r\n";
        let packed: [fn(usize, &str) -> Value; 2] = [
            |count, line| json!({ "type": "offer", "sdp": line.repeat(count) }),
            |count, line| json!([{ "candidates": vec![json!({ "candidate": line }); count] }]),
        ];
        for pack in packed {
            assert_eq!(limits.check(&signal(pack(64, line)), 100), Ok(()));
            let refused = limits.check(&signal(pack(65, line)), 100).expect_err("one too many");
            assert_eq!(refused.code, ErrorCode::BadField);
            assert_eq!(refused.found_type.as_deref(), Some("rtc:signal"));
        }
    }

    #[test]
    fn a_signal_is_as_long_as_the_relay_says_and_not_a_byte_longer() {
        let limits = Limits { signal_bytes: 1_000, ..Limits::default() };
        let of = |length: usize| signal(Value::String("x".repeat(length - "\"\"".len())));
        for (length, is_fine) in [(1_000, true), (1_001, false)] {
            let message = of(length);
            let frame = message.encode().len();
            assert_eq!(limits.check(&message, frame).is_ok(), is_fine, "{length} bytes");
        }
    }

    #[test]
    fn the_longest_names_there_are_fit_into_a_file_announce_of_16_kib() {
        let bounds = Limits::default();
        let widest = "\u{10ffff}".repeat(limits::MAX_NAME);
        let label = || Some(widest.parse().expect("255 characters"));
        let magnet = format!("magnet:?{}", "x".repeat(limits::MAX_MAGNET - 8));
        let announce = ClientMessage::FileAnnounce(FileAnnouncement {
            file_id: "a".repeat(64).parse().expect("hex"),
            name: widest.parse().expect("255 characters"),
            size: limits::MAX_FILE_SIZE,
            info_hash: "b".repeat(40).parse().expect("hex"),
            magnet: magnet.parse().expect("a long link"),
            media: MediaInfo {
                format: label(),
                title: label(),
                artist: label(),
                album: label(),
                duration_ms: None,
                waveform: Some("_".repeat(limits::WAVEFORM_COLUMNS).parse().expect("letters")),
            },
        });
        assert_eq!(bounds.check(&announce, announce.encode().len()), Ok(()));
        assert_eq!(bounds.check(&announce, 16 * 1024), Ok(()));
        let refused = bounds.check(&announce, 16 * 1024 + 1).expect_err("a byte too many");
        assert_eq!(refused.found_type.as_deref(), Some("file:announce"));
    }

    fn signal(data: Value) -> ClientMessage {
        ClientMessage::RtcSignal { to: "mia".parse().expect("a plain user id"), data }
    }
}
