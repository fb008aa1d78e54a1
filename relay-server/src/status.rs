//! What an operator and a load balancer ask a relay: does it live, does it take new members,
//! what has it counted.
//!
//! `/health` and `/ready` are for everyone. `/metrics` is served on an address of its own, or
//! on the relay's to those who show a token; never openly beside the members' WebSockets.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha1::Sha1;

use crate::metrics::{self, Admission};
use crate::relay::{Shared, as_count};

/// Seconds after which one who was turned away by a relay that drains may ask again: by then a
/// load balancer has read `/ready`.
const RETRY_AFTER: &str = "2";

/// Why a relay takes no new members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// It is about to end.
    Draining,
}

impl Obstacle {
    const ALL: [Self; 1] = [Self::Draining];

    fn bit(self) -> u8 {
        1 << self as u8
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Draining => "draining",
        }
    }
}

/// Whether new members are let in. Whoever finds an obstacle raises it, and clears it again.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    obstacles: AtomicU8,
}

impl Readiness {
    /// From now on no new member is let in.
    pub(crate) fn raise(&self, obstacle: Obstacle) {
        self.obstacles.fetch_or(obstacle.bit(), Ordering::Relaxed);
    }

    /// True while `obstacle` is raised.
    pub(crate) fn is_raised(&self, obstacle: Obstacle) -> bool {
        self.obstacles.load(Ordering::Relaxed) & obstacle.bit() != 0
    }

    fn obstacles(&self) -> Vec<&'static str> {
        let raised = Obstacle::ALL.iter().filter(|obstacle| self.is_raised(**obstacle));
        raised.map(|obstacle| obstacle.as_str()).collect()
    }
}

/// Shows who may read `/metrics` on the relay's own address.
#[derive(Clone)]
pub(crate) struct MetricsToken(String);

impl fmt::Debug for MetricsToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MetricsToken")
    }
}

impl MetricsToken {
    pub(crate) fn new(token: String) -> Self {
        Self(token)
    }

    /// Compared by keyed digests, so that the time it takes tells nothing about the token.
    fn admits(&self, headers: &HeaderMap) -> bool {
        let shown = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "));
        let Some(shown) = shown else { return false };
        let key: [u8; 64] = rand::random();
        let digest = |token: &str| {
            let mac = <Hmac<Sha1> as KeyInit>::new(&key.into());
            mac.chain_update(token.as_bytes()).finalize()
        };
        digest(shown) == digest(&self.0)
    }
}

/// What everyone may ask, and the metrics for those with `token`, if there is one.
pub(crate) fn public(token: Option<MetricsToken>) -> Router<Arc<Shared>> {
    let routes = Router::new().route("/health", get(health)).route("/ready", get(ready));
    match token {
        Some(token) => routes.route(
            "/metrics",
            get(move |relay: State<Arc<Shared>>, headers: HeaderMap| async move {
                if token.admits(&headers) { page(relay).await } else { unauthorized() }
            }),
        ),
        None => routes,
    }
}

/// The same and the metrics, for the address that only the operator reaches.
pub(crate) fn private(relay: Arc<Shared>) -> Router {
    public(None).route("/metrics", get(page)).with_state(relay)
}

/// The answer to a new WebSocket while the relay drains.
pub(crate) fn turn_away_while_draining(relay: &Shared) -> Option<Response> {
    relay.readiness.is_raised(Obstacle::Draining).then(|| {
        relay.metrics.turned_away.inc(Admission::Draining);
        let retry = [(header::RETRY_AFTER, RETRY_AFTER), (header::CONNECTION, "close")];
        (StatusCode::SERVICE_UNAVAILABLE, retry, "the relay is shutting down\n").into_response()
    })
}

async fn health(State(relay): State<Arc<Shared>>) -> Response {
    let health = json!({
        "status": if relay.door.is_full() { "full" } else { "ok" },
        "name": relay.name,
        "version": env!("CARGO_PKG_VERSION"),
        "members": as_count(relay.metrics.members.get()),
        "swarms": as_count(relay.metrics.swarms.get()),
        "uptimeSeconds": relay.clock.uptime().as_secs(),
    });
    as_json(StatusCode::OK, &health)
}

/// Why nobody new is let in, in words; nothing while the relay is ready.
pub(crate) fn obstacles(relay: &Shared) -> Vec<&'static str> {
    let mut obstacles = relay.readiness.obstacles();
    // Not raised and cleared: who comes and goes changes it from moment to moment.
    obstacles.extend(relay.door.is_full().then_some("full"));
    obstacles
}

async fn ready(State(relay): State<Arc<Shared>>) -> Response {
    let obstacles = obstacles(&relay);
    let status =
        if obstacles.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    as_json(status, &json!({ "ready": obstacles.is_empty(), "obstacles": obstacles }))
}

async fn page(State(relay): State<Arc<Shared>>) -> Response {
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], relay.metrics_page()).into_response()
}

fn unauthorized() -> Response {
    let how = [(header::WWW_AUTHENTICATE, "Bearer")];
    (StatusCode::UNAUTHORIZED, how, "the metrics are shown with the operator's token only\n")
        .into_response()
}

fn as_json(status: StatusCode, value: &Value) -> Response {
    let json = (header::CONTENT_TYPE, "application/json");
    (status, [json, (header::CACHE_CONTROL, "no-store")], value.to_string()).into_response()
}
