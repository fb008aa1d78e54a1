//! What one device remembers between runs: who it is and how it is set up.
//!
//! One JSON file, replaced as a whole and atomically, so a crash leaves the old or the new
//! settings and never half of them. Keys this version does not know are kept, so an older
//! version started once does not lose what a newer one wrote.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use protocol::SwarmKey;
use protocol::host::NetworkSettings;
use protocol::ids::{Alias, FileId, Label, SwarmHash, UserId};
use protocol::limits;
use protocol::time::{Millis, Span};
use serde::{Deserialize, Serialize};

use crate::alias::friendly_alias;

/// Clocks and sound devices remembered. More than a household has.
const MOST_REMEMBERED: usize = 64;

const FILE_NAME: &str = "settings.json";

/// The settings file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The system gives no random numbers, which a new user id needs.
    #[error("the system's random number source does not answer: {0}")]
    Random(getrandom::Error),
}

/// Everything that is remembered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// Layout of this file; 1 so far.
    #[serde(default = "first_version")]
    pub version: u32,
    /// This device's name in every swarm.
    pub user_id: UserId,
    /// What people call it.
    pub alias: Alias,
    /// How late the speaker sounds after the system says it does. (milliseconds, 0-500)
    #[serde(default)]
    pub speaker_delay_ms: Millis,
    /// The output asked for; absent means the system's default.
    #[serde(default)]
    pub output: Option<String>,
    /// Files this member shares at most. (1-50)
    #[serde(default = "default_files")]
    pub files_per_member: usize,
    /// Helpers outside the room.
    #[serde(default)]
    pub network: NetworkSettings,
    /// What this device shares, by swarm: a file shown to one circle of people is not
    /// shown to the next one by accident.
    #[serde(default)]
    pub shares: BTreeMap<String, Vec<FileId>>,
    /// How much faster than this device's clock those of members ran that were met. (ppm)
    #[serde(default)]
    pub skews: BTreeMap<UserId, f64>,
    /// How much faster than their names sound devices ran, by their ids. (ppm)
    #[serde(default)]
    pub rates: BTreeMap<String, f64>,
    /// Parties this device was in, newest first.
    #[serde(default)]
    pub recent: Vec<RecentParty>,
    /// Keys of other versions.
    #[serde(flatten)]
    pub unknown: serde_json::Map<String, serde_json::Value>,
}

/// A party this device was in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecentParty {
    /// What opens it.
    #[serde(with = "key_text")]
    pub key: SwarmKey,
    /// What it was called.
    pub name: Label,
    /// Where its relay was last; absent if this app carried it.
    #[serde(default)]
    pub relay: Option<String>,
}

