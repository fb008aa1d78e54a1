//! When the frames written to a sound card are heard, from its noisy position stamps.
