//! What the other servers changed, and what time it is at the database: asked four times a second.
//!
//! Each writer numbers its commits, and each commit leaves a row that says which seats and tokens it
//! changed. A writer's commits are made one after the other, so whoever has heard number n of it asks
//! for those past n and misses none. Numbers never go back while the history of the database goes on:
//! where they do, or where the database is another one, all that is remembered is forgotten.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::Timestamp;
use domain::audit_log::AuditEntry;
use domain::records::Records;
use domain::seat::Seat;
use domain::session::Session as SignInSession;
use domain::user::User;
use domain::waiting_token::WaitingToken;
use futures_util::FutureExt;
use tokio::time::{MissedTickBehavior, interval, timeout};
use uuid::Uuid;

use crate::SqlError;
use crate::connect::Session;
use crate::desk::Desk;
use crate::discipline::{self, Discipline, Look, LookRow, LookSql, columns_of_look};
use crate::rows::{AuditEntryRow, Row, SeatRow, SessionRow, TokenRow, UserRow, columns};
use crate::statement::{Statement, array, one};
use crate::writers::keep_up;

const ASK_EVERY: Duration = Duration::from_millis(250);
const ANSWER_WITHIN: Duration = Duration::from_millis(1_500);
const KEEP_UP_EVERY: Duration = Duration::from_secs(10);
/// How many commits of a writer one question is about.
const HEARD_AT_ONCE: i64 = 200;
/// From how many rows on what was changed is read and told of before the next commits are.
const ROWS_AT_ONCE: usize = 2_000;
/// With more of one writer to hear than this, it is quicker to forget what is remembered.
const BEHIND_MAX: i64 = 20_000;
/// How long a writer is known to be retired, and commits nothing, before its row goes: every server that is
/// there hears of it meanwhile.
const GONE_AFTER: Duration = Duration::from_secs(600);

