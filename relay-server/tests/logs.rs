//! Whatever happens, nothing that belongs to a swarm is in what the program writes.

#![cfg(all(target_os = "linux", feature = "program"))]

mod common;

use common::program::{Program, command};
use common::{
    Client, DEADLINE, file, http_get, http_get_with, id, join_message, play, swarm, within,
};
use protocol::ids::Alias;
use protocol::message::FileAnnouncement;
use protocol::{ClientMessage, Span};
use rustix::process::Signal;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, client_async};

const KEY: &str = "perlmutt zwölf segel";
const SDP: &str = "v=0 o=- 46117 a=ice-ufrag:Qu1zz a=candidate:1 udp 203.0.113.77 50111";

#[tokio::test]
async fn no_secret_of_a_swarm_is_ever_written_whatever_the_level() {
    let mut program = command(&["--log-level", "trace", "--drain", "0s"]);
    program
        .env("RELAY_METRICS_TOKEN", "operators-token-4711")
        .env("RELAY_TURN_URLS", "turn:turn.example.org")
        .env("RELAY_TURN_SECRET", "turn-secret-0815")
        .env("RELAY_LIMITS_MESSAGES", "{ per-second = 20, burst = 30 }");
    let relay = Program::start(program).await;

    let mut secrets = a_party(&relay).await;
    nonsense(&relay).await;
    secrets.extend(tracker_clients(&relay).await);
    secrets.extend(
        [KEY, SDP, "203.0.113.77", "Qu1zz", "operators-token-4711", "turn-secret-0815"]
            .map(str::to_owned),
    );
    secrets.extend(["wanda-b7", "viktor-c9", "Wandas Telefon", "127.0.0.99"].map(str::to_owned));
    secrets.push(swarm(KEY).to_string());

    relay.signal(Signal::TERM);
    let (success, written) = relay.ended().await;
    assert!(success, "{written}");
    assert!(written.contains("DEBUG member joined swarm="), "it was not talkative: {written}");
    for secret in secrets {
        assert!(!written.contains(&secret), "`{secret}` was written:\n{written}");
    }
    for (index, _) in written.match_indices(&swarm(KEY).to_string()[..8]) {
        let following = written[index + 8..].chars().next();
        assert!(!following.is_some_and(|c| c.is_ascii_hexdigit()), "more than 8 digits: {written}");
    }
}

/// Two members that do everything members do, and more than they may. Returns what they were
/// told in confidence.
async fn a_party(relay: &Program) -> Vec<String> {
    let mut wanda = from_an_address_of_its_own(relay).await;
    let alias = Some(Alias::parse("Wandas Telefon").expect("a plain alias"));
    let user_id = id("wanda-b7");
    let (swarm_hash, resume, challenge) = (swarm(KEY), None, None);
    wanda.send(ClientMessage::Join { swarm_hash, user_id, alias, resume, challenge }).await;
    let joined = wanda.joined().await;
    let time = joined.time.expect("time by datagram");
    let mut secrets = vec![joined.resume.clone(), time.key, time.token];
    secrets.extend(
        joined.ice.iter().flat_map(|ice| [ice.username.clone(), ice.credential.clone()]).flatten(),
    );
    assert!(secrets.len() == 5 && secrets.iter().all(|secret| secret.len() > 8), "{secrets:?}");

    let mut viktor = Client::connect(relay.address, "/ws").await;
    viktor.send(join_message(KEY, "viktor-c9", None)).await;
    viktor.joined().await;
    let song =
        FileAnnouncement { name: "Geheimes Lied.flac".parse().expect("a file name"), ..file('a') };
    secrets.extend([song.name.to_string(), song.file_id.to_string(), song.info_hash.to_string()]);
    let now = viktor.time().await;
    for message in [
        ClientMessage::DirectorTake { user_id: id("viktor-c9") },
        ClientMessage::FileAnnounce(song.clone()),
        ClientMessage::SelectFile { file_id: song.file_id.clone() },
        play(&song, now, Span::from_secs(1)),
        ClientMessage::RtcSignal { to: id("wanda-b7"), data: json!({ "sdp": SDP }) },
        ClientMessage::RtcSignal { to: id("wanda-b8"), data: json!({ "sdp": SDP }) },
        ClientMessage::DirectorAssert { user_id: id("wanda-b7") },
    ] {
        viktor.send(message).await;
    }
    // A user id in use, with a secret that is wrong by a digit.
    let mut other = Client::connect(relay.address, "/ws").await;
    let resume = format!("{}0", joined.resume);
    secrets.push(resume.clone());
    other.send(join_message(KEY, "wanda-b7", Some(resume))).await;
    other.error().await;
    // Over its rate, and then away without a goodbye.
    for _ in 0..60 {
        viktor.send(ClientMessage::RtcSignal { to: id("wanda-b7"), data: json!(SDP) }).await;
    }
    viktor.time().await;
    drop(viktor);
    wanda.wait_for(|message| format!("{message:?}").contains("Leave").then_some(())).await;
    secrets
}

