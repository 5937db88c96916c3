//! `tracetwin hub`: the platform simulator on a socket, for the loopback.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use ::hub::{FaultPlan, Faults, Hub, Kind, Method, Platform, Signatures};
use hardware_hal::{Clock, SystemClock};

use crate::error::{Failure, Result};
use crate::output;
use crate::pool::secret;

/// Arguments of `hub`.
#[derive(Debug, Clone, clap::Args)]
pub struct HubArguments {
    /// Address to listen on; port 0 takes a free one. The address taken is printed on standard output.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub listen: String,
    /// Answer a message that was received before as it was then, instead of booking it again. The interface does not say which platforms do.
    #[arg(long)]
    pub recognises_repeats: bool,
    /// Be the provincial variant with batches (3505A) and times without a space.
    #[arg(long)]
    pub batched: bool,
    /// Want requests signed with the secret on the first line of this file: HMAC with SM3, or what --signature says.
    #[arg(long, value_name = "FILE")]
    pub secret_from: Option<PathBuf>,
    /// How the secret comes into a signature.
    #[arg(long, value_enum, default_value = "hmac-sm3", requires = "secret_from")]
    pub signature: Signature,
    /// Inject the faults of this TOML file: `seed`, shares such as `cut_after = 0.02`, `outages`.
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
}

/// How the secret comes into a signature.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Signature {
    /// HMAC with SM3.
    HmacSm3,
    /// SM3 of the text with the secret behind it.
    Sm3Appended,
}

/// Serves until it is interrupted.
///
/// # Errors
/// The faults cannot be read; the address cannot be listened on.
pub fn command(arguments: &HubArguments) -> Result<()> {
    let plan = arguments.faults.as_deref().map(read).transpose()?.unwrap_or_default();
    let cannot = |error: std::io::Error| Failure::environment(format!("cannot listen on {}: {error}", arguments.listen));
    let listener = TcpListener::bind(&arguments.listen).map_err(cannot)?;
    let kind = Kind { recognises_repeats: arguments.recognises_repeats, batched: arguments.batched };
    let mut platform = Platform::new(kind);
    if let Some(path) = &arguments.secret_from {
        let method = match arguments.signature {
            Signature::HmacSm3 => Method::HmacSm3,
            Signature::Sm3Appended => Method::Sm3Appended,
        };
        platform = platform.with_signatures(Signatures { method, secret: secret(path)? });
    }
    let hub = Arc::new(Mutex::new(Hub::new(platform, Faults::new(plan))));
    output::line(&format!("http://{}", listener.local_addr().map_err(cannot)?))?;
    let clock = Arc::new(SystemClock::new());
    ::hub::serve(&listener, &hub, move || clock.now().0).map_err(cannot)
}

fn read(path: &Path) -> Result<FaultPlan> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::input(path, format!("cannot be read: {error}")))?;
    toml::from_str(&text).map_err(|error| Failure::input(path, error.to_string()))
}
