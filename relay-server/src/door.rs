//! The way in: asks `admission.rs` for a place for every connection and `access.rs` about every
//! request, and says no in HTTP before anything is upgraded.
//!
//! One task owns the admission's tables; connections ask it over a bounded mailbox and wait for
//! their turn when it is full.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{self, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::service::TowerToHyperService;
use protocol::SwarmTime;
use sync_core::rate::TokenBucket;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tracing::debug;

use crate::access::Stranger;
use crate::admission::{self, Admission, Gauge, Place, TurnedAway, Visit};
use crate::limits::Limits;
use crate::metrics::Admission as Label;
use crate::relay::Shared;

/// What is answered whatever name it is asked under, and of a relay that is full too.
const WATCHED: [&str; 3] = ["/health", "/ready", "/metrics"];

/// Visitors that may wait to be asked in.
const MAILBOX: usize = 1024;

/// Those turned away that are told so at the same time. More are hung up on: politeness may not
/// cost what the bound on connections saves.
const REFUSALS: usize = 256;

/// Where connections ask to be let in.
pub(crate) struct Door {
    knocks: mpsc::Sender<Knock>,
    refusals: Arc<Semaphore>,
    gauge: Gauge,
}

/// What [`keep`] works with.
pub(crate) struct Keeper {
    admission: Admission,
    knocks: mpsc::Receiver<Knock>,
}

impl Door {
    /// A door and what its keeper needs.
    pub(crate) fn new(limits: &Limits, now: SwarmTime) -> (Self, Keeper) {
        let (knocks, knocks_out) = mpsc::channel(MAILBOX);
        let admission = Admission::new(limits, now);
        let gauge = admission.gauge();
        let refusals = Arc::new(Semaphore::new(REFUSALS));
        (Self { knocks, refusals, gauge }, Keeper { admission, knocks: knocks_out })
    }

    /// True when nobody else is let in for want of room.
    pub(crate) fn is_full(&self) -> bool {
        self.gauge.is_full()
    }

    async fn ask(&self, visit: Visit) -> Result<Place, TurnedAway> {
        let (answer, answered) = oneshot::channel();
        // Nobody answers once the relay closes.
        self.knocks.send(Knock { visit, answer }).await.map_err(|_| TurnedAway::Full)?;
        answered.await.unwrap_or(Err(TurnedAway::Full))
    }
}

/// Asks for a place.
struct Knock {
    visit: Visit,
    answer: oneshot::Sender<Result<Place, TurnedAway>>,
}

/// What is known of a connection before it has said anything. Whoever holds it holds the
/// connection's place.
#[derive(Clone)]
pub(crate) struct Arrival(Arc<Arrived>);

struct Arrived {
    peer: IpAddr,
    verdict: Result<Place, TurnedAway>,
    /// What may be asked over the connection; none for those who are spared. One request comes
    /// after the other, so that nobody waits for the lock.
    requests: Option<Mutex<TokenBucket<SwarmTime>>>,
    _refusal: Option<OwnedSemaphorePermit>,
}

impl Arrived {
    /// Counts a request. False: one too many.
    fn may_ask(&self, now: SwarmTime) -> bool {
        self.requests.as_ref().is_none_or(|requests| {
            requests.lock().unwrap_or_else(PoisonError::into_inner).admits(now)
        })
    }
}

/// What a WebSocket holds for as long as it is open: the place of its connection, and that of
/// who is behind the proxy, if one is.
#[derive(Clone)]
pub(crate) struct Places {
    /// Who is at the other end, behind proxies that are trusted.
    pub(crate) client: IpAddr,
    _connection: Arrival,
    _forwarded: Option<Arc<Place>>,
}

/// Owns the admission until the relay closes.
pub(crate) async fn keep(relay: Arc<Shared>, keeper: Keeper) {
    let Keeper { mut admission, mut knocks } = keeper;
    loop {
        let knock = tokio::select! {
            biased;
            () = relay.closing.cancelled() => return,
            knock = knocks.recv() => knock,
        };
        let Some(Knock { visit, answer }) = knock else { return };
        // One who is gone by now gives its place back.
        let _ = answer.send(admission.admit(relay.clock.now(), visit));
    }
}

/// Asks for a place for a fresh connection. None: it is to be hung up on.
pub(crate) async fn arrive(relay: &Shared, peer: SocketAddr) -> Option<Arrival> {
    let peer = peer.ip().to_canonical();
    let is_proxy = relay.access.trusts(peer);
    let visit = if is_proxy { Visit::Proxy } else { Visit::Connection(peer) };
    let is_metered = !is_proxy && !admission::is_spared(&relay.limits, peer);
    let requests = is_metered
        .then(|| Mutex::new(TokenBucket::new(relay.limits.http_requests, relay.clock.now())));
    let verdict = relay.door.ask(visit).await;
    let refusal = match verdict {
        Ok(_) => None,
        Err(reason) => {
            debug!(?reason, "a connection is turned away");
            relay.metrics.turned_away.inc(label_of(reason));
            Some(relay.door.refusals.clone().try_acquire_owned().ok()?)
        }
    };
    Some(Arrival(Arc::new(Arrived { peer, verdict, requests, _refusal: refusal })))
}

