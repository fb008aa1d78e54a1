//! Plays songs on this device's loudspeaker at the moments a plan says, to the sample.
//!
//! Decoding reads a [`TrackSource`] that may still be arriving, keeps a few seconds decoded
//! and converts them to the device's rate. The audio callback plays from there at an absolute
//! position: for each buffer it asks when the buffer will be heard, which place of the song
//! belongs there, and goes there. No network, no runtime, and no rule about what should play:
//! that is said by a [`Schedule`](sync_core::schedule::Schedule) and a
//! [`ClockEstimate`](sync_core::ClockEstimate).
//!
//! Start at [`Engine`]. Inside, follow a song from `song` (one file as a line of frames) and
//! `rate` through `decode` (the decoder thread) and `window` (blocks on their way) to `deck`
//! and `render` (the callback), and `output` (the device). `passage` says what a schedule asks
//! of the decks, `control` is the thread that steers them.
//! [`draw_waveform`] makes a picture of a whole file. [`offline`] renders without a device. `docs/threads.md` says which thread may do what.

mod clock;
mod control;
mod deck;
mod decode;
mod edit_list;
mod engine;
mod event;
mod interpolate;
mod mute;
pub mod offline;
mod output;
mod passage;
mod rate;
mod render;
mod song;
mod source;
mod stereo;
mod tape;
mod voice;
mod waveform;
mod window;

pub use clock::MonotonicClock;
pub use engine::{Engine, EngineConfig, OpenTrack};
pub use event::{DeviceStamp, EngineEvent, EngineEvents, EngineStatus, OutputStatus};
pub use output::{Output, OutputError, OutputInfo, list_outputs};
pub use song::SongError;
pub use source::TrackSource;
pub use waveform::draw_waveform;
