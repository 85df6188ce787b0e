use std::sync::Arc;

use domain::Timestamp;
use domain::ports::{Clock, QueueClaims, Unavailable, UpdateError};
use domain::refusal::Refusal;
use domain::waiting_token::Standing;

use super::{Hearing, Ticket, TicketDesk};

/// Somebody asks how far a place got, which is also a sign of life.
pub struct ShowTicket {
    desk: Arc<TicketDesk>,
    hearing: Arc<Hearing>,
    clock: Arc<dyn Clock>,
}

impl ShowTicket {
    /// Over these.
    #[must_use]
    pub fn new(desk: Arc<TicketDesk>, hearing: Arc<Hearing>, clock: Arc<dyn Clock>) -> Self {
        Self { desk, hearing, clock }
    }

    /// # Errors
    /// [`Refusal::NotFound`] when the place's record is gone.
    pub async fn execute(&self, claims: &QueueClaims) -> Result<Ticket, UpdateError> {
        if let Some(ticket) = self.at_a_glance(claims) {
            return Ok(ticket);
        }
        // Boxed, so that those who need not ask carry nothing of it.
        let ticket = Box::pin(self.desk.ticket(claims)).await?.ok_or(Refusal::NotFound)?;
        let now = self.clock.now();
        if !self.hear(claims, &ticket, now) {
            return Err(Unavailable::because("that somebody waits cannot be written down").into());
        }
        Ok(ticket)
    }

    /// The ticket, where nobody has to be asked for it and the place is sure to be kept. A follower of the
    /// ticket is there all the time, which is a sign of life as well.
    #[must_use]
    pub fn at_a_glance(&self, claims: &QueueClaims) -> Option<Ticket> {
        let now = self.clock.now();
        let ticket = self.desk.known_ticket(claims, now)?;
        self.hear(claims, &ticket, now).then_some(ticket)
    }

    /// Says whether the place is sure to be kept.
    fn hear(&self, claims: &QueueClaims, ticket: &Ticket, now: Timestamp) -> bool {
        if ticket.standing != Standing::Waiting {
            return true;
        }
        self.hearing.note(claims.token_id, now, ticket.idle_ttl_seconds);
        self.hearing.can_vouch(now)
    }

    /// Whether who waits and is heard of here is sure to keep the place.
    #[must_use]
    pub fn can_vouch(&self) -> bool {
        self.hearing.can_vouch(self.clock.now())
    }
}

#[cfg(test)]
mod tests {
    use domain::uptime::Word;
    use domain::waiting_token::WaitingToken;

    use super::*;
    use crate::testing::*;

    fn show(token: Option<WaitingToken>) -> (ShowTicket, Arc<Hearing>) {
        let hearing = Arc::new(Hearing::default());
        let desk = Arc::new(desk(lines(token, 0)));
        (ShowTicket::new(desk, Arc::clone(&hearing), clock()), hearing)
    }

    #[tokio::test]
    async fn who_waits_sees_the_ticket_and_is_heard_of() {
        let (show, hearing) = show(Some(waiting_token()));
        assert_eq!(show.execute(&claims()).await.unwrap().position, Some(1));
        assert_eq!(hearing.take_due(now() + seconds(30), 10), [(claims().token_id, now())]);
    }

    #[tokio::test]
    async fn who_waits_is_told_nothing_by_a_server_of_which_nobody_hears() {
        let (show, hearing) = show(Some(waiting_token()));
        show.execute(&claims()).await.unwrap();
        hearing.said(Word::First, now() - seconds(61));
        assert!(matches!(show.execute(&claims()).await, Err(UpdateError::Unavailable(_))));
        assert_eq!(show.at_a_glance(&claims()), None);
    }

    #[tokio::test]
    async fn who_is_out_sees_so_and_needs_no_hearing() {
        let (show, hearing) = show(Some(run_out_token()));
        assert_eq!(show.execute(&claims()).await.unwrap().standing, Standing::Expired);
        assert_eq!(hearing.take_due(now() + seconds(30), 10), []);
    }

    #[tokio::test]
    async fn a_place_whose_record_is_gone_is_not_found() {
        assert_refused(show(None).0.execute(&claims()).await, &Refusal::NotFound);
    }
}
