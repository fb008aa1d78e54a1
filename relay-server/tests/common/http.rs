//! HTTP spoken by hand, so that nothing stands between a test and the bytes.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::within;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: Vec<u8>,
}

impl Answer {
    /// A header's value; the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }
}

/// Asks for `path` with further header lines, under the relay's own address unless they name a
/// host.
pub async fn get(address: SocketAddr, path: &str, lines: &[&str]) -> Answer {
    request("GET", address, path, lines).await
}

pub async fn request(method: &str, address: SocketAddr, path: &str, lines: &[&str]) -> Answer {
    let mut stream = TcpStream::connect(address).await.expect("the relay listens");
    ask(&mut stream, method, path, lines, "close").await;
    let mut answer = Vec::new();
    within(stream.read_to_end(&mut answer)).await.expect("an answer");
    parse(answer)
}

/// Asks over a stream that stays open, for something short whose length is told.
pub async fn ask_again(stream: &mut TcpStream, path: &str) -> Answer {
    ask(stream, "GET", path, &[], "keep-alive").await;
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(within(stream.read_u8()).await.expect("a whole head"));
    }
    let head = parse(bytes.clone());
    let length = head.header("content-length").and_then(|length| length.parse().ok());
    let mut body = vec![0; length.expect("a length")];
    within(stream.read_exact(&mut body)).await.expect("a whole body");
    bytes.extend(body);
    parse(bytes)
}

/// Asks for a WebSocket and reads the answer's head. The stream stays open.
pub async fn upgrade(address: SocketAddr, path: &str, lines: &[&str]) -> (TcpStream, Answer) {
    let mut stream = TcpStream::connect(address).await.expect("the relay listens");
    let answer = upgrade_on(&mut stream, path, lines).await;
    (stream, answer)
}

/// The same on a stream that is open already.
pub async fn upgrade_on(stream: &mut TcpStream, path: &str, lines: &[&str]) -> Answer {
    let mut all = vec![
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    all.extend(lines);
    ask(stream, "GET", path, &all, "Upgrade").await;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within(stream.read_u8()).await.expect("a whole head"));
    }
    parse(head)
}

async fn ask(stream: &mut TcpStream, method: &str, path: &str, lines: &[&str], connection: &str) {
    let host = format!("Host: {}", stream.peer_addr().expect("connected"));
    let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: {connection}\r\n");
    let own = [host.as_str()];
    let is_named = lines.iter().any(|line| line.starts_with("Host:"));
    for line in own.iter().filter(|_| !is_named).chain(lines) {
        request.push_str(line);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await.expect("an open socket");
}

fn parse(bytes: Vec<u8>) -> Answer {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a whole head");
    let head = String::from_utf8(bytes[..end].to_vec()).expect("a head is text");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    let mut answer = Answer { status, head, body: bytes[end + 4..].to_vec() };
    if answer.header("transfer-encoding") == Some("chunked") {
        answer.body = unchunk(&answer.body);
    }
    answer
}

fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n").expect("a chunk's length");
        let length = std::str::from_utf8(&rest[..end]).expect("hex digits");
        let length = usize::from_str_radix(length, 16).expect("hex digits");
        rest = &rest[end + 2..];
        if length == 0 {
            return body;
        }
        body.extend_from_slice(&rest[..length]);
        rest = &rest[length + 2..];
    }
}
