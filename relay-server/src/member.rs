//! One member's connection on `/ws`: enters a swarm, then passes messages between the socket
//! and the swarm's task. Time pings are answered here and never reach the swarm.

use std::sync::Arc;

use axum::extract::ws::WebSocket;
use protocol::json::json_depth;
use protocol::message::DecodeError;
use protocol::{ClientMessage, ErrorCode, ServerMessage, SwarmTime};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::budget::Budget;
use crate::metrics::{DropReason, MessageType, SocketKind};
use crate::outbox::{OutboxReader, outbox};
use crate::relay::Shared;
use crate::room::{Join, Refusal};
use crate::socket::{self, Answer, ConnectionId, Goodbye, Incoming, SocketReader, SocketWriter};
use crate::swarms::{Enter, SwarmCommand};
use crate::time::TimeGrant;

/// Runs the connection from its first message to its goodbye.
pub(crate) async fn serve(socket: WebSocket, relay: Arc<Shared>) {
    let (mut reader, mut writer) = socket::split(socket, &relay, SocketKind::Member);
    let goodbye = tokio::select! {
        biased;
        () = relay.closing.cancelled() => Goodbye::SHUTTING_DOWN,
        goodbye = take_part(&mut reader, &mut writer, &relay) => goodbye,
    };
    socket::part(reader, writer, goodbye).await;
}

async fn take_part(
    reader: &mut SocketReader,
    writer: &mut SocketWriter,
    relay: &Arc<Shared>,
) -> Goodbye {
    let mut inbound = Inbound::new(relay);
    let entering = enter(reader, writer, &mut inbound, relay);
    let entered = tokio::select! {
        biased;
        () = relay.leaving.cancelled() => return Goodbye::SHUTTING_DOWN,
        entered = timeout(relay.limits.join, entering) => entered,
    };
    let (place, mut outbox) = match entered {
        Ok(Ok(place)) => place,
        Ok(Err(goodbye)) => return goodbye,
        Err(_) => return Goodbye::NO_JOIN,
    };
    let (answers, mut answers_out) = socket::answers();
    let goodbye = tokio::select! {
        biased;
        goodbye = listen(reader, &mut inbound, &place, answers) => goodbye,
        goodbye = writer.run(&mut answers_out, &mut outbox) => goodbye,
    };
    // The swarm's task is gone only when the relay is.
    let Place { connection, swarm, _time } = place;
    let _ = swarm.send(SwarmCommand::Gone { connection }).await;
    goodbye
}

/// A member's place in a swarm, seen from its connection.
struct Place {
    connection: ConnectionId,
    swarm: mpsc::Sender<SwarmCommand>,
    /// The right to ask for the time by UDP, which ends with the connection.
    _time: Option<TimeGrant>,
}

/// Waits for a `join` that the swarm grants.
async fn enter(
    reader: &mut SocketReader,
    writer: &mut SocketWriter,
    inbound: &mut Inbound,
    relay: &Arc<Shared>,
) -> Result<(Place, OutboxReader), Goodbye> {
    loop {
        let answer = match inbound.read(reader).await? {
            Read::Message(ClientMessage::Join { swarm_hash, user_id, alias, resume }) => {
                let grant = relay.grant_time().await;
                let time = grant.as_ref().map(TimeGrant::service);
                let turn = relay.turn.as_ref();
                let ice = turn.map_or_else(Vec::new, |turn| turn.grant(inbound.arrived, &user_id));
                let join = Join { user_id, alias, resume, time, ice };
                let connection = relay.next_connection();
                let (outbox, outbox_out) = outbox(&relay.limits, &relay.metrics.queue_bytes);
                let (answer, answered) = oneshot::channel();
                let enter = Enter { swarm: swarm_hash, join, connection, outbox, answer };
                relay.swarms.send(enter).await.map_err(|_| Goodbye::INTERNAL)?;
                match answered.await.map_err(|_| Goodbye::BUSY)? {
                    Ok(swarm) => {
                        let place = Place { connection, swarm, _time: grant };
                        return Ok((place, outbox_out));
                    }
                    Err(Refusal { code: ErrorCode::ShuttingDown, .. }) => {
                        return Err(Goodbye::SHUTTING_DOWN);
                    }
                    Err(refusal) => refusal.reply_to("join"),
                }
            }
            Read::Message(_) => {
                Refusal { code: ErrorCode::NotJoined, message: "the first message must be `join`" }
                    .reply()
            }
            Read::Refused(Some(error)) => error,
            Read::Refused(None) => continue,
        };
        writer.send(answer.encode().into()).await?;
    }
}

