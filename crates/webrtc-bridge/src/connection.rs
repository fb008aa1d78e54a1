//! One peer connection: negotiation, and the channels it has.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use rtc::ice::mdns::MulticastDnsMode;
use rtc::mdns::MulticastSocket;
use webrtc::data_channel::{DataChannel, RTCDataChannelInit};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder,
    RTCIceCandidate, RTCIceConnectionState, RTCIceGatheringState, RTCIceServer,
    RTCPeerConnectionIceEvent, RTCPeerConnectionState, SettingEngineBuilder,
};
use webrtc::runtime::Runtime;

use crate::addresses;
use crate::channel::{Channel, Received};
use crate::description::{
    Candidate, ChannelConfig, ConnectionConfig, Description, DescriptionKind, PathEnd, SelectedPath,
};
use crate::error::{BridgeError, During};
use crate::event::{ChannelId, ConnectionEvent, EventSink};
use crate::limits::{MAX_CHANNELS, MAX_EARLY_CANDIDATES, SEND_BUFFER};
use crate::runtime::{self, ConnectionRuntime};

/// Silence after which a path counts as disconnected, as in browsers.
const DISCONNECTED_AFTER: Duration = Duration::from_secs(5);

/// Further silence after which it is given up: a walk between two access points is over by then.
const FAILED_AFTER: Duration = Duration::from_secs(10);

/// Time between checks of a path that is otherwise silent.
const KEEP_ALIVE: Duration = Duration::from_secs(2);

pub(crate) struct Connection {
    stack: Arc<dyn PeerConnection>,
    shared: Arc<Shared>,
    /// Candidates that came before their description; `None` once it is there.
    early: tokio::sync::Mutex<Option<Vec<Candidate>>>,
}

impl Connection {
    pub(crate) async fn open(
        config: ConnectionConfig,
        sink: EventSink,
        channel_ids: Arc<AtomicU32>,
    ) -> Result<Self, BridgeError> {
        let shared = Arc::new(Shared {
            sink: Mutex::new(Some(sink)),
            channels: Mutex::default(),
            channel_ids,
            runtime: Arc::default(),
            stack: OnceLock::new(),
        });
        let told = Arc::downgrade(&shared);
        shared.runtime.at_end(move || {
            if let Some(shared) = told.upgrade() {
                shared.emit(ConnectionEvent::Connection { state: "failed".to_owned() });
            }
        });
        let stack = build(config, Arc::clone(&shared)).await?;
        let _ = shared.stack.set(Arc::downgrade(&stack));
        Ok(Self { stack, shared, early: tokio::sync::Mutex::new(Some(Vec::new())) })
    }

    pub(crate) async fn create_channel(
        &self,
        config: ChannelConfig,
    ) -> Result<ChannelId, BridgeError> {
        config.check()?;
        if self.shared.channels().len() >= MAX_CHANNELS {
            return Err(BridgeError::TooManyChannels(MAX_CHANNELS));
        }
        let init = RTCDataChannelInit {
            ordered: config.ordered,
            max_packet_life_time: config.max_packet_life_time,
            max_retransmits: config.max_retransmits,
            protocol: config.protocol,
            negotiated: config.negotiated_id,
        };
        let stack = self
            .stack
            .create_data_channel(&config.label, Some(init))
            .await
            .during("create the channel")?;
        Ok(self.shared.adopt(stack))
    }

    pub(crate) async fn create_offer(&self) -> Result<Description, BridgeError> {
        Description::from_stack(self.stack.create_offer(None).await.during("create the offer")?)
    }

    pub(crate) async fn create_answer(&self) -> Result<Description, BridgeError> {
        Description::from_stack(self.stack.create_answer(None).await.during("create the answer")?)
    }

    pub(crate) async fn set_local(
        &self,
        description: Description,
    ) -> Result<Option<Description>, BridgeError> {
        if description.kind == DescriptionKind::Answer {
            self.shared.runtime.hasten(runtime::CHECKS);
        }
        self.stack
            .set_local_description(description.into_stack()?)
            .await
            .during("set the local description")?;
        self.stack.local_description().await.map(Description::from_stack).transpose()
    }

