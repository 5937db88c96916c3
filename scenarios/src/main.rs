//! The command `tracetwin`.

use std::process::ExitCode;

use clap::Parser;
use scenarios::cli::{Cli, execute};

fn main() -> ExitCode {
    match execute(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let code = failure.exit_code();
            scenarios::output::note(format!("{:?}", miette::Report::new(failure)).trim_end());
            ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
        }
    }
}
