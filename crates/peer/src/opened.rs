//! What a person opens with the app from outside of it: an invitation that was clicked, files
//! chosen in a file manager. It may arrive on the command line of the app or of a second one that
//! hands it over, or from the system.

use std::path::Path;

use protocol::host::Intent;
use protocol::invite::Invite;

/// What to do about `words`, each a link or the path of a file, which may be relative to
/// `folder`. A link is only shown: nobody joins a party by opening one.
pub fn intents_of(words: impl IntoIterator<Item = String>, folder: &Path) -> Vec<Intent> {
    let (links, files): (Vec<String>, Vec<String>) =
        words.into_iter().partition(|word| Invite::is_meant(word));
    let paths: Vec<String> = files
        .into_iter()
        .map(|file| folder.join(local_path(&file)).to_string_lossy().into_owned())
        .collect();
    // One invitation is shown at a time, and the last one clicked is what is wanted.
    let link = links.into_iter().next_back().map(|link| Intent::OpenInvite { link });
    let files = (!paths.is_empty()).then_some(Intent::AddFiles { paths });
    link.into_iter().chain(files).collect()
}

/// Some file managers hand over addresses where a path is meant.
fn local_path(word: &str) -> String {
    let Some(encoded) = word.strip_prefix("file://").filter(|path| path.starts_with('/')) else {
        return word.to_owned();
    };
    let decoded = percent_encoding::percent_decode_str(encoded).decode_utf8();
    decoded.map_or_else(|_| word.to_owned(), String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = "swarm://join#v=1&k=blue-otter&n=Kitchen";

    fn opened(words: &[&str]) -> Vec<Intent> {
        intents_of(words.iter().map(ToString::to_string), Path::new("/home/mia/Music"))
    }

    #[test]
    fn a_link_is_shown_and_never_followed() {
        let shown = vec![Intent::OpenInvite { link: LINK.to_owned() }];
        assert_eq!(opened(&[LINK]), shown);
        assert_eq!(opened(&["swarm://join#v=1&k=x&n=y", LINK]), shown, "the one clicked last");
    }

    #[cfg(unix)]
    #[test]
    fn files_are_added_from_where_they_were_named() {
        let expected =
            ["/srv/a.flac", "/home/mia/Music/b.mp3", "/tmp/c d.ogg", "/home/mia/Music/file://x"];
        let paths = expected.map(str::to_owned).to_vec();
        let words = ["/srv/a.flac", "b.mp3", "file:///tmp/c%20d.ogg", "file://x"];
        assert_eq!(opened(&words), vec![Intent::AddFiles { paths }]);
    }

    #[test]
    fn opening_nothing_asks_for_nothing() {
        assert_eq!(opened(&[]), vec![]);
    }
}