    pub(crate) async fn set_remote(&self, description: Description) -> Result<(), BridgeError> {
        // Held to the end, so that no candidate slips in between description and backlog.
        let mut early = self.early.lock().await;
        if description.kind == DescriptionKind::Answer {
            self.shared.runtime.hasten(runtime::CHECKS);
        }
        self.stack
            .set_remote_description(description.into_stack()?)
            .await
            .during("set the remote description")?;
        for candidate in early.take().into_iter().flatten() {
            if let Err(error) = self.stack.add_ice_candidate(candidate.into()).await {
                tracing::debug!(%error, "passed over a candidate that came early");
            }
        }
        Ok(())
    }

    pub(crate) async fn add_candidate(&self, candidate: Candidate) -> Result<(), BridgeError> {
        let mut early = self.early.lock().await;
        if let Some(early) = early.as_mut() {
            if early.len() >= MAX_EARLY_CANDIDATES {
                return Err(BridgeError::TooManyCandidates(MAX_EARLY_CANDIDATES));
            }
            early.push(candidate);
            return Ok(());
        }
        self.stack.add_ice_candidate(candidate.into()).await.during("add the candidate")
    }

    /// The addresses in use, once there are any.
    pub(crate) async fn selected_path(&self) -> Result<Option<SelectedPath>, BridgeError> {
        let Some(sctp) = self.stack.sctp().await else { return Ok(None) };
        let pair = sctp
            .transport()
            .ice_transport()
            .get_selected_candidate_pair()
            .await
            .during("read the selected path")?;
        Ok(pair.map(|pair| SelectedPath {
            local: path_end(pair.local()),
            remote: path_end(pair.remote()),
        }))
    }

    pub(crate) async fn send(&self, id: ChannelId, batch: Vec<u8>) -> Result<(), BridgeError> {
        self.shared.channel(id)?.send(batch).await
    }

    pub(crate) async fn receive(&self, id: ChannelId) -> Result<Vec<u8>, BridgeError> {
        let Received { batch, ended } = self.shared.channel(id)?.receive().await?;
        if ended {
            self.shared.channels().remove(&id);
        }
        Ok(batch)
    }

    pub(crate) async fn close_channel(&self, id: ChannelId) -> Result<(), BridgeError> {
        self.shared.channel(id)?.close().await
    }

    /// Says goodbye to the other side and ends every wait on this connection.
    pub(crate) async fn close(&self) {
        *lock(&self.shared.sink) = None;
        // The stack's channels hold the stack; letting go of them here breaks the circle.
        self.shared.channels().clear();
        if let Err(error) = self.stack.close().await {
            tracing::debug!(%error, "connection did not close cleanly");
        }
    }
}

async fn build(
    config: ConnectionConfig,
    shared: Arc<Shared>,
) -> Result<Arc<dyn PeerConnection>, BridgeError> {
    let settings = SettingEngineBuilder::new()
        .with_multicast_dns_mode(names())
        .with_sctp_max_receive_buffer_size(runtime::receive_window())
        .with_ice_timeouts(Some(DISCONNECTED_AFTER), Some(FAILED_AFTER), Some(KEEP_ALIVE))
        .build();
    let servers = config.ice_servers.into_iter().map(RTCIceServer::from).collect();
    let stack = PeerConnectionBuilder::new()
        .with_configuration(RTCConfigurationBuilder::default().with_ice_servers(servers).build())
        .with_setting_engine(settings)
        .with_data_channel_send_buffer_limit(SEND_BUFFER)
        .with_runtime(Arc::clone(&shared.runtime) as Arc<dyn Runtime>)
        .with_handler(shared)
        .with_udp_addrs(addresses::bindable())
        .build()
        .await
        .during("open the connection")?;
    Ok(Arc::new(stack))
}

