//! Members are given what a TURN server takes from them.

mod common;

use std::net::UdpSocket;
use std::process::Stdio;
use std::time::Duration;

use common::{Client, eventually, relay, within};
use protocol::ice::IceServer;
use relay_server::{Relay, RunningRelay, TurnServer};
use tokio::process::Command;

const SECRET: &str = "north of the river";

#[tokio::test]
async fn every_member_gets_credentials_of_its_own_in_its_joined() {
    let relay = relay_with_turn("turn:turn.example.org:3478").await;
    let (_ada, joined) = Client::join(&relay, "ada").await;
    let (_mia, others) = Client::join(&relay, "mia").await;
    let [stun, turn] = joined.ice.as_slice() else { panic!("{:?}", joined.ice) };
    assert_eq!((&stun.urls[0], &stun.username), (&"stun:stun.example.org".to_owned(), &None));
    assert_eq!(turn.urls, ["turn:turn.example.org:3478"]);
    let username = turn.username.as_deref().expect("a name");
    let (expiry, user) = username.split_once(':').expect("an expiry and a name");
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("after 1970").as_secs();
    let left = expiry.parse::<u64>().expect("seconds").saturating_sub(now);
    assert!((3_590..=3_600).contains(&left), "{left} s are left of an hour");
    assert_eq!(user, "ada");
    assert_ne!(others.ice[1].credential, turn.credential);
}

#[tokio::test]
async fn a_relay_without_a_turn_server_names_none() {
    let relay = relay().await;
    let (_ada, joined) = Client::join(&relay, "ada").await;
    assert_eq!(joined.ice, []);
}

#[tokio::test]
#[ignore = "needs coturn's turnserver and turnutils_uclient"]
async fn coturn_relays_for_a_member_and_for_nobody_without_its_password() {
    let port = UdpSocket::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let port = port.expect("a free port").port().to_string();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = folder.path().join("turn.log");
    let _server = Command::new("turnserver")
        .args(["-n", "--listening-ip", "127.0.0.1", "--relay-ip", "127.0.0.1"])
        .args(["--listening-port", &port, "--use-auth-secret", "--static-auth-secret", SECRET])
        .args(["--realm", "example.org", "--no-tls", "--no-dtls", "--no-cli"])
        .args(["--allow-loopback-peers", "--simple-log", "--log-file"])
        .arg(&log)
        .arg("--pidfile")
        .arg(folder.path().join("turn.pid"))
        .arg("--userdb")
        .arg(folder.path().join("turn.db"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("coturn is installed");
    let address = format!("127.0.0.1:{port}");
    eventually("coturn listens", || std::net::TcpStream::connect(&address).is_ok()).await;

    let relay = relay_with_turn(&format!("turn:127.0.0.1:{port}")).await;
    let (_ada, joined) = Client::join(&relay, "ada").await;
    let turn = &joined.ice[1];
    let (success, said) = relays(&port, turn).await;
    assert!(success && said.contains("tot_recv_msgs=10"), "{said}");
    let forged = IceServer { credential: Some("Zm9yZ2Vk".to_owned()), ..turn.clone() };
    let (success, said) = relays(&port, &forged).await;
    assert!(!success || said.contains("401"), "{said}");
}

/// Sends ten messages from one client to another through the server.
async fn relays(port: &str, server: &IceServer) -> (bool, String) {
    let (name, password) = (server.username.as_deref(), server.credential.as_deref());
    let client = Command::new("turnutils_uclient")
        .args(["-y", "-c", "-m", "2", "-n", "5", "-p", port])
        .args(["-u", name.expect("a name"), "-w", password.expect("a password"), "127.0.0.1"])
        .kill_on_drop(true)
        .output();
    let output = within(client).await.expect("coturn's client is installed");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

async fn relay_with_turn(url: &str) -> RunningRelay {
    let server = TurnServer {
        urls: vec![url.to_owned(), "stun:stun.example.org".to_owned()],
        secret: SECRET.to_owned(),
        lifetime: Duration::from_secs(3_600),
    };
    Relay::builder().turn(Some(server)).spawn().await.expect("a free port")
}
