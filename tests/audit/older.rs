//! A store that an older version filled, before anything was written down for the audit.

use serde_json::json;

use super::execute;
use crate::harness::{Installation, Theatre, text};

/// Takes the schema back to before the audit had evidence.
fn make_older(store: &Installation) {
    let kind = if crate::ON_POSTGRES { "postgres" } else { "sqlite" };
    let migrations = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations");
    // The later one goes on from what the earlier one made.
    for migration in ["00000000000009_fair_draws", "00000000000003_audit_evidence"] {
        let down = format!("{migrations}/{kind}/{migration}/down.sql");
        store.execute(&std::fs::read_to_string(down).unwrap());
        let (version, _) = migration.split_once('_').unwrap();
        store.execute(&format!(
            "DELETE FROM __diesel_schema_migrations WHERE version = '{version}'"
        ));
    }
}

#[tokio::test]
async fn an_older_store_is_sound_and_goes_on_with_evidence() {
    let installation = Installation::new().with("SECRET", crate::harness::SECRET);
    let theatre = Theatre::open_in(installation, 2, 4).await;
    theatre.change_room(json!({ "capacity": 3 })).await.expect(200);
    let buyer = theatre.buyer(200_000).await;
    let held = buyer.hold(&theatre.concert.show, &[theatre.seat(0)]).await.expect(201);
    buyer.pay(&text(&held, "reservation_id")).await.expect(201);
    let holder = theatre.buyer(50_000).await;
    holder.hold(&theatre.concert.show, &[theatre.seat(1)]).await.expect(201);
    let Theatre { installation, server, operator, concert } = theatre;
    server.terminate();
    assert!(server.ended_well());
    make_older(&installation);

    let server = installation.start();
    installation.assert_sound();
    let theatre = Theatre { operator: operator.at(&server), installation, server, concert };
    theatre.change_room(json!({ "capacity": 4 })).await.expect(200);
    let (buyer, holder) = (buyer.at(&theatre.server), holder.at(&theatre.server));
    theatre.server.user("other").await.charge(7).await;
    let newcomer = theatre.buyer(50_000).await;
    newcomer.hold(&theatre.concert.show, &[theatre.seat(2)]).await.expect(201);
    let theirs = holder.get("/api/reservations").await.expect(200);
    holder.pay(&text(&theirs["reservations"][0], "reservation_id")).await.expect(201);
    let paid = buyer.get("/api/payments").await.expect(200);
    let refund = format!("/api/payments/{}/refund", text(&paid["payments"][0], "payment_id"));
    buyer.account().post(&refund, json!({})).await.expect(200);
    let Theatre { installation, server, .. } = theatre;
    server.terminate();
    assert!(server.ended_well());
    installation.assert_sound();

    // What is new has its evidence, on accounts that are older, too.
    for (broken, sql) in [
        (7, "UPDATE cash_entries SET digest = NULL WHERE digest IS NOT NULL"),
        (7, "UPDATE cash_accounts SET digest = NULL"),
        (13, "UPDATE waiting_tokens SET admitted_capacity = 3 WHERE admitted_capacity = 4"),
        (5, "UPDATE reservations SET hold_seconds = NULL WHERE state = 'held'"),
    ] {
        let changed = installation.copy();
        execute(&changed, sql);
        assert_eq!(changed.audit().0, [broken], "{sql}");
    }
}
