use std::sync::Arc;

use domain::audit::{Finding, audit};
use domain::ports::{Ledger, UpdateError};

/// An engineer has the books audited.
pub struct Audit {
    ledger: Arc<dyn Ledger>,
}

impl Audit {
    /// Over this port.
    #[must_use]
    pub fn new(ledger: Arc<dyn Ledger>) -> Self {
        Self { ledger }
    }

    /// What must hold, and whether it does.
    ///
    /// # Errors
    /// None but the store's.
    pub async fn execute(&self) -> Result<Vec<Finding>, UpdateError> {
        Ok(audit(&self.ledger.books().await?))
    }
}

#[cfg(test)]
mod tests {
    use domain::audit::Books;
    use domain::counts::ShowCount;
    use domain::ports::MockLedger;

    use super::*;
    use crate::testing::*;

    async fn breaches(seat_count: u32) -> usize {
        let mut ledger = MockLedger::new();
        ledger.expect_books().returning(move || {
            Ok(Books {
                now: now(),
                concerts: vec![concert()],
                shows: vec![domain::show::Show { seat_count, ..show() }],
                seats: vec![seat(1), seat(2)],
                show_counts: vec![(show().id, ShowCount { available: 2, ..ShowCount::default() })],
                ..Books::default()
            })
        });
        let findings = Audit::new(Arc::new(ledger)).execute().await.unwrap();
        findings.iter().map(|finding| finding.breaches.len()).sum()
    }

    #[tokio::test]
    async fn sound_books_have_no_breach_and_others_have() {
        assert_eq!(breaches(2).await, 0);
        assert_eq!(breaches(3).await, 1);
    }
}
