//! Names that have been checked: once one of these exists, it is well formed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::limits;

/// Why a text is not the name it was taken for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// The text is empty.
    #[error("{what} is empty")]
    Empty {
        /// Which name was asked for.
        what: &'static str,
    },
    /// The text has the wrong length.
    #[error("{what} has {found} characters, expected {expected}")]
    Length {
        /// Which name was asked for.
        what: &'static str,
        /// Length found. (characters)
        found: usize,
        /// Length allowed, in words.
        expected: &'static str,
    },
    /// The text has a character outside the allowed set.
    #[error("{what} may only contain {allowed}")]
    Character {
        /// Which name was asked for.
        what: &'static str,
        /// Allowed characters, in words.
        allowed: &'static str,
    },
}

macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        #[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(type = "string"))]
        pub struct $name(String);

        impl $name {
            /// Checks `text` and keeps it.
            ///
            /// # Errors
            ///
            /// [`InvalidId`], which says what is wrong with the text.
            pub fn parse(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                let check: fn(&str) -> Result<(), InvalidId> = $check;
                check(&text)?;
                Ok(Self(text))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::parse(text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    };
}

checked_text! {
    /// Names a member for as long as its data folder lives. 1-64 of `[A-Za-z0-9_-]`.
    ///
    /// The order of user ids is the order of their bytes; the lowest leads by default.
    UserId, |text| check_word("user id", text)
}

checked_text! {
    /// Names a swarm at the relay: SHA-256 of the swarm key, 64 lower-case hex digits.
    SwarmHash, |text| check_hex("swarm hash", text, 64, "64 lower-case hex digits")
}

checked_text! {
    /// Names a file by its content: SHA-256 of its bytes, 64 lower-case hex digits.
    ///
    /// Two members who share the same bytes share one file.
    FileId, |text| check_hex("file id", text, 64, "64 lower-case hex digits")
}

checked_text! {
    /// Names a torrent: SHA-1 of its info dictionary (BEP 3), 40 lower-case hex digits.
    InfoHash, |text| check_hex("info hash", text, 40, "40 lower-case hex digits")
}

impl SwarmHash {
    /// The first eight digits: enough to tell swarms apart in a log, useless for joining one.
    pub fn short(&self) -> &str {
        &self.0[..8]
    }
}

checked_text! {
    /// Names those who meet at `/announce/NAME` of a tracker. 1-64 of `[A-Za-z0-9_-]`.
    TrackerNamespace, |text| check_word("namespace", text)
}

checked_text! {
    /// A line of text to show: a title, an artist. At most 255 characters, none of them invisible.
    Label, |text| check_line("text", text, limits::MAX_NAME, "1 to 255 characters")
}

checked_text! {
    /// What a member calls itself. At most 40 characters, none of them invisible.
    Alias, |text| check_line("alias", text, limits::MAX_ALIAS, "1 to 40 characters")
}

checked_text! {
    /// A file's name for people to read; never a path, and never used as one.
    FileName, check_file_name
}

checked_text! {
    /// How loud a song is from its beginning to its end: a picture to find one's place by.
    ///
    /// 1 to [`limits::WAVEFORM_COLUMNS`] columns of equal length, a letter each: the place of the
    /// letter in `A-Z a-z 0-9 - _` (RFC 4648, table 2) is the level, 0 to 63, in steps of amplitude.
    Waveform, check_waveform
}

checked_text! {
    /// A magnet link (BEP 9), bounded but otherwise unread: the app fetches by info hash only.
    Magnet, check_magnet
}

impl FileName {
    /// The nearest acceptable name to `raw`: its last path part, with invisible characters
    /// dropped and the rest cut at 255. `None` if nothing is left.
    pub fn clean(raw: &str) -> Option<Self> {
        let last = raw.rsplit(['/', '\\']).next().unwrap_or(raw);
        Self::parse(visible_prefix(last, limits::MAX_NAME)).ok()
    }
}

impl Label {
    /// The nearest acceptable text to `raw`, or `None` if nothing is left.
    pub fn clean(raw: &str) -> Option<Self> {
        Self::parse(visible_prefix(raw, limits::MAX_NAME)).ok()
    }
}

impl Alias {
    /// The nearest acceptable alias to `raw`, or `None` if nothing is left.
    pub fn clean(raw: &str) -> Option<Self> {
        Self::parse(visible_prefix(raw, limits::MAX_ALIAS)).ok()
    }
}

/// The letters of a [`Waveform`], by level.
const LEVELS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl Waveform {
    /// A column for each level, 0.0 to 1.0; what lies beyond is taken for the nearest. `None`
    /// unless there are 1 to [`limits::WAVEFORM_COLUMNS`].
    pub fn of_levels(levels: &[f64]) -> Option<Self> {
        let letter =
            |level: &f64| char::from(LEVELS[(level.clamp(0.0, 1.0) * 63.0).round() as usize]);
        Self::parse(levels.iter().map(letter).collect::<String>()).ok()
    }
}

/// Lower-case hex digits of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .map(char::from)
        .collect()
}

