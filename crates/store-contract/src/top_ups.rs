//! Promises about cash that an outside provider charges for.

use domain::cash::CashPolicy;
use domain::ids::{TopUpId, UserId};
use domain::money::Amount;
use domain::page::PageRequest;
use domain::ports::{Unsettled, UpdateError};
use domain::provider_charge::Verdict;
use domain::records::{Records, Scope};
use domain::refusal::Refusal;
use domain::settling::Heard;
use domain::top_up::{TopUp, TopUpRequest, TopUpState, ask, hear, take_on, undo};
use tokio::task::JoinSet;

use crate::Stage;
use crate::provider::no;
use crate::stage::SETTLING;

const MOST: u32 = 2;

async fn top_up(stage: &Stage, user_id: UserId, minor_units: i64) -> Result<TopUp, UpdateError> {
    let policy =
        CashPolicy { charge_max: Amount::MAX, balance_max: Amount::MAX, top_ups_pending_max: MOST };
    let asked = TopUpRequest { id: stage.id(), user_id, minor_units };
    let scope = Scope::new().user(user_id).account(user_id);
    let decide = move |records: &mut Records| ask(records, &asked, policy, SETTLING);
    stage.store.decide(scope, decide).await
}

fn about(top_up: &TopUp) -> Scope {
    Scope::new().top_up(top_up.id).account(top_up.user_id)
}

async fn hear_of(stage: &Stage, asked: &TopUp, verdict: Verdict) -> Heard<TopUp> {
    let (id, entry_id) = (asked.id, stage.id());
    let decide = move |records: &mut Records| hear(records, id, &verdict, entry_id, SETTLING);
    stage.store.decide(about(asked), decide).await.unwrap()
}

async fn undone(stage: &Stage, asked: &TopUp) -> TopUp {
    let id = asked.id;
    let decide = move |records: &mut Records| undo(records, id, SETTLING);
    stage.store.decide(about(asked), decide).await.unwrap()
}

async fn kept(stage: &Stage, asked: &TopUp) -> TopUp {
    stage.cash_book.top_up(asked.id).await.unwrap().unwrap()
}

pub async fn cash_comes_in_with_the_commit_in_which_its_top_up_succeeds(stage: &Stage) {
    let buyer = stage.buyer().await;
    let before = stage.balance(buyer.user_id).await;
    let asked = top_up(stage, buyer.user_id, 70).await.unwrap();
    assert_eq!(
        (kept(stage, &asked).await, stage.balance(buyer.user_id).await),
        (asked.clone(), before)
    );
    let heard = hear_of(stage, &asked, Verdict::Charged).await.outcome;
    assert_eq!(kept(stage, &asked).await, heard);
    assert_eq!(stage.balance(buyer.user_id).await, before + 70);
    let TopUpState::Succeeded { entry_id, balance_after, .. } = heard.state else {
        panic!("{heard:?}");
    };
    assert_eq!(balance_after.minor_units(), before + 70);
    let page = PageRequest { limit: 1, after: None };
    let entries = stage.cash_book.entries(buyer.user_id, page).await.unwrap().unwrap();
    assert_eq!(
        (entries.items[0].id, entries.items[0].kind.top_up_id()),
        (entry_id, Some(asked.id))
    );

    let failed = top_up(stage, buyer.user_id, 5).await.unwrap();
    let failed = hear_of(stage, &failed, no()).await.outcome;
    let ended = undone(stage, &top_up(stage, buyer.user_id, 6).await.unwrap()).await;
    for over in [failed, ended] {
        assert_eq!(kept(stage, &over).await, over);
    }
    assert_eq!(stage.balance(buyer.user_id).await, before + 70);
}

