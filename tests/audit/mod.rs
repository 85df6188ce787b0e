//! The audit names what is wrong. A store on which everything has happened that can happen is sound; of
//! each of its copies one thing is changed by SQL, which the audit finds under the right number.

mod cash;
mod counts;
mod deeds;
mod line;
mod older;
mod past;
mod selling;

use crate::harness::Installation;

/// A change of a store that must be found.
#[derive(Clone, Copy)]
struct Mutation {
    /// Under these numbers.
    broken: &'static [u8],
    what: &'static str,
    sql: &'static str,
}

const fn mutation(broken: &'static [u8], what: &'static str, sql: &'static str) -> Mutation {
    Mutation { broken, what, sql }
}

/// What stands for something that the two stores write in different ways.
fn words() -> [(&'static str, &'static str); 8] {
    if crate::ON_POSTGRES {
        [
            ("{second}", "interval '1 second'"),
            ("{minute}", "interval '1 minute'"),
            ("{hour}", "interval '1 hour'"),
            ("{day}", "interval '1 day'"),
            ("{year}", "interval '1 year'"),
            ("{new_id}", "gen_random_uuid()"),
            ("{writer}", "'00000000-0000-0000-0000-000000000000',"),
            ("{unsealed}", ""),
        ]
    } else {
        [
            ("{second}", "1000000"),
            ("{minute}", "60000000"),
            ("{hour}", "3600000000"),
            ("{day}", "86400000000"),
            ("{year}", "31536000000000"),
            ("{new_id}", "randomblob(16)"),
            ("{writer}", ""),
            (
                "{unsealed}",
                "DROP TRIGGER audit_log_is_not_changed; DROP TRIGGER audit_log_is_not_deleted;",
            ),
        ]
    }
}

/// The room without a lobby, of which a token is forgotten; and the two that have one: one of which the
/// draw is over, and one of which it goes on.
const ROOMS: [(&str, &str); 3] = [
    (
        "{forgetful}",
        "(SELECT id FROM waiting_rooms WHERE lobby_count = 0 AND concert_id IS NOT NULL)",
    ),
    ("{drawn}", "(SELECT id FROM waiting_rooms WHERE lobby_count > 0 AND drawn_at IS NOT NULL)"),
    ("{drawing}", "(SELECT id FROM waiting_rooms WHERE lobby_count > 0 AND drawn_at IS NULL)"),
];

/// Of accounts for whose cash no provider was asked.
const NOBODY_ASKED: (&str, &str) =
    ("{nobody_asked}", "user_id NOT IN (SELECT user_id FROM top_ups)");

/// Runs SQL on a store that stands for the same on both kinds.
pub(crate) fn execute(store: &Installation, sql: &str) {
    let words = words().into_iter().chain(ROOMS).chain([NOBODY_ASKED]);
    store.execute(
        &words.fold(sql.to_owned(), |sql, (word, stands_for)| sql.replace(word, stands_for)),
    );
}

/// What the audit says of a copy of the store with a change, unless that is what it should say.
fn missed(store: &Installation, mutation: &Mutation) -> Option<String> {
    let Mutation { broken, what, sql } = mutation;
    let changed = store.copy();
    execute(&changed, sql);
    if !broken.iter().any(|number| OF_COUNTS.contains(number)) {
        execute(&changed, counts::COUNT_ANEW);
    }
    let (found, said) = changed.audit();
    (found != *broken).then(|| format!("{what}: {found:?} instead of {broken:?}\n{said}"))
}

/// What speaks of counts alone.
const OF_COUNTS: [u8; 2] = [27, 28];

/// How many copies are looked at side by side.
const SIDE_BY_SIDE: usize = 2;

#[tokio::test]
async fn each_change_of_a_sound_store_is_found_under_its_number() {
    let store = past::store().await;
    store.assert_sound();
    let mutations =
        [selling::MUTATIONS, cash::MUTATIONS, line::MUTATIONS, counts::MUTATIONS, deeds::MUTATIONS]
            .concat();
    let parts = mutations.chunks(mutations.len().div_ceil(SIDE_BY_SIDE));
    let look = |part: &[Mutation]| -> Vec<_> {
        part.iter().filter_map(|mutation| missed(&store, mutation)).collect()
    };
    let missed: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = parts.map(|part| scope.spawn(|| look(part))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(missed.is_empty(), "{}", missed.join("\n"));
    store.assert_sound();
}
