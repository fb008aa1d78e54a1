//! How much faster or slower to play so that a device is heard in time.
