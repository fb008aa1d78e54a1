//! WebRTC for the window, on systems whose webview has none. Each command is one call on
//! [`Bridge`]; `ui/src/rtc/host.ts` lists them from the window's side.

use std::sync::Arc;

use tauri::State;
use tauri::ipc::{Channel, InvokeBody, Request, Response};
use webrtc_bridge::{
    Bridge, BridgeError, Candidate, ChannelConfig, ChannelId, ConnectionConfig, ConnectionEvent,
    ConnectionId, Description, SelectedPath,
};

/// What these commands work on; managed by the app.
pub type RtcState = Bridge;

/// Why a command was refused, as text for the window's log.
type Refusal = String;

/// Closes whatever the page before this one left open.
#[tauri::command]
pub async fn rtc_reset(bridge: State<'_, RtcState>) -> Result<(), Refusal> {
    bridge.reset().await;
    Ok(())
}

/// Opens a connection that reports to `events`. The channel must be used for nothing else: a
/// second command that took it would begin numbering its messages anew.
#[tauri::command]
pub async fn rtc_open(
    config: ConnectionConfig,
    events: Channel<ConnectionEvent>,
    bridge: State<'_, RtcState>,
) -> Result<ConnectionId, Refusal> {
    let sink = Arc::new(move |event| {
        if let Err(error) = events.send(event) {
            tracing::debug!(%error, "the window is gone");
        }
    });
    bridge.open(config, sink).await.map_err(refusal)
}

/// Closes a connection and every channel it has.
#[tauri::command]
pub async fn rtc_close(
    connection: ConnectionId,
    bridge: State<'_, RtcState>,
) -> Result<(), Refusal> {
    bridge.close(connection).await.map_err(refusal)
}

/// Makes a channel.
#[tauri::command]
pub async fn rtc_create_channel(
    connection: ConnectionId,
    config: ChannelConfig,
    bridge: State<'_, RtcState>,
) -> Result<ChannelId, Refusal> {
    bridge.create_channel(connection, config).await.map_err(refusal)
}

/// Proposes a session.
#[tauri::command]
pub async fn rtc_create_offer(
    connection: ConnectionId,
    bridge: State<'_, RtcState>,
) -> Result<Description, Refusal> {
    bridge.create_offer(connection).await.map_err(refusal)
}

/// Accepts a session.
#[tauri::command]
pub async fn rtc_create_answer(
    connection: ConnectionId,
    bridge: State<'_, RtcState>,
) -> Result<Description, Refusal> {
    bridge.create_answer(connection).await.map_err(refusal)
}

/// Sets this side's description.
#[tauri::command]
pub async fn rtc_set_local(
    connection: ConnectionId,
    description: Description,
    bridge: State<'_, RtcState>,
) -> Result<Option<Description>, Refusal> {
    bridge.set_local(connection, description).await.map_err(refusal)
}

/// Sets the other side's description.
#[tauri::command]
pub async fn rtc_set_remote(
    connection: ConnectionId,
    description: Description,
    bridge: State<'_, RtcState>,
) -> Result<(), Refusal> {
    bridge.set_remote(connection, description).await.map_err(refusal)
}

/// Adds an address of the other side.
#[tauri::command]
pub async fn rtc_add_candidate(
    connection: ConnectionId,
    candidate: Candidate,
    bridge: State<'_, RtcState>,
) -> Result<(), Refusal> {
    bridge.add_candidate(connection, candidate).await.map_err(refusal)
}

/// The pair of addresses in use.
#[tauri::command]
pub async fn rtc_selected_path(
    connection: ConnectionId,
    bridge: State<'_, RtcState>,
) -> Result<Option<SelectedPath>, Refusal> {
    bridge.selected_path(connection).await.map_err(refusal)
}

/// Sends the batch in the body; headers `rtc-connection` and `rtc-channel` say
/// where: plain `connection` is a name that pages may not set, and the webview drops it.
#[tauri::command]
pub async fn rtc_send(request: Request<'_>, bridge: State<'_, RtcState>) -> Result<(), Refusal> {
    let connection = number(&request, "rtc-connection")?;
    let channel = number(&request, "rtc-channel")?;
    let InvokeBody::Raw(batch) = request.body() else {
        return Err("the body must be raw bytes".to_owned());
    };
    bridge.send(connection, channel, batch.clone()).await.map_err(refusal)
}

/// Waits for frames of a channel.
#[tauri::command]
pub async fn rtc_receive(
    connection: ConnectionId,
    channel: ChannelId,
    bridge: State<'_, RtcState>,
) -> Result<Response, Refusal> {
    bridge.receive(connection, channel).await.map(Response::new).map_err(refusal)
}

/// Starts closing a channel.
#[tauri::command]
pub async fn rtc_close_channel(
    connection: ConnectionId,
    channel: ChannelId,
    bridge: State<'_, RtcState>,
) -> Result<(), Refusal> {
    bridge.close_channel(connection, channel).await.map_err(refusal)
}

fn refusal(error: BridgeError) -> Refusal {
    error.to_string()
}

fn number(request: &Request<'_>, name: &str) -> Result<u32, Refusal> {
    request
        .headers()
        .get(name)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse().ok())
        .ok_or_else(|| format!("the header `{name}` is missing or no number"))
}
