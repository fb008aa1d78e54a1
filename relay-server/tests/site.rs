//! The web interface over real HTTP, from a folder of the shape that the build makes.

mod common;

use std::net::SocketAddr;
use std::path::Path;

use common::http::{Answer, get, request, upgrade};
use relay_server::{Relay, RunningRelay};

const SCRIPT: &str = "/assets/index-BX3k_9-a.js";
const STYLE: &str = "/assets/index-D4f5G6h7.css";
const FONT: &str = "/assets/instrument-sans-latin-wght-normal-C1x2V3b4.woff2";

#[tokio::test]
async fn files_whose_names_carry_their_hash_are_kept_for_ever_and_others_asked_for_anew() {
    let site = Site::serve().await;
    for (path, kept, kind) in [
        (SCRIPT, true, "text/javascript"),
        (STYLE, true, "text/css"),
        (FONT, true, "font/woff2"),
        ("/assets/plain.js", false, "text/javascript"),
        ("/", false, "text/html"),
        ("/index.html", false, "text/html"),
        ("/icon.svg", false, "image/svg+xml"),
    ] {
        let answer = get(site.address(), path, &[]).await;
        assert_eq!(answer.status, 200, "{path}");
        let cache = if kept { "public, max-age=31536000, immutable" } else { "no-cache" };
        assert_eq!(answer.header("cache-control"), Some(cache), "{path}");
        assert_eq!(answer.header("content-type"), Some(kind), "{path}");
        assert!(answer.header("etag").is_some(), "{path}");
    }
    let missing = get(site.address(), "/assets/index-00000000.js", &[]).await;
    assert_eq!(missing.status, 404);
    assert_eq!(missing.header("cache-control"), Some("no-cache"), "it may be there tomorrow");
}

#[tokio::test]
async fn a_page_that_did_not_change_costs_no_bytes_and_one_that_did_is_sent() {
    let site = Site::serve().await;
    for encoding in ["Accept-Encoding: identity", "Accept-Encoding: br", "Accept-Encoding: gzip"] {
        let first = get(site.address(), "/", &[encoding]).await;
        let tag = first.header("etag").expect("a tag").to_owned();
        let again = format!("If-None-Match: {tag}");
        let unchanged = get(site.address(), "/", &[encoding, &again]).await;
        assert_eq!((unchanged.status, unchanged.body.len()), (304, 0), "{encoding}, {tag}");
        assert_eq!(unchanged.header("cache-control"), Some("no-cache"));
        assert_isolated(&unchanged);
        site.write("index.html", format!("<!doctype html><p>{encoding}").as_bytes());
        let changed = get(site.address(), "/", &[encoding, &again]).await;
        assert_eq!(changed.status, 200, "{encoding}");
        assert_ne!(changed.header("etag"), Some(tag.as_str()));
    }
}

#[tokio::test]
async fn text_is_compressed_for_those_who_can_read_it_and_fonts_never() {
    let site = Site::serve().await;
    let whole = script();
    for path in [SCRIPT, "/"] {
        for encoding in ["br", "gzip"] {
            let line = format!("Accept-Encoding: {encoding}");
            let answer = get(site.address(), path, &[&line]).await;
            assert_eq!(answer.header("content-encoding"), Some(encoding), "{path}");
            let vary = answer.header("vary").unwrap_or_default().to_ascii_lowercase();
            assert!(vary.contains("accept-encoding"), "{path}: {vary:?}");
            assert!(answer.header("etag").is_some_and(|tag| tag.starts_with("W/")), "{path}");
            if path == SCRIPT {
                let share = answer.body.len() as f64 / whole.len() as f64;
                assert!(share < 0.5, "{encoding}: {share} of it is left");
            }
        }
        let plain = get(site.address(), path, &[]).await;
        assert_eq!(plain.header("content-encoding"), None, "{path}");
    }
    let answer = get(site.address(), FONT, &["Accept-Encoding: br, gzip"]).await;
    assert_eq!(answer.header("content-encoding"), None);
    assert_eq!(get(site.address(), SCRIPT, &[]).await.text(), whole);
}

