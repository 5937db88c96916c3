//! zbar through its C interface, from the shared library of the system.

#![allow(unsafe_code)] // Its functions have no other interface; this file is part of no build that ships.

use std::ffi::{CStr, c_char, c_int, c_uint, c_ulong, c_void};
use std::sync::OnceLock;

use image::GrayImage;
use libloading::Library;

/// The functions that one picture takes (zbar.h, 0.23).
struct Zbar {
    scanner_create: unsafe extern "C" fn() -> *mut c_void,
    scanner_destroy: unsafe extern "C" fn(*mut c_void),
    image_create: unsafe extern "C" fn() -> *mut c_void,
    image_destroy: unsafe extern "C" fn(*mut c_void),
    set_format: unsafe extern "C" fn(*mut c_void, c_ulong),
    set_size: unsafe extern "C" fn(*mut c_void, c_uint, c_uint),
    set_data: unsafe extern "C" fn(*mut c_void, *const c_void, c_ulong, *const c_void),
    scan: unsafe extern "C" fn(*mut c_void, *mut c_void) -> c_int,
    first: unsafe extern "C" fn(*const c_void) -> *const c_void,
    next: unsafe extern "C" fn(*const c_void) -> *const c_void,
    data: unsafe extern "C" fn(*const c_void) -> *const c_char,
    _library: Library,
}

impl Zbar {
    fn load() -> Result<Self, libloading::Error> {
        let path = std::env::var_os("TRACETWIN_ZBAR").unwrap_or_else(|| "libzbar.so.0".into());
        // SAFETY: the library's initialisers do nothing but set up its own state, and the types below are those of zbar.h.
        unsafe {
            let library = Library::new(path)?;
            Ok(Self {
                scanner_create: *library.get(b"zbar_image_scanner_create\0")?,
                scanner_destroy: *library.get(b"zbar_image_scanner_destroy\0")?,
                image_create: *library.get(b"zbar_image_create\0")?,
                image_destroy: *library.get(b"zbar_image_destroy\0")?,
                set_format: *library.get(b"zbar_image_set_format\0")?,
                set_size: *library.get(b"zbar_image_set_size\0")?,
                set_data: *library.get(b"zbar_image_set_data\0")?,
                scan: *library.get(b"zbar_scan_image\0")?,
                first: *library.get(b"zbar_image_first_symbol\0")?,
                next: *library.get(b"zbar_symbol_next\0")?,
                data: *library.get(b"zbar_symbol_get_data\0")?,
                _library: library,
            })
        }
    }
}

static LOADED: OnceLock<Result<Zbar, String>> = OnceLock::new();

fn zbar() -> &'static Result<Zbar, String> {
    LOADED.get_or_init(|| Zbar::load().map_err(|error| error.to_string()))
}

/// Whether the library is there.
pub fn available() -> Result<(), &'static str> {
    zbar().as_ref().map(|_| ()).map_err(String::as_str)
}

/// All texts in a picture, with zbar's defaults.
pub fn read(picture: &GrayImage) -> Vec<String> {
    let Ok(z) = zbar() else { return Vec::new() };
    let format = c_ulong::from(u32::from_le_bytes(*b"Y800"));
    let mut texts = Vec::new();
    // SAFETY: scanner and image live until they are destroyed below, the pixels longer; symbols belong to the image.
    unsafe {
        let (scanner, image) = ((z.scanner_create)(), (z.image_create)());
        (z.set_format)(image, format);
        (z.set_size)(image, picture.width(), picture.height());
        (z.set_data)(image, picture.as_raw().as_ptr().cast(), picture.as_raw().len() as c_ulong, std::ptr::null());
        if (z.scan)(scanner, image) > 0 {
            let mut symbol = (z.first)(image);
            while !symbol.is_null() {
                texts.push(CStr::from_ptr((z.data)(symbol)).to_string_lossy().into_owned());
                symbol = (z.next)(symbol);
            }
        }
        (z.image_destroy)(image);
        (z.scanner_destroy)(scanner);
    }
    texts
}
