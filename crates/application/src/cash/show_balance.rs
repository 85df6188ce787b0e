use std::sync::Arc;

use domain::ids::UserId;
use domain::money::Amount;
use domain::ports::{CashBook, UpdateError};

/// Somebody asks what is in their account.
pub struct ShowBalance {
    cash_book: Arc<dyn CashBook>,
}

impl ShowBalance {
    /// Over this port.
    #[must_use]
    pub fn new(cash_book: Arc<dyn CashBook>) -> Self {
        Self { cash_book }
    }

    /// The balance: nothing for who never charged.
    ///
    /// # Errors
    /// None but the store's.
    pub async fn execute(&self, user_id: UserId) -> Result<Amount, UpdateError> {
        let account = self.cash_book.account(user_id).await?;
        Ok(account.map_or(Amount::ZERO, |account| account.balance))
    }
}

#[cfg(test)]
mod tests {
    use domain::ports::MockCashBook;

    use super::*;
    use crate::testing::*;

    #[tokio::test]
    async fn who_never_charged_has_nothing() {
        let mut cash_book = MockCashBook::new();
        cash_book.expect_account().returning(|id| Ok(world().accounts.get(&id).cloned()));
        let show = ShowBalance::new(Arc::new(cash_book));
        assert_eq!(show.execute(buyer_id()).await.unwrap().minor_units(), 50_000);
        assert_eq!(show.execute(operator_id()).await.unwrap(), Amount::ZERO);
    }
}
