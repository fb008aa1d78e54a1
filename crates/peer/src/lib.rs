//! One member of a swarm, without a window: the relay link, the session that keeps the
//! swarm's rules, the audio engine and the files, run by one task.
//!
//! People and scripts speak to it through a [`PeerHandle`]: [`protocol::host::Intent`]s go
//! in, [`protocol::host::View`]s come out. It decides nothing about timing, which is
//! `sync_core`'s; nothing about sound, which is `audio_engine`'s; and nothing that plays
//! waits for it: once a song is held, link, relay and this task may stop and it goes on.
//!
//! Start reading at `actor`, the task; `intents` is what people can ask, `view` what they see.

#![forbid(unsafe_code)]

mod actor;
mod address;
mod alias;
mod bench;
mod buttons;
mod carrying;
mod checks;
mod choice;
mod config;
mod files;
mod handle;
mod hosting;
mod intents;
mod joining;
mod link;
mod lobby;
mod nearby;
mod notices;
pub mod opened;
mod playout;
mod report;
mod rival;
mod route;
mod settings;
mod shelf;
mod socket;
mod start;
mod suspend;
mod swarm;
mod sync;
mod time_link;
mod trace;
mod view;
mod words;

pub use audio_engine::list_outputs;
pub use bench::{BadBench, Bench};
pub use buttons::{HeardAs, NowPlaying, keeps_awake};
pub use config::{PeerConfig, Startup, default_data_dir};
pub use handle::{PeerHandle, StoreFault, Subscription};
pub use settings::SettingsError;
pub use start::{Peer, StartError};
