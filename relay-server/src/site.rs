//! The web interface: files of one folder, with the headers that keep it fast and by itself.
//!
//! `tower-http` reads the files: ranges, `304 Not Modified`, types, precompressed neighbours
//! (`app.js.br`), and no path that leaves the folder. Here is what it can not know: which files
//! never change, and what a page of ours may do.

use std::path::PathBuf;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tower_http::services::ServeDir;

/// Where the build puts files whose names carry a hash of their content.
const HASHED: &str = "/assets/";

/// Vite's hash: this many of `[A-Za-z0-9_-]`, between a hyphen and the file's ending.
const HASH_LENGTH: usize = 8;

/// A year, the longest that HTTP knows.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Kept, but asked for anew each time; unchanged, that costs one round trip and no bytes.
const ASK_FIRST: HeaderValue = HeaderValue::from_static("no-cache");

/// What a page may load and connect to: nothing that is not ours, no script or style written
/// into the page, relays by WebSocket (another relay than this one can be typed in), music and
/// pictures that the page itself made.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; \
     img-src 'self' blob: data:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'";

/// On every answer. The two `cross-origin` policies together isolate the page, which gives it
/// clocks of 5 µs instead of 100 µs.
const HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-embedder-policy"), "require-corp"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Serves the files of `dir`.
pub(crate) fn site(dir: PathBuf) -> Router {
    let files = ServeDir::new(dir).precompressed_br().precompressed_gzip();
    let routes = Router::new().fallback_service(files);
    compressed(routes).layer(middleware::from_fn(dress))
}

/// Compresses what has no compressed neighbour. Fast rather than small: the browser keeps the
/// large files for ever, and whoever asks for the time at that moment is not to wait.
#[cfg(feature = "compression")]
fn compressed(routes: Router) -> Router {
    use tower_http::CompressionLevel;
    use tower_http::compression::CompressionLayer;
    use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};

    let worth_it = DefaultPredicate::new().and(NotForContentType::new("font/"));
    let layer = CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(worth_it);
    routes.layer(layer)
}

#[cfg(not(feature = "compression"))]
fn compressed(routes: Router) -> Router {
    routes
}

async fn dress(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let mut response = if is_hidden(&path) {
        StatusCode::NOT_FOUND.into_response()
    } else {
        next.run(request).await
    };
    let found = response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED;
    let headers = response.headers_mut();
    let keep = if found && is_hashed(&path) { FOR_EVER } else { ASK_FIRST };
    headers.insert(header::CACHE_CONTROL, keep);
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    weaken_tag(headers);
    response
}

/// True for a file whose content can not change without its name.
fn is_hashed(path: &str) -> bool {
    let Some(name) = path.strip_prefix(HASHED) else { return false };
    let Some((stem, _ending)) = name.split_once('.') else { return false };
    let Some(at) = stem.len().checked_sub(HASH_LENGTH + 1) else { return false };
    stem.as_bytes()[at] == b'-'
        && stem.as_bytes()[at + 1..]
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// True for what no build puts there on purpose: `.git`, `.env`. Whatever hides behind an escape
/// is none of our names either.
fn is_hidden(path: &str) -> bool {
    path.split('/')
        .any(|part| part.starts_with('.') || part.starts_with("%2e") || part.starts_with("%2E"))
}

/// A tag that stands for these very bytes may not stand for their compressed form too.
fn weaken_tag(headers: &mut HeaderMap) {
    if !headers.contains_key(header::CONTENT_ENCODING) {
        return;
    }
    let strong = headers.get(header::ETAG).map(HeaderValue::as_bytes);
    let weak = strong.filter(|tag| !tag.starts_with(b"W/")).map(|tag| [b"W/", tag].concat());
    if let Some(weak) = weak.and_then(|tag| HeaderValue::from_bytes(&tag).ok()) {
        headers.insert(header::ETAG, weak);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_with_a_hash_are_kept_for_ever() {
        for (path, is_kept) in [
            ("/assets/index-BX3k_9-a.js", true),
            ("/assets/instrument-sans-latin-wght-normal-B1x9Zk2Q.woff2", true),
            ("/assets/index-BX3k_9-a.js.map", true),
            ("/assets/index.js", false),
            ("/assets/-short.js", false),
            ("/assets/index-BX3k9.js", false),
            ("/index-BX3k_9-a.html", false),
            ("/index.html", false),
            ("/", false),
        ] {
            assert_eq!(is_hashed(path), is_kept, "{path}");
        }
    }

    #[test]
    fn hidden_files_are_not_there() {
        for path in ["/.env", "/.git/config", "/a/../b", "/%2e%2e/secret", "/%2Egit/config"] {
            assert!(is_hidden(path), "{path}");
        }
        assert!(!is_hidden("/assets/index-BX3k_9-a.js.map"));
    }
}
