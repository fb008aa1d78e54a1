//! What the relay serves over HTTP: the two WebSockets, its health, and the web interface.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use axum::routing::get;
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::relay::Shared;
use crate::status::{self, MetricsToken};
use crate::{member, socket, tracker};

/// The routes of one relay. With `token`, the metrics are among them.
pub(crate) fn router(
    relay: Arc<Shared>,
    static_dir: Option<PathBuf>,
    token: Option<MetricsToken>,
) -> Router {
    let routes = Router::new()
        .route("/ws", get(member_socket))
        .route("/announce", get(tracker_socket))
        .merge(status::public(token));
    let routes = match static_dir {
        Some(dir) => routes.fallback_service(ServeDir::new(dir)),
        None => routes.route("/", get(about)),
    };
    routes
        .with_state(relay)
        .layer(always(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(always(header::REFERRER_POLICY, "no-referrer"))
}

async fn member_socket(State(relay): State<Arc<Shared>>, upgrade: WebSocketUpgrade) -> Response {
    if let Some(refusal) = status::turn_away_while_draining(&relay) {
        return refusal;
    }
    let upgrade = socket::bounded(upgrade);
    let lifeline = relay.lifeline();
    upgrade.on_upgrade(move |socket| lifeline.run(member::serve(socket, relay)))
}

async fn tracker_socket(State(relay): State<Arc<Shared>>, upgrade: WebSocketUpgrade) -> Response {
    if let Some(refusal) = status::turn_away_while_draining(&relay) {
        return refusal;
    }
    let upgrade = socket::bounded(upgrade);
    let lifeline = relay.lifeline();
    upgrade.on_upgrade(move |socket| lifeline.run(tracker::link::serve(socket, relay)))
}

async fn about() -> &'static str {
    "This is a Synced Swarm Audio relay. Members of a swarm meet here to play music in time.\n\
     \n\
     /ws        members\n\
     /announce  WebTorrent tracker\n\
     /health    state of this relay\n\
     /ready     whether it takes new members\n\
     \n\
     The web interface is not installed here; the app needs none.\n"
}

fn always(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
}
