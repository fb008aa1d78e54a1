//! audio-engine.