pub async fn whatever_a_provider_says_of_a_top_up_at_once_has_one_outcome(stage: &Stage) {
    let mut races = JoinSet::new();
    for _ in 0..20 {
        let buyer = stage.buyer().await;
        let before = stage.balance(buyer.user_id).await;
        let asked = top_up(stage, buyer.user_id, 70).await.unwrap();
        let stage = stage.clone();
        races.spawn(async move {
            let mut notices = JoinSet::new();
            for verdict in [Verdict::Charged, no(), Verdict::Charged, no(), Verdict::Pending] {
                let (stage, asked) = (stage.clone(), asked.clone());
                notices.spawn(async move { hear_of(&stage, &asked, verdict).await });
            }
            notices.join_all().await;
            (kept(&stage, &asked).await, stage.balance(buyer.user_id).await - before)
        });
    }
    for (now, came_in) in races.join_all().await {
        match now.state {
            TopUpState::Succeeded { .. } => {
                assert_eq!((came_in, now.charge.name()), (70, "charged"))
            }
            TopUpState::Failed { .. } => {
                assert_eq!(came_in, 0);
                assert!(["declined", "return_due"].contains(&now.charge.name()), "{now:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}

pub async fn a_user_has_only_so_many_top_ups_pending_however_many_are_asked_for_at_once(
    stage: &Stage,
) {
    let buyer = stage.buyer().await;
    let mut asking = JoinSet::new();
    for _ in 0..20 {
        let stage = stage.clone();
        asking.spawn(async move { top_up(&stage, buyer.user_id, 1).await });
    }
    let mut pending = Vec::new();
    for answer in asking.join_all().await {
        match answer {
            Ok(asked) => pending.push(asked),
            Err(UpdateError::Refused(refusal)) => {
                assert_eq!(refusal, Refusal::TooManyTopUps { limit: MOST });
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(pending.len(), usize::try_from(MOST).unwrap());
    undone(stage, &pending[0]).await;
    top_up(stage, buyer.user_id, 1).await.unwrap();
}

pub async fn top_ups_that_the_provider_owes_an_answer_about_are_found_and_taken_on_by_one(
    stage: &Stage,
) {
    let buyer = stage.buyer().await;
    let asked = top_up(stage, buyer.user_id, 70).await.unwrap();
    let page = PageRequest { limit: 10, after: None };
    let of_all = stage.cash_book.unsettled_top_ups(page).await.unwrap().unwrap();
    assert_eq!(of_all.items, std::slice::from_ref(&asked));
    stage.wait_until(asked.charge.question().unwrap().ask_at).await;
    let now = stage.clock.now();
    assert_eq!(stage.due_work.top_ups_to_ask(now, 10).await.unwrap(), [asked.id]);
    let pending = Unsettled { pending: 1, return_due: 0, overdue: 0 };
    assert_eq!(stage.due_work.unsettled(now).await.unwrap(), pending);
    let mut takers = JoinSet::new();
    for _ in 0..10 {
        let (stage, id) = (stage.clone(), asked.id);
        takers.spawn(async move {
            let decide = move |records: &mut Records| Ok(take_on(records, &[id], SETTLING).len());
            stage.store.decide(Scope::new().top_up(id), decide).await.unwrap()
        });
    }
    assert_eq!(takers.join_all().await.into_iter().sum::<usize>(), 1);
    hear_of(stage, &asked, Verdict::Charged).await;
    assert_eq!(stage.due_work.unsettled(now).await.unwrap(), Unsettled::default());
}

pub async fn lists_of_top_ups_are_newest_first_and_each_users_own(stage: &Stage) {
    let (mine, others) = (stage.buyer().await.user_id, stage.buyer().await.user_id);
    let stage = stage.with_falling_ids();
    let mut asked: Vec<TopUpId> = Vec::new();
    for _ in 0..5 {
        let one = top_up(&stage, mine, 1).await.unwrap();
        undone(&stage, &one).await;
        asked.insert(0, one.id);
        undone(&stage, &top_up(&stage, others, 1).await.unwrap()).await;
    }
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page = PageRequest { limit: 2, after };
        let page = stage.cash_book.top_ups(mine, page).await.unwrap().unwrap();
        listed.extend(page.items.iter().map(|top_up| top_up.id));
        let Some(next) = page.next else { break };
        after = Some(next);
    }
    assert_eq!(listed, asked);
    let after_theirs = PageRequest { limit: 2, after: asked.first().copied() };
    assert_eq!(stage.cash_book.top_ups(others, after_theirs).await.unwrap(), None);
}