/// A name that can stand in a URL and in a log as it is.
fn check_word(what: &'static str, text: &str) -> Result<(), InvalidId> {
    if text.is_empty() {
        return Err(InvalidId::Empty { what });
    }
    if text.len() > limits::MAX_USER_ID {
        return Err(InvalidId::Length {
            what,
            found: text.chars().count(),
            expected: "1 to 64 characters",
        });
    }
    if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
        return Err(InvalidId::Character { what, allowed: "letters, digits, '-' and '_'" });
    }
    Ok(())
}

fn check_hex(
    what: &'static str,
    text: &str,
    digits: usize,
    expected: &'static str,
) -> Result<(), InvalidId> {
    if text.len() != digits {
        return Err(InvalidId::Length { what, found: text.chars().count(), expected });
    }
    if !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(InvalidId::Character { what, allowed: "lower-case hex digits" });
    }
    Ok(())
}

/// True for characters that could make a name look like another one, or steer a terminal:
/// control characters, and the format characters that reverse or hide text (Unicode UAX 9).
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn visible_prefix(raw: &str, characters: usize) -> String {
    let visible: String = raw.chars().filter(|c| !is_invisible(*c)).take(characters).collect();
    visible.trim().to_owned()
}

fn check_line(
    what: &'static str,
    text: &str,
    longest: usize,
    expected: &'static str,
) -> Result<(), InvalidId> {
    if text.trim().is_empty() {
        return Err(InvalidId::Empty { what });
    }
    let found = text.chars().count();
    if found > longest {
        return Err(InvalidId::Length { what, found, expected });
    }
    if text.chars().any(is_invisible) {
        return Err(InvalidId::Character { what, allowed: "visible characters" });
    }
    Ok(())
}

fn check_file_name(text: &str) -> Result<(), InvalidId> {
    check_line("file name", text, limits::MAX_NAME, "1 to 255 characters")?;
    if text.contains(['/', '\\']) || matches!(text.trim(), "." | "..") {
        return Err(InvalidId::Character {
            what: "file name",
            allowed: "visible characters, no '/' or '\\', and may not be '.' or '..'",
        });
    }
    Ok(())
}

fn check_magnet(text: &str) -> Result<(), InvalidId> {
    if text.len() > limits::MAX_MAGNET {
        return Err(InvalidId::Length {
            what: "magnet link",
            found: text.chars().count(),
            expected: "at most 4096 bytes",
        });
    }
    if !text.starts_with("magnet:?") || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(InvalidId::Character {
            what: "magnet link",
            allowed: "printable ASCII after 'magnet:?'",
        });
    }
    Ok(())
}

fn check_waveform(text: &str) -> Result<(), InvalidId> {
    if text.is_empty() {
        return Err(InvalidId::Empty { what: "waveform" });
    }
    if text.len() > limits::WAVEFORM_COLUMNS {
        return Err(InvalidId::Length {
            what: "waveform",
            found: text.chars().count(),
            expected: "1 to 400 letters",
        });
    }
    if !text.bytes().all(|byte| LEVELS.contains(&byte)) {
        return Err(InvalidId::Character {
            what: "waveform",
            allowed: "letters, digits, '-' and '_'",
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_ids_outside_the_alphabet_or_length_are_refused() {
        for bad in ["", "a b", "ä", "a/b", &"x".repeat(65)] {
            assert!(UserId::parse(bad).is_err(), "{bad:?} was accepted");
        }
        assert!(UserId::parse("x".repeat(64)).is_ok());
    }

    #[test]
    fn a_file_name_can_not_be_a_path_or_steer_a_terminal() {
        for bad in
            ["../../etc/passwd", "a\\b.mp3", "..", "a\u{1b}[31m.mp3", "a\u{202e}3pm.exe", " "]
        {
            assert!(FileName::parse(bad).is_err(), "{bad:?} was accepted");
        }
        let cleaned = FileName::clean("../../etc/\u{202e}song\u{7}.mp3").expect("a name is left");
        assert_eq!(cleaned.as_str(), "song.mp3");
        assert!(FileName::clean("music/..").is_none());
    }

    #[test]
    fn hashes_must_be_lower_case_and_whole() {
        assert!(InfoHash::parse("0123456789abcdef0123456789abcdef01234567").is_ok());
        for bad in ["0123", "0123456789ABCDEF0123456789ABCDEF01234567", &"é".repeat(20)] {
            assert!(InfoHash::parse(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn a_waveform_has_one_letter_a_column_and_no_more_columns_than_are_drawn() {
        let drawn =
            Waveform::of_levels(&[0.0, 0.5, 1.0, -3.0, 7.0, f64::NAN]).expect("six columns");
        assert_eq!(drawn.as_str(), "Ag_A_A");
        assert!(Waveform::of_levels(&[0.5; limits::WAVEFORM_COLUMNS]).is_some());
        assert!(Waveform::of_levels(&[0.5; limits::WAVEFORM_COLUMNS + 1]).is_none());
        for bad in ["", "a b", "é", "a=", &"A".repeat(limits::WAVEFORM_COLUMNS + 1)] {
            assert!(Waveform::parse(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
