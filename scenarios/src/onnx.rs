//! Really loading the ONNX Runtime library, to say which one it is; the detector knows where it is looked for.

use std::path::{Path, PathBuf};

/// The library, loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnnxRuntime {
    /// The file.
    pub path: PathBuf,
    /// Its version, as its build names it.
    pub version: String,
}

/// Loads the library at `path` and asks it for its version.
///
/// # Errors
/// In words: it is missing, no such library, or too old.
pub fn load(path: &Path) -> Result<OnnxRuntime, String> {
    if !path.exists() {
        return Err(format!("{} does not exist", path.display()));
    }
    // Beside the executable is where a relative path would be looked for otherwise.
    let absolute = std::path::absolute(path).map_err(|error| error.to_string())?;
    let _environment = ort::init_from(&absolute).map_err(|error| error.to_string())?;
    let version = version(&absolute).unwrap_or_else(|| ort::info().to_owned());
    Ok(OnnxRuntime { path: path.to_owned(), version })
}

/// The version that the library itself names. `ort` asks for it too, but keeps the answer to itself.
#[allow(unsafe_code, reason = "the library is a C library; ort has loaded and checked it before")]
fn version(path: &Path) -> Option<String> {
    type Getter = unsafe extern "C" fn() -> *const ort::sys::OrtApiBase;
    // SAFETY: the library is loaded already, so its initialisers do not run again.
    let library = unsafe { libloading::Library::new(path) }.ok()?;
    // SAFETY: this is the symbol's type in onnxruntime_c_api.h, and `ort` has called it on the same library.
    let base = unsafe { library.get::<Getter>(b"OrtGetApiBase").ok()?() };
    // SAFETY: the pointer is to a static of the library, and the string it returns is one, too; it is copied before the handle is dropped.
    let text = unsafe { std::ffi::CStr::from_ptr((base.as_ref()?.GetVersionString)()) };
    text.to_str().ok().map(str::to_owned)
}
