//! What the relay allows, each bound with its reason. Message sizes are in `protocol::limits`.

use std::time::Duration;

use protocol::limits;
use serde::{Deserialize, Serialize};
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
    /// Messages of one connection, time pings apart.
    pub messages: Rate,
    /// Time pings of one connection: a burst at the start, then up to 40 a second over a path
    /// with much jitter.
    pub time_pings: Rate,
    /// `director:take` of one connection, so that two members can not make the lead flicker.
    pub director_takes: Rate,
    /// Tracker messages of one connection. A page announces each of its torrents once, then
    /// answers every offer with a message of its own.
    pub tracker_messages: Rate,
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
            messages: Rate { per_second: 50.0, burst: 100.0 },
            time_pings: Rate { per_second: 50.0, burst: 100.0 },
            director_takes: Rate { per_second: 0.5, burst: 2.0 },
            tracker_messages: Rate { per_second: 50.0, burst: 200.0 },
        }
    }
}
