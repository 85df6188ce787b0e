//! What the other servers changed, and what time it is at the database: asked four times a second.
//!
//! Each commit leaves a row that says which seats and tokens it changed. A row is found by the
//! number of its transaction: whatever a snapshot does not show yet has a number that is not below
//! the oldest one that runs, so beginning there again misses nothing, however late something is
//! committed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::sql_types::{Array, BigInt, Nullable, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::Timestamp;
use domain::records::Records;
use domain::seat::Seat;
use domain::waiting_token::WaitingToken;
use tokio::time::{MissedTickBehavior, interval, timeout};
use uuid::Uuid;

use crate::SqlError;
use crate::connect::Session;
use crate::rows::{Row, SeatRow, TokenRow, columns};
use crate::statement::{Statement, array, one};
use crate::worker::Desk;

const ASK_EVERY: Duration = Duration::from_millis(250);
const ANSWER_WITHIN: Duration = Duration::from_millis(1_500);
/// After how long without an answer commits may have been missed, since their rows are gone.
const KEEPS_TRACK_FOR: Duration = Duration::from_secs(60);
const FORGET_EVERY: Duration = Duration::from_secs(60);
/// Some minutes more than anyone looks for a row.
const FORGET: &str =
    "DELETE FROM commits WHERE committed_at < clock_timestamp() - interval '5 minutes'";

/// Asks for what the other servers changed, as long as it runs.
pub(crate) struct Feed {
    desk: Arc<Desk>,
    conn: Option<AsyncPgConnection>,
    /// Every commit of a transaction below this one has been heard of.
    from: i64,
    /// Those heard of that are not, and their transactions.
    heard: HashMap<Uuid, i64>,
    answered: Instant,
    forgot: Instant,
}

/// The database's time, and the oldest transaction whose end may yet be unseen.
pub(crate) async fn horizon(mut conn: &AsyncPgConnection) -> Result<(Timestamp, i64), SqlError> {
    let text = "SELECT clock_timestamp(), pg_snapshot_xmin(pg_current_snapshot())::text::bigint";
    Ok(Statement::<(Timestamptz, BigInt)>::new(text, vec![]).get_result(&mut conn).await?)
}

type NewsRow = (Timestamp, i64, Option<Uuid>, Option<i64>, Option<Vec<Uuid>>, Option<Vec<Uuid>>);
type NewsSql = (
    Timestamptz,
    BigInt,
    Nullable<SqlUuid>,
    Nullable<BigInt>,
    Nullable<Array<SqlUuid>>,
    Nullable<Array<SqlUuid>>,
);

impl Feed {
    pub(crate) fn new(desk: Arc<Desk>, from: i64) -> Self {
        let now = Instant::now();
        Self { desk, conn: None, from, heard: HashMap::new(), answered: now, forgot: now }
    }

    pub(crate) async fn run(mut self) {
        let mut ticks = interval(ASK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_away = false;
        loop {
            ticks.tick().await;
            let asked = timeout(ANSWER_WITHIN, self.ask()).await;
            let asked = asked.unwrap_or(Err(SqlError::TooSlow(ANSWER_WITHIN)));
            match &asked {
                Ok(()) if is_away => tracing::info!("the database is back"),
                Err(error) if !is_away => tracing::warn!(%error, "the database is away"),
                _ => {}
            }
            is_away = asked.is_err();
            if is_away {
                self.conn = None;
            }
        }
    }

    async fn ask(&mut self) -> Result<(), SqlError> {
        let conn = match self.conn.take() {
            Some(conn) => conn,
            None => self
                .desk
                .database
                .connect(Session::Follows)
                .await
                .map_err(|error| SqlError::Away(error.to_string()))?,
        };
        if self.answered.elapsed() > KEEPS_TRACK_FOR {
            self.begin_anew(&conn).await?;
        }
        self.hear(&conn).await?;
        self.answered = Instant::now();
        if self.forgot.elapsed() > FORGET_EVERY {
            Statement::<()>::new(FORGET, vec![]).execute(&mut &conn).await?;
            self.forgot = Instant::now();
        }
        self.conn = Some(conn);
        Ok(())
    }

    /// Begins with what is now, having lost track of what was.
    async fn begin_anew(&mut self, conn: &AsyncPgConnection) -> Result<(), SqlError> {
        (_, self.from) = horizon(conn).await?;
        self.heard.clear();
        if let Some(observer) = self.desk.observer.get() {
            observer.lost_track();
        }
        Ok(())
    }

    async fn hear(&mut self, mut conn: &AsyncPgConnection) -> Result<(), SqlError> {
        let text = "SELECT clock_timestamp(), \
                 pg_snapshot_xmin(pg_current_snapshot())::text::bigint, \
                 c.id, c.transaction, c.seat_ids, c.token_ids \
             FROM (SELECT) AS once LEFT JOIN commits AS c \
                 ON c.transaction >= ? AND c.server_id <> ? AND c.id <> ALL(?)";
        let heard: Vec<Uuid> = self.heard.keys().copied().collect();
        let parameters = vec![one(self.from), one(self.desk.server_id), array(heard)];
        let news: Vec<NewsRow> =
            Statement::<NewsSql>::new(text, parameters).load(&mut conn).await?;
        let [(time, from, ..), ..] = news.as_slice() else { return Ok(()) };
        let (time, from) = (*time, *from);
        self.desk.clock.hear(time);

        let (mut seats, mut tokens) = (Vec::new(), Vec::new());
        let mut heard_now = HashMap::new();
        for (_, _, id, transaction, seat_ids, token_ids) in news {
            heard_now.extend(id.zip(transaction));
            seats.extend(seat_ids.unwrap_or_default());
            tokens.extend(token_ids.unwrap_or_default());
        }
        if !seats.is_empty() || !tokens.is_empty() {
            let changes = load_changes(conn, time, seats, tokens).await?;
            self.desk.tell(&changes);
        }
        // Not before they were told of.
        self.from = from.max(self.from);
        self.heard.extend(heard_now);
        self.heard.retain(|_, transaction| *transaction >= self.from);
        Ok(())
    }
}

async fn load_changes(
    mut conn: &AsyncPgConnection,
    time: Timestamp,
    seats: Vec<Uuid>,
    tokens: Vec<Uuid>,
) -> Result<Records, SqlError> {
    let mut changes = Records::at(time);
    let text = format!("SELECT {} FROM seats AS t WHERE t.id = ANY(?)", columns::<SeatRow>("t"));
    let statement = Statement::<<SeatRow as Row>::Sql>::new(text, vec![array(seats)]);
    for row in statement.load::<SeatRow>(&mut conn).await? {
        changes.seats.insert(Seat::try_from(row)?);
    }
    let columns = columns::<TokenRow>("t");
    let text = format!("SELECT {columns} FROM waiting_tokens AS t WHERE t.id = ANY(?)");
    let statement = Statement::<<TokenRow as Row>::Sql>::new(text, vec![array(tokens)]);
    for row in statement.load::<TokenRow>(&mut conn).await? {
        changes.tokens.insert(WaitingToken::try_from(row)?);
    }
    Ok(changes)
}
