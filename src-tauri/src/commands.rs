//! Everything the window may ask of the app. Each command passes one request on.

use peer::{PeerHandle, StoreFault};
use protocol::host::{HostEvent, Intent};
use protocol::ids::{FileId, InfoHash};
use tauri::ipc::{Channel, InvokeBody, Request, Response};
use tauri::{AppHandle, State, WebviewWindow};
use tauri_plugin_dialog::DialogExt;
use tauri_plugin_notification::NotificationExt;

/// Why a command was refused, as text for the window's log.
type Refusal = String;

/// Passes on what a person wants.
///
/// Paths are not taken from the page: files come from the picker or from a drop, both of
/// which the app sees itself.
#[tauri::command]
pub async fn send_intent(intent: Intent, peer: State<'_, PeerHandle>) -> Result<(), Refusal> {
    if matches!(intent, Intent::AddFiles { .. }) {
        return Err("the window may not name paths; use pick_files".to_owned());
    }
    peer.send(intent).await;
    Ok(())
}

/// Sends every change to `channel`, beginning with the present state. The newest
/// subscriber gets the signals: a page that was loaded again replaces the old one.
#[tauri::command]
pub async fn subscribe(
    channel: Channel<HostEvent>,
    peer: State<'_, PeerHandle>,
) -> Result<(), Refusal> {
    let mut events = peer.subscribe().await;
    tauri::async_runtime::spawn(async move {
        while let Some(event) = events.next().await {
            if channel.send(event).is_err() {
                return;
            }
        }
    });
    Ok(())
}

/// Lets the person choose files and shares them.
#[tauri::command]
pub async fn pick_files(app: AppHandle, peer: State<'_, PeerHandle>) -> Result<(), Refusal> {
    let (chosen, choice) = tokio::sync::oneshot::channel();
    app.dialog()
        .file()
        .set_title("Add music")
        .add_filter("Music", &["mp3", "flac", "ogg", "oga", "wav", "aif", "aiff", "m4a", "aac"])
        .add_filter("All files", &["*"])
        .pick_files(move |files| {
            // The person may have closed the window meanwhile; then nobody waits.
            let _ = chosen.send(files.unwrap_or_default());
        });
    let files = choice.await.unwrap_or_default();
    let count = files.len();
    let paths = files
        .into_iter()
        .filter_map(|file| file.into_path().ok())
        .map(|path| path.to_string_lossy().into_owned())
        .collect::<Vec<_>>();
    // Android's picker may answer with documents that are not files of this device.
    let pathless = count - paths.len();
    if pathless > 0 {
        let text = format!("{pathless} of {count} chosen are not files on this device");
        peer.send(Intent::ReportFault { text }).await;
    }
    if !paths.is_empty() {
        peer.send(Intent::AddFiles { paths }).await;
    }
    Ok(())
}

/// Reads part of a piece that is held.
#[tauri::command]
pub async fn read_piece(
    info_hash: InfoHash,
    index: u32,
    offset: u32,
    length: u32,
    peer: State<'_, PeerHandle>,
) -> Result<Response, Refusal> {
    peer.read_piece(info_hash, index, offset, length).await.map(Response::new).map_err(refusal)
}

/// Verifies and keeps the piece in the body; headers `info-hash` and `index` say which.
#[tauri::command]
pub async fn write_piece(request: Request<'_>, peer: State<'_, PeerHandle>) -> Result<(), Refusal> {
    let info_hash = info_hash_header(&request)?;
    let index = header(&request, "index")?
        .parse()
        .map_err(|_| "the header `index` is no piece number".to_owned())?;
    peer.write_piece(info_hash, index, body(&request)?).await.map_err(refusal)
}

/// The whole torrent file.
#[tauri::command]
pub async fn metainfo(
    info_hash: InfoHash,
    peer: State<'_, PeerHandle>,
) -> Result<Response, Refusal> {
    peer.metainfo(info_hash).await.map(Response::new).map_err(refusal)
}

/// Takes the torrent file or info dictionary in the body; header `info-hash` says which.
#[tauri::command]
pub async fn put_metainfo(
    request: Request<'_>,
    peer: State<'_, PeerHandle>,
) -> Result<(), Refusal> {
    let info_hash = info_hash_header(&request)?;
    peer.put_metainfo(info_hash, body(&request)?).await.map_err(refusal)
}

/// Which pieces are held, as a BitTorrent bit field.
#[tauri::command]
pub async fn held_pieces(
    info_hash: InfoHash,
    peer: State<'_, PeerHandle>,
) -> Result<Response, Refusal> {
    peer.held_pieces(info_hash).await.map(Response::new).map_err(refusal)
}

/// The picture that belongs to a file: its bytes, with the MIME type as a line before them.
#[tauri::command]
pub async fn artwork(file_id: FileId, peer: State<'_, PeerHandle>) -> Result<Response, Refusal> {
    peer.artwork(file_id).await.map(Response::new).map_err(refusal)
}

/// Writes the party report where the person says. False if they thought better of it.
#[tauri::command]
pub async fn save_report(app: AppHandle, peer: State<'_, PeerHandle>) -> Result<bool, Refusal> {
    let (chosen, choice) = tokio::sync::oneshot::channel();
    app.dialog().file().set_file_name("party-report.json").add_filter("JSON", &["json"]).save_file(
        move |place| {
            // As in `pick_files`.
            let _ = chosen.send(place);
        },
    );
    let Some(place) = choice.await.ok().flatten() else { return Ok(false) };
    let path = place.into_path().map_err(|error| error.to_string())?;
    let report = peer.report().await.ok_or_else(|| "the app is closing".to_owned())?;
    tokio::fs::write(&path, report).await.map_err(|error| error.to_string())?;
    Ok(true)
}

/// Tells a person something while they look elsewhere. In front of the window they see it there.
#[tauri::command]
pub fn notify(window: WebviewWindow, title: String, body: String) -> Result<(), Refusal> {
    if window.is_focused().unwrap_or(false) {
        return Ok(());
    }
    let notification = window.notification().builder().title(title).body(body);
    notification.show().map_err(|error| error.to_string())
}

fn refusal(fault: StoreFault) -> Refusal {
    fault.to_string()
}

fn header<'r>(request: &'r Request<'_>, name: &str) -> Result<&'r str, Refusal> {
    request
        .headers()
        .get(name)
        .and_then(|value| value.to_str().ok())
        .ok_or_else(|| format!("the header `{name}` is missing"))
}

fn info_hash_header(request: &Request<'_>) -> Result<InfoHash, Refusal> {
    InfoHash::parse(header(request, "info-hash")?).map_err(|error| error.to_string())
}

fn body(request: &Request<'_>) -> Result<Vec<u8>, Refusal> {
    match request.body() {
        InvokeBody::Raw(bytes) => Ok(bytes.clone()),
        InvokeBody::Json(_) => Err("the body must be raw bytes".to_owned()),
    }
}
