use std::sync::Arc;

use domain::concert::Concert;
use domain::ids::ConcertId;
use domain::ports::{Catalogue, UpdateError};
use domain::refusal::Refusal;

/// Anyone asks about a concert.
pub struct ShowConcert {
    catalogue: Arc<dyn Catalogue>,
}

impl ShowConcert {
    /// Over this port.
    #[must_use]
    pub fn new(catalogue: Arc<dyn Catalogue>) -> Self {
        Self { catalogue }
    }

    /// # Errors
    /// [`Refusal::InvalidConcert`].
    pub async fn execute(&self, id: ConcertId) -> Result<Concert, UpdateError> {
        Ok(self.catalogue.concert(id).await?.ok_or(Refusal::InvalidConcert)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[tokio::test]
    async fn a_concert_is_shown_and_an_unknown_one_refused() {
        let show = ShowConcert::new(catalogue());
        assert_eq!(show.execute(concert().id).await.unwrap(), concert());
        assert_refused(show.execute(unknown()).await, &Refusal::InvalidConcert);
    }
}
