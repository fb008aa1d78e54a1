//! The store as a user of it sees it, on real files.

mod disk;
mod fetching;
mod playing;
mod restarting;
mod sharing;
mod support;
