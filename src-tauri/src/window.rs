//! The one window: opening it, bringing it forward, files dropped on it.

use peer::PeerHandle;
use protocol::host::Intent;
use tauri::{App, WindowEvent};
use tauri::{AppHandle, DragDropEvent, Manager, WebviewUrl, WebviewWindow, WebviewWindowBuilder};

/// What the window is called between page and core.
const LABEL: &str = "main";

/// Opens it, on the screen or not.
pub fn open(app: &App, shown: bool) -> tauri::Result<()> {
    let window = WebviewWindowBuilder::new(app, LABEL, WebviewUrl::default());
    #[cfg(desktop)]
    let window = window
        .title("Synced Swarm Audio")
        .inner_size(420.0, 820.0)
        .min_inner_size(340.0, 480.0)
        .visible(shown);
    #[cfg(mobile)]
    let _ = shown;
    let window = window.build()?;
    #[cfg(target_os = "linux")]
    window.with_webview(|webview| draw_plainly(&webview.inner()))?;
    let peer = app.state::<PeerHandle>().inner().clone();
    window.on_window_event(move |event| {
        let WindowEvent::DragDrop(DragDropEvent::Drop { paths, .. }) = event else { return };
        let paths = paths.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        let peer = peer.clone();
        tauri::async_runtime::spawn(async move { peer.send(Intent::AddFiles { paths }).await });
    });
    Ok(())
}

/// Brings it to the front, from wherever it is.
pub fn raise(app: &AppHandle) {
    let Some(window) = app.get_webview_window(LABEL) else { return };
    if let Err(error) = bring_forward(&window) {
        tracing::info!(%error, "the window stays where it is");
    }
}

#[cfg(desktop)]
fn bring_forward(window: &WebviewWindow) -> tauri::Result<()> {
    window.show()?;
    window.unminimize()?;
    window.set_focus()
}

/// A phone's system does that itself.
#[cfg(mobile)]
fn bring_forward(_: &WebviewWindow) -> tauri::Result<()> {
    Ok(())
}

/// Lets WebKitGTK draw what changed and nothing else. A page of text gains nothing from its
/// graphics card pipeline, which without a card took 70 ms of processor for every drawing
/// (measured on two cores), and which some drivers answer with an empty window.
#[cfg(target_os = "linux")]
fn draw_plainly(view: &webkit2gtk::WebView) {
    use webkit2gtk::{HardwareAccelerationPolicy, SettingsExt, WebViewExt};
    if let Some(settings) = view.settings() {
        settings.set_hardware_acceleration_policy(HardwareAccelerationPolicy::Never);
    }
}
