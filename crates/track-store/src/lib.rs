//! track-store.
