//! Where settings come from: flags over environment variables over the file over defaults. What
//! is not a setting, or not a value it may have, is refused with its name and what is allowed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use toml::{Table, Value};

use crate::bounds;
use crate::keys::{Key, Kind, defaults, keys, written_time};
use crate::settings::Settings;

/// What the command line asks for.
#[derive(Debug)]
pub enum Task {
    /// Run a relay.
    Serve(Box<Settings>),
    /// Print the configuration file.
    PrintConfig,
}

/// A setting that can not be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// The file can not be read.
    #[error("{}: {reason}", file.display())]
    File {
        /// Which one.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// There is no such setting.
    #[error("`{name}` is no setting; {known}")]
    Unknown {
        /// As it was given.
        name: String,
        /// What there is instead.
        known: String,
    },
    /// The value is not one it may have.
    #[error("`{name}` can not be {given}: {allowed} is needed")]
    Value {
        /// The setting.
        name: String,
        /// What was given.
        given: String,
        /// What may be given.
        allowed: String,
    },
    /// Any of the others, with where it was found.
    #[error("{place}: {error}")]
    At {
        /// The file, the variable or the flag.
        place: String,
        /// What is wrong there.
        error: Box<SettingError>,
    },
}

/// Reads the command line, the environment and the file that they name. Ends the program when
/// help or the version is asked for, or a flag is unknown.
///
/// # Errors
///
/// [`SettingError`]: the first thing that can not be used.
pub fn from_command_line(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Task, SettingError> {
    let keys = keys();
    let matches = command(&keys).get_matches_from(arguments);
    if matches.get_flag("print-config") {
        return Ok(Task::PrintConfig);
    }
    let file = matches.get_one::<PathBuf>("config").map(|file| file_table(file)).transpose()?;
    merge(file.unwrap_or_default(), &keys, &matches).map(|settings| Task::Serve(Box::new(settings)))
}

/// The settings in `table`, each looked at alone; what it does not say has its default.
///
/// # Errors
///
/// [`SettingError`]: the first key that is none, or value that can not be.
pub fn read(mut table: Table) -> Result<Settings, SettingError> {
    check_keys("", &table, &defaults())?;
    for key in keys() {
        if let Some(value) = lookup(&mut table, &key.path) {
            let given = value.clone();
            check_kind(&key, &given)?;
            if key.kind() == Kind::Time {
                *value = as_duration(&key, &given)?;
            }
            bounds::check(&key, value)?;
        }
    }
    serde_path_to_error::deserialize(Value::Table(table)).map_err(|error| SettingError::Value {
        name: error.path().to_string(),
        given: "that".to_owned(),
        allowed: error.into_inner().message().to_owned(),
    })
}

fn command(keys: &[Key]) -> Command {
    let config = Arg::new("config")
        .long("config")
        .env("RELAY_CONFIG")
        .value_name("FILE")
        .value_parser(clap::value_parser!(PathBuf))
        .help("Reads settings from a TOML file");
    let print = Arg::new("print-config")
        .long("print-config")
        .action(ArgAction::SetTrue)
        .help("Prints the configuration file with every setting and its default, and ends");
    let settings = keys.iter().map(|key| {
        Arg::new(key.path.clone())
            .long(key.flag())
            .env(key.variable())
            .hide_env_values(true)
            .value_name("VALUE")
            .help(format!("{} [default: {}]", key.help.replace('\n', " "), key.written_default()))
    });
    Command::new("relay-server")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A meeting place for people who play music together with Synced Swarm Audio")
        .arg(config)
        .arg(print)
        .args(settings)
}

fn file_table(file: &Path) -> Result<Table, SettingError> {
    let failed = |reason: String| SettingError::File { file: file.to_owned(), reason };
    let text = std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
    let table: Table = text.parse().map_err(|error: toml::de::Error| failed(error.to_string()))?;
    // Read alone first, so that a fault is known to be the file's.
    read(table.clone()).map_err(|error| error.at(&file.display().to_string()))?;
    Ok(table)
}

fn merge(file: Table, keys: &[Key], matches: &ArgMatches) -> Result<Settings, SettingError> {
    let mut table = file;
    for key in keys {
        let Some(given) = matches.get_one::<String>(&key.path) else { continue };
        let place = match matches.value_source(&key.path) {
            Some(ValueSource::EnvVariable) => key.variable(),
            _ => format!("--{}", key.flag()),
        };
        // Read alone first, so that a fault is known to be this one's.
        let mut alone = Table::new();
        insert(&mut alone, &key.path, value_of(key, given));
        read(alone).map_err(|error| error.at(&place))?;
        insert(&mut table, &key.path, value_of(key, given));
    }
    let settings = read(table)?;
    bounds::check_together(&settings)?;
    Ok(settings)
}

/// A flag's or a variable's text as a value: as in the file, but quotes may be left out, and a
/// list may be given with commas.
fn value_of(key: &Key, given: &str) -> Value {
    let text = || Value::String(given.to_owned());
    match key.kind() {
        Kind::Text | Kind::Time => text(),
        Kind::List if !given.trim_start().starts_with('[') => {
            let items = given.split(',').map(str::trim).filter(|item| !item.is_empty());
            Value::Array(items.map(|item| Value::String(item.to_owned())).collect())
        }
        _ => {
            let line: Result<Table, _> = format!("value = {given}").parse();
            line.ok().and_then(|mut table| table.remove("value")).unwrap_or_else(text)
        }
    }
}

fn check_keys(section: &str, given: &Table, known: &Table) -> Result<(), SettingError> {
    for (name, value) in given {
        let path = if section.is_empty() { name.clone() } else { format!("{section}.{name}") };
        match (known.get(name), value) {
            (None, _) => {
                let names: Vec<&str> = known.keys().map(String::as_str).collect();
                let of =
                    if section.is_empty() { String::new() } else { format!(" of [{section}]") };
                let known = format!("those{of} are: {}", names.join(", "));
                return Err(SettingError::Unknown { name: path, known });
            }
            // Times and rates are tables too, but no sections.
            (Some(Value::Table(inner)), given)
                if section.is_empty() && !inner.contains_key("nanos") =>
            {
                let Some(given) = given.as_table() else {
                    let allowed = format!("a section, [{path}],");
                    let given = given.to_string();
                    return Err(SettingError::Value { name: path, given, allowed });
                };
                check_keys(&path, given, inner)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_kind(key: &Key, value: &Value) -> Result<(), SettingError> {
    let fits = match (key.kind(), value) {
        (Kind::Text | Kind::Time, Value::String(_)) | (Kind::Switch, Value::Boolean(_)) => true,
        (Kind::Count, Value::Integer(number)) => *number >= 0,
        (Kind::Number, Value::Float(_) | Value::Integer(_)) => true,
        (Kind::List, Value::Array(items)) => items.iter().all(Value::is_str),
        (Kind::Rate, Value::Table(table)) => {
            let parts = key.default.as_table();
            let has = |name: &String| table.get(name).is_some_and(is_number);
            parts.is_some_and(|parts| parts.len() == table.len() && parts.keys().all(has))
        }
        _ => false,
    };
    if fits { Ok(()) } else { Err(unfit(key, value)) }
}

fn is_number(value: &Value) -> bool {
    value.is_integer() || value.as_float().is_some_and(f64::is_finite)
}

fn as_duration(key: &Key, value: &Value) -> Result<Value, SettingError> {
    let parsed = value.as_str().and_then(|text| humantime::parse_duration(text).ok());
    let duration = parsed.ok_or_else(|| unfit(key, value))?;
    Value::try_from(duration).map_err(|_| unfit(key, value))
}

fn unfit(key: &Key, value: &Value) -> SettingError {
    SettingError::value(key, value, &key.allowed())
}

/// A value in one line.
fn shown(value: &Value) -> String {
    match value {
        Value::Table(table) if table.contains_key("nanos") => {
            format!("\"{}\"", written_time(table))
        }
        Value::Table(table) => {
            let pairs: Vec<String> =
                table.iter().map(|(name, value)| format!("{name} = {value}")).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        value => value.to_string(),
    }
}

fn lookup<'a>(table: &'a mut Table, path: &str) -> Option<&'a mut Value> {
    match path.split_once('.') {
        Some((section, name)) => table.get_mut(section)?.as_table_mut()?.get_mut(name),
        None => table.get_mut(path),
    }
}

fn insert(table: &mut Table, path: &str, value: Value) {
    let Some((section, name)) = path.split_once('.') else {
        table.insert(path.to_owned(), value);
        return;
    };
    let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
    if let Some(section) = section.as_table_mut() {
        section.insert(name.to_owned(), value);
    }
}

impl SettingError {
    /// `value` can not be `key`'s; `allowed` says what can.
    pub fn value(key: &Key, value: &Value, allowed: &str) -> Self {
        let given = if bounds::is_secret(&key.path) { "that".to_owned() } else { shown(value) };
        Self::Value { name: key.path.clone(), given, allowed: allowed.to_owned() }
    }

    fn at(self, place: &str) -> Self {
        Self::At { place: place.to_owned(), error: Box::new(self) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_limit_can_be_set_by_its_flag() {
        let mut count = 0;
        for key in keys().into_iter().filter(|key| key.path.starts_with("limits.")) {
            let (given, expected) = other_than(&key.default, key.kind());
            let arguments = ["relay-server".to_owned(), format!("--{}", key.flag()), given];
            let task = from_command_line(arguments.map(OsString::from));
            let Ok(Task::Serve(settings)) = task else { panic!("{}: {task:?}", key.path) };
            let mut table = Table::try_from(*settings).expect("settings are a table");
            assert_eq!(lookup(&mut table, &key.path), Some(&mut expected.clone()), "{}", key.path);
            assert_ne!(expected, key.default, "{}", key.path);
            count += 1;
        }
        let limits = Table::try_from(relay_server::Limits::default()).expect("a table");
        assert_eq!(count, limits.len(), "a limit is no setting");
    }

    #[test]
    fn a_list_is_given_with_commas_or_as_in_the_file() {
        for given in ["turn:a,stun:b", " turn:a , stun:b,", "[\"turn:a\", \"stun:b\"]"] {
            let arguments = ["relay-server", "--turn-urls", given, "--turn-secret", "north"];
            let task = from_command_line(arguments.map(OsString::from));
            let Ok(Task::Serve(settings)) = task else { panic!("{given}: {task:?}") };
            assert_eq!(settings.turn.urls, ["turn:a", "stun:b"], "{given}");
        }
    }

    /// Another value of the same kind: as it is typed, and as it is kept.
    fn other_than(default: &Value, kind: Kind) -> (String, Value) {
        match (default, kind) {
            (Value::Integer(number), _) => {
                let other = if *number > 1 { number - 1 } else { number + 1 };
                (other.to_string(), Value::Integer(other))
            }
            (Value::Float(number), _) => ((number + 1.0).to_string(), Value::Float(number + 1.0)),
            (Value::Boolean(switch), _) => ((!switch).to_string(), Value::Boolean(!switch)),
            (Value::Table(_), Kind::Time) => {
                let time = Duration::from_millis(4_321);
                ("4s 321ms".to_owned(), Value::try_from(time).expect("a table"))
            }
            (Value::Table(parts), Kind::Rate) => {
                let other = parts.iter().map(|(name, value)| {
                    let number = value.as_float().expect("a rate is of numbers");
                    (name.clone(), Value::Float(number + 1.5))
                });
                let other = Value::Table(other.collect());
                (shown(&other), other)
            }
            other => panic!("no limit is of this kind: {other:?}"),
        }
    }
}
