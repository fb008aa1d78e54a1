//! Datagrams: each sender gets a socket of its own towards the target, so that answers find
//! their way back.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use super::line::{self, Line};
use super::path::{Kind, Path};
use super::{LOOK, PIECE, Route, is_passing};
use crate::clock;

/// Senders at most: a run has a handful. Others are not heard.
const SENDERS: usize = 64;

struct Sender {
    path: Path,
    line: Line<Vec<u8>>,
}

/// Passes datagrams on in both directions until the proxy closes.
pub fn pass(socket: &Arc<UdpSocket>, route: &Arc<Route>) {
    line::hurry();
    let mut senders: BTreeMap<SocketAddr, Sender> = BTreeMap::new();
    let mut piece = vec![0; PIECE];
    while !route.is_closing() {
        let (length, from) = match socket.recv_from(&mut piece) {
            Ok(received) => received,
            Err(error) if is_passing(&error) => continue,
            Err(_) => return,
        };
        let now = clock::now();
        if !senders.contains_key(&from)
            && senders.len() < SENDERS
            && let Some(sender) = begin(socket, from, route)
        {
            senders.insert(from, sender);
        }
        if let Some(sender) = senders.get_mut(&from)
            && let Some(at) = sender.path.arrival(now)
        {
            sender.line.put(at, piece[..length].to_vec());
        }
    }
}

/// Opens a sender's way to the target, and the thread of the way back.
fn begin(socket: &Arc<UdpSocket>, sender: SocketAddr, route: &Arc<Route>) -> Option<Sender> {
    let towards = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
    towards.connect(route.target).ok()?;
    towards.set_read_timeout(Some(LOOK)).ok()?;
    let towards = Arc::new(towards);
    let (up, down) = route.paths(Kind::Datagrams);
    let out = Arc::clone(&towards);
    let line = Line::start(move |packet: Option<Vec<u8>>| {
        // Nobody listens there yet: then the packet is lost, as on a network.
        let _ = packet.map(|packet| out.send(&packet));
    });
    let (socket, route) = (Arc::clone(socket), Arc::clone(route));
    std::thread::spawn(move || answer(&towards, &socket, sender, down, &route));
    Some(Sender { path: up, line })
}

fn answer(
    from: &UdpSocket,
    to: &Arc<UdpSocket>,
    sender: SocketAddr,
    mut path: Path,
    route: &Route,
) {
    line::hurry();
    let out = Arc::clone(to);
    let line = Line::start(move |packet: Option<Vec<u8>>| {
        let _ = packet.map(|packet| out.send_to(&packet, sender));
    });
    let mut piece = vec![0; PIECE];
    while !route.is_closing() {
        match from.recv(&mut piece) {
            Ok(length) => {
                if let Some(at) = path.arrival(clock::now()) {
                    line.put(at, piece[..length].to_vec());
                }
            }
            Err(error) if is_passing(&error) => {}
            Err(_) => return,
        }
    }
}
