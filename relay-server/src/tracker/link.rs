//! One tracker client's connection on `/announce`.

use std::sync::Arc;

use axum::extract::ws::WebSocket;
use protocol::ids::TrackerNamespace;
use protocol::json::json_depth;
use tokio::time::timeout;

use super::TrackerCommand;
use super::message::Request;
use crate::metrics::{DropReason, SocketKind};
use crate::relay::Shared;
use crate::socket::{self, Answer, Answers, ConnectionId, Goodbye, Incoming, SocketReader};
use sync_core::rate::TokenBucket;

/// Runs the connection from its first message to its goodbye.
pub(crate) async fn serve(
    socket: WebSocket,
    relay: Arc<Shared>,
    namespace: Option<TrackerNamespace>,
) {
    let (mut reader, mut writer) = socket::split(socket, &relay, SocketKind::Tracker);
    let connection = relay.next_connection();
    let (outbox, answers) = (writer.outbox(), writer.answers());
    let connected = TrackerCommand::Connected { connection, namespace, outbox };
    if relay.tracker.send(connected).await.is_err() {
        return;
    }
    let goodbye = tokio::select! {
        biased;
        () = relay.time_to_part() => Goodbye::GOING_AWAY,
        goodbye = listen(&mut reader, connection, &relay, answers) => goodbye,
        goodbye = writer.run() => goodbye,
    };
    // The tracker's task is gone only when the relay is.
    let _ = relay.tracker.send(TrackerCommand::Gone { connection }).await;
    socket::part(reader, writer, goodbye).await;
}

async fn listen(
    reader: &mut SocketReader,
    connection: ConnectionId,
    relay: &Shared,
    answers: Answers,
) -> Goodbye {
    let limits = &relay.limits;
    let mut budget = TokenBucket::new(limits.tracker_messages, relay.clock.now());
    loop {
        // Whoever is silent for so long has no peers left, and only keeps the socket open.
        let (incoming, arrived) = match timeout(limits.tracker_peer_lifetime, reader.next()).await {
            Ok(Ok(read)) => read,
            Ok(Err(goodbye)) => return goodbye,
            Err(_) => return Goodbye::IDLE,
        };
        let text = match incoming {
            Incoming::Text(text) if json_depth(&text) <= limits.json_depth => text,
            // Read as what it is not: the refusal has the form clients can take.
            Incoming::Text(_) | Incoming::Binary => Default::default(),
        };
        let decoded = Request::decode(&text, limits);
        if !budget.admits(arrived) {
            relay.metrics.dropped.inc(DropReason::TrackerRateLimited);
            // Clients repeat themselves at the next interval; an answer would only add load.
            continue;
        }
        match decoded {
            Ok(request) => {
                let request = Box::new(request);
                let command = TrackerCommand::Request { connection, request };
                if relay.tracker.send(command).await.is_err() {
                    return Goodbye::INTERNAL;
                }
            }
            Err(failure) => {
                relay.metrics.tracker_refusals.inc();
                // A full queue means that the client reads no answers; it will miss this one.
                if answers.try_send(Answer::Text(failure.encode().into())).is_err() {
                    relay.metrics.dropped.inc(DropReason::AnswerUnread);
                }
            }
        }
    }
}
