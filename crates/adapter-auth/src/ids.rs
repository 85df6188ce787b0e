use domain::ports::Ids;
use uuid::Uuid;

/// UUIDv7 ids: the machine's time in front, so that they sort by age, and 74 random bits behind.
#[derive(Debug, Default, Clone, Copy)]
pub struct RandomIds;

impl Ids for RandomIds {
    #[expect(clippy::disallowed_methods, reason = "the one place where ids come from")]
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_version_7_and_sort_by_age() {
        let ids: Vec<_> = (0..1_000).map(|_| RandomIds.next()).collect();
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
        assert!(ids.is_sorted());
    }
}
