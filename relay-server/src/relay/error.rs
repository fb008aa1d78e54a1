//! Why a relay could not start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

#[cfg(feature = "cluster")]
use crate::ownership::cluster::ClusterError;
#[cfg(feature = "tls")]
use crate::tls::TlsError;

/// Why a relay could not start.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// Another program listens there.
    #[error("{address} is in use by another program")]
    AddressInUse {
        /// Where.
        address: SocketAddr,
    },
    /// The system does not let this program listen there.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The certificate can not be used.
    #[cfg(feature = "tls")]
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The folder of files to serve does not exist.
    #[error("{} is not a folder", dir.display())]
    NoStaticDir {
        /// The folder asked for.
        dir: PathBuf,
    },
    /// It can not take part in its cluster.
    #[cfg(feature = "cluster")]
    #[error("this relay can not share its swarms")]
    Cluster(#[from] ClusterError),
}
