//! Prepares what Tauri compiles into the app.

fn main() {
    tauri_build::build();
}
