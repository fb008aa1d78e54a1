//! The app: a window, the commands it may call, and the command line. No rule lives here;
//! start reading at [`peer`].

#[cfg(desktop)]
mod awake;
mod commands;
mod opened;
mod options;
#[cfg(target_os = "linux")]
mod remote;
#[cfg(target_os = "linux")]
mod rtc;
mod status;
#[cfg(desktop)]
mod tray;
mod window;

use std::io::{Write, stderr, stdout};
use std::process::ExitCode;

use anyhow::Context;
use opened::Opened;
use peer::Peer;
use tauri::{Manager, RunEvent};
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
    let (opened, waiting) = opened::channel();
    // A second start of the app ends in here, once the first has what it was to open.
    let app = build(options, &opened).context("opening the window")?;
    let peer = runtime.block_on(Peer::start(options.peer_config()?))?;
    app.manage(peer.clone());
    if options.status == Some(StatusFormat::Json) {
        status::run(runtime.handle(), &peer);
    }
    waiting.run(runtime.handle(), &peer);
    opened.open(options.open.clone(), &std::env::current_dir().unwrap_or_default());
    #[cfg(desktop)]
    awake::run(runtime.handle(), &peer);
    #[cfg(target_os = "linux")]
    remote::run(runtime.handle(), app.handle(), &peer);
    app.run(move |_, event| match event {
        RunEvent::Exit => runtime.block_on(peer.shutdown()),
        #[cfg(any(target_os = "macos", target_os = "ios", target_os = "android"))]
        RunEvent::Opened { urls } => {
            opened.open(urls.into_iter().map(word), std::path::Path::new(""))
        }
        _ => {}
    });
    Ok(())
}

/// What the system opens the app with: a file as its path, a link as it is.
#[cfg(any(target_os = "macos", target_os = "ios", target_os = "android"))]
fn word(url: tauri::Url) -> String {
    url.to_file_path().map_or_else(|()| url.into(), |path| path.to_string_lossy().into_owned())
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
            commands::save_report,
            commands::notify,
            $($own)*
        ]
    };
}

fn build(options: &Options, opened: &Opened) -> tauri::Result<tauri::App> {
    let builder = tauri::Builder::default();
    #[cfg(desktop)]
    let builder = desktop_plugins(builder, options, opened);
    #[cfg(mobile)]
    let _ = opened;
    let builder = builder
        .plugin(tauri_plugin_deep_link::init())
        .plugin(tauri_plugin_dialog::init())
        .plugin(tauri_plugin_notification::init());
    #[cfg(target_os = "linux")]
    let builder = builder.manage(rtc::RtcState::default()).invoke_handler(commands![
        tray::set_tray,
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
    #[cfg(all(desktop, not(target_os = "linux")))]
    let builder = builder.invoke_handler(commands![tray::set_tray]);
    #[cfg(mobile)]
    let builder = builder.invoke_handler(commands![]);
    let shown = !options.hidden;
    let is_for_links = shown && options.is_the_one();
    builder
        .setup(move |app| {
            window::open(app, shown)?;
            if is_for_links {
                take_links(app.handle());
            }
            Ok(())
        })
        .build(tauri::generate_context!())
}

/// What only desktops have. The first of them has to come first of all: it ends a second start
/// before that touches anything.
#[cfg(desktop)]
fn desktop_plugins(
    builder: tauri::Builder<tauri::Wry>,
    options: &Options,
    opened: &Opened,
) -> tauri::Builder<tauri::Wry> {
    use tauri_plugin_window_state::StateFlags;
    let opened = opened.clone();
    let only_one = tauri_plugin_single_instance::init(move |app, words, folder| {
        opened.by_second_start(app, words, &folder);
    });
    let builder = if options.is_the_one() { builder.plugin(only_one) } else { builder };
    // Whether it is shown is for who starts it to say.
    let remembered = StateFlags::SIZE | StateFlags::POSITION | StateFlags::MAXIMIZED;
    let place = tauri_plugin_window_state::Builder::new().with_state_flags(remembered);
    let place = match options.folder() {
        Ok(folder) => place.with_filename(folder.join("window.json").to_string_lossy()),
        Err(_) => place,
    };
    builder.plugin(place.build())
}

/// Has the system open invitations with this app, where that is not done by its installation.
#[cfg(any(windows, target_os = "linux"))]
fn take_links(app: &tauri::AppHandle) {
    use tauri_plugin_deep_link::DeepLinkExt;
    const SCHEME: &str = "swarm";
    let app = app.clone();
    // Asks other programs, which takes tenths of a second that the window need not wait for.
    std::thread::spawn(move || {
        let links = app.deep_link();
        if matches!(links.is_registered(SCHEME), Ok(true)) {
            return;
        }
        if let Err(error) = links.register(SCHEME) {
            tracing::info!(%error, "invitations are not opened with this app");
        }
    });
}

/// The bundle says so there.
#[cfg(not(any(windows, target_os = "linux")))]
fn take_links(_: &tauri::AppHandle) {}
