//! Streams: what is read at once travels at once, and never overtakes.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;

use super::line::{self, Line};
use super::path::{Kind, Path};
use super::{LOOK, PIECE, Route, is_passing};
use crate::clock;

/// Accepts connections until the proxy closes.
pub fn accept(listener: &TcpListener, route: &Arc<Route>) {
    for stream in listener.incoming() {
        if route.is_closing() {
            return;
        }
        // A connection that the target refuses ends at once, as it would without a proxy.
        let _ = stream.and_then(|stream| connect(stream, route));
    }
}

fn connect(near: TcpStream, route: &Arc<Route>) -> std::io::Result<()> {
    let far = TcpStream::connect(route.target)?;
    let (up, down) = route.paths(Kind::Stream);
    for stream in [&near, &far] {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LOOK))?;
    }
    let (near_too, far_too) = (near.try_clone()?, far.try_clone()?);
    let (here, there) = (Arc::clone(route), Arc::clone(route));
    std::thread::spawn(move || pass(near, far, up, &here));
    std::thread::spawn(move || pass(far_too, near_too, down, &there));
    Ok(())
}

/// Moves one direction until its source ends or the proxy closes.
fn pass(mut from: TcpStream, mut to: TcpStream, mut path: Path, route: &Route) {
    line::hurry();
    let line = Line::start(move |bytes: Option<Vec<u8>>| {
        // Both ends notice a broken connection themselves.
        let _ = match bytes {
            Some(bytes) => to.write_all(&bytes),
            None => to.shutdown(Shutdown::Write),
        };
    });
    let mut piece = vec![0; PIECE];
    while !route.is_closing() {
        match from.read(&mut piece) {
            Ok(0) => return,
            Ok(length) => {
                if let Some(at) = path.arrival(clock::now()) {
                    line.put_patiently(at, piece[..length].to_vec());
                }
            }
            Err(error) if is_passing(&error) => {}
            Err(_) => return,
        }
    }
    let _ = from.shutdown(Shutdown::Both);
}
