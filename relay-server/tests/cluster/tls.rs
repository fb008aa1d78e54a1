//! Relays that reach Redis by TLS, as over a network that is not theirs alone.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::member::Member;
use crate::stage::{Place, Redis, Stage};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn relays_share_their_swarms_by_a_redis_that_speaks_tls() {
    let folder = TempDir::new().expect("a folder");
    let (certificate, key) = renew(folder.path(), "redis");
    let (other, _) = renew(folder.path(), "another");
    let redis = Redis::start_with_tls(certificate, &key);
    let stage = Stage::with_redis(&["a", "b"], redis).await;
    let ada = Member::entered(&stage.urls(), "party", "ada").await;
    let mut urls = stage.urls();
    urls.reverse();
    let mia = Member::entered(&urls, "party", "mia").await;
    assert_eq!((mia.view().at, mia.view().epoch), (ada.view().at, ada.view().epoch));
    assert_eq!(mia.view().moved, 1, "the other relay knew whose the swarm is");

    let present = stage.redis.place.clone();
    let with_ca = |ca: PathBuf| Place { ca: Some(ca), ..present.clone() };
    for (place, why) in [
        (with_ca(other), "Redis can not be used"),
        (with_ca(key), "redis-key.pem holds no certificate"),
        (Place { url: stage.redis.plain_url(), ..present.clone() }, "Redis can not be used"),
    ] {
        let mut node = stage.node_at("c", true, &place);
        assert!(!node.process.ended().await.success());
        assert!(node.said().contains(why), "{}", node.said());
    }
}

/// Writes a new certificate of `localhost` with its key, and returns where they are.
fn renew(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    let new = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let certificate = folder.join(format!("{name}-certificate.pem"));
    let key = folder.join(format!("{name}-key.pem"));
    fs::write(&certificate, new.cert.pem()).expect("a file");
    fs::write(&key, new.signing_key.serialize_pem()).expect("a file");
    (certificate, key)
}
