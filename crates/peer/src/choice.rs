//! Which of several addresses of one relay to use: an invitation names all the networks its
//! host is in, and its guest is in one of them.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::address::RelayAddress;

/// How long to wait for any of them. As long as for one, see [`crate::link`].
const PATIENCE: Duration = Duration::from_secs(6);

/// Pause after nobody answered; the network may be on its way up.
const PAUSE: Duration = Duration::from_secs(1);

/// Asks all at once and returns the first that takes a connection; none if nobody does.
pub(crate) async fn first_to_answer(candidates: Vec<RelayAddress>) -> Option<RelayAddress> {
    let mut attempts = JoinSet::new();
    for address in candidates {
        attempts.spawn(async move {
            let connected = TcpStream::connect((address.host(), address.port())).await;
            connected.is_ok().then_some(address)
        });
    }
    let answer = timeout(PATIENCE, async {
        while let Some(attempt) = attempts.join_next().await {
            if let Ok(Some(address)) = attempt {
                return Some(address);
            }
        }
        None
    });
    match answer.await {
        Ok(Some(address)) => Some(address),
        Ok(None) | Err(_) => {
            sleep(PAUSE).await;
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    fn address(text: &str) -> RelayAddress {
        RelayAddress::parse(text).unwrap()
    }

    #[tokio::test]
    async fn the_address_that_answers_is_taken_wherever_it_stands_in_the_list() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = address(&listener.local_addr().unwrap().to_string());
        // 192.0.2.0/24 is nobody's (RFC 5737); port 1 of this device is closed.
        let list = vec![address("192.0.2.1:9"), address("127.0.0.1:1"), here.clone()];
        assert_eq!(first_to_answer(list).await, Some(here));
    }

    #[tokio::test]
    async fn nobody_is_taken_when_nobody_answers() {
        assert_eq!(first_to_answer(vec![address("127.0.0.1:1")]).await, None);
    }
}
