//! Starts the app.
fn main() {
    synced_swarm_audio::run();
}
