//! The medium as a virtual file system of SQLite, which takes the place of the default one. For one connection at a time: locks always succeed.
#![allow(unsafe_code)] // SQLite's interface is C; nothing of this is in the shipped crate.

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::{Mutex, MutexGuard, Once};

use rusqlite::ffi;

use super::medium::{Medium, Off};

static MEDIUM: Mutex<Option<Medium>> = Mutex::new(None);

/// Bytes of a region of the shared index of a write-ahead log, as SQLite asks for them.
const REGION: usize = 32 * 1024;

/// Those regions, by file. In memory, so gone with the power.
static SHARED: Mutex<BTreeMap<String, Vec<Box<[u64; REGION / 8]>>>> = Mutex::new(BTreeMap::new());

/// An open file, as SQLite keeps it.
#[repr(C)]
struct Handle {
    base: ffi::sqlite3_file,
    /// Owned; made in `open` and freed in `close`.
    name: *mut String,
    delete_on_close: bool,
}

/// Puts another medium in.
pub fn insert(medium: Medium) {
    register();
    *MEDIUM.lock().unwrap() = Some(medium);
    SHARED.lock().unwrap().clear();
}

/// Does something with the medium itself.
pub fn with<T>(f: impl FnOnce(&mut Medium) -> T) -> T {
    f(lock().as_mut().unwrap())
}

fn lock() -> MutexGuard<'static, Option<Medium>> {
    MEDIUM.lock().unwrap()
}

/// The name that a C string holds.
///
/// # Safety
/// `name` points to a string that ends in a zero byte.
unsafe fn text(name: *const c_char) -> String {
    // SAFETY: as the caller promises.
    unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned()
}

/// The name of an open file.
///
/// # Safety
/// `file` is one that `open` has filled and `close` has not freed.
unsafe fn name_of<'f>(file: *mut ffi::sqlite3_file) -> &'f String {
    // SAFETY: SQLite hands back what `open` filled, which begins with `base`, and uses it from one thread.
    unsafe { &*(*file.cast::<Handle>()).name }
}

fn answer(result: Result<(), Off>, error: c_int) -> c_int {
    if result.is_ok() { ffi::SQLITE_OK } else { error }
}

