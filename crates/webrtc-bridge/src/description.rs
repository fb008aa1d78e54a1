//! What the page says and hears about a connection, as JSON. Names and spelling are W3C's.

use serde::{Deserialize, Serialize};
use webrtc::peer_connection::{RTCIceCandidateInit, RTCIceServer, RTCSessionDescription};

use crate::error::{BridgeError, During, check_length};
use crate::limits::{MAX_DESCRIPTION, MAX_LABEL};

/// What a new connection is told: the part of `RTCConfiguration` that matters to data channels.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionConfig {
    /// STUN and TURN servers. None are asked when this is empty.
    #[serde(default)]
    pub ice_servers: Vec<IceServer>,
}

/// A STUN or TURN server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceServer {
    /// Where it is: `stun:host:port`, `turn:host:port?transport=udp`.
    pub urls: Urls,
    /// User name for TURN.
    #[serde(default)]
    pub username: Option<String>,
    /// Password for TURN.
    #[serde(default)]
    pub credential: Option<String>,
}

/// One address or several: W3C allows either.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Urls {
    /// A single address.
    One(String),
    /// Several addresses of one server.
    Many(Vec<String>),
}

impl Default for Urls {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl From<IceServer> for RTCIceServer {
    fn from(server: IceServer) -> Self {
        Self {
            urls: match server.urls {
                Urls::One(url) => vec![url],
                Urls::Many(urls) => urls,
            },
            username: server.username.unwrap_or_default(),
            credential: server.credential.unwrap_or_default(),
        }
    }
}

/// What a new channel is told: `label` and `RTCDataChannelInit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelConfig {
    /// The name both sides see.
    pub label: String,
    /// Whether messages arrive in the order they were sent.
    #[serde(default = "ordered_by_default")]
    pub ordered: bool,
    /// How long a message is sent again before it is given up. (milliseconds)
    #[serde(default)]
    pub max_packet_life_time: Option<u16>,
    /// How often a message is sent again before it is given up.
    #[serde(default)]
    pub max_retransmits: Option<u16>,
    /// Name of the protocol spoken on the channel.
    #[serde(default)]
    pub protocol: String,
    /// Stream number when both sides agreed on the channel beforehand.
    #[serde(default)]
    pub negotiated_id: Option<u16>,
}

fn ordered_by_default() -> bool {
    true
}

impl ChannelConfig {
    /// A reliable, ordered channel.
    pub fn reliable(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            ordered: true,
            max_packet_life_time: None,
            max_retransmits: None,
            protocol: String::new(),
            negotiated_id: None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), BridgeError> {
        check_length("the label", self.label.len(), MAX_LABEL)?;
        check_length("the sub-protocol", self.protocol.len(), MAX_LABEL)
    }
}

/// Which half of a negotiation a description is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DescriptionKind {
    /// Proposes a session.
    Offer,
    /// Accepts one, perhaps not for good.
    Pranswer,
    /// Accepts one.
    Answer,
    /// Takes back a proposal.
    Rollback,
}

/// A session description: `RTCSessionDescriptionInit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// Which half of the negotiation it is.
    #[serde(rename = "type")]
    pub kind: DescriptionKind,
    /// The session, as SDP. Empty for a rollback.
    #[serde(default)]
    pub sdp: String,
}

impl Description {
    pub(crate) fn into_stack(self) -> Result<RTCSessionDescription, BridgeError> {
        check_length("the session description", self.sdp.len(), MAX_DESCRIPTION)?;
        match self.kind {
            DescriptionKind::Offer => RTCSessionDescription::offer(self.sdp),
            DescriptionKind::Pranswer => RTCSessionDescription::pranswer(self.sdp),
            DescriptionKind::Answer => RTCSessionDescription::answer(self.sdp),
            DescriptionKind::Rollback => RTCSessionDescription::rollback(None),
        }
        .during("read the session description")
    }

    pub(crate) fn from_stack(description: RTCSessionDescription) -> Result<Self, BridgeError> {
        use webrtc::peer_connection::RTCSdpType;
        let kind = match description.sdp_type {
            RTCSdpType::Offer => DescriptionKind::Offer,
            RTCSdpType::Pranswer => DescriptionKind::Pranswer,
            RTCSdpType::Answer => DescriptionKind::Answer,
            RTCSdpType::Rollback => DescriptionKind::Rollback,
            _ => return Err(BridgeError::DescriptionKind("unspecified")),
        };
        Ok(Self { kind, sdp: description.sdp })
    }
}

/// An address at which one side may be reached: `RTCIceCandidateInit`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// The candidate attribute; empty says that no more will come.
    pub candidate: String,
    /// Media section it belongs to, by name.
    #[serde(default)]
    pub sdp_mid: Option<String>,
    /// Media section it belongs to, by position.
    #[serde(default, rename = "sdpMLineIndex")]
    pub sdp_m_line_index: Option<u16>,
    /// The ICE generation it belongs to.
    #[serde(default)]
    pub username_fragment: Option<String>,
}

impl From<Candidate> for RTCIceCandidateInit {
    fn from(candidate: Candidate) -> Self {
        Self {
            candidate: candidate.candidate,
            sdp_mid: candidate.sdp_mid,
            sdp_mline_index: candidate.sdp_m_line_index,
            username_fragment: candidate.username_fragment,
            url: None,
        }
    }
}

impl From<RTCIceCandidateInit> for Candidate {
    fn from(candidate: RTCIceCandidateInit) -> Self {
        Self {
            candidate: candidate.candidate,
            sdp_mid: candidate.sdp_mid,
            sdp_m_line_index: candidate.sdp_mline_index,
            username_fragment: candidate.username_fragment,
        }
    }
}

/// The pair of addresses that carries a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelectedPath {
    /// This side.
    pub local: PathEnd,
    /// The other side.
    pub remote: PathEnd,
}

/// One end of a [`SelectedPath`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathEnd {
    /// IP address.
    pub address: String,
    /// UDP or TCP port.
    pub port: u16,
    /// `udp` or `tcp`.
    pub protocol: String,
    /// How the address was found: `host`, `srflx`, `prflx` or `relay`.
    pub kind: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_server_as_the_window_names_it_keeps_its_addresses_name_and_password() {
        let text = r#"{"iceServers":[{"urls":["turn:a.example","turns:a.example:443"],
            "username":"1795342400:ada","credential":"c2VjcmV0"}]}"#;
        let config: ConnectionConfig = serde_json::from_str(text).unwrap();
        let server = RTCIceServer::from(config.ice_servers[0].clone());
        assert_eq!(server.urls, ["turn:a.example", "turns:a.example:443"]);
        assert_eq!(
            (server.username, server.credential),
            ("1795342400:ada".into(), "c2VjcmV0".into())
        );
    }
}
