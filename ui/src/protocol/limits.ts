/** Bounds the window has to know; each is the one of `crates/protocol/src/limits.rs`. */

/** Longest alias of a member. (characters) */
export const MAX_ALIAS = 40
/** Largest setting for files per member. */
export const MAX_FILES_PER_MEMBER = 50
/** Longest invitation. (bytes) */
export const MAX_INVITE = 4096
/** Longest swarm key. (bytes of UTF-8) */
export const MAX_SWARM_KEY = 1024
/** Largest speaker delay that can be set. (milliseconds) */
export const MAX_SPEAKER_DELAY_MS = 500
/** Columns of the picture of a song's loudness, over its whole length. */
export const WAVEFORM_COLUMNS = 400