/// Passes messages to the swarm until the connection ends.
async fn listen(
    reader: &mut SocketReader,
    inbound: &mut Inbound,
    place: &Place,
    answers: mpsc::Sender<Answer>,
) -> Goodbye {
    loop {
        let answer = match inbound.read(reader).await {
            Err(goodbye) => return goodbye,
            Ok(Read::Message(ClientMessage::Leave)) => return Goodbye::DONE,
            Ok(Read::Message(ClientMessage::TimePing { t0 })) => {
                Answer::Pong { t0, t1: inbound.arrived }
            }
            Ok(Read::Message(message)) => {
                let message = Box::new(message);
                let command = SwarmCommand::Message { connection: place.connection, message };
                // Waiting here holds back this member alone.
                if place.swarm.send(command).await.is_err() {
                    let is_leaving = inbound.relay.leaving.is_cancelled();
                    return if is_leaving { Goodbye::SHUTTING_DOWN } else { Goodbye::INTERNAL };
                }
                continue;
            }
            Ok(Read::Refused(Some(error))) => Answer::Text(error.encode().into()),
            Ok(Read::Refused(None)) => continue,
        };
        // A full queue means that the member reads no answers; it will miss this one.
        if answers.try_send(answer).is_err() {
            inbound.relay.metrics.dropped.inc(DropReason::AnswerUnread);
        }
    }
}

/// Turns frames into messages and keeps count of them.
struct Inbound {
    relay: Arc<Shared>,
    arrived: SwarmTime,
    budget: Budget,
}

/// What a frame was.
enum Read {
    Message(ClientMessage),
    /// Not a message, or one too many; the answer may be silence.
    Refused(Option<ServerMessage>),
}

impl Inbound {
    fn new(relay: &Arc<Shared>) -> Self {
        let now = relay.clock.now();
        Self { relay: relay.clone(), arrived: now, budget: Budget::new(&relay.limits, now) }
    }

    async fn read(&mut self, reader: &mut SocketReader) -> Result<Read, Goodbye> {
        let (incoming, arrived) = reader.next().await?;
        self.arrived = arrived;
        let decoded = match incoming {
            Incoming::Text(text) => self.decode(&text),
            Incoming::Binary => Err(DecodeError {
                code: ErrorCode::BadMessage,
                reason: "messages are JSON in text frames".to_owned(),
                found_type: None,
            }),
        };
        let metrics = &self.relay.metrics;
        match &decoded {
            Ok(message) => metrics.messages_received.inc(MessageType::of(message)),
            Err(_) => metrics.dropped.inc(DropReason::BadMessage),
        }
        if !self.budget.admits(arrived, &decoded) {
            metrics.dropped.inc(DropReason::RateLimited);
            return Ok(Read::Refused(self.budget.complaint(arrived)));
        }
        Ok(match decoded {
            Ok(message) => Read::Message(message),
            Err(error) => Read::Refused(Some(error.into())),
        })
    }

    fn decode(&self, text: &str) -> Result<ClientMessage, DecodeError> {
        let limits = &self.relay.limits;
        if json_depth(text) > limits.json_depth {
            return Err(DecodeError {
                code: ErrorCode::BadMessage,
                reason: format!("a message has at most {} levels", limits.json_depth),
                found_type: None,
            });
        }
        let message = ClientMessage::decode(text)?;
        limits.check(&message, text.len())?;
        Ok(message)
    }
}
