//! `stagedoor set-clock-back`: what an error of the clock has put far ahead is right again.

mod shop;

use chrono::TimeDelta;

use crate::harness::{Installation, Server, WallClock, text};
use crate::running::said;
use shop::Shop;

#[tokio::test]
async fn after_a_start_at_a_time_years_ahead_everything_is_right_again() {
    sells_on_after_errors(&[TimeDelta::days(1_825)], 3_600).await;
}

/// What was paid for before the error and what was not both end after it.
#[tokio::test]
async fn after_a_start_at_a_time_hours_ahead_holds_of_a_day_are_right_again() {
    sells_on_after_errors(&[TimeDelta::hours(3)], 86_400).await;
}

#[tokio::test]
async fn after_an_error_that_came_in_two_steps_everything_is_right_again() {
    sells_on_after_errors(&[TimeDelta::days(1), TimeDelta::days(4)], 3_600).await;
}

/// A start at each of these times ahead, and then one at the right time.
async fn sells_on_after_errors(errors: &[TimeDelta], hold_seconds: i64) {
    let error = *errors.last().unwrap();
    let Some((shop, mut server)) = Shop::opens(error, hold_seconds).await else { return };
    let before = shop.sells(&server, [0, 1, 2]).await;
    let mut between = None;
    for error in errors {
        if error != &errors[0] {
            between = Some(shop.sells(&server, [9, 10, 11]).await);
        }
        stop(server);
        shop.clock.set(&format!("+{}s", error.num_seconds()));
        server = shop.installation.start();
    }

    let seed_shown = text(&shop.opens_early(&server, &shop.empty).await, "seed_sha256");
    shop.opens_early(&server, &shop.visited).await;
    let visitor = server.user("visitor").await.join(Some(&shop.visited.concert.id)).await.0;
    visitor.until("active").await;
    let ahead = shop.sells(&server, [3, 4, 5]).await;
    shop.gets_another_concert(&server).await;
    stop(server);

    shop.clock.set("+0s");
    let server = shop.installation.start();
    let still_taken = before.buyer.access.at(&server).get("/api/users/balance").await.status == 200;
    assert_eq!(still_taken, error < TimeDelta::hours(12), "for so long an access token is good");
    assert!(ready(&server).await.contains("run: stagedoor set-clock-back"));
    let refused = refusal(&shop.installation);
    assert!(refused.contains("stop all servers first"), "{refused}");
    stop(server);
    assert!(shop.installation.log().contains("run: stagedoor set-clock-back"));

    shop.is_set_back();
    shop.no_recorded_time_is_far_off();
    let server = shop.installation.start();
    let said = ready(&server).await;
    // A few seconds may be left, which go away by themselves.
    assert!(said.starts_with("ok\n") && !said.contains("stays so"), "{said}");
    before.buyer.access.at(&server).get("/api/users/balance").await.expect(200);
    let signed_in_ahead = ahead.buyer.access.at(&server).get("/api/users/balance").await;
    signed_in_ahead.refused(401, "invalid_token");
    for sale in [Some(&before), between.as_ref(), Some(&ahead)].into_iter().flatten() {
        shop.goes_on(&server, sale).await;
        shop.settles(&server, sale).await;
    }
    shop.rooms_are_right(&server, &visitor, &seed_shown).await;
    shop.sells(&server, [6, 7, 8]).await;
    stop(server);
    shop.installation.assert_sound();
}

fn stop(server: Server) {
    server.terminate();
    assert!(server.ended_well());
}

async fn ready(server: &Server) -> String {
    server.anyone().get("/readyz").await.expect(200).as_str().unwrap().to_owned()
}

/// What the command says where it does its work.
#[track_caller]
fn told(installation: &Installation, args: &[&str]) -> String {
    let output = installation.run(&[&["set-clock-back"], args].concat(), "");
    assert!(output.status.success(), "{output:?}");
    said(&output).0
}

/// The one line in which it refuses.
#[track_caller]
fn refusal(installation: &Installation) -> String {
    let output = installation.run(&["set-clock-back", "--yes"], "");
    let (_, errors) = said(&output);
    assert!(!output.status.success() && errors.lines().count() == 1, "{output:?}");
    errors
}

#[tokio::test]
async fn a_store_whose_time_is_right_is_left_alone() {
    let installation = Installation::new();
    stop(installation.start());
    let refused = refusal(&installation);
    assert!(refused.contains("not ahead by more than the hour"), "{refused}");
}

#[tokio::test]
async fn where_it_is_not_known_how_the_error_came_in_nothing_is_changed() {
    let Some(clock) = WallClock::right() else { return };
    let Some((installation, _cluster)) = clock.installation() else { return };
    stop(installation.start());
    clock.set("+86400s");
    stop(installation.start());
    clock.set("+0s");

    installation.execute(
        "UPDATE service SET outage_ended_at = up_since, outage_beat_at = up_since, \
             outage_step = 'tokens'",
    );
    let refused = refusal(&installation);
    assert!(refused.contains("still being given back"), "{refused}");
    installation.execute(
        "UPDATE service SET outage_ended_at = NULL, outage_beat_at = NULL, outage_step = NULL; \
         CREATE TABLE outages_kept AS SELECT * FROM outages; DELETE FROM outages",
    );
    let refused = refusal(&installation);
    assert!(refused.contains("outages on record are not as long"), "{refused}");
    installation.execute("INSERT INTO outages SELECT * FROM outages_kept");
    told(&installation, &["--yes"]);
    installation.assert_sound();
}