/// Browsers hide their addresses behind `.local` names, which multicast DNS resolves. A system
/// without a multicast route, such as one without a network, refuses the socket that takes, and the
/// stack would refuse the connection for it.
fn names() -> MulticastDnsMode {
    match MulticastSocket::new().into_std() {
        Ok(_) => MulticastDnsMode::QueryOnly,
        Err(error) => {
            tracing::debug!(%error, "`.local` names will not be resolved");
            MulticastDnsMode::Disabled
        }
    }
}

fn path_end(candidate: &RTCIceCandidate) -> PathEnd {
    PathEnd {
        address: candidate.address.clone(),
        port: candidate.port,
        protocol: candidate.protocol.to_string(),
        kind: candidate.typ.to_string(),
    }
}

/// What calls from the page and callbacks from the stack have in common.
struct Shared {
    /// Empty once the connection is closed: a closed connection has nothing to say.
    sink: Mutex<Option<EventSink>>,
    channels: Mutex<HashMap<ChannelId, Arc<Channel>>>,
    channel_ids: Arc<AtomicU32>,
    runtime: Arc<ConnectionRuntime>,
    stack: OnceLock<Weak<dyn PeerConnection>>,
}

impl Shared {
    fn channels(&self) -> MutexGuard<'_, HashMap<ChannelId, Arc<Channel>>> {
        lock(&self.channels)
    }

    fn channel(&self, id: ChannelId) -> Result<Arc<Channel>, BridgeError> {
        self.channels().get(&id).cloned().ok_or(BridgeError::UnknownChannel(id))
    }

    fn adopt(&self, stack: Arc<dyn DataChannel>) -> ChannelId {
        let id = self.channel_ids.fetch_add(1, Ordering::Relaxed);
        self.channels().insert(id, Arc::new(Channel::new(id, stack, Arc::clone(&self.runtime))));
        id
    }

    fn emit(&self, event: ConnectionEvent) {
        let sink = lock(&self.sink).clone();
        if let Some(sink) = sink {
            sink(event);
        }
    }

    async fn announce(&self, stack: Arc<dyn DataChannel>) -> webrtc::error::Result<()> {
        if self.channels().len() >= MAX_CHANNELS {
            tracing::warn!(limit = MAX_CHANNELS, "refused a channel of the other side");
            return stack.close().await;
        }
        let label = stack.label().await?;
        let protocol = stack.protocol().await?;
        let ordered = stack.ordered().await?;
        let max_packet_life_time = stack.max_packet_life_time().await?;
        let max_retransmits = stack.max_retransmits().await?;
        let channel = self.adopt(stack);
        self.emit(ConnectionEvent::Channel {
            channel,
            label,
            protocol,
            ordered,
            max_packet_life_time,
            max_retransmits,
        });
        Ok(())
    }
}

/// The stack awaits these on the task that also keeps the connection alive: none may block.
#[async_trait::async_trait]
impl PeerConnectionEventHandler for Shared {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        match event.candidate.to_json() {
            Ok(candidate) => self.emit(ConnectionEvent::Candidate { candidate: candidate.into() }),
            Err(error) => tracing::debug!(%error, "passed over a local candidate"),
        }
    }

    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        let mut description = None;
        if state == RTCIceGatheringState::Complete
            && let Some(stack) = self.stack.get().and_then(Weak::upgrade)
        {
            description =
                stack.local_description().await.and_then(|d| Description::from_stack(d).ok());
        }
        self.emit(ConnectionEvent::Gathering { state: state.to_string(), description });
    }

    async fn on_ice_connection_state_change(&self, state: RTCIceConnectionState) {
        if state == RTCIceConnectionState::Connected {
            self.runtime.hasten(runtime::HANDSHAKES);
        }
        self.emit(ConnectionEvent::IceConnection { state: state.to_string() });
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        if matches!(state, RTCPeerConnectionState::Failed | RTCPeerConnectionState::Closed) {
            self.runtime.relax();
        }
        self.emit(ConnectionEvent::Connection { state: state.to_string() });
    }

    async fn on_data_channel(&self, stack: Arc<dyn DataChannel>) {
        if let Err(error) = self.announce(stack).await {
            tracing::debug!(%error, "passed over a channel of the other side");
        }
    }
}

/// Nothing panics while holding one of these locks, so what is inside is whole in any case.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