#[tokio::test]
async fn a_neighbour_that_is_compressed_already_is_sent_as_it_is() {
    let site = Site::serve().await;
    site.write(&format!("{}.br", &SCRIPT[1..]), b"as small as can be");
    let answer = get(site.address(), SCRIPT, &["Accept-Encoding: gzip, br"]).await;
    assert_eq!(answer.header("content-encoding"), Some("br"));
    assert_eq!(answer.header("content-type"), Some("text/javascript"));
    assert_eq!(answer.body, b"as small as can be");
    assert_eq!(get(site.address(), SCRIPT, &[]).await.text(), script());
}

#[tokio::test]
async fn heads_and_ranges_are_answered() {
    let site = Site::serve().await;
    let head = request("HEAD", site.address(), SCRIPT, &[]).await;
    let length = script().len().to_string();
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some(length.as_str()));

    let part = get(site.address(), SCRIPT, &["Range: bytes=10-19", "Accept-Encoding: br"]).await;
    assert_eq!(part.status, 206);
    assert_eq!(part.header("content-range"), Some(format!("bytes 10-19/{length}").as_str()));
    assert_eq!(part.text(), &script()[10..20], "a part is never compressed");
    let beyond = get(site.address(), SCRIPT, &["Range: bytes=999999999-"]).await;
    assert_eq!(beyond.status, 416);
    assert_eq!(request("POST", site.address(), SCRIPT, &["Content-Length: 0"]).await.status, 405);
}

#[tokio::test]
async fn every_answer_keeps_the_page_by_itself() {
    let site = Site::serve().await;
    for path in ["/", SCRIPT, FONT, "/missing", "/.env"] {
        assert_isolated(&get(site.address(), path, &[]).await);
    }
    let page = get(site.address(), "/", &[]).await;
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(!policy.contains("unsafe"), "{policy}");
    for rule in
        ["default-src 'self'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"]
    {
        assert!(policy.contains(rule), "no {rule} in {policy}");
    }
}

#[tokio::test]
async fn nothing_outside_the_folder_and_nothing_hidden_is_served() {
    let site = Site::serve().await;
    std::fs::write(site.folder.path().join("secret.txt"), "secret").expect("a file");
    site.write(".env", b"secret");
    site.write(".git/config", b"secret");
    for path in [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/assets/../../secret.txt",
        "/assets/..%2f..%2fsecret.txt",
        "/assets/%2e%2e/%2e%2e/secret.txt",
        "/..%5csecret.txt",
        "//secret.txt",
        "/.env",
        "/%2eenv",
        "/.git/config",
        "/assets/%2E%2E/.env",
        "/secret.txt%00.html",
        "/index.html%00",
    ] {
        let answer = get(site.address(), path, &[]).await;
        assert!(answer.status >= 400, "{path}: {}", answer.status);
        assert!(!answer.body.ends_with(b"secret"), "{path}");
    }
}

#[tokio::test]
async fn the_relays_own_addresses_come_before_files() {
    let site = Site::serve().await;
    site.write("health", b"a file");
    site.write("ws", b"a file");
    let health = get(site.address(), "/health", &[]).await;
    assert!(health.text().contains("\"status\":\"ok\""), "{}", health.text());
    assert_eq!(upgrade(site.address(), "/ws", &[]).await.1.status, 101);
}

fn assert_isolated(answer: &Answer) {
    for (name, value) in [
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-embedder-policy", "require-corp"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name} with {}", answer.status);
    }
}

fn script() -> String {
    (0..2_000).map(|number| format!("export const value{number} = {number}\n")).collect()
}

/// A built web interface and the relay that serves it.
struct Site {
    folder: tempfile::TempDir,
    relay: RunningRelay,
}

impl Site {
    async fn serve() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let dist = folder.path().join("dist");
        for (name, content) in [
            ("index.html", format!("<!doctype html><script src=\".{SCRIPT}\"></script>")),
            (&SCRIPT[1..], script()),
            (&STYLE[1..], "body { margin: 0 }\n".repeat(100)),
            (&FONT[1..], "x".repeat(5_000)),
            ("assets/plain.js", "export {}".to_owned()),
            ("icon.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_owned()),
        ] {
            write(&dist, name, content.as_bytes());
        }
        let relay = Relay::builder().static_dir(Some(dist)).spawn().await.expect("a free port");
        Self { folder, relay }
    }

    fn address(&self) -> SocketAddr {
        self.relay.local_addr()
    }

    fn write(&self, name: &str, content: &[u8]) {
        write(&self.folder.path().join("dist"), name, content);
    }
}

fn write(dist: &Path, name: &str, content: &[u8]) {
    let path = dist.join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, content).expect("a file");
}
