use std::time::Duration;

use crate::ids::ChargeId;

/// What a provider is called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GatewayCall {
    /// To charge.
    Authorise,
    /// To say what became of a charge.
    Ask,
    /// To give back.
    GiveBack,
}

/// Payments and top-ups about which the provider owes an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unsettled {
    /// How many are pending.
    pub pending: u64,
    /// Of how many the charge is due to be given back.
    pub return_due: u64,
    /// Of all of these, how many for longer than they should.
    pub overdue: u64,
}

impl std::ops::Add for Unsettled {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            pending: self.pending + other.pending,
            return_due: self.return_due + other.return_due,
            overdue: self.overdue + other.overdue,
        }
    }
}

/// Is told how it goes with the payment provider, for those who run the service.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait GatewayWatch: Send + Sync {
    /// The provider was called, and answered or not.
    fn called(&self, call: GatewayCall, answered: bool, took: Duration);

    /// What the provider owes answers about, on all servers together.
    fn unsettled(&self, unsettled: Unsettled);

    /// A payment or a top-up is unsettled for longer than it should be. Told at each question about it.
    fn overdue(&self, id: ChargeId);

    /// A payment or a top-up was undone because the provider had left it pending for too long.
    fn given_up(&self, id: ChargeId);

    /// The provider took back what it had said of one.
    fn contradicted(&self, id: ChargeId);
}
