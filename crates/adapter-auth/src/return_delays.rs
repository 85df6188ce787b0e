use chrono::TimeDelta;
use domain::ports::ReturnDelays;
use rand::RngExt;

/// Delays up to a longest one, from the system's source of secrets.
#[derive(Debug, Clone, Copy)]
pub struct RandomDelays {
    within: TimeDelta,
}

impl RandomDelays {
    /// None longer than `within`.
    #[must_use]
    pub const fn new(within: TimeDelta) -> Self {
        Self { within }
    }
}

impl ReturnDelays for RandomDelays {
    fn next(&self) -> TimeDelta {
        let longest = self.within.num_milliseconds().max(0);
        TimeDelta::milliseconds(rand::rng().random_range(0..=longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_differ_and_none_is_longer_than_the_longest() {
        let minute = RandomDelays::new(TimeDelta::seconds(60));
        let delays: std::collections::BTreeSet<_> = (0..100).map(|_| minute.next()).collect();
        assert!(delays.len() > 50);
        assert!(delays.iter().all(|delay| *delay <= TimeDelta::seconds(60)));
        assert!(delays.iter().all(|delay| *delay >= TimeDelta::zero()));
        assert_eq!(RandomDelays::new(TimeDelta::zero()).next(), TimeDelta::zero());
    }
}
