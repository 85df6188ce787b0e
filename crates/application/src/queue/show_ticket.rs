use std::sync::Arc;

use domain::Timestamp;
use domain::ports::{Clock, QueueClaims, UpdateError};
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
        self.hear(claims, &ticket, self.clock.now());
        Ok(ticket)
    }

    /// The ticket, where nobody has to be asked for it. A follower of the ticket is there all the
    /// time, which is a sign of life as well.
    #[must_use]
    pub fn at_a_glance(&self, claims: &QueueClaims) -> Option<Ticket> {
        let now = self.clock.now();
        let ticket = self.desk.known_ticket(claims, now)?;
        self.hear(claims, &ticket, now);
        Some(ticket)
    }

    fn hear(&self, claims: &QueueClaims, ticket: &Ticket, now: Timestamp) {
        if ticket.standing == Standing::Waiting {
            self.hearing.note(claims.token_id, now, ticket.idle_ttl_seconds);
        }
    }
}

#[cfg(test)]
mod tests {
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
