use std::sync::Arc;

use domain::concert::Concert;
use domain::ids::ConcertId;
use domain::ports::UpdateError;
use domain::refusal::Refusal;

use super::Programme;

/// Anyone asks about a concert.
pub struct ShowConcert {
    programme: Arc<Programme>,
}

impl ShowConcert {
    /// Over what is played.
    #[must_use]
    pub fn new(programme: Arc<Programme>) -> Self {
        Self { programme }
    }

    /// # Errors
    /// [`Refusal::InvalidConcert`].
    pub async fn execute(&self, id: ConcertId) -> Result<Arc<Concert>, UpdateError> {
        Ok(self.programme.concert(id).await?.ok_or(Refusal::InvalidConcert)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[tokio::test]
    async fn a_concert_is_shown_and_an_unknown_one_refused() {
        let show = ShowConcert::new(programme(catalogue()));
        assert_eq!(show.execute(concert().id).await.unwrap(), Arc::new(concert()));
        assert_refused(show.execute(unknown()).await, &Refusal::InvalidConcert);
    }
}
