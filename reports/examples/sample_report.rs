//! Writes the reports of an invented run into a folder: `cargo run -p reports --example sample_report -- DIR`.

#[path = "../tests/common/mod.rs"]
mod common;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::args_os().nth(1).ok_or("name the folder to write into")?;
    let run = common::sample_run();
    print!("{}", reports::terminal(&run, false));
    for path in reports::write_all(&run, dir.as_ref())? {
        println!("{}", path.display());
    }
    Ok(())
}
