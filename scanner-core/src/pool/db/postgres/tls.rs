//! TLS to the server, where the address asks for it: `sslmode=require`, `verify-ca` or `verify-full`, each of which checks certificate and host name
//! (libpq's `require` checks neither; a line that anybody may answer protects nothing). `sslrootcert=FILE` names whom to trust, in PEM; those whom the
//! system trusts if it is not said. Without such a mode the line is plain: for a socket or a network of the pharmacy's own.

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres::{Client, Config, NoTls};

/// Where Debian and its kin keep the certificates that the machine trusts.
const SYSTEM_CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Whom to speak to, and how.
pub(super) enum Trust {
    /// Without TLS.
    Plain,
    /// With TLS, and whom to trust.
    Tls(Arc<ClientConfig>),
}

impl Trust {
    /// Takes what an address says of TLS out of it. The rest is for the client, which knows fewer modes and no file.
    pub fn of_url(url: &str) -> Result<(String, Self), String> {
        let Some((head, query)) = url.split_once('?') else { return Ok((url.to_owned(), Self::Plain)) };
        let (mut mode, mut file, mut rest) = (None, None, Vec::new());
        for part in query.split('&') {
            match part.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => file = Some(PathBuf::from(decoded(value)?)),
                _ => rest.push(part),
            }
        }
        let trust = match mode {
            Some("require" | "verify-ca" | "verify-full") => Self::tls(file.as_deref().unwrap_or(Path::new(SYSTEM_CERTIFICATES)))?,
            None | Some("disable" | "allow" | "prefer") if file.is_some() => {
                return Err("sslrootcert needs sslmode=verify-full".into());
            }
            None | Some("disable" | "allow" | "prefer") => Self::Plain,
            Some(other) => return Err(format!("sslmode={other} is unknown")),
        };
        let url = if rest.is_empty() { head.to_owned() } else { format!("{head}?{}", rest.join("&")) };
        Ok((url, trust))
    }

    fn tls(file: &Path) -> Result<Self, String> {
        let cannot = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(file).map_err(|error| cannot(&error))? {
            roots.add(certificate.map_err(|error| cannot(&error))?).map_err(|error| cannot(&error))?;
        }
        if roots.is_empty() {
            return Err(cannot(&"no certificate in it"));
        }
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self::Tls(Arc::new(config)))
    }

    /// A server that speaks no TLS is no answer to who asks for it.
    pub fn demand(&self, config: &mut Config) {
        config.ssl_mode(if matches!(self, Self::Tls(_)) { SslMode::Require } else { SslMode::Disable });
    }

    /// Connects, in a runtime that carries the connection on.
    pub async fn connect(&self, config: &Config) -> Result<Client, AnyError> {
        match self {
            Self::Plain => {
                let (client, connection) = config.connect(NoTls).await?;
                tokio::spawn(connection);
                Ok(client)
            }
            Self::Tls(tls) => {
                let (client, connection) = config.connect(Connector(Arc::clone(tls))).await?;
                tokio::spawn(connection);
                Ok(client)
            }
        }
    }
}

/// `%2F` and the like.
fn decoded(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        bytes.push(match (byte, after) {
            (b'%', [high, low, after @ ..]) => {
                rest = after;
                let digit = |byte: &u8| char::from(*byte).to_digit(16).ok_or_else(|| format!("'{text}' is badly encoded"));
                (digit(high)? * 16 + digit(low)?) as u8
            }
            _ => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| format!("'{text}' is badly encoded"))
}

/// rustls for tokio-postgres.
struct Connector(Arc<ClientConfig>);

/// The same for one host.
struct ToHost {
    config: Arc<ClientConfig>,
    host: ServerName<'static>,
}

struct Stream<S>(tokio_rustls::client::TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for Connector {
    type Stream = Stream<S>;
    type TlsConnect = ToHost;
    type Error = AnyError;

    fn make_tls_connect(&mut self, domain: &str) -> Result<ToHost, AnyError> {
        Ok(ToHost { config: Arc::clone(&self.0), host: ServerName::try_from(domain.to_owned())? })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for ToHost {
    type Stream = Stream<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        let connecting = tokio_rustls::TlsConnector::from(self.config).connect(self.host, stream);
        Box::pin(async move { connecting.await.map(Stream) })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Stream<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_address_says_of_tls_is_taken_out_of_it() {
        let of = |url: &str| Trust::of_url(url).map(|(rest, trust)| (rest, matches!(trust, Trust::Tls(_))));
        assert_eq!(of("postgres://h/d"), Ok(("postgres://h/d".into(), false)));
        assert_eq!(of("postgres://h/d?sslmode=disable&connect_timeout=3"), Ok(("postgres://h/d?connect_timeout=3".into(), false)));
        assert_eq!(of("postgres://h/d?sslmode=never"), Err("sslmode=never is unknown".into()));
        assert_eq!(of("postgres://h/d?sslrootcert=x"), Err("sslrootcert needs sslmode=verify-full".into()));
        assert!(of("postgres://h/d?sslmode=require&sslrootcert=%2Fnone%2Fhere").unwrap_err().starts_with("/none/here: "));
        assert_eq!(of("postgres://h/d?sslrootcert=%2"), Err("sslrootcert needs sslmode=verify-full".into()));
        assert_eq!(of("postgres://h/d?sslrootcert=%zz"), Err("'%zz' is badly encoded".into()));
    }
}
