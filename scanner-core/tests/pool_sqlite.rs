//! The pool on SQLite: in memory, and many windows at once on one file.
#![allow(clippy::unwrap_used)] // Clippy sees helpers of tests as no tests.

mod pool_cases;
mod pool_support;

use std::path::Path;
use std::time::Duration;

use pool_cases::windows;
use scanner_core::pool::{OsIds, Pool, PoolOptions};

fn on_a_file(test: impl FnOnce(&(dyn Fn() -> Pool + Sync))) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pool.db");
    test(&|| open(&path));
}

fn open(path: &Path) -> Pool {
    let options = PoolOptions { busy_timeout: Duration::from_secs(120), ..PoolOptions::default() };
    Pool::open_with(path, options, Box::new(OsIds)).unwrap()
}

#[test]
fn windows_on_sqlite_never_get_the_same_unit() {
    on_a_file(|open| windows::never_get_the_same_unit(open));
}

#[test]
fn windows_on_sqlite_never_reserve_one_order_twice() {
    on_a_file(|open| windows::never_reserve_one_order_twice(open));
}

#[test]
fn windows_on_sqlite_never_sell_more_pieces_than_there_are() {
    on_a_file(|open| windows::never_sell_more_pieces_than_there_are(open));
}

#[test]
fn windows_on_sqlite_and_everything_else_at_once_keep_the_books() {
    on_a_file(|open| windows::and_everything_else_at_once_keep_the_books(open));
}

#[test]
fn senders_on_sqlite_never_claim_the_same_entry() {
    on_a_file(|open| windows::senders_never_claim_the_same_entry(open));
}
