//! A line of people who wait in the site's room, put into the store at once, since so many would
//! take long to join one by one.

use adapter_auth::{Keyring, Secret, SignedQueueTokens};
use anyhow::{Result, ensure};
use domain::ids::RoomId;
use domain::ports::{QueueClaims, QueueTokens};
use throw_away_postgres::{Database, execute};
use uuid::Uuid;

use crate::caller::Shot;
use crate::process::{Program, SECRET};

/// The room is paused, so that the line stays as it is, and very patient.
const PEOPLE_WHO_WAIT: &str = "
CREATE FUNCTION id(kind int, n bigint) RETURNS uuid IMMUTABLE PARALLEL SAFE LANGUAGE sql AS
    $$ SELECT (lpad(to_hex(kind), 8, '0') || '-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$;
INSERT INTO users SELECT id(4, n), n || '@example.com', 'n', 'buyer', NULL, now()
    FROM generate_series(1, PEOPLE) AS n;
INSERT INTO waiting_tokens (id, user_id, room_id, number, joined_at, heard_at, state)
    SELECT id(9, n), id(4, n), r.id, n, now(), now(), 'waiting'
    FROM waiting_rooms AS r, generate_series(1, PEOPLE) AS n;
UPDATE waiting_rooms SET last_number = PEOPLE, paused = true, idle_ttl_seconds = 86400;
VACUUM ANALYZE waiting_tokens;
VACUUM ANALYZE users;
CHECKPOINT;
";

/// The same people, who came before the room opened, which it does in a moment.
const PEOPLE_IN_THE_LOBBY: &str = "
UPDATE waiting_tokens SET number = NULL;
UPDATE waiting_rooms SET last_number = 0, lobby_count = PEOPLE, opens_at = now() + interval '5 seconds';
";

/// So many people, on a database of their own.
pub(crate) struct WaitingLine {
    pub(crate) program: Program,
    pub(crate) length: u64,
    database: Database,
}

impl WaitingLine {
    /// Puts them there.
    pub(crate) fn form(program: Program, database: Database, length: u64) -> Result<Self> {
        // A server makes the room.
        drop(program.serve(&[])?);
        let line = Self { program, length, database };
        line.execute(PEOPLE_WHO_WAIT)?;
        Ok(line)
    }

    /// Takes their numbers away, and has the room open in a moment.
    pub(crate) fn into_lobby(self) -> Result<Self> {
        self.execute(PEOPLE_IN_THE_LOBBY)?;
        Ok(self)
    }

    fn execute(&self, statements: &str) -> Result<()> {
        let all = statements.replace("PEOPLE", &self.length.to_string());
        // VACUUM stands alone.
        for statement in all.trim().split(";\n") {
            let executed = execute(&self.database.url, statement);
            ensure!(executed.is_ok(), "{executed:?}");
        }
        Ok(())
    }

    /// Polls of `count` of them, spread over the whole line.
    pub(crate) fn polls(&self, count: u64) -> Result<Vec<Shot>> {
        let signer = SignedQueueTokens::new(Keyring::new(&Secret::new(SECRET)?, &[]));
        let step = (self.length / count).max(1);
        let numbers = (0..count.min(self.length)).map(|n| n * step + 1);
        let poll = |number| {
            let id =
                |kind: u128| Uuid::from_u128(kind << 96 | 0x7000_8000 << 48 | u128::from(number));
            let claims = QueueClaims {
                token_id: id(9).into(),
                user_id: id(4).into(),
                room_id: RoomId::SITE,
                concert_id: None,
                number: Some(number),
                issued_at: chrono::DateTime::UNIX_EPOCH,
            };
            Shot::get("/api/queue_tokens/current", &signer.sign(&claims))
        };
        Ok(numbers.map(poll).collect())
    }
}
