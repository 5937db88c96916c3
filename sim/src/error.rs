//! What can go wrong in the twin.

use hardware_hal::{Error, ErrorKind};

use crate::artwork::ArtworkError;
use crate::physics::PhysicsError;

/// A twin that cannot be built or cannot take a picture.
#[non_exhaustive]
#[derive(Debug, Clone, thiserror::Error)]
pub enum SimError {
    /// The machine has nothing to render on, or the driver failed.
    #[error("{0}")]
    Environment(String),
    /// The spec asks for something that cannot be built.
    #[error("{0}")]
    Spec(String),
    /// A lamp or camera that the settled load has around it.
    #[error("{what} `{name}` is inside package {package} ({package_name:?})")]
    Inside {
        /// `lamp` or `camera`.
        what: &'static str,
        /// Its name.
        name: String,
        /// Index of the package.
        package: usize,
        /// The package's name.
        package_name: String,
    },
    /// A print that cannot be made.
    #[error(transparent)]
    Artwork(#[from] ArtworkError),
    /// A load that cannot be dropped.
    #[error(transparent)]
    Physics(#[from] PhysicsError),
    /// No frame of the asked state came out of the renderer.
    #[error("{0}")]
    Capture(String),
}

impl SimError {
    /// As an error of the device `device`.
    pub fn on_device(self, device: &str) -> Error {
        let kind = match self {
            Self::Environment(_) => ErrorKind::Disconnected,
            Self::Spec(_) | Self::Inside { .. } | Self::Artwork(_) | Self::Physics(_) => ErrorKind::UnsupportedSetting,
            Self::Capture(_) => ErrorKind::LostData,
        };
        Error::new(device, kind, self.to_string()).with_source(self)
    }
}
