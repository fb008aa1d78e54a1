//! The keys of the settings, derived from their types: what each is called, what it means, what
//! kind of value it takes, and the commented configuration file with all of them.

use std::fmt::Write as _;
use std::time::Duration;

use documented::DocumentedFields;
use relay_server::{Access, Limits};
use toml::{Table, Value};

use crate::settings::{
    ClusterSettings, LogSettings, MetricsSettings, Settings, TlsSettings, TurnSettings,
};

/// Longest line of the configuration file's comments. (characters)
const LINE: usize = 98;

const HEAD: &str = "\
# Configuration of a Synced Swarm Audio relay.
#
# Every setting with its meaning and its default. To change one, remove the `#` in front of it.
# Start the relay with `--config FILE`. A flag (`--tls-cert`) counts more than a variable
# (`RELAY_TLS_CERT`), and that more than this file. `relay-server --print-config` prints it anew.
";

/// One setting.
#[derive(Clone, Debug)]
pub struct Key {
    /// Where it stands in the file, as `limits.members`.
    pub path: String,
    /// What it means.
    pub help: &'static str,
    /// What holds when nobody says anything.
    pub default: Value,
}

/// What a value may be. Known from the default, which is of the same kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text in quotes.
    Text,
    /// A whole number from zero on.
    Count,
    /// A number.
    Number,
    /// True or false.
    Switch,
    /// Several texts.
    List,
    /// A length of time, written as text.
    Time,
    /// How many a second, and how many at once.
    Rate,
}

impl Key {
    /// The kind of value it takes.
    pub fn kind(&self) -> Kind {
        match &self.default {
            Value::Integer(_) => Kind::Count,
            Value::Float(_) => Kind::Number,
            Value::Boolean(_) => Kind::Switch,
            Value::Array(_) => Kind::List,
            // What serde makes of a `Duration`.
            Value::Table(table) if table.contains_key("nanos") => Kind::Time,
            Value::Table(_) => Kind::Rate,
            Value::String(_) | Value::Datetime(_) => Kind::Text,
        }
    }

    /// The flag that sets it, without the dashes.
    pub fn flag(&self) -> String {
        self.path.replace('.', "-")
    }

    /// The environment variable that sets it.
    pub fn variable(&self) -> String {
        format!("RELAY_{}", self.flag().replace('-', "_").to_uppercase())
    }

    /// The default as it is written in the file.
    pub fn written_default(&self) -> String {
        match (&self.default, self.kind()) {
            (Value::Table(table), Kind::Time) => format!("\"{}\"", written_time(table)),
            (Value::Table(table), _) => {
                let pairs: Vec<String> =
                    table.iter().map(|(name, value)| format!("{name} = {value}")).collect();
                format!("{{ {} }}", pairs.join(", "))
            }
            (value, _) => value.to_string(),
        }
    }

    /// What may be given, for the one who gave something else.
    pub fn allowed(&self) -> String {
        let default = self.written_default();
        match self.kind() {
            Kind::Text => format!("text, such as {default}"),
            Kind::Count => format!("a whole number, such as {default}"),
            Kind::Number => format!("a number, such as {default}"),
            Kind::Switch => "true or false".to_owned(),
            Kind::List => "a list of texts, such as [\"one\", \"two\"]".to_owned(),
            Kind::Time => format!("a time, such as {default} or \"250ms\""),
            Kind::Rate => format!("a rate, such as {default}"),
        }
    }
}

/// Every setting, in the order of the file.
pub fn keys() -> Vec<Key> {
    let mut keys = Vec::new();
    for (name, value) in defaults() {
        match (fields_of(&name), value) {
            (Some(help_of), Value::Table(section)) => {
                keys.extend(section.into_iter().map(|(field, default)| Key {
                    help: help_of(&field),
                    path: format!("{name}.{field}"),
                    default,
                }));
            }
            (_, default) => keys.push(Key { help: help::<Settings>(&name), path: name, default }),
        }
    }
    keys
}

/// The defaults as a table.
pub fn defaults() -> Table {
    // Settings hold nothing that TOML can not; a test prints them.
    Table::try_from(Settings::default()).unwrap_or_default()
}

/// The configuration file with every setting commented out.
pub fn template() -> String {
    let mut file = HEAD.to_owned();
    let mut present = "";
    let keys = keys();
    for key in &keys {
        let (section, name) = key.path.split_once('.').unwrap_or(("", &key.path));
        file.push('\n');
        if section != present {
            comment(&mut file, help::<Settings>(section));
            // Writing into a string does not fail.
            let _ = writeln!(file, "[{section}]\n");
            present = section;
        }
        comment(&mut file, key.help);
        let _ = writeln!(file, "#{name} = {}", key.written_default());
    }
    file
}

/// How the fields of a section are looked up; none if `name` is no section.
fn fields_of(name: &str) -> Option<fn(&str) -> &'static str> {
    match name {
        "log" => Some(help::<LogSettings>),
        "tls" => Some(help::<TlsSettings>),
        "metrics" => Some(help::<MetricsSettings>),
        "turn" => Some(help::<TurnSettings>),
        "access" => Some(help::<Access>),
        "cluster" => Some(help::<ClusterSettings>),
        "limits" => Some(help::<Limits>),
        _ => None,
    }
}

fn help<T: DocumentedFields>(name: &str) -> &'static str {
    T::get_field_docs(name.replace('-', "_")).unwrap_or_default()
}

/// Writes `text` as comment lines: a paragraph is filled anew, an empty line stays.
fn comment(file: &mut String, text: &str) {
    for paragraph in text.split("\n\n") {
        let mut line = "#".to_owned();
        for word in paragraph.split_whitespace() {
            if line.len() > 1 && line.len() + 1 + word.len() > LINE {
                file.push_str(&line);
                file.push('\n');
                "#".clone_into(&mut line);
            }
            line.push(' ');
            line.push_str(word);
        }
        file.push_str(&line);
        file.push('\n');
    }
}

/// `25s` for what serde makes of a `Duration`.
pub fn written_time(table: &Table) -> String {
    let part = |name: &str| table.get(name).and_then(Value::as_integer).unwrap_or_default();
    let seconds = u64::try_from(part("secs")).unwrap_or_default();
    let nanos = u32::try_from(part("nanos")).unwrap_or_default();
    humantime::format_duration(Duration::new(seconds, nanos)).to_string().replace(' ', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_says_what_it_means_in_words_of_its_own() {
        for key in keys() {
            assert!(key.help.len() > 10, "{} has no doc comment", key.path);
            assert!(!key.help.contains("[`"), "{}: links lead nowhere in a file", key.path);
        }
    }

    #[test]
    fn a_time_is_written_as_people_write_it() {
        let time = |duration: Duration| {
            let table = Table::try_from(duration).expect("a table");
            written_time(&table)
        };
        assert_eq!(time(Duration::from_secs(25)), "25s");
        assert_eq!(time(Duration::from_millis(1_500)), "1s500ms");
        assert_eq!(time(Duration::from_secs(24 * 3600)), "1day");
    }

    #[test]
    fn the_file_with_every_comment_sign_removed_says_what_holds_anyway() {
        let plain: String = template()
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(rest) if !rest.starts_with(' ') => rest,
                _ => line,
            })
            .map(|line| format!("{line}\n"))
            .collect();
        let table: Table = plain.parse().unwrap_or_else(|error| panic!("{error}\n{plain}"));
        let read = crate::sources::read(table).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(read, Settings::default());
    }
}
