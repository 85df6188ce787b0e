//! `stagedoor`: concert ticketing for sales where far more people come than there are seats.

mod audit;
mod command_line;
mod database;
mod demo;
mod secret;
mod serve;
mod settings;
mod sweepers;
mod users;
mod verify_draw;
mod wiring;

use std::process::ExitCode;

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
