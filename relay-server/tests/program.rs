//! The program itself: settings from everywhere, signals, the end.

#![cfg(all(unix, feature = "program"))]

mod common;

use common::http::upgrade;
use common::program::{Program, command, run};
use common::{Client, eventually, http_get, join_message, within};
use protocol::ErrorCode;
use rustix::process::Signal;
use tokio::net::TcpStream;

#[tokio::test]
async fn the_committed_configuration_file_is_the_one_the_program_prints() {
    let (success, printed, complaints) = run(command(&["--print-config"])).await;
    assert!(success, "{complaints}");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/relay-server.toml");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        printed == committed,
        "run `cargo run -p relay-server -- --print-config > docs/relay-server.toml`"
    );
}

#[tokio::test]
async fn a_flag_counts_more_than_a_variable_and_that_more_than_the_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("relay.toml");
    let text = "name = \"file\"\ndrain = \"0s\"\n[limits]\nmembers = 1\n";
    std::fs::write(&file, text).expect("a file");
    let file = file.to_str().expect("text");

    let name_of = async |command| {
        let relay = Program::start(command).await;
        let answer = http_get(relay.address, "/health").await;
        let (_, body) = answer.split_once("\r\n\r\n").expect("a whole answer");
        let health: serde_json::Value = serde_json::from_str(body).expect("JSON");
        (relay, health["name"].as_str().expect("a name").to_owned())
    };
    let (_, name) = name_of(command(&[])).await;
    assert_eq!(name, "Synced Swarm Audio relay");
    let (relay, name) = name_of(command(&["--config", file])).await;
    assert_eq!(name, "file");
    let mut with_variable = command(&["--config", file]);
    with_variable.env("RELAY_NAME", "variable");
    assert_eq!(name_of(with_variable).await.1, "variable");
    let mut with_flag = command(&["--name", "flag"]);
    with_flag.env("RELAY_NAME", "variable").env("RELAY_CONFIG", file);
    assert_eq!(name_of(with_flag).await.1, "flag");

    // And it is heeded.
    let mut ada = Client::connect(relay.address, "/ws").await;
    ada.send(join_message("party", "ada", None)).await;
    ada.joined().await;
    let mut mia = Client::connect(relay.address, "/ws").await;
    assert_eq!(mia.refused(join_message("party", "mia", None)).await, ErrorCode::SwarmFull);
}

#[tokio::test]
async fn what_is_no_setting_or_no_value_is_refused_by_name_and_says_what_is_allowed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("relay.toml");
    let path = file.to_str().expect("text");
    for (text, expected) in [
        ("nmae = \"x\"", "`nmae` is no setting; those are: listen, static-dir, name"),
        ("[limits]\nmember = 3", "`limits.member` is no setting; those of [limits] are: members"),
        ("limits = 3", "`limits` can not be 3: a section, [limits], is needed"),
        ("listen = 8080", "`listen` can not be 8080: text, such as \"0.0.0.0:8080\" is needed"),
        ("listen = \"8080\"", "`listen` can not be \"8080\": an address with a port"),
        ("drain = 5", "`drain` can not be 5: a time, such as \"5s\" or \"250ms\" is needed"),
        ("drain = \"soon\"", "`drain` can not be \"soon\": a time"),
        ("[limits]\nmembers = \"many\"", "`limits.members` can not be \"many\": a whole number"),
        ("[limits]\nmembers = 501", "`limits.members` can not be 501: 1 to 500 is needed"),
        ("[limits]\nmembers = -1", "`limits.members` can not be -1: a whole number"),
        ("[limits]\njoin = \"0s\"", "`limits.join` can not be \"0s\": more than \"0s\""),
        (
            "[limits]\nmessages = { per-second = 5 }",
            "`limits.messages` can not be { per-second = 5 }: a rate, such as { per-second = 50.0",
        ),
        (
            "[limits]\nmessages = { per-second = 0, burst = 5 }",
            "`limits.messages` can not be { per-second = 0, burst = 5 }: `per-second` above 0",
        ),
        ("[log]\nformat = \"xml\"", "`log.format` can not be \"xml\": \"text\" or \"json\""),
        ("[log]\nlevel = \"a=b=c\"", "`log.level` can not be \"a=b=c\": a level"),
        ("[tls]\ncert = \"c.pem\"", "`tls.key` can not be empty: the key's file"),
        ("[turn]\nurls = [\"http://x\"]", "`turn.urls` can not be [\"http://x\"]: a list of"),
        ("[turn]\nurls = [\"turn:x\"]", "`turn.secret` can not be empty"),
        ("[metrics]\ntoken = \"hunter2\"", "`metrics.token` can not be that: nothing, or 16"),
        ("[access]\ntrusted-proxies = [\"10.0.0.0\"]", "`access.trusted-proxies` can not be"),
        ("[access]\nhosts = [\"https://x.org\"]", "`access.hosts` can not be"),
        ("[access]\norigins = [\"x.org\"]", "`access.origins` can not be [\"x.org\"]: a list"),
        ("[access]\nforwarded-by = \"via\"", "`access.forwarded-by` can not be \"via\""),
        ("[access]\nopen-tracker = 1", "`access.open-tracker` can not be 1: true or false"),
        ("[limits]\nsignal-bytes = 32769", "`limits.signal-bytes` can not be 32769: 1 to 32768"),
        ("name = ", "relay.toml: TOML parse error at line 1"),
    ] {
        std::fs::write(&file, text).expect("a file");
        let (success, _, complaint) = run(command(&["--config", path])).await;
        assert!(!success && complaint.contains(expected), "{text}: {complaint}");
        assert!(!complaint.contains("hunter2"), "a secret was repeated: {complaint}");
    }
    let (success, _, complaint) = run(command(&["--limits-members", "none"])).await;
    assert!(!success && complaint.contains("--limits-members: `limits.members`"), "{complaint}");
    let mut variable = command(&[]);
    variable.env("RELAY_LIMITS_MEMBERS", "none");
    let (success, _, complaint) = run(variable).await;
    assert!(
        !success && complaint.contains("RELAY_LIMITS_MEMBERS: `limits.members`"),
        "{complaint}"
    );
    let (success, _, complaint) = run(command(&["--config", "/nonexistent/relay.toml"])).await;
    assert!(!success && complaint.contains("/nonexistent/relay.toml: "), "{complaint}");
    assert!(!run(command(&["--limits-membres", "3"])).await.0);
}

