//! What a virtual card heard: its samples, and when each of them sounded.
