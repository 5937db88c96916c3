//! The platform over HTTP or HTTPS.

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};

use super::{Response, Transport, TransportError, Worded};

/// Longest answer that is read, bytes.
const LONGEST_ANSWER: u64 = 4 << 20;

/// Where Debian and its kin keep the certificates that the machine trusts.
const SYSTEM_CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// How a platform is reached.
#[derive(Clone)]
pub struct HttpOptions {
    /// Its address, `https://host:port/path`.
    pub url: String,
    /// Certificates (PEM) that are trusted; those of the system if none are named.
    pub ca_file: Option<PathBuf>,
    /// Further headers, such as keys of a gateway: (name, value). Never shown.
    pub headers: Vec<(String, String)>,
    /// For the whole of a request.
    pub timeout: Duration,
}

impl std::fmt::Debug for HttpOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpOptions").field("ca_file", &self.ca_file).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// A transport over HTTP(S).
pub struct HttpTransport {
    agent: ureq::Agent,
    options: HttpOptions,
}

impl HttpTransport {
    /// Prepares; nothing is sent yet.
    ///
    /// # Errors
    /// The certificates cannot be read.
    pub fn new(options: HttpOptions) -> std::io::Result<Self> {
        let mut config = ureq::Agent::config_builder().timeout_global(Some(options.timeout)).http_status_as_error(false).max_redirects(0);
        if options.url.starts_with("https://") {
            let file = options.ca_file.clone().unwrap_or_else(|| SYSTEM_CERTIFICATES.into());
            let pem = std::fs::read(&file).map_err(|e| std::io::Error::new(e.kind(), format!("{}: {e}", file.display())))?;
            let roots: Vec<Certificate<'static>> =
                parse_pem(&pem).filter_map(|item| if let Ok(PemItem::Certificate(c)) = item { Some(c) } else { None }).collect();
            if roots.is_empty() {
                return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, format!("{}: no certificate in it", file.display())));
            }
            let tls = TlsConfig::builder()
                .provider(TlsProvider::Rustls)
                .root_certs(RootCerts::new_with_certs(&roots))
                .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .build();
            config = config.tls_config(tls);
        }
        Ok(Self { agent: config.build().into(), options })
    }
}

impl Transport for HttpTransport {
    fn send(&mut self, request: &Worded) -> Result<Response, TransportError> {
        let url = format!("{}{}", self.options.url.trim_end_matches('/'), request.path);
        let mut post = self.agent.post(&url).header("Content-Type", "application/json");
        for (name, value) in &self.options.headers {
            post = post.header(name, value);
        }
        let answer = post.send(request.body.as_bytes()).map_err(sort)?;
        let status = answer.status().as_u16();
        let mut body = Vec::new();
        let read = answer.into_body().into_reader().take(LONGEST_ANSWER).read_to_end(&mut body);
        read.map_err(|error| TransportError::NoAnswer(format!("the answer was cut: {error}")))?;
        Ok(Response { status, body })
    }
}

/// What never left this machine, and what may have.
fn sort(error: ureq::Error) -> TransportError {
    use ureq::Error;
    let note = error.to_string();
    match error {
        Error::BadUri(_)
        | Error::HostNotFound
        | Error::ConnectionFailed
        | Error::Tls(_)
        | Error::Rustls(_)
        | Error::InvalidProxyUrl
        | Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect) => TransportError::NotSent(note),
        Error::Io(io) if io.kind() == std::io::ErrorKind::ConnectionRefused => TransportError::NotSent(note),
        _ => TransportError::NoAnswer(note),
    }
}
