//! One member's connection on `/ws`: enters a swarm, then passes messages between the socket
//! and the swarm's task. Time pings are answered here and never reach the swarm.

use std::future::pending;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::ws::WebSocket;
use protocol::json::json_depth;
use protocol::message::DecodeError;
use protocol::{ClientMessage, ErrorCode, ServerMessage, SwarmTime};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::budget::Budget;
use crate::metrics::{Admission, DropReason, MessageType, SocketKind};
use crate::ownership::Elsewhere;
use crate::relay::Shared;
use crate::room::{Join, Refusal};
use crate::socket::{
    self, Answer, Answers, ConnectionId, Goodbye, Incoming, SocketReader, SocketWriter,
};
use crate::swarms::{Denial, Enter, NOT_OWNER, SwarmCommand};
use crate::time::TimeGrant;

/// How a member's messages come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// From the member, which has this address.
    Direct(IpAddr),
    /// Through another relay, which passes them on.
    ThroughRelay,
}

/// Runs the connection from its first message to its goodbye.
pub(crate) async fn serve(socket: WebSocket, relay: Arc<Shared>, route: Route) {
    let (mut reader, mut writer) = socket::split(socket, &relay, SocketKind::Member);
    let goodbye = tokio::select! {
        biased;
        () = relay.closing.cancelled() => Goodbye::SHUTTING_DOWN,
        goodbye = take_part(&mut reader, &mut writer, &relay, route) => goodbye,
    };
    // On the heap: connections are idle far longer than they part.
    Box::pin(socket::part(reader, writer, goodbye)).await;
}

async fn take_part(
    reader: &mut SocketReader,
    writer: &mut SocketWriter,
    relay: &Arc<Shared>,
    route: Route,
) -> Goodbye {
    let mut inbound = Inbound::new(relay, route);
    // On the heap of its own, and gone before the connection falls idle: it is large.
    let entering = Box::pin(enter(reader, writer, &mut inbound, relay));
    let entered = tokio::select! {
        biased;
        () = relay.leaving.cancelled() => return Goodbye::SHUTTING_DOWN,
        entered = timeout(relay.limits.join, entering) => entered,
    };
    let place = match entered {
        Ok(Ok(Entered::Here(place))) => place,
        Ok(Ok(Entered::There(passed_on))) => {
            return pass_on(reader, writer, relay, *passed_on).await;
        }
        Ok(Err(goodbye)) => return goodbye,
        Err(_) => return Goodbye::NO_JOIN,
    };
    let answers = writer.answers();
    let goodbye = tokio::select! {
        biased;
        goodbye = listen(reader, &mut inbound, &place, answers) => goodbye,
        goodbye = writer.run() => goodbye,
    };
    // The swarm's task is gone only when the relay is.
    let Place { connection, swarm, _time } = place;
    let _ = swarm.send(SwarmCommand::Gone { connection }).await;
    goodbye
}

#[cfg(feature = "cluster")]
use crate::proxy::pass_on;

/// Other relays are there with the feature `cluster` only.
#[cfg(not(feature = "cluster"))]
async fn pass_on(_: &mut SocketReader, _: &mut SocketWriter, _: &Shared, _: PassedOn) -> Goodbye {
    Goodbye::UNSETTLED
}

/// Where a member has entered.
enum Entered {
    /// A swarm that is kept here.
    Here(Place),
    /// Nothing yet: the swarm is kept by another relay, which only relays can reach.
    There(Box<PassedOn>),
}

