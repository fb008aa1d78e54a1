//! TLS by real clients: members over `wss`, a certificate that is replaced, handshakes that stall.

#![cfg(feature = "tls")]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use common::{Client, eventually, http_get, join_message, within};
use relay_server::{Limits, Relay, RelayError, RunningRelay, TlsFiles};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::{Connector, client_async_tls_with_config};

#[tokio::test]
async fn members_take_part_over_wss() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let certificate = renew(folder.path());
    let relay = relay(folder.path(), Limits::default()).await;
    let mut ada = member(&relay, &certificate, "ada").await;
    let mut mia = member(&relay, &certificate, "mia").await;
    ada.time().await;
    assert!(mia.time().await > ada.time().await - protocol::Span::from_secs(10), "one clock");
    assert_eq!((relay.members(), relay.swarms()), (2, 1));
}

#[tokio::test]
async fn pages_are_served_over_tls_and_a_plain_request_gets_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let certificate = renew(folder.path());
    let relay = relay(folder.path(), Limits::default()).await;
    let mut stream = connect(&relay, &certificate).await.expect("a handshake");
    stream
        .write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .expect("an open connection");
    let mut answer = String::new();
    within(stream.read_to_string(&mut answer)).await.expect("text");
    assert!(answer.contains("\"status\":\"ok\""), "{answer}");

    let mut plain = TcpStream::connect(relay.local_addr()).await.expect("the relay listens");
    plain.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("an open socket");
    let mut answer = Vec::new();
    let _ = within(plain.read_to_end(&mut answer)).await;
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP"), "{answer:?}");
    eventually("it was counted", || relay.metrics().contains("relay_tls_failed_total 1")).await;
}

#[tokio::test]
async fn a_new_certificate_is_for_new_connections_and_open_ones_go_on() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let former = renew(folder.path());
    let relay = relay(folder.path(), Limits::default()).await;
    let mut ada = member(&relay, &former, "ada").await;

    let new = renew(folder.path());
    assert!(connect(&relay, &new).await.is_err(), "not read yet");
    relay.reload_certificate().expect("a good certificate");
    let mut mia = member(&relay, &new, "mia").await;
    assert!(connect(&relay, &former).await.is_err(), "the former one is no longer shown");
    ada.time().await;
    mia.time().await;
    assert_eq!(relay.members(), 2);
}

#[tokio::test]
async fn files_that_change_are_read_without_being_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    renew(folder.path());
    let relay = relay(folder.path(), Limits::default()).await;
    let new = renew(folder.path());
    within(async { while connect(&relay, &new).await.is_err() {} }).await;
}

#[tokio::test]
async fn a_certificate_that_can_not_be_used_leaves_the_former_one_in_place() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let good = renew(folder.path());
    let relay = relay(folder.path(), Limits::default()).await;

    let other = tempfile::tempdir().expect("a temporary folder");
    renew(other.path());
    let spoilt: [(&str, &dyn Fn()); 4] = [
        ("does not fit", &|| {
            std::fs::copy(other.path().join("key.pem"), folder.path().join("key.pem"))
                .expect("a file");
        }),
        ("can not be read as a private key", &|| {
            std::fs::write(folder.path().join("key.pem"), "").expect("a file");
        }),
        ("holds no certificate", &|| {
            std::fs::write(folder.path().join("certificate.pem"), "").expect("a file");
        }),
        ("can not be read as a certificate", &|| {
            std::fs::remove_file(folder.path().join("certificate.pem")).expect("a file");
        }),
    ];
    for (reason, spoil) in spoilt {
        spoil();
        let error = relay.reload_certificate().expect_err(reason).to_string();
        assert!(error.contains(reason), "{error}");
        connect(&relay, &good).await.expect("the former certificate");
    }
}

#[tokio::test]
async fn a_relay_does_not_start_without_its_certificate() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let Err(error) = Relay::builder().tls(Some(files(folder.path()))).spawn().await else {
        panic!("TLS without a certificate")
    };
    assert!(matches!(error, RelayError::Tls(_)), "{error}");
    assert!(error.to_string().contains("certificate.pem"), "{error}");
}

#[tokio::test]
async fn a_handshake_that_stalls_ends_in_time() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    renew(folder.path());
    let handshake = Duration::from_millis(100);
    let relay = relay(folder.path(), Limits { handshake, ..Limits::default() }).await;
    let mut silent = TcpStream::connect(relay.local_addr()).await.expect("the relay listens");
    // The first bytes of a handshake, and no more.
    silent.write_all(&[0x16, 3, 1]).await.expect("an open socket");
    let mut answer = Vec::new();
    let _ = within(silent.read_to_end(&mut answer)).await;
    assert!(answer.is_empty(), "half a greeting was answered: {answer:?}");
    assert!(relay.metrics().contains("relay_tls_failed_total 1"), "{}", relay.metrics());
}

#[tokio::test]
async fn the_metrics_address_stays_plain() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    renew(folder.path());
    let relay = Relay::builder()
        .tls(Some(files(folder.path())))
        .metrics_listen(Some(([127, 0, 0, 1], 0).into()))
        .spawn()
        .await
        .expect("free ports");
    let metrics = http_get(relay.metrics_addr().expect("an address"), "/metrics").await;
    assert!(metrics.contains("relay_members 0"), "{metrics}");
}

fn files(folder: &Path) -> TlsFiles {
    TlsFiles { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") }
}

async fn relay(folder: &Path, limits: Limits) -> RunningRelay {
    let relay = Relay::builder().limits(limits).tls(Some(files(folder)));
    relay.spawn().await.expect("a free port and a certificate")
}

/// Writes a new certificate of `localhost` with its key, and returns what a client has to trust.
fn renew(folder: &Path) -> CertificateDer<'static> {
    let new = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let TlsFiles { certificate, key } = files(folder);
    std::fs::write(certificate, new.cert.pem()).expect("a file");
    std::fs::write(key, new.signing_key.serialize_pem()).expect("a file");
    new.cert.der().clone()
}

fn trusting(certificate: &CertificateDer<'static>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

async fn connect(
    relay: &RunningRelay,
    certificate: &CertificateDer<'static>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(relay.local_addr()).await?;
    let name = ServerName::try_from("localhost").expect("a name");
    within(TlsConnector::from(trusting(certificate)).connect(name, stream)).await
}

async fn member(relay: &RunningRelay, certificate: &CertificateDer<'static>, user: &str) -> Client {
    let stream = TcpStream::connect(relay.local_addr()).await.expect("the relay listens");
    let connector = Some(Connector::Rustls(trusting(certificate)));
    let opening = client_async_tls_with_config("wss://localhost/ws", stream, None, connector);
    let (socket, _) = within(opening).await.expect("a WebSocket");
    let mut client = Client { socket };
    client.send(join_message("party", user, None)).await;
    client.joined().await;
    client
}