/// Asks for what the other servers changed, as long as it runs.
pub(crate) struct Feed {
    desk: Arc<Desk>,
    conn: Option<AsyncPgConnection>,
    /// Which history what is in memory is of; none where it may be half of what was told.
    history: Option<String>,
    /// How much of each writer was heard.
    heard: HashMap<Uuid, Heard>,
    kept_up: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Heard {
    number: i64,
    /// Since when it is known that the writer is retired and has committed no more, so that its row may go.
    retired: Option<Instant>,
}

/// What tells one history of a database from another: a failover, a restart and a restored copy each
/// change one of these. (The table's file changes where its rows were restored into the same database.)
macro_rules! history {
    () => {
        "(SELECT concat_ws('/', (SELECT system_identifier FROM pg_control_system()), \
             left(pg_walfile_name(pg_current_wal_lsn()), 8), pg_postmaster_start_time(), \
             (SELECT oid FROM pg_database WHERE datname = current_database()), \
             pg_relation_filenode('commits')))"
    };
}

/// Of how much was heard of which writer, of which writers no commits are asked for, whether any are, and
/// how many of each writer.
const QUESTION: &str = concat!(
    "SELECT ",
    columns_of_look!(),
    ", ",
    history!(),
    ", w.id, w.retired, w.last, c.number, c.seat_ids, c.token_ids, c.session_ids, c.user_ids, c.audit_ids \
     FROM service AS s LEFT JOIN (\
         SELECT w.id, w.retired, coalesce(k.number, 0) AS heard, \
             coalesce((SELECT max(m.number) FROM commits AS m WHERE m.writer_id = w.id), 0) AS last \
         FROM writers AS w LEFT JOIN unnest(?, ?) AS k (id, number) ON k.id = w.id \
     ) AS w ON true \
     LEFT JOIN LATERAL (\
         SELECT n.number, n.seat_ids, n.token_ids, n.session_ids, n.user_ids, n.audit_ids \
         FROM commits AS n \
         WHERE n.writer_id = w.id AND n.number > w.heard AND w.id <> ALL(?) AND ? \
         ORDER BY n.number LIMIT ? \
     ) AS c ON true \
     WHERE s.id = 1 ORDER BY w.id, c.number"
);

type WriterRow = (LookRow, String, Option<Uuid>, Option<bool>, Option<i64>, Option<CommitRow>);
type WriterSql =
    (LookSql, Text, Nullable<SqlUuid>, Nullable<Bool>, Nullable<BigInt>, Nullable<CommitSql>);
type CommitRow = (i64, Vec<Uuid>, Vec<Uuid>, Vec<Uuid>, Vec<Uuid>, Vec<Uuid>);
type Ids = Array<SqlUuid>;
type CommitSql = (BigInt, Ids, Ids, Ids, Ids, Ids);

/// What is new.
struct News {
    look: Look,
    history: String,
    writers: HashMap<Uuid, NewsOfWriter>,
}

#[derive(Default)]
struct NewsOfWriter {
    retired: bool,
    last: i64,
    commits: Vec<CommitRow>,
}

/// Commits whose rows are read together.
#[derive(Default)]
struct Piece {
    changed: Changed,
    /// How much of each writer is heard with it.
    heard: HashMap<Uuid, i64>,
}

/// What commits changed, by ids.
#[derive(Default)]
struct Changed {
    seats: Vec<Uuid>,
    tokens: Vec<Uuid>,
    sessions: Vec<Uuid>,
    users: Vec<Uuid>,
    audit_entries: Vec<Uuid>,
}

impl Changed {
    fn rows(&self) -> usize {
        let of_sales = self.seats.len().saturating_add(self.tokens.len());
        let of_sign_ins = [&self.sessions, &self.users, &self.audit_entries];
        of_sales.saturating_add(of_sign_ins.iter().map(|ids| ids.len()).sum())
    }
}

impl Feed {
    /// A feed that begins with what is now.
    pub(crate) async fn begin(desk: Arc<Desk>, conn: AsyncPgConnection) -> Result<Self, SqlError> {
        let mut feed = Self {
            desk,
            conn: None,
            history: None,
            heard: HashMap::new(),
            kept_up: Instant::now(),
        };
        let look = discipline::look(&conn).await?;
        let offset = Discipline::at_start(&look);
        if discipline::change(&conn, &look, offset).await? {
            feed.desk.discipline.note(&look, offset);
        }
        feed.begin_anew(&conn).await?;
        feed.conn = Some(conn);
        Ok(feed)
    }

