use std::sync::Arc;

use domain::concert::Concert;
use domain::ids::ConcertId;
use domain::page::{Page, PageRequest, found};
use domain::ports::UpdateError;

use super::Programme;

/// Anyone asks what is played.
pub struct ListConcerts {
    programme: Arc<Programme>,
}

impl ListConcerts {
    /// Over what is played.
    #[must_use]
    pub fn new(programme: Arc<Programme>) -> Self {
        Self { programme }
    }

    /// # Errors
    /// [`Invalid`](domain::refusal::Refusal::Invalid) for a page after nothing of the list's.
    pub async fn execute(
        &self,
        page: PageRequest<ConcertId>,
    ) -> Result<Page<Concert, ConcertId>, UpdateError> {
        Ok(found(self.programme.concerts(page).await?)?)
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::{MockCatalogue, Unavailable};

    use super::*;
    use crate::testing::*;

    const PAGE: PageRequest<ConcertId> = PageRequest { limit: 1, after: None };

    #[tokio::test]
    async fn anyone_sees_what_is_played() {
        let mut catalogue = MockCatalogue::new();
        catalogue
            .expect_concerts()
            .returning(|_| Ok(Some(Page { items: vec![concert()], next: Some(concert().id) })));
        let page = ListConcerts::new(programme(Arc::new(catalogue)));
        let page = page.execute(PAGE).await.unwrap();
        assert_eq!((page.items, page.next), (vec![concert()], Some(concert().id)));
    }

    #[tokio::test]
    async fn a_store_that_is_away_is_a_fault() {
        let mut catalogue = MockCatalogue::new();
        catalogue.expect_concerts().returning(|_| Err(Unavailable::because("away")));
        let away = ListConcerts::new(programme(Arc::new(catalogue))).execute(PAGE).await;
        assert!(matches!(away, Err(UpdateError::Unavailable(_))));
    }
}