/// A key as text: only the settings file, which its owner alone can read, may hold it so.
mod key_text {
    use protocol::SwarmKey;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(key: &SwarmKey, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(key.reveal())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SwarmKey, D::Error> {
        SwarmKey::parse(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

fn first_version() -> u32 {
    1
}

fn default_files() -> usize {
    limits::DEFAULT_FILES_PER_MEMBER
}

impl Settings {
    /// Settings of a device that runs for the first time: a random id, a friendly alias.
    ///
    /// # Errors
    ///
    /// [`SettingsError::Random`].
    pub fn fresh() -> Result<Self, SettingsError> {
        let mut random = [0_u8; 16];
        getrandom::fill(&mut random).map_err(SettingsError::Random)?;
        let user_id = UserId::parse(protocol::ids::hex(&random)).expect("32 hex digits are an id");
        Ok(Self {
            version: first_version(),
            user_id,
            alias: friendly_alias(random[0], random[1]),
            speaker_delay_ms: Millis::default(),
            output: None,
            files_per_member: default_files(),
            network: NetworkSettings::default(),
            shares: BTreeMap::new(),
            skews: BTreeMap::new(),
            rates: BTreeMap::new(),
            recent: Vec::new(),
            unknown: serde_json::Map::new(),
        })
    }

    /// The speaker delay as a length of time.
    pub fn speaker_delay(&self) -> Span {
        Span::from_millis_f64(self.speaker_delay_ms.get())
    }

    /// Remembers how fast clocks ran. Of many the ones that are not met again go.
    pub fn remember_skews(&mut self, met: impl IntoIterator<Item = (UserId, f64)>) {
        let met: BTreeMap<UserId, f64> = met.into_iter().collect();
        let room = MOST_REMEMBERED.saturating_sub(met.len());
        while self.skews.len() > room {
            let other = self.skews.keys().find(|id| !met.contains_key(*id)).cloned();
            let Some(other) = other else { break };
            self.skews.remove(&other);
        }
        self.skews.extend(met);
    }

    /// Remembers how fast a sound device ran.
    pub fn remember_rate(&mut self, output: &str, ppm: f64) {
        if self.rates.len() < MOST_REMEMBERED || self.rates.contains_key(output) {
            self.rates.insert(output.to_owned(), ppm);
        }
    }

    /// What is shared in one swarm.
    pub fn shared_in(&self, swarm: &SwarmHash) -> &[FileId] {
        self.shares.get(swarm.as_str()).map_or(&[], Vec::as_slice)
    }

    /// Remembers that a file is shared in a swarm.
    pub fn share(&mut self, swarm: &SwarmHash, file_id: &FileId) {
        let files = self.shares.entry(swarm.as_str().to_owned()).or_default();
        if !files.contains(file_id) {
            files.push(file_id.clone());
        }
    }

    /// Forgets that a file is shared in a swarm.
    pub fn unshare(&mut self, swarm: &SwarmHash, file_id: &FileId) {
        if let Some(files) = self.shares.get_mut(swarm.as_str()) {
            files.retain(|shared| shared != file_id);
            if files.is_empty() {
                self.shares.remove(swarm.as_str());
            }
        }
    }

    /// Remembers a party as the newest. Of many the oldest goes.
    pub fn remember_party(&mut self, party: RecentParty) {
        self.recent.retain(|known| known.key != party.key);
        self.recent.insert(0, party);
        self.recent.truncate(limits::MAX_RECENT);
    }

    /// Forgets a party.
    pub fn forget_party(&mut self, swarm: &SwarmHash) {
        self.recent.retain(|known| known.key.hash() != *swarm);
    }

    /// Pulls values that a hand edit put out of range back inside. True if any was.
    fn clamp(&mut self) -> bool {
        let delay = self.speaker_delay_ms.get().clamp(0.0, limits::MAX_SPEAKER_DELAY_MS);
        let files = self.files_per_member.clamp(1, limits::MAX_FILES_PER_MEMBER);
        let changed = delay != self.speaker_delay_ms.get()
            || files != self.files_per_member
            || self.recent.len() > limits::MAX_RECENT;
        self.recent.truncate(limits::MAX_RECENT);
        self.speaker_delay_ms = Millis::new(delay).expect("0 to 500 is a time");
        self.files_per_member = files;
        changed
    }
}

/// The settings and the file they live in.
#[derive(Debug)]
pub struct SettingsFile {
    path: PathBuf,
    settings: Settings,
}

/// How the file was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// As it was left, or not there yet.
    Sound,
    /// Some values were out of range and were pulled back inside.
    Clamped,
    /// It was no settings file; it was moved aside to this path and fresh settings were made.
    Damaged(PathBuf),
}

impl SettingsFile {
    /// Reads the settings in `data_dir`, making folder and file if they are missing.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] when the folder or file cannot be read or written.
    pub fn open(data_dir: &Path) -> Result<(Self, Found), SettingsError> {
        let path = data_dir.join(FILE_NAME);
        fs::create_dir_all(data_dir).map_err(io_error("make the folder", data_dir))?;
        let text = match fs::read(&path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(io_error("read", &path)(source)),
        };
        let (settings, found) = match text.map(|text| serde_json::from_slice::<Settings>(&text)) {
            None => (Settings::fresh()?, Found::Sound),
            Some(Ok(mut settings)) => {
                let found = if settings.clamp() { Found::Clamped } else { Found::Sound };
                (settings, found)
            }
            Some(Err(_)) => {
                let aside = path.with_extension("damaged.json");
                fs::rename(&path, &aside).map_err(io_error("move aside", &path))?;
                (Settings::fresh()?, Found::Damaged(aside))
            }
        };
        let file = Self { path, settings };
        file.write()?;
        Ok((file, found))
    }

    /// The settings in force.
    pub fn current(&self) -> &Settings {
        &self.settings
    }

    /// Changes the settings and writes them.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] when the file cannot be written; the change is in force all the
    /// same, until the app ends.
    pub fn change(&mut self, change: impl FnOnce(&mut Settings)) -> Result<(), SettingsError> {
        let before = self.settings.clone();
        change(&mut self.settings);
        if self.settings == before { Ok(()) } else { self.write() }
    }

    fn write(&self) -> Result<(), SettingsError> {
        let dir = self.path.parent().expect("the path was made by joining a file name");
        let text = serde_json::to_vec_pretty(&self.settings).expect("settings have text keys");
        let write = || -> io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(dir)?;
            file.write_all(&text)?;
            file.as_file().sync_all()?;
            file.persist(&self.path).map_err(|error| error.error)?;
            Ok(())
        };
        write().map_err(io_error("write", &self.path))
    }
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SettingsError {
    let path = path.to_owned();
    move |source| SettingsError::Io { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash() -> SwarmHash {
        SwarmKey::parse("blue otter").unwrap().hash()
    }

    #[test]
    fn a_device_keeps_its_user_id_and_settings_over_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let (mut first, found) = SettingsFile::open(dir.path()).unwrap();
        assert_eq!(found, Found::Sound);
        first.change(|s| s.speaker_delay_ms = Millis::new(120.0).unwrap()).unwrap();
        let (second, found) = SettingsFile::open(dir.path()).unwrap();
        assert_eq!(found, Found::Sound);
        assert_eq!(second.current(), first.current());
    }

    #[test]
    fn a_damaged_file_is_moved_aside_and_nothing_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE_NAME), b"\xff{ not json").unwrap();
        let (_, found) = SettingsFile::open(dir.path()).unwrap();
        let Found::Damaged(aside) = found else { panic!("taken as sound: {found:?}") };
        assert_eq!(fs::read(aside).unwrap(), b"\xff{ not json");
        let (_, found) = SettingsFile::open(dir.path()).unwrap();
        assert_eq!(found, Found::Sound);
    }

