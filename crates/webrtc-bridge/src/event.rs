//! What happens to a connection, told to the page as it happens.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::description::{Candidate, Description};

/// Names a connection. Never used twice while the app runs.
pub type ConnectionId = u32;

/// Names a channel of any connection. Never used twice while the app runs.
pub type ChannelId = u32;

/// Where a connection's events go. Called on the connection's own task: it must not block.
pub type EventSink = Arc<dyn Fn(ConnectionEvent) + Send + Sync>;

/// Something that happened to a connection.
///
/// What happens to a channel is not here but in the channel's own stream of
/// [frames](crate::frame), in order with its messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ConnectionEvent {
    /// A local address was found.
    Candidate {
        /// The address.
        candidate: Candidate,
    },
    /// The search for local addresses advanced.
    Gathering {
        /// `new`, `gathering` or `complete`.
        state: String,
        /// The local description with every candidate in it, once complete.
        description: Option<Description>,
    },
    /// The path to the other side came up, broke or was given up.
    IceConnection {
        /// As `RTCPeerConnection.iceConnectionState`.
        state: String,
    },
    /// The connection as a whole, path and encryption, came up, broke or was given up.
    Connection {
        /// As `RTCPeerConnection.connectionState`.
        state: String,
    },
    /// The other side made a channel.
    Channel {
        /// Names it in calls from here on.
        channel: ChannelId,
        /// Its label.
        label: String,
        /// Its sub-protocol.
        protocol: String,
        /// Whether it keeps messages in order.
        ordered: bool,
        /// How long it sends a message again. (milliseconds)
        max_packet_life_time: Option<u16>,
        /// How often it sends a message again.
        max_retransmits: Option<u16>,
    },
}
