//! webrtc-bridge.
