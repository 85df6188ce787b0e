//! PostgreSQL keeps every promise: with one writer and with several, in groups and one by one.

#![expect(clippy::unwrap_used, reason = "these are tests, which fail by panicking")]

mod stage;

mod in_groups {
    async fn open() -> (store_contract::Stage, throw_away_postgres::Database) {
        super::stage::open(1, 256).await
    }

    store_contract::every_promise!(open);
}

mod by_three_writers {
    async fn open() -> (store_contract::Stage, throw_away_postgres::Database) {
        super::stage::open(3, 16).await
    }

    store_contract::every_promise!(open);
}

mod one_by_one {
    async fn open() -> (store_contract::Stage, throw_away_postgres::Database) {
        super::stage::open(2, 1).await
    }

    store_contract::every_promise!(open);
}
