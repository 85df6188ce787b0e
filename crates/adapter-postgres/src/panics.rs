//! A panic in the middle of a transaction takes nobody along.

use std::sync::Arc;

use domain::Timestamp;
use domain::ids::UserId;
use domain::ports::{Ids, MockCommitObserver, Store, UpdateError, Users};
use domain::records::{Records, Scope};
use domain::user::{Email, Role, User, UserName};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{PostgresStore, StoreOptions};

/// Whoever is called this cannot be saved.
const UNSAVABLE: &str = "somebody who panics";

/// Panics as a fault in whatever saves `changes` would.
pub(crate) fn if_asked_to(changes: &Records) {
    let asks = changes.users.changes().any(|(user, _)| user.name.as_str() == UNSAVABLE);
    assert!(!asks, "a row that cannot be saved");
}

fn user(n: u128, name: &str) -> User {
    User {
        id: Uuid::from_u128(n).into(),
        email: Email::new(&format!("{n}@example.com")).unwrap(),
        name: UserName::new(name).unwrap(),
        role: Role::Buyer,
        password_hash: None,
        created_at: Timestamp::UNIX_EPOCH,
    }
}

async fn sign_up(store: &(dyn Store + 'static), user: User) -> Result<UserId, UpdateError> {
    let insert = move |records: &mut Records| {
        records.users.insert(user.clone());
        Ok(user.id)
    };
    store.decide(Scope::new(), insert).await
}

/// Fifty sign up at once, of whom some cannot be saved: all others are, and the next one too.
async fn assert_that_writing_goes_on(store: Arc<PostgresStore>) {
    let mut calls = JoinSet::new();
    for n in 0..50 {
        let store = Arc::clone(&store);
        calls.spawn(async move {
            let name = if n % 10 == 5 { UNSAVABLE } else { "somebody" };
            (n, sign_up(&*store, user(n, name)).await)
        });
    }
    for (n, made) in calls.join_all().await {
        match made {
            Ok(_) => assert_ne!(n % 10, 5),
            Err(UpdateError::Unavailable(_)) => assert_eq!(n % 10, 5),
            Err(other) => panic!("{n}: {other:?}"),
        }
        let kept = store.user(Uuid::from_u128(n).into()).await.unwrap();
        assert_eq!(kept.is_some(), n % 10 != 5, "{n}");
    }
    sign_up(&*store, user(1_000, "the next one")).await.unwrap();
}

/// An observer that panics at each commit, and is told to begin anew as often, and once at the start.
fn broken_observer() -> Arc<MockCommitObserver> {
    let mut observer = MockCommitObserver::new();
    observer.expect_committed().returning(|_| panic!("a broken observer"));
    observer.expect_began_anew().times(3).return_const(());
    Arc::new(observer)
}

struct NewIds;

#[expect(clippy::disallowed_methods, reason = "tests have no adapter for ids")]
impl Ids for NewIds {
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }
}

async fn open() -> (Arc<PostgresStore>, throw_away_postgres::Database) {
    let database = throw_away_postgres::shared().create_database();
    let options = StoreOptions::at(database.url.parse().unwrap(), Arc::new(NewIds));
    (Arc::new(PostgresStore::open(&options).await.unwrap()), database)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_while_saving_takes_nobody_along() {
    let (store, _database) = open().await;
    assert_that_writing_goes_on(store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_observer_that_panics_changes_no_answer() {
    let (store, _database) = open().await;
    store.observe(broken_observer());
    for n in [1, 2] {
        sign_up(&*store, user(n, "somebody")).await.unwrap();
    }
}
