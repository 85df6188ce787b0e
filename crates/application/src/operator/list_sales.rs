use std::sync::Arc;

use domain::ids::{ConcertId, UserId};
use domain::ports::{Catalogue, Clock, ShowSales, UpdateError, Users};
use domain::refusal::Refusal;

use super::ensure_operator;

/// An operator looks at how a concert's shows sell.
pub struct ListSales {
    catalogue: Arc<dyn Catalogue>,
    users: Arc<dyn Users>,
    clock: Arc<dyn Clock>,
}

impl ListSales {
    /// Over these ports.
    #[must_use]
    pub fn new(
        catalogue: Arc<dyn Catalogue>,
        users: Arc<dyn Users>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { catalogue, users, clock }
    }

    /// # Errors
    /// [`Refusal::Forbidden`] for who is no operator, [`Refusal::InvalidConcert`] without such a
    /// concert.
    pub async fn execute(
        &self,
        operator: UserId,
        id: ConcertId,
    ) -> Result<Vec<ShowSales>, UpdateError> {
        ensure_operator(self.users.as_ref(), operator).await?;
        self.catalogue.concert(id).await?.ok_or(Refusal::InvalidConcert)?;
        Ok(self.catalogue.sales(id, self.clock.cutoff()).await?)
    }
}

#[cfg(test)]
mod tests {
    use domain::money::Amount;
    use domain::ports::MockCatalogue;

    use super::*;
    use crate::testing::*;

    #[tokio::test]
    async fn only_an_operator_sees_how_a_show_sells() {
        let sold = ShowSales {
            show: show(),
            available: 1,
            held: 0,
            sold: 1,
            income: Amount::new(50_000).unwrap(),
        };
        let told = sold.clone();
        let mut catalogue = MockCatalogue::new();
        catalogue.expect_concert().returning(|id| Ok((id == concert().id).then(concert)));
        catalogue.expect_sales().returning(move |_, _| Ok(vec![told.clone()]));
        let users = users(vec![buyer(), operator()]);
        let list = ListSales::new(Arc::new(catalogue), users, clock());
        assert_eq!(list.execute(operator_id(), concert().id).await.unwrap(), [sold]);
        assert_refused(list.execute(buyer_id(), concert().id).await, &Refusal::Forbidden);
        assert_refused(list.execute(operator_id(), unknown()).await, &Refusal::InvalidConcert);
    }
}