/// What is no message, from one who knows the swarm.
async fn nonsense(relay: &Program) {
    let hash = swarm(KEY).to_string();
    let mut member = Client::connect(relay.address, "/ws").await;
    for text in [
        format!("{{\"type\":\"join\",\"swarmHash\":\"{hash}\",\"userId\":\"wanda b7\"}}"),
        format!("{{\"type\":\"{SDP}\"}}"),
        format!("{hash} {KEY} {SDP}"),
    ] {
        member.send_text(text).await;
        member.error().await;
    }
    let large = Message::Text(SDP.repeat(2_000).into());
    let _ = futures_util::SinkExt::send(&mut member.socket, large).await;
    let _ = tokio::time::timeout(DEADLINE, member.close_code()).await;

    // Not UTF-8, and no WebSocket frame at all.
    for bytes in [&[0x81, 0x84, 0, 0, 0, 0, 0xff, 0xfe, 0xff, 0xfe][..], &[0xff; 16]] {
        let mut client = Client::connect(relay.address, "/ws").await;
        let MaybeTlsStream::Plain(stream) = client.socket.get_mut() else { unreachable!() };
        stream.write_all(bytes).await.expect("an open socket");
        let _ = within(stream.read(&mut [0; 256])).await;
    }

    http_get(relay.address, &format!("/?key={hash}")).await;
    let header = "Authorization: Bearer operators-token-4711\r\nX-Forwarded-For: 203.0.113.77\r\n";
    assert!(http_get_with(relay.address, "/metrics", header).await.contains("relay_members"));
    let mut stream = TcpStream::connect(relay.address).await.expect("the relay listens");
    stream.write_all(format!("GET /{SDP}\0 no HTTP\r\n\r\n").as_bytes()).await.expect("open");
    let _ = within(stream.read_to_end(&mut Vec::new())).await;
}

/// Two clients of a torrent that exchange an offer and an answer, and one that lies.
async fn tracker_clients(relay: &Program) -> Vec<String> {
    let info_hash = "geheimer-torrent-123";
    let announce = |peer: &str, offers: serde_json::Value| {
        json!({
            "action": "announce", "info_hash": info_hash, "peer_id": peer, "numwant": 5,
            "event": "started", "left": 1, "uploaded": 0, "downloaded": 0, "offers": offers,
        })
        .to_string()
    };
    let (one, two) = ("-WW0001-erste-client", "-WW0001-zweiter-clie");
    let mut first = Client::connect(relay.address, "/announce").await;
    first.send_text(announce(one, json!([]))).await;
    first.text().await;
    let mut second = Client::connect(relay.address, "/announce").await;
    let offer =
        json!([{ "offer_id": "angebot-angebot-ange", "offer": { "type": "offer", "sdp": SDP } }]);
    second.send_text(announce(two, offer)).await;
    second.text().await;
    assert!(first.text().await.contains("Qu1zz"), "the offer was passed on");
    first.send_text(announce(two, json!([]))).await;
    first.text().await;
    first.send_text(format!("{SDP} {info_hash}")).await;
    first.text().await;
    [info_hash, one, two, "angebot-angebot-ange"].map(str::to_owned).into()
}

/// A member whose address is not that of the relay.
async fn from_an_address_of_its_own(relay: &Program) -> Client {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.99:0".parse().expect("an address")).expect("all of 127 is this computer");
    let stream = socket.connect(relay.address).await.expect("the relay listens");
    let url = format!("ws://{}/ws", relay.address);
    let (socket, _) = client_async(url, MaybeTlsStream::Plain(stream)).await.expect("a WebSocket");
    Client { socket }
}
