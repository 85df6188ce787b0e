//! `stagedoor serve --demo`: something to look at.

use adapter_auth::Secret;
use anyhow::Result;
use application::Application;
use application::account::NewUser;
use application::operator::NewShow;
use chrono::{NaiveDate, NaiveTime, TimeDelta};
use domain::concert::ConcertDetails;
use domain::ids::{ConcertId, UserId};
use domain::money::Amount;
use domain::page::PageRequest;
use domain::seat_plan::{SeatPlan, Section};
use domain::user::{Email, Password, Role, UserName};
use domain::waiting_room::PolicyChange;

const OPERATOR: (&str, &str, Role) = ("operator@example.com", "운영자", Role::Admin);
const BUYERS: [(&str, &str, Role); 2] =
    [("mina@example.com", "김미나", Role::Buyer), ("joon@example.com", "이준", Role::Buyer)];

/// Fills the store, if it is empty, and prints how to sign in.
///
/// The passwords are made from the installation's secret, so that they can be printed at every
/// start and are in no code.
pub(crate) async fn fill(app: &Application, secret: &Secret) -> Result<()> {
    let first = app.list_concerts.execute(PageRequest { limit: 1, after: None }).await?;
    if first.items.is_empty() {
        let operator = sign_up(app, secret, OPERATOR).await?;
        for buyer in BUYERS {
            sign_up(app, secret, buyer).await?;
        }
        enter_concerts(app, operator).await?;
    }
    println!("demo accounts:");
    for (email, _, role) in std::iter::once(OPERATOR).chain(BUYERS) {
        println!("  {:8} {email}  {}", role.name(), password(secret, email));
    }
    Ok(())
}

fn password(secret: &Secret, email: &str) -> String {
    let key = blake3::derive_key("stagedoor 2026 demo passwords", secret.expose().as_bytes());
    let made = blake3::keyed_hash(&key, email.as_bytes());
    made.to_hex().chars().take(16).collect()
}

async fn sign_up(app: &Application, secret: &Secret, who: (&str, &str, Role)) -> Result<UserId> {
    let (email, name, role) = who;
    let new_user = NewUser {
        email: Email::new(email)?,
        password: Password::new(&password(secret, email))?,
        name: UserName::new(name)?,
        role,
    };
    Ok(app.sign_up.execute(new_user).await?.id)
}

async fn enter_concerts(app: &Application, operator: UserId) -> Result<()> {
    let spring = concert(app, operator, "봄의 노래", "예술의전당 콘서트홀", None).await?;
    let small_room = PolicyChange { capacity: Some(50), ..PolicyChange::default() };
    let club = concert(app, operator, "Night Train", "Rolling Hall", Some(small_room)).await?;
    let busy = PolicyChange { admissions_per_minute: Some(Some(3_000)), ..PolicyChange::default() };
    let stadium = concert(app, operator, "별빛 페스티벌 🌟", "올림픽 주경기장", Some(busy)).await?;

    let hall = [section("A", "VIP", 165_000, 10, 20), section("B", "R", 110_000, 20, 40)];
    for days in [30, 31, 32] {
        show(app, operator, spring, days, &hall).await?;
    }
    for days in [20, 27] {
        show(app, operator, club, days, &[section("F", "S", 44_000, 10, 12)]).await?;
    }
    let blocks: Vec<_> = (1..=20)
        .map(|block| match block {
            1..=4 => section(&block.to_string(), "VIP", 198_000, 25, 40),
            5..=12 => section(&block.to_string(), "R", 154_000, 25, 40),
            _ => section(&block.to_string(), "S", 99_000, 25, 40),
        })
        .collect();
    for days in [60, 61] {
        show(app, operator, stadium, days, &blocks).await?;
    }
    Ok(())
}

async fn concert(
    app: &Application,
    operator: UserId,
    title: &str,
    venue: &str,
    room: Option<PolicyChange>,
) -> Result<ConcertId> {
    let details = ConcertDetails {
        title: title.to_owned(),
        venue: venue.to_owned(),
        time_zone: chrono_tz::Asia::Seoul,
        currency: app.policies.currency,
        sale_opens_at: None,
        sale_closes_at: None,
        max_seats_per_user: 4,
    };
    Ok(app.create_concert.execute(operator, details, room).await?.id)
}

fn section(name: &str, grade: &str, price: i64, rows: u32, seats_per_row: u32) -> Section {
    let price = Amount::new(price).unwrap_or_default();
    Section { name: name.to_owned(), grade: grade.to_owned(), price, rows, seats_per_row }
}

/// A show at eight in the evening, so many days from now.
async fn show(
    app: &Application,
    operator: UserId,
    concert_id: ConcertId,
    days: i64,
    sections: &[Section],
) -> Result<()> {
    let today: NaiveDate = app.clock.now().with_timezone(&chrono_tz::Asia::Seoul).date_naive();
    let evening = NaiveTime::from_hms_opt(20, 0, 0).unwrap_or_default();
    let local = (today + TimeDelta::days(days)).and_time(evening);
    let starts_at = local.and_local_timezone(chrono_tz::Asia::Seoul).earliest();
    let new_show = NewShow {
        concert_id,
        starts_at: starts_at.map_or_else(|| local.and_utc(), |at| at.to_utc()),
        plan: SeatPlan::of_sections(sections, app.policies.seats_per_show_max)?,
        room: None,
    };
    app.create_show.execute(operator, new_show).await?;
    Ok(())
}
