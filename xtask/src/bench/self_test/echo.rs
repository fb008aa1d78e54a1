//! Round trips through the network to somebody who answers at once.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::millis_since;
use crate::bench::proxy::{Proxy, Weather, line};
use crate::clock;

/// How many round trips.
const TRIPS: usize = 40;

/// An answer that takes longer than this is no answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long datagrams take there and back. (milliseconds)
///
/// # Errors
///
/// When one is not answered.
pub fn datagrams(weather: Weather) -> Result<Vec<f64>> {
    let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let proxy = Proxy::open(server.local_addr()?.port(), weather, 1)?;
    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    client.connect((Ipv4Addr::LOCALHOST, proxy.port()))?;
    client.set_read_timeout(Some(PATIENCE))?;
    server.set_read_timeout(Some(PATIENCE))?;
    std::thread::spawn(move || {
        line::hurry();
        let mut piece = [0; 64];
        for _ in 0..TRIPS {
            let Ok((length, from)) = server.recv_from(&mut piece) else { return };
            let _ = server.send_to(&piece[..length], from);
        }
    });
    trips(|| {
        let mut piece = [0; 64];
        client.send(b"ping")?;
        client.recv(&mut piece).context("a datagram was not answered")?;
        Ok(())
    })
}

/// How long a few bytes of a stream take there and back. (milliseconds)
///
/// # Errors
///
/// When they do not come back.
pub fn stream(weather: Weather) -> Result<Vec<f64>> {
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let proxy = Proxy::open(server.local_addr()?.port(), weather, 1)?;
    std::thread::spawn(move || -> std::io::Result<()> {
        line::hurry();
        let (mut stream, _) = server.accept()?;
        stream.set_nodelay(true)?;
        let mut piece = [0; 4];
        loop {
            stream.read_exact(&mut piece)?;
            stream.write_all(&piece)?;
        }
    });
    let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port()))?;
    client.set_nodelay(true)?;
    client.set_read_timeout(Some(PATIENCE))?;
    trips(|| {
        let mut piece = [0; 4];
        client.write_all(b"ping")?;
        client.read_exact(&mut piece).context("the stream was not answered")?;
        Ok(())
    })
}

fn trips(mut there_and_back: impl FnMut() -> Result<()>) -> Result<Vec<f64>> {
    let mut trip = || {
        let sent = clock::now();
        there_and_back()?;
        Ok(millis_since(sent))
    };
    (0..TRIPS).map(|_| trip()).collect()
}