#[tokio::test]
async fn who_may_connect_from_where_is_set_like_anything_else() {
    let flags = [
        "--access-hosts=relay.example",
        "--access-trusted-proxies=127.0.0.0/8",
        "--access-open-tracker=false",
        "--limits-connections-per-address=1",
    ];
    let relay = Program::start(command(&flags)).await;
    let lines = ["Host: relay.example", "X-Forwarded-For: 203.0.113.7"];
    let (_open, first) = upgrade(relay.address, "/ws", &lines).await;
    assert_eq!(first.status, 101);
    assert_eq!(upgrade(relay.address, "/ws", &lines).await.1.status, 429);
    assert_eq!(upgrade(relay.address, "/ws", &["Host: other.example"]).await.1.status, 421);
    assert_eq!(upgrade(relay.address, "/announce", &[]).await.1.status, 404);
}

#[tokio::test]
async fn a_first_signal_drains_and_the_second_ends_at_once() {
    let relay = Program::start(command(&["--drain", "1h"])).await;
    let mut ada = Client::connect(relay.address, "/ws").await;
    ada.send(join_message("party", "ada", None)).await;
    ada.joined().await;
    relay.signal(Signal::TERM);
    eventually("it drains", || relay.written().contains("relay drains")).await;
    assert!(http_get(relay.address, "/ready").await.starts_with("HTTP/1.1 503"));
    ada.time().await;
    relay.signal(Signal::TERM);
    let (success, written) = relay.ended().await;
    assert!(success, "{written}");
}

#[tokio::test]
async fn a_signal_ends_the_program_once_its_members_were_told() {
    let relay = Program::start(command(&["--drain", "100ms"])).await;
    let address = relay.address;
    let mut ada = Client::connect(address, "/ws").await;
    ada.send(join_message("party", "ada", None)).await;
    ada.joined().await;
    relay.signal(Signal::INT);
    assert_eq!(ada.error().await.0, ErrorCode::ShuttingDown);
    assert_eq!(ada.close_code().await, 1001);
    let (success, written) = relay.ended().await;
    assert!(success && written.contains("relay ended"), "{written}");
    assert!(TcpStream::connect(address).await.is_err(), "the port is free");
}

#[tokio::test]
async fn a_hang_up_reads_the_certificate_again_and_a_bad_one_is_only_complained_about() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
    let renew = || {
        let new = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("one");
        std::fs::write(&cert, new.cert.pem()).expect("a file");
        std::fs::write(&key, new.signing_key.serialize_pem()).expect("a file");
    };
    renew();
    let flags = [&cert, &key].map(|path| path.to_str().expect("text"));
    let relay = Program::start(command(&["--tls-cert", flags[0], "--tls-key", flags[1]])).await;
    renew();
    relay.signal(Signal::HUP);
    let read = || relay.written().contains("INFO the certificate was read again");
    eventually("it was read", read).await;
    std::fs::write(&key, "no key").expect("a file");
    relay.signal(Signal::HUP);
    let complained = || relay.written().contains("ERROR the new certificate is not used");
    eventually("it was complained about", complained).await;
    relay.signal(Signal::TERM);
    assert!(relay.ended().await.0, "and it went on until it was asked to end");
}

#[tokio::test]
async fn log_lines_can_be_json() {
    let relay = Program::start(command(&["--log-format", "json"])).await;
    within(http_get(relay.address, "/health")).await;
    relay.signal(Signal::TERM);
    let (_, written) = relay.ended().await;
    for line in written.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert!(line["level"].is_string() && line["message"].is_string(), "{line}");
    }
    assert!(written.lines().count() >= 3, "{written}");
}