impl Arrival {
    /// A service that tells `router` with every request over which connection it came.
    pub(crate) fn shown_to(
        self,
        router: Router,
    ) -> impl Service<http::Request<Incoming>, Response = Response, Error = Infallible, Future: Send>
    {
        let router = TowerToHyperService::new(router);
        service_fn(move |mut request: http::Request<Incoming>| {
            request.extensions_mut().insert(self.clone());
            router.call(request)
        })
    }
}

/// Serves a request, or says why not.
pub(crate) async fn guard(
    State(relay): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    match admit(&relay, request).await {
        Ok(request) => next.run(request).await,
        Err(response) => response,
    }
}

async fn admit(relay: &Shared, mut request: Request) -> Result<Request, Response> {
    let Some(arrival) = request.extensions().get::<Arrival>().cloned() else {
        return Err(StatusCode::INTERNAL_SERVER_ERROR.into_response());
    };
    if !arrival.0.may_ask(relay.clock.now()) {
        relay.metrics.turned_away.inc(label_of(TurnedAway::RequestRush));
        return Err(turned_away(TurnedAway::RequestRush));
    }
    // Asked by whoever watches over this relay, under whatever name, most of all when it is full.
    let watches = WATCHED.contains(&request.uri().path());
    match arrival.0.verdict {
        Err(TurnedAway::Full) if watches => return Ok(request),
        Err(reason) => return Err(turned_away(reason)),
        Ok(_) if watches => return Ok(request),
        Ok(_) => {}
    }
    let stranger = |stranger| refused(relay, stranger);
    let asked = relay.access.check_host(request.uri(), request.headers()).map_err(stranger)?;
    let (mut forwarded, mut client) = (None, arrival.0.peer);
    if request.headers().contains_key(header::UPGRADE) {
        let peer = arrival.0.peer;
        client = relay.access.client(peer, request.headers());
        relay.access.check_origin(client, &asked, request.headers()).map_err(stranger)?;
        if relay.access.trusts(peer) {
            let place = relay.door.ask(Visit::Forwarded(client)).await;
            let place = place.inspect_err(|reason| {
                relay.metrics.turned_away.inc(label_of(*reason));
            });
            forwarded = Some(Arc::new(place.map_err(turned_away)?));
        }
    }
    request.extensions_mut().insert(Places { client, _connection: arrival, _forwarded: forwarded });
    Ok(request)
}

fn refused(relay: &Shared, stranger: Stranger) -> Response {
    debug!(?stranger, "a request is refused");
    let (status, label, text) = match stranger {
        Stranger::NoHost => {
            (StatusCode::BAD_REQUEST, Label::Host, "The request must name one host.\n")
        }
        Stranger::Host => (
            StatusCode::MISDIRECTED_REQUEST,
            Label::Host,
            "This relay does not go by that name. Whoever runs it can add the name to its hosts.\n",
        ),
        Stranger::Origin => (
            StatusCode::FORBIDDEN,
            Label::Origin,
            "Web pages of that origin may not connect here. Whoever runs this relay can add it to \
             its origins.\n",
        ),
    };
    relay.metrics.turned_away.inc(label);
    (status, text).into_response()
}

fn turned_away(reason: TurnedAway) -> Response {
    // (status, seconds after which it is worth trying again, text)
    let (status, retry, text) = match reason {
        TurnedAway::Full => {
            (StatusCode::SERVICE_UNAVAILABLE, "30", "This relay has no room left.\n")
        }
        TurnedAway::Rush => {
            (StatusCode::SERVICE_UNAVAILABLE, "2", "Too many come at once. Please try again.\n")
        }
        TurnedAway::AddressFull => (
            StatusCode::TOO_MANY_REQUESTS,
            "30",
            "There are as many connections from your address as this relay allows.\n",
        ),
        TurnedAway::AddressRush => {
            (StatusCode::TOO_MANY_REQUESTS, "2", "Your address connects too often.\n")
        }
        TurnedAway::RequestRush => {
            (StatusCode::TOO_MANY_REQUESTS, "2", "This connection asks too often.\n")
        }
    };
    let headers = [(header::RETRY_AFTER, retry), (header::CONNECTION, "close")];
    (status, headers, text).into_response()
}

fn label_of(reason: TurnedAway) -> Label {
    match reason {
        TurnedAway::Full => Label::Full,
        TurnedAway::Rush => Label::Rate,
        TurnedAway::AddressFull => Label::AddressFull,
        TurnedAway::AddressRush => Label::AddressRate,
        TurnedAway::RequestRush => Label::RequestRate,
    }
}
