//! Two bridges in one process, connected the way two pages would connect them.

use std::time::Duration;

use bytes::BytesMut;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::time::timeout;
use webrtc_bridge::frame::{self, FrameKind};
use webrtc_bridge::{
    Bridge, BridgeError, ChannelConfig, ChannelId, ConnectionConfig, ConnectionEvent, ConnectionId,
    Description, EventSink,
};

/// Longer than anything here takes on a loaded machine; a test that reaches it has failed.
const DEADLINE: Duration = Duration::from_secs(30);

pub async fn within<T>(what: &str, wait: impl Future<Output = T>) -> T {
    timeout(DEADLINE, wait).await.unwrap_or_else(|_| panic!("{what} took longer than {DEADLINE:?}"))
}

/// One end: a connection and the channel the tests use.
#[derive(Clone)]
pub struct End {
    pub bridge: Bridge,
    pub connection: ConnectionId,
    pub channel: ChannelId,
}

pub struct Events(mpsc::UnboundedReceiver<ConnectionEvent>);

impl Events {
    pub fn new() -> (EventSink, Self) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let sink: EventSink = Arc::new(move |event| {
            let _ = sender.send(event);
        });
        (sink, Self(receiver))
    }

    /// The first event that `pick` takes.
    pub async fn wait<T>(
        &mut self,
        what: &str,
        mut pick: impl FnMut(ConnectionEvent) -> Option<T>,
    ) -> T {
        within(what, async {
            loop {
                let event = self.0.recv().await.expect("the connection is open");
                if let Some(found) = pick(event) {
                    return found;
                }
            }
        })
        .await
    }

    /// The whole description, once every candidate is in it.
    pub async fn gathered(&mut self) -> Description {
        self.wait("gathering", |event| match event {
            ConnectionEvent::Gathering { description, .. } => description,
            _ => None,
        })
        .await
    }
}

/// Connects two bridges as WebTorrent does: one offer, one answer, candidates inside.
pub async fn connect(a: &Bridge, b: &Bridge) -> (End, Events, End, Events) {
    let (a_sink, mut a_events) = Events::new();
    let (b_sink, mut b_events) = Events::new();
    let a_connection = a.open(ConnectionConfig::default(), a_sink).await.unwrap();
    let b_connection = b.open(ConnectionConfig::default(), b_sink).await.unwrap();
    let a_channel = a.create_channel(a_connection, ChannelConfig::reliable("wire")).await.unwrap();

    let offer = a.create_offer(a_connection).await.unwrap();
    a.set_local(a_connection, offer).await.unwrap();
    let offer = a_events.gathered().await;
    b.set_remote(b_connection, offer).await.unwrap();
    let answer = b.create_answer(b_connection).await.unwrap();
    b.set_local(b_connection, answer).await.unwrap();
    let answer = b_events.gathered().await;
    a.set_remote(a_connection, answer).await.unwrap();

    let b_channel = b_events
        .wait("the channel", |event| match event {
            ConnectionEvent::Channel { channel, label, .. } => {
                assert_eq!(label, "wire");
                Some(channel)
            }
            _ => None,
        })
        .await;
    let a_end = End { bridge: a.clone(), connection: a_connection, channel: a_channel };
    let b_end = End { bridge: b.clone(), connection: b_connection, channel: b_channel };
    assert_eq!(a_end.next_frames().await, [(FrameKind::Opened, vec![])]);
    assert_eq!(b_end.next_frames().await, [(FrameKind::Opened, vec![])]);
    (a_end, a_events, b_end, b_events)
}

impl End {
    pub async fn send(&self, frames: &[(FrameKind, &[u8])]) -> Result<(), BridgeError> {
        let mut batch = Vec::new();
        for (kind, payload) in frames {
            frame::push(&mut batch, *kind, payload);
        }
        self.bridge.send(self.connection, self.channel, batch).await
    }

    pub async fn receive(&self) -> Result<Vec<u8>, BridgeError> {
        within("a batch", self.bridge.receive(self.connection, self.channel)).await
    }

    pub async fn next_frames(&self) -> Vec<(FrameKind, Vec<u8>)> {
        frames(self.receive().await.unwrap())
    }

    /// Sends `bytes` as messages of `size`, in batches like those of a page.
    pub async fn send_all(&self, bytes: &[u8], size: usize) {
        for part in bytes.chunks(256 * 1024) {
            let messages: Vec<_> =
                part.chunks(size).map(|message| (FrameKind::Binary, message)).collect();
            within("sending", self.send(&messages)).await.unwrap();
        }
    }

    /// Receives `length` bytes of messages.
    pub async fn receive_all(&self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            for (kind, payload) in self.next_frames().await {
                assert_eq!(kind, FrameKind::Binary);
                bytes.extend_from_slice(&payload);
            }
        }
        bytes
    }
}

pub fn frames(batch: Vec<u8>) -> Vec<(FrameKind, Vec<u8>)> {
    let mut batch = BytesMut::from(&batch[..]);
    std::iter::from_fn(|| frame::pop(&mut batch).unwrap())
        .map(|(kind, payload)| (kind, payload.to_vec()))
        .collect()
}

/// Bytes without a pattern that a lost or doubled message could hide in.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        // xorshift64*, Vigna 2016.
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
