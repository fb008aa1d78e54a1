//! How a member is started.

use std::path::PathBuf;

use directories::ProjectDirs;
use protocol::host::MeetingPoint;
use protocol::ids::{Alias, UserId};

use crate::bench::Bench;

/// How a member is started.
#[derive(Clone, Debug)]
pub struct PeerConfig {
    /// Folder for settings and fetched files. One running app per folder.
    pub data_dir: PathBuf,
    /// Be this member instead of the one remembered in the folder.
    pub user_id: Option<UserId>,
    /// Be called this instead of what is remembered; remembered from then on.
    pub alias: Option<Alias>,
    /// Use this output in this run.
    pub output: Option<String>,
    /// What to do at once.
    pub startup: Startup,
    /// What a measuring bench changes.
    pub bench: Bench,
}

/// What to do at once, as if a person had asked for it.
#[derive(Clone, Debug, Default)]
pub struct Startup {
    /// Swarm key, and where to meet.
    pub join: Option<(String, MeetingPoint)>,
    /// Files to share.
    pub add: Vec<PathBuf>,
    /// Play the first file once every member can start it, if this member directs then.
    pub play: bool,
}

/// The usual folder for this app's settings and files on this system.
pub fn default_data_dir() -> Option<PathBuf> {
    // Android gives an app no home folder, but this one, named after the app.
    if cfg!(target_os = "android") {
        return Some(PathBuf::from("/data/data/org.syncedswarm.audio/files"));
    }
    ProjectDirs::from("org", "syncedswarm", "Synced Swarm Audio")
        .map(|dirs| dirs.data_local_dir().to_owned())
}
