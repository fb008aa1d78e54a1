//! What the relay serves over HTTP: the two WebSockets, its health, and the web interface.

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router, middleware};
use protocol::ids::TrackerNamespace;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::door::{self, Places};
use crate::member::Route;
use crate::metrics::SocketKind;
use crate::relay::Shared;
use crate::site::site;
use crate::status::{self, MetricsToken};
use crate::{member, socket, tracker};

/// What the open tracker says where there is none.
const CLOSED_TRACKER: &str = "This relay has no open tracker. Members use /announce/NAME.\n";

/// Marks the connection over which a relay passes a member's messages on to the swarm's owner.
pub(crate) const PASSED_ON: HeaderName = HeaderName::from_static("x-swarm-passed-on");

/// The routes of one relay. With `token`, the metrics are among them.
pub(crate) fn router(
    relay: Arc<Shared>,
    static_dir: Option<PathBuf>,
    token: Option<MetricsToken>,
) -> Router {
    let routes = Router::new()
        .route("/ws", get(member_socket))
        .route("/announce", get(open_tracker_socket))
        .route("/announce/{namespace}", get(tracker_socket))
        .merge(status::public(token));
    let routes = match static_dir {
        Some(dir) => routes.fallback_service(site(dir)),
        None => routes.route("/", get(about)),
    };
    routes
        .layer(middleware::from_fn_with_state(relay.clone(), door::guard))
        .with_state(relay)
        .layer(always(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(always(header::REFERRER_POLICY, "no-referrer"))
}

async fn member_socket(
    State(relay): State<Arc<Shared>>,
    Extension(places): Extension<Places>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if let Some(refusal) = status::turn_away_while_draining(&relay) {
        return refusal;
    }
    // Whoever pretends to be a relay gets less, not more.
    let route = match headers.contains_key(PASSED_ON) {
        true => Route::ThroughRelay,
        false => Route::Direct(places.client),
    };
    let upgrade = socket::bounded(upgrade, SocketKind::Member);
    let lifeline = relay.lifeline();
    upgrade.on_upgrade(move |socket| {
        lifeline.run(async move {
            member::serve(socket, relay, route).await;
            drop(places);
        })
    })
}

async fn open_tracker_socket(
    State(relay): State<Arc<Shared>>,
    Extension(places): Extension<Places>,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !relay.access.open_tracker {
        return (StatusCode::NOT_FOUND, CLOSED_TRACKER).into_response();
    }
    track(relay, None, places, upgrade)
}

async fn tracker_socket(
    State(relay): State<Arc<Shared>>,
    Extension(places): Extension<Places>,
    Path(namespace): Path<String>,
    upgrade: WebSocketUpgrade,
) -> Response {
    match TrackerNamespace::parse(namespace) {
        Ok(namespace) => track(relay, Some(namespace), places, upgrade),
        Err(error) => (StatusCode::NOT_FOUND, format!("{error}\n")).into_response(),
    }
}

fn track(
    relay: Arc<Shared>,
    namespace: Option<TrackerNamespace>,
    places: Places,
    upgrade: WebSocketUpgrade,
) -> Response {
    if let Some(refusal) = status::turn_away_while_draining(&relay) {
        return refusal;
    }
    let upgrade = socket::bounded(upgrade, SocketKind::Tracker);
    let lifeline = relay.lifeline();
    upgrade.on_upgrade(move |socket| {
        lifeline.run(async move {
            tracker::link::serve(socket, relay, namespace).await;
            drop(places);
        })
    })
}

async fn about() -> &'static str {
    "This is a Synced Swarm Audio relay. Members of a swarm meet here to play music in time.\n\
     \n\
     /ws        members\n\
     /announce  WebTorrent tracker, if it is open; and one for each name: /announce/NAME\n\
     /health    state of this relay\n\
     /ready     whether it takes new members\n\
     \n\
     The web interface is not installed here; the app needs none.\n"
}

fn always(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
}