    #[test]
    fn values_out_of_range_are_pulled_inside_and_unknown_keys_survive() {
        let dir = tempfile::tempdir().unwrap();
        let text = r#"{"userId":"me","alias":"Me","speakerDelayMs":9000,"filesPerMember":0,"shade":"dark"}"#;
        fs::write(dir.path().join(FILE_NAME), text).unwrap();
        let (mut file, found) = SettingsFile::open(dir.path()).unwrap();
        assert_eq!(found, Found::Clamped);
        assert_eq!(file.current().speaker_delay(), Span::from_millis(500));
        assert_eq!(file.current().files_per_member, 1);
        file.change(|s| s.files_per_member = 2).unwrap();
        let written = fs::read_to_string(dir.path().join(FILE_NAME)).unwrap();
        assert!(written.contains(r#""shade": "dark""#), "{written}");
    }

    #[test]
    fn a_file_shared_in_one_swarm_is_not_shared_in_another() {
        let mut settings = Settings::fresh().unwrap();
        let file = FileId::parse("a".repeat(64)).unwrap();
        settings.share(&hash(), &file);
        let other = SwarmKey::parse("red fox").unwrap().hash();
        assert!(settings.shared_in(&hash()).contains(&file));
        assert!(settings.shared_in(&other).is_empty());
        settings.unshare(&hash(), &file);
        assert!(settings.shares.is_empty());
    }

    #[test]
    fn recent_parties_are_kept_newest_first_each_once_and_no_more_than_eight() {
        let dir = tempfile::tempdir().unwrap();
        let (mut file, _) = SettingsFile::open(dir.path()).unwrap();
        let party = |key: &str, relay: Option<&str>| RecentParty {
            key: SwarmKey::parse(key).unwrap(),
            name: Label::parse("Kitchen").unwrap(),
            relay: relay.map(str::to_owned),
        };
        for number in 0..10 {
            file.change(|s| s.remember_party(party(&format!("key {number}"), None))).unwrap();
        }
        file.change(|s| s.remember_party(party("Key-5", Some("ws://192.0.2.1:8080/ws")))).unwrap();
        let (file, found) = SettingsFile::open(dir.path()).unwrap();
        assert_eq!(found, Found::Sound);
        let keys: Vec<&str> =
            file.current().recent.iter().map(|known| known.key.reveal()).collect();
        assert_eq!(
            keys,
            ["key 5", "key 9", "key 8", "key 7", "key 6", "key 4", "key 3", "key 2"],
            "`Key-5` is `key 5`"
        );
        assert_eq!(file.current().recent[0].relay.as_deref(), Some("ws://192.0.2.1:8080/ws"));
        let mut settings = file.current().clone();
        settings.forget_party(&SwarmKey::parse("key 9").unwrap().hash());
        assert_eq!(settings.recent.len(), 7);
        assert!(!format!("{settings:?}").contains("key 8"), "keys are never printed");
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_the_file_that_holds_the_keys() {
        use std::os::unix::fs::PermissionsExt;

        let dir = tempfile::tempdir().unwrap();
        SettingsFile::open(dir.path()).unwrap();
        let mode = fs::metadata(dir.path().join(FILE_NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{mode:o}");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named_in_the_error() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("plain");
        fs::write(&file, b"").unwrap();
        let error = SettingsFile::open(&file.join("below")).unwrap_err();
        assert!(error.to_string().contains("plain"), "{error}");
    }
}
