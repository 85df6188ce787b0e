//! `stagedoor`: concert ticketing for sales where far more people come than there are seats.

mod audit;
mod audit_lines;
mod backup;
mod command_line;
mod database;
mod demo;
mod log;
mod offline;
mod open_files;
mod recount;
mod secret;
mod serve;
mod set_clock_back;
mod settings;
mod sweepers;
mod users;
mod verify_draw;
mod whole_file;
mod wiring;

use std::process::ExitCode;

use tikv_jemallocator::Jemalloc;

/// What a request needs is made on one thread and given back on another; most of what the usual
/// allocator costs is to keep these apart.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    match command_line::run() {
        Ok(code) => code,
        Err(error) => {
            // One line, whatever stands behind it.
            eprintln!("stagedoor: {}", format!("{error:#}").replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}
