use std::sync::Arc;

use domain::ids::{TopUpId, UserId};
use domain::ports::{CashBook, UpdateError};
use domain::refusal::Refusal;
use domain::top_up::TopUp;

/// Somebody looks at a top-up of theirs.
pub struct ShowTopUp {
    cash_book: Arc<dyn CashBook>,
}

impl ShowTopUp {
    /// Over this port.
    #[must_use]
    pub fn new(cash_book: Arc<dyn CashBook>) -> Self {
        Self { cash_book }
    }

    /// # Errors
    /// [`Refusal::NotFound`] for another user's as for nobody's.
    pub async fn execute(&self, user_id: UserId, id: TopUpId) -> Result<TopUp, UpdateError> {
        let found = self.cash_book.top_up(id).await?;
        let own = found.filter(|top_up| top_up.user_id == user_id);
        Ok(own.ok_or(Refusal::NotFound)?)
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::MockCashBook;

    use super::*;
    use crate::testing::*;

    #[tokio::test]
    async fn only_its_own_user_sees_a_top_up() {
        let asked = pending_top_up().1;
        let found = asked.clone();
        let mut cash_book = MockCashBook::new();
        cash_book.expect_top_up().returning(move |id| Ok((id == found.id).then(|| found.clone())));
        let show = ShowTopUp::new(Arc::new(cash_book));
        assert_eq!(show.execute(buyer_id(), asked.id).await.unwrap(), asked);
        assert_refused(show.execute(operator_id(), asked.id).await, &Refusal::NotFound);
        assert_refused(show.execute(buyer_id(), unknown()).await, &Refusal::NotFound);
    }
}
