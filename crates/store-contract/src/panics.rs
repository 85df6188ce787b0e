//! A panic in the middle of a transaction takes nobody along.
//!
//! What panics is the store itself: its `save` calls [`if_asked_to`] where it is compiled for its own
//! tests, and the product has nothing of it. So these are promises for a store's unit tests, and none of
//! [`every_promise!`](crate::every_promise).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use domain::Timestamp;
use domain::ids::UserId;
use domain::ports::{CommitObserver, Store, UpdateError, Users};
use domain::records::{Records, Scope};
use domain::user::{Email, Role, User, UserName};
use tokio::task::JoinSet;
use uuid::Uuid;

/// Whoever is called this cannot be saved.
const UNSAVABLE: &str = "somebody who panics";

/// Panics as a fault in whatever saves `changes` would.
pub fn if_asked_to(changes: &Records) {
    let asks = changes.users.changes().any(|(user, _)| user.name.as_str() == UNSAVABLE);
    assert!(!asks, "a row that cannot be saved");
}

/// Fifty sign up at once, of whom some cannot be saved: all others are, and the next one too.
pub async fn a_panic_while_saving_takes_nobody_along<S: Store + Users + 'static>(store: Arc<S>) {
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

/// `observe` names the store's observer.
pub async fn an_observer_that_panics_changes_no_answer<S: Store + 'static>(
    store: Arc<S>,
    observe: impl Fn(&S, Arc<dyn CommitObserver>),
) {
    let observer = Arc::new(BrokenObserver::default());
    observe(&store, observer.clone());
    for n in [1, 2] {
        sign_up(&*store, user(n, "somebody")).await.unwrap();
    }
    let began_anew = observer.began_anew.load(Ordering::SeqCst);
    assert_eq!(
        began_anew, 3,
        "once at the start, and once for each commit that it did not hear of"
    );
}

fn user(n: u128, name: &str) -> User {
    User {
        id: Uuid::from_u128(n).into(),
        email: Email::new(&format!("{n}@example.com")).unwrap(),
        name: UserName::new(name).unwrap(),
        role: Role::Buyer,
        password_hash: None,
        created_at: Timestamp::UNIX_EPOCH,
        disabled_at: None,
        signed_out: None,
    }
}

async fn sign_up(store: &(dyn Store + 'static), user: User) -> Result<UserId, UpdateError> {
    let insert = move |records: &mut Records| {
        records.users.insert(user.clone());
        Ok(user.id)
    };
    store.decide(Scope::new(), insert).await
}

/// Panics at each commit, and counts how often it is told to begin anew.
#[derive(Default)]
struct BrokenObserver {
    began_anew: AtomicUsize,
}

impl CommitObserver for BrokenObserver {
    fn committed(&self, _: &Records) {
        panic!("a broken observer");
    }

    fn began_anew(&self, _: u64) {
        self.began_anew.fetch_add(1, Ordering::SeqCst);
    }
}
