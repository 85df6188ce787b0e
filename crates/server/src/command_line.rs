//! The command line.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use domain::user::Role;

use crate::set_clock_back::{Consent, set_clock_back};
use crate::settings::{Settings, flags};
use crate::{audit, backup, log, recount, serve, users, verify_draw};

fn command() -> Command {
    let text = |name: &'static str, about: &'static str| {
        Arg::new(name).long(name).required(true).help(about)
    };
    let create = Command::new("create")
        .about("Make a user; the password is read from standard input")
        .arg(text("email", "Where the user signs in with"))
        .arg(text("name", "What the user is called"))
        .arg(
            Arg::new("role")
                .long("role")
                .value_parser(PossibleValuesParser::new(["buyer", "admin"]))
                .default_value("buyer")
                .help("What the user may do"),
        );
    let reset = Command::new("reset")
        .about("Print a link by which a user sets the password anew, once and within a day")
        .arg(Arg::new("email").value_name("EMAIL").required(true).help("Whose password"));
    let create_many = Command::new("create-many")
        .about("Make many users without a password, for load tests")
        .arg(text("count", "How many").value_parser(value_parser!(u32).range(1..=10_000_000)))
        .arg(text("prefix", "What their names begin with"))
        .arg(text("tokens", "The file for their access tokens, a line each"));
    let demo = Arg::new("demo")
        .long("demo")
        .action(ArgAction::SetTrue)
        .help("Fill an empty store with concerts, an operator and two buyers");
    let verify_draw = Command::new("verify-draw")
        .about(
            "Check the draw of a waiting room's lobby, as GET /api/rooms/{room_id}/draw tells it",
        )
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .required(true)
                .help("The answer; - for standard input"),
        )
        .arg(
            Arg::new("seed-sha256")
                .long("seed-sha256")
                .value_name("HEX")
                .help("The hash of the seed that you noted before the room opened"),
        )
        .arg(Arg::new("noted").long("noted").value_name("FILE").help(
            "The answer as you noted it before the room opened: who had come is still there",
        ));
    let set_clock_back = Command::new("set-clock-back")
        .about("Take an error of the clock out of a store that is far ahead, while no server runs")
        .arg(
            Arg::new("yes")
                .long("yes")
                .action(ArgAction::SetTrue)
                .help("Do it; else it is only said what would be done"),
        );
    Command::new("stagedoor")
        .about("Concert ticketing for sales where far more people come than there are seats")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .args(flags())
        .subcommand(
            Command::new("serve")
                .about("Answer requests until a signal to stop; a second one stops at once")
                .arg(demo),
        )
        .subcommand(Command::new("migrate").about("Bring the store's schema up to date"))
        .subcommand(Command::new("openapi").about("Print the OpenAPI document"))
        .subcommand(verify_draw)
        .subcommand(
            Command::new("backup")
                .about("Copy an embedded store into a new file, beside a server that goes on")
                .arg(
                    Arg::new("file")
                        .value_name("FILE")
                        .required(true)
                        .value_parser(value_parser!(PathBuf))
                        .help("The copy; one that is there stays as it is"),
                ),
        )
        .subcommand(set_clock_back)
        .subcommand(
            Command::new("recount")
                .about("Make the counts of rooms and shows anew, while no server runs"),
        )
        .subcommand(Command::new("audit").about("Prove from the store what must always hold"))
        .subcommand(
            Command::new("user")
                .about("Make users, and help who lost a password")
                .subcommand_required(true)
                .subcommand(create)
                .subcommand(reset)
                .subcommand(create_many),
        )
}

/// Does what the command line says.
pub(crate) fn run() -> Result<ExitCode> {
    let matches = command().get_matches();
    match matches.subcommand() {
        Some(("openapi", _)) => {
            writeln!(std::io::stdout(), "{}", adapter_http::openapi_json()?)?;
            Ok(ExitCode::SUCCESS)
        }
        Some(("serve", matches)) => {
            let settings = Settings::read(matches)?;
            let log = log::begin(&settings)?;
            let dropped = log.lines_dropped();
            // The event loops live on threads of actix' own; this runtime is for all the rest.
            actix_web::rt::System::with_tokio_rt(runtime).block_on(serve::serve(
                &settings,
                matches.get_flag("demo"),
                dropped,
            ))?;
            Ok(ExitCode::SUCCESS)
        }
        Some(("migrate", matches)) => {
            let settings = Settings::read(matches)?;
            runtime().block_on(settings.database.migrate())?;
            println!("{} is up to date", settings.database);
            Ok(ExitCode::SUCCESS)
        }
        Some(("verify-draw", matches)) => {
            let file = matches.get_one::<String>("file").context("FILE is missing")?;
            let text = |name: &str| matches.get_one::<String>(name).map(String::as_str);
            let noted =
                verify_draw::Noted { seed_sha256: text("seed-sha256"), file: text("noted") };
            verify_draw::verify_draw(file, &noted)
        }
        Some(("backup", matches)) => {
            let file = matches.get_one::<PathBuf>("file").context("FILE is missing")?;
            backup::backup(&Settings::read(matches)?, file)?;
            Ok(ExitCode::SUCCESS)
        }
        Some(("set-clock-back", matches)) => {
            let consent = if matches.get_flag("yes") { Consent::Given } else { Consent::Awaited };
            runtime().block_on(set_clock_back(&Settings::read(matches)?, consent))?;
            Ok(ExitCode::SUCCESS)
        }
        Some(("recount", matches)) => {
            runtime().block_on(recount::recount(&Settings::read(matches)?))?;
            Ok(ExitCode::SUCCESS)
        }
        Some(("audit", matches)) => runtime().block_on(audit::audit(&Settings::read(matches)?)),
        Some(("user", matches)) => {
            runtime().block_on(user(matches))?;
            Ok(ExitCode::SUCCESS)
        }
        _ => Ok(ExitCode::FAILURE),
    }
}

async fn user(matches: &ArgMatches) -> Result<()> {
    let text = |matches: &ArgMatches, name: &str| {
        matches.get_one::<String>(name).cloned().with_context(|| format!("--{name} is missing"))
    };
    match matches.subcommand() {
        Some(("create", matches)) => {
            let role = Role::named(&text(matches, "role")?).context("--role is unknown")?;
            let settings = Settings::read(matches)?;
            users::create(&settings, &text(matches, "email")?, &text(matches, "name")?, role).await
        }
        Some(("reset", matches)) => {
            users::reset(&Settings::read(matches)?, &text(matches, "email")?).await
        }
        Some(("create-many", matches)) => {
            let count = *matches.get_one::<u32>("count").context("--count is missing")?;
            let tokens = text(matches, "tokens")?;
            let settings = Settings::read(matches)?;
            users::create_many(&settings, count, &text(matches, "prefix")?, tokens.as_ref()).await
        }
        _ => Ok(()),
    }
}

#[expect(clippy::expect_used, reason = "without threads there is nothing to go on with")]
fn runtime() -> tokio::runtime::Runtime {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.enable_all().build().expect("the system gives threads")
}
