//! WebTorrent clients that announce as fast as they are answered.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use futures_util::future::try_join_all;
use futures_util::{SinkExt as _, StreamExt as _};
use rustix::net::sockopt::set_tcp_quickack;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use super::Size;
use crate::client::{Socket, connect};
use crate::clock::now_ms;
use crate::figures::{Figure, Unit, percentile};
use crate::process::Server;

/// Clients of one torrent.
const IN_TORRENT: usize = 5;

/// Offers in an announce: what WebTorrent sends.
const OFFERS: usize = 5;

/// A description as browsers write it. (bytes)
const SDP: usize = 1_200;

/// Announces of one client that differ from each other, in their offers' names.
const TURNS: usize = 4;

/// Load before anything is counted, so that every torrent has its peers.
const WARM_UP: Duration = Duration::from_millis(500);

/// What a client's system does with what arrives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Acknowledgement {
    /// Whatever the system does by itself.
    Late,
    /// Acknowledges each packet at once.
    AtOnce,
}

/// What the clients of one run saw.
struct Run {
    replies: Vec<f64>,
    messages: usize,
    processor: f64,
    seconds: f64,
}

/// `clients` announce in a closed loop.
pub async fn announce(server: &Server, clients: usize, size: Size) -> Result<Vec<Figure>> {
    let run = run(server, clients, size.window, Acknowledgement::Late).await?;
    let announces = run.replies.len() as f64;
    Ok(vec![
        Figure::new("announces", Unit::PerSecond, announces / run.seconds),
        Figure::new("messages out", Unit::PerSecond, run.messages as f64 / run.seconds),
        Figure::new("reply p50", Unit::Ms, percentile(&run.replies, 0.5)),
        Figure::new("reply p99", Unit::Ms, percentile(&run.replies, 0.99)),
        Figure::new("processor per announce", Unit::Us, run.processor * 1e6 / announces),
    ])
}

/// Ten clients, once with late acknowledgements and once with early ones.
pub async fn acknowledge(server: &Server, size: Size) -> Result<Vec<Figure>> {
    let late = run(server, 10, size.window / 2, Acknowledgement::Late).await?;
    let at_once = run(server, 10, size.window / 2, Acknowledgement::AtOnce).await?;
    let (late, at_once) = (percentile(&late.replies, 0.5), percentile(&at_once.replies, 0.5));
    Ok(vec![
        Figure::new("reply p50, late acknowledgement", Unit::Ms, late),
        Figure::new("reply p50, at once", Unit::Ms, at_once),
        Figure::new("late acknowledgement, times", Unit::Times, late / at_once),
    ])
}

async fn run(
    server: &Server,
    clients: usize,
    window: Duration,
    acknowledgement: Acknowledgement,
) -> Result<Run> {
    let messages = Rc::new(Cell::new(0));
    let begin = Instant::now();
    let (counted, end) = (begin + WARM_UP, begin + WARM_UP + window);
    let loops = (0..clients).map(|number| {
        let client = Client { number, acknowledgement, counted, end, messages: messages.clone() };
        client.run(server.address, server.tracker_path)
    });
    let processor = async {
        tokio::time::sleep_until(counted).await;
        let before = server.processor()?;
        tokio::time::sleep_until(end).await;
        Ok(server.processor()? - before)
    };
    let (replies, processor) =
        futures_util::future::try_join(try_join_all(loops), processor).await?;
    let replies = replies.into_iter().flatten().collect();
    Ok(Run { replies, messages: messages.get(), processor, seconds: window.as_secs_f64() })
}

struct Client {
    number: usize,
    acknowledgement: Acknowledgement,
    counted: Instant,
    end: Instant,
    messages: Rc<Cell<usize>>,
}

impl Client {
    /// Announces until the end; returns how long each reply took.
    async fn run(self, address: SocketAddr, path: &str) -> Result<Vec<f64>> {
        let mut socket = connect(address, path, None).await?;
        let mut replies = Vec::new();
        // Made once: whatever this process does is taken from the tracker beside it.
        let announces: Vec<Message> =
            (0..TURNS).map(|turn| Message::Text(self.announce(turn).into())).collect();
        for announce in announces.iter().cycle() {
            socket.send(announce.clone()).await?;
            let sent = now_ms();
            self.reply(&mut socket).await?;
            let now = Instant::now();
            if now > self.end {
                break;
            }
            if now > self.counted {
                replies.push(now_ms() - sent);
            }
        }
        Ok(replies)
    }

    /// Reads up to the reply to the announce, and counts what else comes on the way.
    async fn reply(&self, socket: &mut Socket) -> Result<()> {
        loop {
            let next = tokio::time::timeout_at(self.end + WARM_UP, socket.next()).await;
            // Nothing more comes from a tracker that still works off what it was asked.
            let Ok(Some(message)) = next else { return Ok(()) };
            if self.acknowledgement == Acknowledgement::AtOnce {
                set_tcp_quickack(socket.get_ref(), true)?;
            }
            let Message::Text(text) = message? else { continue };
            let now = Instant::now();
            if now > self.counted && now <= self.end {
                self.messages.set(self.messages.get() + 1);
            }
            // An offer of someone else's.
            if text.len() > SDP {
                continue;
            }
            anyhow::ensure!(!text.contains("failure reason"), "refused: {text}");
            if text.contains("\"interval\":") {
                return Ok(());
            }
        }
    }

    fn announce(&self, turn: usize) -> String {
        let torrent = self.number / IN_TORRENT;
        let number = self.number;
        let sdp = "v".repeat(SDP);
        let offers: Vec<String> = (0..OFFERS)
            .map(|offer| {
                format!(
                    "{{\"offer\":{{\"type\":\"offer\",\"sdp\":\"{sdp}\\r\\n\"}},\
                     \"offer_id\":\"{:020}\"}}",
                    turn * OFFERS + offer
                )
            })
            .collect();
        format!(
            "{{\"action\":\"announce\",\"info_hash\":\"{torrent:020}\",\"peer_id\":\"{number:020}\",\
             \"uploaded\":0,\"downloaded\":0,\"left\":1000,\"numwant\":{OFFERS},\"offers\":[{}]}}",
            offers.join(",")
        )
    }
}
