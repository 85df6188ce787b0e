//! No look at the store goes through what is over.

#![expect(clippy::unwrap_used, reason = "these are tests, which fail by panicking")]

use std::sync::{Arc, Mutex};

use adapter_sqlite::{SqliteStore, StoreOptions};
use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel::sqlite::SqliteConnection;
use store_contract::Stage;
use store_contract::looks::{LOOKS, Look};

/// What was asked of any connection of this process.
static ASKED: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Listener;

impl Instrumentation for Listener {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            ASKED.lock().unwrap().push(with_words(&query.to_string()));
        }
    }
}

/// A query as diesel tells of it, with its text parameters in their places: an index of one state alone
/// is of use only where SQLite knows the state, which it does once it is bound.
fn with_words(told: &str) -> String {
    let (text, bound) = told.split_once(" -- binds: [").unwrap_or((told, ""));
    let (mut values, mut depth, mut is_word) = (vec![String::new()], 0, false);
    for c in bound.chars() {
        is_word ^= c == '"';
        depth += i32::from("([".contains(c)) - i32::from(")]".contains(c));
        match values.last_mut() {
            Some(_) if c == ',' && depth == 0 && !is_word => values.push(String::new()),
            Some(value) => value.push(c),
            None => {}
        }
    }
    let mut values = values.iter().map(|value| value.trim());
    let mut pieces = text.split('?');
    let mut query = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let value = values.next().filter(|value| value.starts_with('"'));
        query += &value.map_or("?".to_owned(), |word| word.trim_end_matches(']').replace('"', "'"));
        query += piece;
    }
    query
}

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// The tables that grow with what is over, and what a query's text calls them.
const GROWING: [&str; 9] = [
    "waiting_tokens",
    "reservations",
    "reservation_seats",
    "payments",
    "top_ups",
    "cash_entries",
    "t",
    "r",
    "rs",
];
/// By which a step of a plan finds only what is not over, or what one thing has: indexes of what goes on,
/// ids, and what belongs to one user, one reservation or one time.
const FINDS_FEW: [&str; 14] = [
    "waiting_tokens_in_line",
    "waiting_tokens_inside",
    "waiting_tokens_running_out",
    "waiting_tokens_one_live",
    "reservations_lapsing",
    "reservations_live",
    "payments_to_ask",
    "top_ups_to_ask",
    "PRIMARY KEY",
    "(user_id=?",
    "(reservation_id=?",
    "admitted_at>?",
    "reservations_ended_unpaid (ended_at<?)",
    "number>?",
];
/// The same, where numbers are those of the lobby.
const FINDS_A_LOBBY: [&str; 2] = ["number<?", "number=?"];

/// Whether a step may go through all that a room, a show or a table ever had.
fn grows(detail: &str) -> bool {
    let mut words = detail.split(' ');
    let (how, table) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let looks = how == "SCAN" || how == "SEARCH";
    let few = FINDS_FEW.iter().chain(&FINDS_A_LOBBY).any(|by| detail.contains(by));
    looks && GROWING.contains(&table) && !few
}

#[tokio::test]
async fn no_look_at_the_store_grows_with_what_is_over() {
    set_default_instrumentation(|| Some(Box::new(Listener))).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stagedoor.db");
    let store = SqliteStore::open(&StoreOptions::at(&path)).unwrap();
    let clock = Arc::new(store.clock());
    let stage = Stage::set(Arc::new(store), clock).await;
    let buyer = stage.buyer().await;
    stage.hold(buyer, &[0], 300).await.unwrap();
    let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    // What the writer has asked so far, and each look.
    let nothing: Look = ("a hold", |_| Box::pin(async {}));
    let mut steps = 0;
    for (name, look) in std::iter::once(&nothing).chain(LOOKS) {
        look(stage.clone()).await;
        let asked = std::mem::take(&mut *ASKED.lock().unwrap());
        for text in asked {
            let explain = diesel::sql_query(format!("EXPLAIN QUERY PLAN {text}"));
            let Ok(plan) = explain.load::<Step>(&mut conn) else { continue };
            ASKED.lock().unwrap().clear();
            steps += plan.len();
            for step in plan {
                assert!(!grows(&step.detail), "{name}: {} in {text}", step.detail);
            }
        }
    }
    assert!(steps > LOOKS.len(), "something was asked");
}