unsafe extern "C" fn open(
    _: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: `file` has `szOsFile` bytes; without methods, SQLite does not close a file that was not opened.
    unsafe { (*file).pMethods = std::ptr::null() };
    // SAFETY: SQLite gives a name or none.
    let name = if name.is_null() { format!("temporary-{:p}", file) } else { unsafe { text(name) } };
    let create = flags & ffi::SQLITE_OPEN_CREATE != 0;
    match with(|medium| medium.open(&name, create)) {
        Ok(true) => {}
        Ok(false) | Err(Off) => return ffi::SQLITE_CANTOPEN,
    }
    let handle = Handle {
        base: ffi::sqlite3_file { pMethods: &raw const METHODS },
        name: Box::into_raw(Box::new(name)),
        delete_on_close: flags & ffi::SQLITE_OPEN_DELETEONCLOSE != 0,
    };
    // SAFETY: `file` has `szOsFile` bytes, the size of a handle, and `out` is null or points to a number.
    unsafe {
        file.cast::<Handle>().write(handle);
        if !out.is_null() {
            *out = flags;
        }
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite closes what `open` filled, once.
    let (name, delete) = unsafe {
        let handle = file.cast::<Handle>();
        (Box::from_raw((*handle).name), (*handle).delete_on_close)
    };
    if delete {
        let _ = with(|medium| medium.delete(&name, true));
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(file: *mut ffi::sqlite3_file, into: *mut c_void, count: c_int, offset: ffi::sqlite3_int64) -> c_int {
    // SAFETY: `into` has room for `count` bytes.
    let into = unsafe { std::slice::from_raw_parts_mut(into.cast::<u8>(), count as usize) };
    // SAFETY: an open file.
    let name = unsafe { name_of(file) };
    match with(|medium| medium.read(name, offset as usize, into)) {
        Ok(there) if there == into.len() => ffi::SQLITE_OK,
        Ok(_) => ffi::SQLITE_IOERR_SHORT_READ,
        Err(Off) => ffi::SQLITE_IOERR_READ,
    }
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, from: *const c_void, count: c_int, offset: ffi::sqlite3_int64) -> c_int {
    // SAFETY: `from` has `count` bytes.
    let from = unsafe { std::slice::from_raw_parts(from.cast::<u8>(), count as usize) };
    // SAFETY: an open file.
    let name = unsafe { name_of(file) };
    answer(with(|medium| medium.write(name, offset as usize, from)), ffi::SQLITE_IOERR_WRITE)
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, length: ffi::sqlite3_int64) -> c_int {
    // SAFETY: an open file.
    let name = unsafe { name_of(file) };
    answer(with(|medium| medium.truncate(name, length as usize)), ffi::SQLITE_IOERR_WRITE)
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    // SAFETY: an open file.
    let name = unsafe { name_of(file) };
    answer(with(|medium| medium.sync(name)), ffi::SQLITE_IOERR_FSYNC)
}

unsafe extern "C" fn size(file: *mut ffi::sqlite3_file, out: *mut ffi::sqlite3_int64) -> c_int {
    // SAFETY: an open file, and a number to write.
    unsafe { *out = with(|medium| medium.size(name_of(file))) as ffi::sqlite3_int64 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn lock_file(_: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    ffi::SQLITE_OK
}

unsafe extern "C" fn is_reserved(_: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    // SAFETY: a number to write.
    unsafe { *out = 0 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn control(_: *mut ffi::sqlite3_file, _: c_int, _: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

unsafe extern "C" fn sector_size(_: *mut ffi::sqlite3_file) -> c_int {
    512
}

unsafe extern "C" fn characteristics(_: *mut ffi::sqlite3_file) -> c_int {
    // What SQLite takes for granted of Unix: a write that is torn harms no bytes beside it.
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
}

unsafe extern "C" fn map(file: *mut ffi::sqlite3_file, region: c_int, size: c_int, extend: c_int, out: *mut *mut c_void) -> c_int {
    // SAFETY: an open file.
    let name = unsafe { name_of(file) };
    let (region, mut shared) = (region as usize, SHARED.lock().unwrap());
    let regions = shared.entry(name.clone()).or_default();
    while extend != 0 && regions.len() <= region {
        regions.push(Box::new([0; REGION / 8]));
    }
    let place = if size as usize == REGION { regions.get_mut(region) } else { None };
    // SAFETY: a pointer to write. The box stays where it is until `unmap`.
    unsafe { *out = place.map_or(std::ptr::null_mut(), |region| region.as_mut_ptr().cast()) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn lock_shared(_: *mut ffi::sqlite3_file, _: c_int, _: c_int, _: c_int) -> c_int {
    ffi::SQLITE_OK
}

unsafe extern "C" fn barrier(_: *mut ffi::sqlite3_file) {}

unsafe extern "C" fn unmap(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    // SAFETY: an open file. Its only connection does not use the regions after this.
    SHARED.lock().unwrap().remove(unsafe { name_of(file) });
    ffi::SQLITE_OK
}

unsafe extern "C" fn delete(_: *mut ffi::sqlite3_vfs, name: *const c_char, synced: c_int) -> c_int {
    // SAFETY: a name.
    let name = unsafe { text(name) };
    match with(|medium| medium.delete(&name, synced != 0)) {
        Ok(true) => ffi::SQLITE_OK,
        Ok(false) => ffi::SQLITE_IOERR_DELETE_NOENT,
        Err(Off) => ffi::SQLITE_IOERR_DELETE,
    }
}

unsafe extern "C" fn access(_: *mut ffi::sqlite3_vfs, name: *const c_char, _: c_int, out: *mut c_int) -> c_int {
    // SAFETY: a name, and a number to write.
    unsafe { *out = c_int::from(with(|medium| medium.exists(&text(name)))) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn full_name(_: *mut ffi::sqlite3_vfs, name: *const c_char, room: c_int, out: *mut c_char) -> c_int {
    // SAFETY: a name, and `room` bytes to write.
    unsafe {
        let bytes = CStr::from_ptr(name).to_bytes_with_nul();
        if bytes.len() > room as usize {
            return ffi::SQLITE_CANTOPEN;
        }
        std::ptr::copy_nonoverlapping(bytes.as_ptr().cast(), out, bytes.len());
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn randomness(_: *mut ffi::sqlite3_vfs, count: c_int, out: *mut c_char) -> c_int {
    // SAFETY: `count` bytes to write.
    with(|medium| medium.fill(unsafe { std::slice::from_raw_parts_mut(out.cast::<u8>(), count as usize) }));
    count
}

unsafe extern "C" fn sleep(_: *mut ffi::sqlite3_vfs, microseconds: c_int) -> c_int {
    microseconds
}

/// Milliseconds since the Julian epoch; nothing in a pool depends on it.
const NOW: i64 = 2_461_000 * 86_400_000;

unsafe extern "C" fn now(_: *mut ffi::sqlite3_vfs, out: *mut f64) -> c_int {
    // SAFETY: a number to write.
    unsafe { *out = NOW as f64 / 86_400_000.0 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn now_milliseconds(_: *mut ffi::sqlite3_vfs, out: *mut ffi::sqlite3_int64) -> c_int {
    // SAFETY: a number to write.
    unsafe { *out = NOW };
    ffi::SQLITE_OK
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(size),
    xLock: Some(lock_file),
    xUnlock: Some(lock_file),
    xCheckReservedLock: Some(is_reserved),
    xFileControl: Some(control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(characteristics),
    xShmMap: Some(map),
    xShmLock: Some(lock_shared),
    xShmBarrier: Some(barrier),
    xShmUnmap: Some(unmap),
    xFetch: None,
    xUnfetch: None,
};

fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let vfs = ffi::sqlite3_vfs {
            iVersion: 2,
            szOsFile: size_of::<Handle>() as c_int,
            mxPathname: 512,
            pNext: std::ptr::null_mut(),
            zName: c"forgetful".as_ptr(),
            pAppData: std::ptr::null_mut(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            xFullPathname: Some(full_name),
            xDlOpen: None,
            xDlError: None,
            xDlSym: None,
            xDlClose: None,
            xRandomness: Some(randomness),
            xSleep: Some(sleep),
            xCurrentTime: Some(now),
            xGetLastError: None,
            xCurrentTimeInt64: Some(now_milliseconds),
            xSetSystemCall: None,
            xGetSystemCall: None,
            xNextSystemCall: None,
        };
        // SAFETY: SQLite keeps the pointer, and what it points to is never freed.
        let outcome = unsafe { ffi::sqlite3_vfs_register(Box::into_raw(Box::new(vfs)), 1) };
        assert_eq!(outcome, ffi::SQLITE_OK);
    });
}