    pub(crate) async fn run(mut self) {
        let mut ticks = interval(ASK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_away = false;
        loop {
            ticks.tick().await;
            let asked = AssertUnwindSafe(self.ask()).catch_unwind().await;
            let Ok(asked) = asked else {
                self.history = None;
                tracing::error!("hearing of the other servers panicked, and begins anew");
                continue;
            };
            match &asked {
                Ok(()) if is_away => tracing::info!("the database is back"),
                Err(error) if !is_away => tracing::warn!(%error, "the database is away"),
                _ => {}
            }
            is_away = asked.is_err();
        }
    }

    async fn ask(&mut self) -> Result<(), SqlError> {
        // Not put back unless all went well.
        let conn = match self.conn.take() {
            Some(conn) => conn,
            None => self.connect().await?,
        };
        while self.hear(&conn).await? {}
        if self.kept_up.elapsed() > KEEP_UP_EVERY {
            let is_gone =
                |heard: &Heard| heard.retired.is_some_and(|since| since.elapsed() > GONE_AFTER);
            let gone = self.heard.iter().filter(|(_, heard)| is_gone(heard));
            let gone: Vec<_> = gone.map(|(id, heard)| (*id, heard.number)).collect();
            // Whatever comes of it: it is not to be in the way of hearing each time.
            self.kept_up = Instant::now();
            let live = self.desk.writers.all();
            in_time(async { Ok(keep_up(&conn, &live, &gone).await?) }).await?;
        }
        self.conn = Some(conn);
        Ok(())
    }

    async fn connect(&self) -> Result<AsyncPgConnection, SqlError> {
        let connected = self.desk.database.connect(Session::Follows).await;
        connected.map_err(|error| SqlError::Away(error.to_string()))
    }

    /// Begins with what is now, having lost track of what was.
    async fn begin_anew(&mut self, conn: &AsyncPgConnection) -> Result<(), SqlError> {
        let news = in_time(self.question(conn, None)).await?;
        self.desk.clock.hear(&news.look);
        self.note_heard(&news);
        // Whatever is read from now on is at least as new as what counts as heard.
        let mut hasher = DefaultHasher::new();
        news.history.hash(&mut hasher);
        self.history = Some(news.history);
        self.desk.begin_anew(hasher.finish());
        self.desk.followed.note();
        Ok(())
    }

    /// Says whether there is more to hear.
    async fn hear(&mut self, conn: &AsyncPgConnection) -> Result<bool, SqlError> {
        let live = self.desk.writers.all();
        // One that has committed nothing yet may not even be registered.
        for (id, committed) in live.iter().filter(|(_, committed)| **committed > 0) {
            self.heard.insert(*id, Heard { number: *committed, retired: None });
        }
        let news = in_time(self.question(conn, Some(&live))).await?;
        if let Some(why) = self.why_lost(&news, &live) {
            tracing::warn!(why, "beginning anew with what is in the database");
            self.begin_anew(conn).await?;
            return Ok(false);
        }
        in_time(self.desk.keep_discipline(conn, &news.look)).await?;
        let since = self.desk.beginning();
        for piece in news.pieces() {
            if piece.changed.rows() > 0 {
                let changes = load_changes(conn, news.look.now(), piece.changed);
                self.desk.tell(&in_time(changes).await?, since);
            }
            // Not before it was told of. What is told is not read again, whatever becomes of the rest.
            let heard = |(id, number)| (id, Heard { number, retired: None });
            self.heard.extend(piece.heard.into_iter().map(heard));
        }
        self.note_heard(&news);
        let heard = |id| self.heard.get(id).map_or(0, |heard| heard.number);
        let is_more = news.writers.iter().any(|(id, writer)| heard(id) < writer.last);
        if !is_more {
            self.desk.followed.note();
        }
        Ok(is_more)
    }

    fn note_heard(&mut self, news: &News) {
        let heard = |(id, news): (&Uuid, &NewsOfWriter)| {
            let since = self.heard.get(id).and_then(|heard| heard.retired);
            let retired = news.retired.then(|| since.unwrap_or_else(Instant::now));
            // Of this server's own writers, and at a beginning, all counts as heard.
            let number = match news.commits.last() {
                Some((number, ..)) => *number,
                None => news.last,
            };
            (*id, Heard { number, retired })
        };
        self.heard = news.writers.iter().map(heard).collect();
    }

    /// Why what was heard does not go on in what is there, if it does not.
    fn why_lost(&self, news: &News, live: &HashMap<Uuid, i64>) -> Option<&'static str> {
        let Some(history) = &self.history else { return Some("what was told may be half of it") };
        if news.history != *history {
            return Some("the database has another history");
        }
        let is_there =
            |(id, heard): (&Uuid, &Heard)| heard.retired.is_some() || news.writers.contains_key(id);
        if !self.heard.iter().all(is_there) {
            return Some("a writer is gone");
        }
        news.writers.iter().find_map(|(id, writer)| {
            let heard = self.heard.get(id).map_or(0, |heard| heard.number);
            let numbers = writer.commits.iter().map(|(number, ..)| *number);
            let next = heard.saturating_add(1);
            let goes_on = numbers.eq(next..=writer.last.min(heard.saturating_add(HEARD_AT_ONCE)));
            match live.contains_key(id) {
                _ if writer.last < heard => Some("a writer has fewer commits than before"),
                false if writer.last.saturating_sub(heard) > BEHIND_MAX => {
                    Some("there is more to hear than to read anew")
                }
                false if !goes_on => Some("commits are forgotten that were not heard of"),
                _ => None,
            }
        })
    }

