//! The icon beside the clock, with the few things wanted while the window is out of sight. What
//! its menu says comes from the window, which owns the words.

use peer::PeerHandle;
use protocol::host::{Intent, MediaButton};
use serde::Deserialize;
use tauri::menu::{Menu, MenuItem};
use tauri::tray::TrayIconBuilder;
use tauri::{AppHandle, Manager};

use crate::window;

/// The one icon there is.
const ID: &str = "tray";

/// A line of the menu.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrayItem {
    action: TrayAction,
    label: String,
    enabled: bool,
}

/// What choosing a line does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum TrayAction {
    /// Bring the window forward.
    Show,
    /// As the key on a keyboard: for a guest it is about this device alone.
    PlayPause,
    /// Silence this device.
    Mute,
    /// Let it be heard again.
    Unmute,
    /// Leave the party.
    Leave,
    /// End the app.
    Quit,
}

impl TrayAction {
    const ALL: [(&str, Self); 6] = [
        ("show", Self::Show),
        ("play-pause", Self::PlayPause),
        ("mute", Self::Mute),
        ("unmute", Self::Unmute),
        ("leave", Self::Leave),
        ("quit", Self::Quit),
    ];

    fn id(self) -> &'static str {
        Self::ALL.iter().find(|(_, action)| *action == self).map_or("", |(id, _)| id)
    }
}

/// Shows the icon with this menu, or changes the menu it has.
#[tauri::command]
pub fn set_tray(app: AppHandle, items: Vec<TrayItem>) -> Result<(), String> {
    if !is_possible() {
        return Ok(());
    }
    show(&app, &items).map_err(|error| error.to_string())
}

fn show(app: &AppHandle, items: &[TrayItem]) -> tauri::Result<()> {
    let menu = Menu::new(app)?;
    for TrayItem { action, label, enabled } in items {
        menu.append(&MenuItem::with_id(app, action.id(), label, *enabled, None::<&str>)?)?;
    }
    if let Some(tray) = app.tray_by_id(ID) {
        return tray.set_menu(Some(menu));
    }
    let mut tray = TrayIconBuilder::with_id(ID).menu(&menu).tooltip("Synced Swarm Audio");
    if let Some(icon) = app.default_window_icon() {
        tray = tray.icon(icon.clone());
    }
    tray.on_menu_event(|app, event| chosen(app, event.id().as_ref())).build(app)?;
    Ok(())
}

fn chosen(app: &AppHandle, id: &str) {
    let Some((_, action)) = TrayAction::ALL.iter().find(|(known, _)| *known == id) else { return };
    let intent = match action {
        TrayAction::Show => return window::raise(app),
        TrayAction::Quit => return app.exit(0),
        TrayAction::PlayPause => Intent::PressButton { button: MediaButton::PlayPause },
        TrayAction::Mute => Intent::SetMuted { muted: true },
        TrayAction::Unmute => Intent::SetMuted { muted: false },
        TrayAction::Leave => Intent::LeaveSwarm,
    };
    let peer = app.state::<PeerHandle>().inner().clone();
    tauri::async_runtime::spawn(async move { peer.send(intent).await });
}

/// On Linux the icon needs a library that not every desktop has, and what loads it ends the
/// program where it is missing.
#[cfg(target_os = "linux")]
fn is_possible() -> bool {
    use std::path::{Path, PathBuf};
    use std::sync::OnceLock;
    static FOUND: OnceLock<bool> = OnceLock::new();
    const NAMES: [&str; 2] = ["libayatana-appindicator3.so.1", "libappindicator3.so.1"];
    *FOUND.get_or_init(|| {
        let named = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
        let mut folders: Vec<PathBuf> = std::env::split_paths(&named).collect();
        for root in ["/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64"].map(Path::new) {
            folders.push(root.to_owned());
            // Debian and its kin keep libraries in a folder for each kind of processor.
            let inside = std::fs::read_dir(root).into_iter().flatten().flatten();
            folders.extend(
                inside
                    .map(|entry| entry.path())
                    .filter(|path| path.to_string_lossy().contains("-linux-gnu")),
            );
        }
        let is_there =
            folders.iter().any(|folder| NAMES.iter().any(|name| folder.join(name).exists()));
        if !is_there {
            tracing::info!("no icon beside the clock: libayatana-appindicator3 is missing");
        }
        is_there
    })
}

#[cfg(not(target_os = "linux"))]
fn is_possible() -> bool {
    true
}
