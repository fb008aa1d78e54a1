//! TLS on the relay's own port, with a certificate that can be replaced while the relay runs.
//!
//! Connections that are open keep what they agreed on; new ones get the certificate that was
//! read last. One that can not be used changes nothing: the relay goes on with the former one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

/// How often the files are looked at. A renewed certificate has weeks before it is needed.
const WATCH_INTERVAL: Duration = Duration::from_secs(2);

/// Where a certificate and its key lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM file with the certificate, and those that it needs to be trusted behind it.
    pub certificate: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

/// Why a certificate can not be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is missing, or is no PEM file of the kind it should be.
    #[error("{} can not be read as {what}: {source}", file.display())]
    Read {
        /// Which file.
        file: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// The certificate's file holds none.
    #[error("{} holds no certificate", file.display())]
    Empty {
        /// Which file.
        file: PathBuf,
    },
    /// The key is of an unknown kind, or is another certificate's.
    #[error("{} does not fit {}: {source}", key.display(), certificate.display())]
    Unfit {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
    /// This program's TLS library is not set up.
    #[error(transparent)]
    Library(#[from] rustls::Error),
}

/// Accepts TLS connections.
#[derive(Debug)]
pub(crate) struct Tls {
    files: TlsFiles,
    /// When the files were last written, as of just before they were first read.
    first_read: Changed,
    present: Arc<Present>,
    config: Arc<ServerConfig>,
}

/// When a certificate and its key were last written; none while a file is away.
type Changed = [Option<SystemTime>; 2];

/// The certificate that new connections get.
#[derive(Debug)]
struct Present(RwLock<Arc<CertifiedKey>>);

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// [`TlsError`] when they can not be used.
    pub(crate) fn load(files: TlsFiles) -> Result<Self, TlsError> {
        // Looked at before reading: a change in between is then seen as one.
        let first_read = files.changed();
        let provider = Arc::new(ring::default_provider());
        let present = Arc::new(Present(RwLock::new(Arc::new(read(&files, &provider)?))));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(present.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // A member comes back rarely; what would let it in faster is memory until then.
        config.send_tls13_tickets = 0;
        Ok(Self { files, first_read, present, config: Arc::new(config) })
    }

    /// Shakes hands. The caller sets the time limit.
    ///
    /// # Errors
    ///
    /// Whatever the other side did instead.
    pub(crate) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> io::Result<TlsStream<S>> {
        TlsAcceptor::from(self.config.clone()).accept(stream).await
    }

    /// Reads the files again and logs how that went.
    ///
    /// # Errors
    ///
    /// [`TlsError`] when they can not be used; the former certificate stays.
    pub(crate) fn reload(&self) -> Result<(), TlsError> {
        let new = read(&self.files, self.config.crypto_provider()).inspect_err(|error| {
            error!(%error, "the new certificate is not used; the former one stays");
        })?;
        *self.present.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
        info!("the certificate was read again");
        Ok(())
    }
}

/// Reads the certificate again whenever its files have changed and then stay as they are: they
/// are two, and can not be replaced in one moment.
pub(crate) async fn watch(tls: Arc<Tls>, closing: CancellationToken) {
    let mut looks = interval(WATCH_INTERVAL);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut used = tls.first_read;
    let mut seen = used;
    loop {
        tokio::select! {
            () = closing.cancelled() => return,
            _ = looks.tick() => {}
        }
        let now = tls.files.changed();
        if now != used && now == seen {
            used = now;
            // A failure was logged, and nothing has changed.
            let _ = tls.reload();
        }
        seen = now;
    }
}

impl TlsFiles {
    fn changed(&self) -> Changed {
        let changed = |file: &Path| std::fs::metadata(file).ok()?.modified().ok();
        [changed(&self.certificate), changed(&self.key)]
    }
}

impl ResolvesServerCert for Present {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

fn read(files: &TlsFiles, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let unreadable = |file: &Path, what| {
        let file = file.to_owned();
        move |source| TlsError::Read { file, what, source }
    };
    let TlsFiles { certificate, key } = files;
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(unreadable(certificate, "a certificate"))?;
    if chain.is_empty() {
        return Err(TlsError::Empty { file: certificate.clone() });
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(unreadable(key, "a private key"))?;
    CertifiedKey::from_der(chain, private, provider).map_err(|source| TlsError::Unfit {
        certificate: certificate.clone(),
        key: key.clone(),
        source,
    })
}
