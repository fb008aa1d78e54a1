//! The proxy with real sockets. How exact it is in time is told by `bench self-test`.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use protocol::time::Span;

use super::path::Leg;
use super::{Proxy, Weather, both};

/// Longer than any answer takes, so that a missing one fails the test.
const PATIENCE: Duration = Duration::from_secs(10);

fn weather(leg: Leg) -> Weather {
    Weather { up: leg, down: leg }
}

fn client(proxy: &Proxy) -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

#[test]
fn datagrams_of_two_senders_are_answered_each_through_one_port_for_both_kinds() {
    let (_, target) = both().unwrap();
    target.set_read_timeout(Some(PATIENCE)).unwrap();
    let port = target.local_addr().unwrap().port();
    let leg = Leg { delay: Span::from_millis(2), ..Leg::default() };
    let proxy = Proxy::open(port, weather(leg), 1).unwrap();
    let clients = [client(&proxy), client(&proxy)];
    for (number, client) in clients.iter().enumerate() {
        client.send(&[number as u8]).unwrap();
    }
    let mut piece = [0; 8];
    for _ in &clients {
        let (length, from) = target.recv_from(&mut piece).unwrap();
        assert_eq!(length, 1);
        target.send_to(&[piece[0] + 10], from).unwrap();
    }
    for (number, client) in clients.iter().enumerate() {
        let length = client.recv(&mut piece).unwrap();
        assert_eq!(piece[..length], [number as u8 + 10]);
    }
}

#[test]
fn a_stream_arrives_whole_and_in_order_and_ends_when_its_source_does() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let leg = Leg { delay: Span::from_millis(3), jitter: Span::from_millis(3), ..Leg::default() };
    let proxy = Proxy::open(port, weather(leg), 2).unwrap();
    let mut sender = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap();
    let sent: Vec<u8> = (0..200_000u32).map(|number| (number % 251) as u8).collect();
    let (mut receiver, _) = listener.accept().unwrap();
    receiver.set_read_timeout(Some(PATIENCE)).unwrap();
    let writer = std::thread::spawn({
        let sent = sent.clone();
        move || {
            for piece in sent.chunks(1_000) {
                sender.write_all(piece).unwrap();
            }
            sender.shutdown(Shutdown::Write).unwrap();
            sender
        }
    });
    let mut received = Vec::new();
    receiver.read_to_end(&mut received).unwrap();
    assert!(received == sent, "{} bytes of {} or in another order", received.len(), sent.len());
    drop(writer.join().unwrap());
}