/// A member whose messages are to be passed on.
#[cfg_attr(not(feature = "cluster"), allow(dead_code, reason = "there is nobody to pass them to"))]
pub(crate) struct PassedOn {
    /// To whom.
    pub(crate) owner: Elsewhere,
    /// Its address, which the owner counts by.
    pub(crate) client: IpAddr,
    /// What it said first.
    pub(crate) join: ClientMessage,
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
) -> Result<Entered, Goodbye> {
    loop {
        let answer = match inbound.read(reader).await? {
            Ok(ClientMessage::CarrierAsk { swarm_hash, challenge, user_id, standby }) => {
                match relay.ownership.asked(&swarm_hash, &challenge, (user_id, standby)) {
                    Some(carriage) => ServerMessage::Carriage(carriage),
                    None => NOT_OWNER.reply_to("carrier:ask"),
                }
            }
            Ok(ClientMessage::Join { swarm_hash, user_id, alias, resume, challenge }) => {
                let again = ClientMessage::Join {
                    swarm_hash: swarm_hash.clone(),
                    user_id: user_id.clone(),
                    alias: alias.clone(),
                    resume: resume.clone(),
                    challenge: challenge.clone(),
                };
                // Datagrams would go to the relay that passes messages on, which has no part in it.
                let grant = match inbound.route {
                    Route::Direct(_) => relay.grant_time().await,
                    Route::ThroughRelay => None,
                };
                let time = grant.as_ref().map(TimeGrant::service);
                let turn = relay.turn.as_ref();
                let ice = turn.map_or_else(Vec::new, |turn| turn.grant(inbound.arrived, &user_id));
                let (relays, carrier) = (Vec::new(), None);
                let join = Join { user_id, alias, resume, time, ice, relays, challenge, carrier };
                let connection = relay.next_connection();
                let outbox = writer.outbox();
                let (answer, answered) = oneshot::channel();
                let enter = Enter { swarm: swarm_hash, join, connection, outbox, answer };
                relay.swarms.send(enter).await.map_err(|_| Goodbye::INTERNAL)?;
                match answered.await.map_err(|_| Goodbye::BUSY)? {
                    Ok(swarm) => {
                        return Ok(Entered::Here(Place { connection, swarm, _time: grant }));
                    }
                    Err(Denial::Refused(Refusal { code: ErrorCode::ShuttingDown, .. })) => {
                        return Err(Goodbye::SHUTTING_DOWN);
                    }
                    Err(Denial::Refused(refusal)) => refusal.reply_to("join"),
                    Err(Denial::Elsewhere(Elsewhere { public: Some(url), epoch, .. })) => {
                        relay.metrics.turned_away.inc(Admission::Moved);
                        let moved = ServerMessage::Moved { url: Some(url), epoch };
                        writer.send(moved.encode().into()).await?;
                        return Err(Goodbye::MOVED);
                    }
                    Err(Denial::Elsewhere(owner)) => match inbound.route {
                        Route::Direct(client) => {
                            let passed_on = PassedOn { owner, client, join: again };
                            return Ok(Entered::There(Box::new(passed_on)));
                        }
                        Route::ThroughRelay => return Err(unsettled(relay)),
                    },
                    Err(Denial::Unsettled) => return Err(unsettled(relay)),
                }
            }
            Ok(_) => {
                Refusal { code: ErrorCode::NotJoined, message: "the first message must be `join`" }
                    .reply()
            }
            Err(Some(error)) => *error,
            Err(None) => continue,
        };
        writer.send(answer.encode().into()).await?;
    }
}

/// Turns one away who can not be told which relay keeps its swarm.
pub(crate) fn unsettled(relay: &Shared) -> Goodbye {
    relay.metrics.turned_away.inc(Admission::Unsettled);
    Goodbye::UNSETTLED
}

/// Passes messages to the swarm until the connection ends.
async fn listen(
    reader: &mut SocketReader,
    inbound: &mut Inbound,
    place: &Place,
    answers: Answers,
) -> Goodbye {
    loop {
        let answer = match inbound.read(reader).await {
            Err(goodbye) => return goodbye,
            Ok(Ok(ClientMessage::Leave)) => return Goodbye::DONE,
            Ok(Ok(ClientMessage::TimePing { t0 })) => Answer::Pong { t0, t1: inbound.arrived },
            Ok(Ok(message)) => {
                let message = Box::new(message);
                let command = SwarmCommand::Message { connection: place.connection, message };
                // Waiting here holds back this member alone.
                if place.swarm.send(command).await.is_err() {
                    // The swarm has ended or moved; its last words say how to part.
                    return pending().await;
                }
                continue;
            }
            Ok(Err(Some(error))) => Answer::Text(error.encode().into()),
            Ok(Err(None)) => continue,
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
    route: Route,
    arrived: SwarmTime,
    budget: Budget,
}

/// What a frame was: a message, or nothing of use, whose answer may be silence.
type Read = Result<ClientMessage, Option<Box<ServerMessage>>>;

impl Inbound {
    fn new(relay: &Arc<Shared>, route: Route) -> Self {
        let now = relay.clock.now();
        let budget = Budget::new(&relay.limits, now);
        Self { relay: relay.clone(), route, arrived: now, budget }
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
            return Ok(Err(self.budget.complaint(arrived).map(Box::new)));
        }
        Ok(decoded.map_err(|error| Some(Box::new(error.into()))))
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
