//! Keeps the computer from falling asleep by itself while music plays. A person may still send it
//! to sleep, and the screen may go dark.

use keepawake::KeepAwake;
use peer::PeerHandle;
use tokio::runtime::Handle;

/// Follows what plays from now on.
pub fn run(runtime: &Handle, peer: &PeerHandle) {
    let mut views = peer.views();
    let runtime = runtime.clone();
    // Asking the system blocks, and what it gave is to be dropped where it was made.
    std::thread::spawn(move || {
        // The outer one says that it was asked for, the inner one that it was granted.
        let mut held: Option<Option<KeepAwake>> = None;
        loop {
            let is_needed = peer::keeps_awake(&views.borrow_and_update());
            if held.is_some() != is_needed {
                held = is_needed.then(keep_awake);
            }
            if runtime.block_on(views.changed()).is_err() {
                return;
            }
        }
    });
}

/// None where nobody can be asked, a machine without a login manager for instance.
fn keep_awake() -> Option<KeepAwake> {
    keepawake::Builder::default()
        .idle(true)
        .reason("music plays on several devices")
        .app_name("Synced Swarm Audio")
        .app_reverse_domain("org.syncedswarm.audio")
        .create()
        .inspect_err(|error| tracing::info!(%error, "this computer may fall asleep while playing"))
        .ok()
}