    /// Asks what time it is, and how far each writer is; and for the commits not heard of that are not of
    /// the writers `but`, or for none.
    async fn question(
        &self,
        mut conn: &AsyncPgConnection,
        but: Option<&HashMap<Uuid, i64>>,
    ) -> Result<News, SqlError> {
        let parameters = vec![
            array(self.heard.keys().copied().collect()),
            array(self.heard.values().map(|heard| heard.number).collect()),
            array(but.into_iter().flatten().map(|(id, _)| *id).collect()),
            one(but.is_some()),
            one(HEARD_AT_ONCE),
        ];
        let asked = Instant::now();
        let rows: Vec<WriterRow> =
            Statement::<WriterSql>::new(QUESTION, parameters).load(&mut conn).await?;
        self.desk.heard.note();
        News::of(rows, asked)
            .ok_or_else(|| SqlError::Away("the service's own row is gone".to_owned()))
    }
}

impl News {
    fn of(rows: Vec<WriterRow>, asked: Instant) -> Option<Self> {
        let mut news: Option<Self> = None;
        for (look, history, id, retired, last, commit) in rows {
            let look = Look::of(look, asked);
            let news = news.get_or_insert(Self { look, history, writers: HashMap::new() });
            let Some(id) = id else { continue };
            let writer = news.writers.entry(id).or_default();
            writer.retired = retired.unwrap_or_default();
            writer.last = last.unwrap_or_default();
            writer.commits.extend(commit);
        }
        news
    }

    /// The commits in pieces, each writer's in their order.
    fn pieces(&self) -> Vec<Piece> {
        let (mut pieces, mut piece) = (Vec::new(), Piece::default());
        for (id, writer) in &self.writers {
            for (number, seats, tokens, sessions, users, audit_entries) in &writer.commits {
                let changed = &mut piece.changed;
                changed.seats.extend(seats);
                changed.tokens.extend(tokens);
                changed.sessions.extend(sessions);
                changed.users.extend(users);
                changed.audit_entries.extend(audit_entries);
                piece.heard.insert(*id, *number);
                if piece.changed.rows() >= ROWS_AT_ONCE {
                    pieces.push(std::mem::take(&mut piece));
                }
            }
        }
        pieces.push(piece);
        pieces
    }
}

/// An answer of the database, which must not take long.
async fn in_time<T>(answer: impl Future<Output = Result<T, SqlError>>) -> Result<T, SqlError> {
    timeout(ANSWER_WITHIN, answer).await.unwrap_or(Err(SqlError::TooSlow(ANSWER_WITHIN)))
}

/// Adds the rows of these ids to a table of changes. Of none, nothing is asked.
macro_rules! add {
    ($conn:ident, $changes:expr, $row:ty as $entity:ty, $ids:expr) => {
        if !$ids.is_empty() {
            let (columns, table) = (columns::<$row>("t"), <$row as Row>::TABLE);
            let text = format!("SELECT {columns} FROM {table} AS t WHERE t.id = ANY(?)");
            let statement = Statement::<<$row as Row>::Sql>::new(text, vec![array($ids)]);
            for row in statement.load::<$row>(&mut $conn).await? {
                $changes.insert(<$entity>::try_from(row)?);
            }
        }
    };
}

async fn load_changes(
    mut conn: &AsyncPgConnection,
    time: Timestamp,
    piece: Changed,
) -> Result<Records, SqlError> {
    let mut changes = Records::at(time);
    add!(conn, changes.seats, SeatRow as Seat, piece.seats);
    add!(conn, changes.tokens, TokenRow as WaitingToken, piece.tokens);
    add!(conn, changes.sessions, SessionRow as SignInSession, piece.sessions);
    add!(conn, changes.users, UserRow as User, piece.users);
    add!(conn, changes.audit_entries, AuditEntryRow as AuditEntry, piece.audit_entries);
    Ok(changes)
}

#[cfg(test)]
mod tests;
