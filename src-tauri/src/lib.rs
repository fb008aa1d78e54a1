//! The app: a window, the commands it may call, and the command line. No rule lives here;
//! start reading at [`peer`].

mod commands;
mod options;
#[cfg(target_os = "linux")]
mod rtc;
mod status;

use std::io::{Write, stderr, stdout};
use std::process::ExitCode;

use anyhow::Context;
use peer::{Peer, PeerHandle};
use protocol::host::Intent;
use tauri::{Manager, RunEvent, WebviewUrl, WebviewWindow, WebviewWindowBuilder, WindowEvent};
use tracing_subscriber::EnvFilter;

pub use options::{Options, StatusFormat};

/// Starts the app on a phone.
#[cfg(mobile)]
#[tauri::mobile_entry_point]
fn mobile_main() {
    start(Options::default());
}

/// Runs the app until its window closes.
pub fn start(options: Options) -> ExitCode {
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(stderr(), "synced-swarm-audio: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<()> {
    // Standard output belongs to --status and --list-outputs; the log goes to standard error.
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn")),
        )
        .with_writer(stderr)
        .init();
    if options.list_outputs {
        return list_outputs();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    tauri::async_runtime::set(runtime.handle().clone());
    let peer = runtime.block_on(Peer::start(options.peer_config()?))?;
    if options.status == Some(StatusFormat::Json) {
        status::run(runtime.handle(), &peer);
    }
    let shown = !options.hidden;
    let app = build(peer.clone(), shown).context("opening the window")?;
    app.run(move |_, event| {
        if let RunEvent::Exit = event {
            runtime.block_on(peer.shutdown());
        }
    });
    Ok(())
}

fn list_outputs() -> anyhow::Result<()> {
    for output in peer::list_outputs() {
        let mark = if output.is_default { "  (default)" } else { "" };
        writeln!(stdout(), "{}  {}{mark}", output.id, output.name).context("printing the list")?;
    }
    Ok(())
}

/// The commands every system has, and those only this one has.
macro_rules! commands {
    ($($own:tt)*) => {
        tauri::generate_handler![
            commands::send_intent,
            commands::subscribe,
            commands::pick_files,
            commands::read_piece,
            commands::write_piece,
            commands::metainfo,
            commands::put_metainfo,
            commands::held_pieces,
            commands::artwork,
            $($own)*
        ]
    };
}

fn build(peer: PeerHandle, shown: bool) -> tauri::Result<tauri::App> {
    let builder = tauri::Builder::default().plugin(tauri_plugin_dialog::init()).manage(peer);
    #[cfg(target_os = "linux")]
    let builder = builder.manage(rtc::RtcState::default()).invoke_handler(commands![
        rtc::rtc_reset,
        rtc::rtc_open,
        rtc::rtc_close,
        rtc::rtc_create_channel,
        rtc::rtc_create_offer,
        rtc::rtc_create_answer,
        rtc::rtc_set_local,
        rtc::rtc_set_remote,
        rtc::rtc_add_candidate,
        rtc::rtc_selected_path,
        rtc::rtc_send,
        rtc::rtc_receive,
        rtc::rtc_close_channel,
    ]);
    #[cfg(not(target_os = "linux"))]
    let builder = builder.invoke_handler(commands![]);
    builder
        .setup(move |app| {
            open_window(app, shown)?;
            Ok(())
        })
        .build(tauri::generate_context!())
}

fn open_window(app: &tauri::App, shown: bool) -> tauri::Result<WebviewWindow> {
    let window = WebviewWindowBuilder::new(app, "main", WebviewUrl::default());
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
        let WindowEvent::DragDrop(tauri::DragDropEvent::Drop { paths, .. }) = event else { return };
        let paths = paths.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        let peer = peer.clone();
        tauri::async_runtime::spawn(async move { peer.send(Intent::AddFiles { paths }).await });
    });
    Ok(window)
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
