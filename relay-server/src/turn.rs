//! Credentials for a TURN server that shares a secret with this relay.
//!
//! The convention is coturn's (`use-auth-secret`) and others': the user name is the moment until
//! which it is good and a name, the password is an HMAC of the user name. The TURN server works
//! it out anew, so that nothing has to be kept on either side.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use protocol::ice::IceServer;
use protocol::{SwarmTime, UserId};
use sha1::Sha1;

/// A TURN server, or several with one secret.
#[derive(Clone, PartialEq, Eq)]
pub struct TurnServer {
    /// Its addresses; `stun:` ones may be among them.
    pub urls: Vec<String>,
    /// What it shares with this relay.
    pub secret: String,
    /// How long a member may use what it is given.
    pub lifetime: Duration,
}

impl fmt::Debug for TurnServer {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnServer").field("urls", &self.urls).finish_non_exhaustive()
    }
}

impl TurnServer {
    /// What a member gets that joins at `now`, which counts from 1970. STUN needs no password.
    pub(crate) fn grant(&self, now: SwarmTime, user: &UserId) -> Vec<IceServer> {
        let (turn, stun): (Vec<String>, Vec<String>) =
            self.urls.iter().cloned().partition(|url| url.starts_with("turn"));
        let mut servers = Vec::new();
        if !stun.is_empty() {
            servers.push(IceServer { urls: stun, username: None, credential: None });
        }
        if !turn.is_empty() {
            let seconds = u64::try_from(now.as_nanos() / 1_000_000_000).unwrap_or_default();
            let expiry = seconds.saturating_add(self.lifetime.as_secs());
            let username = format!("{expiry}:{}", user.as_str());
            let credential = Some(password(&self.secret, &username));
            servers.push(IceServer { urls: turn, username: Some(username), credential });
        }
        servers
    }
}

/// The Base64 of HMAC-SHA1 of the user name under the secret.
fn password(secret: &str, username: &str) -> String {
    // HMAC takes keys of every length.
    let mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes())
        .map(|mac| mac.chain_update(username.as_bytes()).finalize().into_bytes());
    mac.map(|bytes| STANDARD.encode(bytes)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by another implementation:
    /// `printf '1795342400:ada' | openssl dgst -sha1 -hmac 'north' -binary | base64`.
    #[test]
    fn a_password_is_what_openssl_makes_of_the_same_secret_and_name() {
        assert_eq!(password("north", "1795342400:ada"), "JyodW+s3POxKJ4P8Z7clSzv53Sg=");
    }

    #[test]
    fn credentials_end_when_their_lifetime_has_passed_and_stun_needs_none() {
        let server = TurnServer {
            urls: vec!["turn:a.example".to_owned(), "stun:b.example".to_owned()],
            secret: "north".to_owned(),
            lifetime: Duration::from_secs(100),
        };
        let now = SwarmTime::from_nanos(1_795_342_300_999_999_999);
        let granted = server.grant(now, &"ada".parse().expect("a plain user id"));
        let [stun, turn] = granted.as_slice() else { panic!("{granted:?}") };
        assert_eq!(
            (stun.urls.as_slice(), &stun.username),
            (&["stun:b.example".to_owned()][..], &None)
        );
        assert_eq!(turn.username.as_deref(), Some("1795342400:ada"));
        assert_eq!(turn.credential.as_deref(), Some("JyodW+s3POxKJ4P8Z7clSzv53Sg="));
    }

    #[test]
    fn the_secret_and_passwords_are_not_shown() {
        let server = TurnServer {
            urls: vec!["turn:a.example".to_owned()],
            secret: "north".to_owned(),
            lifetime: Duration::from_secs(100),
        };
        let granted = server.grant(SwarmTime::from_nanos(0), &"ada".parse().expect("an id"));
        let shown = format!("{server:?} {granted:?}");
        assert!(!shown.contains("north"), "{shown}");
        let credential = granted[0].credential.as_deref().expect("a password");
        assert!(!shown.contains(credential), "{shown}");
    }
}
