//! The same types for the window, as TypeScript text.

use ts_rs::{Config, ExportError, TS};

use crate::{host, message};

/// Writes one `.ts` file per type into `dir`.
///
/// # Errors
///
/// [`ExportError`] when a file cannot be written.
pub fn export(dir: &std::path::Path) -> Result<(), ExportError> {
    let config = Config::new().with_out_dir(dir);
    message::ClientMessage::export_all(&config)?;
    message::ServerMessage::export_all(&config)?;
    host::Intent::export_all(&config)?;
    host::HostEvent::export_all(&config)?;
    Ok(())
}
