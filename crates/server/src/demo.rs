//! `stagedoor serve --demo`: something to look at.

use adapter_auth::Secret;
use anyhow::{Context, Result};
use application::Application;
use application::account::NewUser;
use application::operator::NewShow;
use chrono::{NaiveDate, NaiveTime, TimeDelta};
use domain::audit_log::Origin;
use domain::concert::{Concert, ConcertDetails};
use domain::ids::{ConcertId, UserId};
use domain::money::Amount;
use domain::page::PageRequest;
use domain::ports::UpdateError;
use domain::refusal::Refusal;
use domain::seat_plan::{SeatPlan, Section};
use domain::user::{Email, Password, Role, UserName};
use domain::waiting_room::PolicyChange;

const OPERATOR: (&str, &str, Role) = ("operator@example.com", "운영자", Role::Admin);
const BUYERS: [(&str, &str, Role); 2] =
    [("mina@example.com", "김미나", Role::Buyer), ("joon@example.com", "이준", Role::Buyer)];

/// Its concerts, as they are called and where they are.
const SPRING: (&str, &str) = ("봄의 노래", "예술의전당 콘서트홀");
const CLUB: (&str, &str) = ("Night Train", "Rolling Hall");
const STADIUM: (&str, &str) = ("별빛 페스티벌 🌟", "올림픽 주경기장");

/// Fills the store, if nothing else is in it, and prints how to sign in. What a start that was cut short
/// has left out is added.
///
/// The passwords are made from the installation's secret, so that they can be printed at every
/// start and are in no code.
///
/// # Errors
/// Where somebody else has one of the demo's emails, and the store's.
pub(crate) async fn fill(app: &Application, secret: &Secret) -> Result<()> {
    let page = PageRequest { limit: 100, after: None };
    let concerts = app.list_concerts.execute(page).await?.items;
    let ours = [SPRING.0, CLUB.0, STADIUM.0];
    let is_ours = |concert: &Concert| ours.contains(&concert.details.title.as_str());
    if concerts.iter().all(is_ours) {
        let operator = account(app, secret, OPERATOR).await?;
        for buyer in BUYERS {
            account(app, secret, buyer).await?;
        }
        enter_concerts(app, operator, &concerts).await?;
    }
    println!("demo accounts:");
    for (email, _, role) in std::iter::once(OPERATOR).chain(BUYERS) {
        let fits = app
            .sign_in
            .execute(Email::new(email)?, password(secret, email)?, &Origin::default())
            .await;
        let told = match fits {
            Ok(_) => password(secret, email)?.expose().to_owned(),
            Err(UpdateError::Refused(_)) => "not there, or with another password".to_owned(),
            Err(error) => return Err(error.into()),
        };
        println!("  {:8} {email}  {told}", role.name());
    }
    Ok(())
}

fn password(secret: &Secret, email: &str) -> Result<Password> {
    let key = blake3::derive_key("stagedoor 2026 demo passwords", secret.expose().as_bytes());
    let made = blake3::keyed_hash(&key, email.as_bytes());
    Ok(Password::new(&made.to_hex().chars().take(16).collect::<String>())?)
}

/// The account, which may be there already.
async fn account(app: &Application, secret: &Secret, who: (&str, &str, Role)) -> Result<UserId> {
    let (email, name, role) = who;
    let new_user = NewUser {
        email: Email::new(email)?,
        password: password(secret, email)?,
        name: UserName::new(name)?,
        role,
    };
    match app.sign_up.execute(new_user).await {
        Ok(user) => Ok(user.id),
        Err(UpdateError::Refused(Refusal::EmailTaken)) => {
            let signed_in = app
                .sign_in
                .execute(Email::new(email)?, password(secret, email)?, &Origin::default())
                .await;
            let about = || format!("the demo needs {email}, which somebody else has");
            Ok(signed_in.with_context(about)?.user_id)
        }
        Err(error) => Err(error.into()),
    }
}

async fn enter_concerts(app: &Application, operator: UserId, there: &[Concert]) -> Result<()> {
    let spring = concert(app, operator, there, SPRING, None).await?;
    let small_room = PolicyChange { capacity: Some(50), ..PolicyChange::default() };
    let club = concert(app, operator, there, CLUB, Some(small_room)).await?;
    let busy = PolicyChange { admissions_per_minute: Some(Some(3_000)), ..PolicyChange::default() };
    let stadium = concert(app, operator, there, STADIUM, Some(busy)).await?;

    let hall = [section("A", "VIP", 165_000, 10, 20), section("B", "R", 110_000, 20, 40)];
    shows(app, operator, spring, &[30, 31, 32], &hall).await?;
    shows(app, operator, club, &[20, 27], &[section("F", "S", 44_000, 10, 12)]).await?;
    let blocks: Vec<_> = (1..=20)
        .map(|block| match block {
            1..=4 => section(&block.to_string(), "VIP", 198_000, 25, 40),
            5..=12 => section(&block.to_string(), "R", 154_000, 25, 40),
            _ => section(&block.to_string(), "S", 99_000, 25, 40),
        })
        .collect();
    shows(app, operator, stadium, &[60, 61], &blocks).await
}

/// The concert, which may be there already.
async fn concert(
    app: &Application,
    operator: UserId,
    there: &[Concert],
    (title, venue): (&str, &str),
    room: Option<PolicyChange>,
) -> Result<ConcertId> {
    if let Some(concert) = there.iter().find(|concert| concert.details.title == title) {
        return Ok(concert.id);
    }
    let details = ConcertDetails {
        title: title.to_owned(),
        venue: venue.to_owned(),
        time_zone: chrono_tz::Asia::Seoul,
        currency: app.policies.currency,
        sale_opens_at: None,
        sale_closes_at: None,
        max_seats_per_user: 4,
    };
    Ok(app
        .create_concert
        .execute(operator, details, room, None, &Origin::default())
        .await?
        .value
        .id)
}

/// Shows so many days from now, but for those that were entered before.
async fn shows(
    app: &Application,
    operator: UserId,
    concert_id: ConcertId,
    days: &[i64],
    sections: &[Section],
) -> Result<()> {
    let entered = app.programme.shows(concert_id).await?.len();
    for days in days.iter().skip(entered) {
        show(app, operator, concert_id, *days, sections).await?;
    }
    Ok(())
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
    app.create_show.execute(operator, new_show, None, &Origin::default()).await?;
    Ok(())
}
