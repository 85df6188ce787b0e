use domain::draw::DrawSeed;
use domain::ports::{DrawSeeds, ResetSecrets};
use domain::session::ResetSecret;
use rand::Rng;

/// Seeds of 256 random bits from the system.
#[derive(Debug, Default, Clone, Copy)]
pub struct RandomSeeds;

impl DrawSeeds for RandomSeeds {
    fn next(&self) -> DrawSeed {
        let mut bytes = [0_u8; 32];
        rand::rng().fill_bytes(&mut bytes);
        DrawSeed::new(bytes)
    }
}

impl ResetSecrets for RandomSeeds {
    fn next(&self) -> ResetSecret {
        let mut bytes = [0_u8; 32];
        rand::rng().fill_bytes(&mut bytes);
        ResetSecret::new(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_seeds_are_alike() {
        assert_ne!(DrawSeeds::next(&RandomSeeds), DrawSeeds::next(&RandomSeeds));
    }
}
