//! TLS to a PostgreSQL server, by the provider that the rest uses.

use std::{
    fs::File,
    future::Future,
    io::{self, BufReader, Read as _},
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::{
    Socket,
    tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream},
};
use tokio_rustls::TlsConnector;

/// Speaks TLS to servers that the system's authorities, or these, vouch for.
#[derive(Clone)]
pub(crate) struct Tls {
    config: Arc<ClientConfig>,
}

/// Most bytes of a file of authorities.
const AUTHORITIES_BYTES_MAX: u64 = 1 << 20;

impl Tls {
    /// Errors: a sentence: the file cannot be read, or holds no certificate.
    pub(crate) fn new(authorities: Option<&Path>) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for certificate in rustls_native_certs::load_native_certs().certs {
            // One of the system's that cannot be used vouches for nobody.
            drop(roots.add(certificate));
        }
        if let Some(path) = authorities {
            let file = File::open(path).map_err(|error| error.to_string())?;
            let file = BufReader::new(file.take(AUTHORITIES_BYTES_MAX));
            let mut found = 0_usize;
            for certificate in CertificateDer::pem_reader_iter(file) {
                let certificate = certificate.map_err(|error| error.to_string())?;
                roots.add(certificate).map_err(|error| error.to_string())?;
                found += 1;
            }
            if found == 0 {
                return Err("it holds no certificate".to_owned());
            }
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { config: Arc::new(config) })
    }
}

impl MakeTlsConnect<Socket> for Tls {
    type Stream = Stream;
    type TlsConnect = Connect;
    type Error = std::convert::Infallible;

    fn make_tls_connect(&mut self, host: &str) -> Result<Connect, Self::Error> {
        // Asked for before it is known if TLS will be spoken: over a socket on the disk it never is, and there is no name.
        let host = ServerName::try_from(host).ok().map(|name| name.to_owned());
        Ok(Connect { config: Arc::clone(&self.config), host })
    }
}

/// One connection about to be made.
pub(crate) struct Connect {
    config: Arc<ClientConfig>,
    host: Option<ServerName<'static>>,
}

impl TlsConnect<Socket> for Connect {
    type Stream = Stream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            let host = self
                .host
                .ok_or_else(|| io::Error::other("the host has no name that a certificate could have"))?;
            let stream = TlsConnector::from(self.config).connect(host, socket).await?;
            Ok(Stream(Box::new(stream)))
        })
    }
}

/// What is spoken once both sides agree.
pub(crate) struct Stream(Box<tokio_rustls::client::TlsStream<Socket>>);

impl TlsStream for Stream {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
