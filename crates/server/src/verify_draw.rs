//! `stagedoor verify-draw`: anyone checks a draw, without a server or a store.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use domain::draw::{DrawSeed, NO_ARRIVALS, draw_order, hash_with_arrival};
use domain::ids::TokenId;
use serde::Deserialize;
use uuid::Uuid;

/// What of a published draw has to be checked.
#[derive(Deserialize)]
struct Draw {
    rule: String,
    seed_sha256: String,
    seed: Option<String>,
    count: u64,
    arrivals_sha256: Option<String>,
    token_ids: Vec<Uuid>,
    #[serde(default)]
    arrivals: Vec<Uuid>,
}

/// What somebody noted before the room opened.
#[derive(Default)]
pub(crate) struct Noted<'a> {
    /// The hash of the seed.
    pub(crate) seed_sha256: Option<&'a str>,
    /// A file with the draw as it was told then.
    pub(crate) file: Option<&'a str>,
}

/// Checks the draw in `file`, or on standard input for `-`, against its seed and the hash of its arrivals,
/// and the seed against its hash; and that against what was `noted` before the room opened.
pub(crate) fn verify_draw(file: &str, noted: &Noted<'_>) -> Result<ExitCode> {
    let (draw, early) = (published(file)?, noted.file.map(published).transpose()?);
    match check(&draw, noted.seed_sha256, early.as_ref()) {
        Ok(()) => {
            println!("the draw of {} follows from its seed", draw.count);
            Ok(ExitCode::SUCCESS)
        }
        Err(breach) => {
            println!("NOT a fair draw: {breach:#}");
            Ok(ExitCode::FAILURE)
        }
    }
}

fn published(file: &str) -> Result<Draw> {
    serde_json::from_str(&read(file)?)
        .with_context(|| format!("{file} holds no draw as a server publishes it"))
}

fn read(file: &str) -> Result<String> {
    if file == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(Path::new(file)).with_context(|| format!("cannot read {file}"))
}

fn check(draw: &Draw, noted: Option<&str>, early: Option<&Draw>) -> Result<()> {
    ensure!(draw.rule == "sha256(seed || token_id)", "its rule is not known here: {}", draw.rule);
    let Some(seed) = &draw.seed else { bail!("the room has not opened, or is not drawn yet") };
    let bytes: Option<[u8; 32]> = hex::decode(seed).ok().and_then(|bytes| bytes.try_into().ok());
    let seed = DrawSeed::new(bytes.context("the seed is not 32 bytes in hexadecimal")?);
    let hash = hex::encode(seed.commitment());
    ensure!(
        hash.eq_ignore_ascii_case(&draw.seed_sha256),
        "the seed's SHA-256 is {hash}, published was {}",
        draw.seed_sha256
    );
    if let Some(noted) = noted {
        ensure!(
            hash.eq_ignore_ascii_case(noted.trim()),
            "the seed's SHA-256 is {hash}, noted was {noted}"
        );
    }
    let told: Vec<TokenId> = draw.token_ids.iter().copied().map(TokenId::from).collect();
    let count = u64::try_from(told.len())?;
    ensure!(count == draw.count, "it names {count} of {} tokens", draw.count);
    let order = draw_order(&seed, &told);
    ensure!(order.len() == told.len(), "it names a token twice");
    let off = (1..).zip(order.iter().zip(&told)).find(|(_, (drawn, told))| drawn != told);
    if let Some((number, (drawn, told))) = off {
        bail!("number {number} is {drawn}, published was {told}");
    }
    check_arrivals(draw, &told)?;
    early.map_or(Ok(()), |early| check_noted(draw, &hash, early))
}

/// Whether those who are drawn are those who came.
fn check_arrivals(draw: &Draw, told: &[TokenId]) -> Result<()> {
    let Some(published) = &draw.arrivals_sha256 else { return Ok(()) };
    let arrivals = draw.arrivals.iter().copied().map(TokenId::from);
    let came: BTreeSet<TokenId> = arrivals.clone().collect();
    let drawn: BTreeSet<TokenId> = told.iter().copied().collect();
    ensure!(came == drawn && came.len() == draw.arrivals.len(), "others came than were drawn");
    let hash = hex::encode(arrivals.fold(NO_ARRIVALS, hash_with_arrival));
    ensure!(
        hash.eq_ignore_ascii_case(published),
        "the arrivals' SHA-256 is {hash}, published was {published}"
    );
    Ok(())
}

/// Whether those who had come when it was noted are still the first who came.
fn check_noted(draw: &Draw, seed_hash: &str, early: &Draw) -> Result<()> {
    let noted = &early.seed_sha256;
    ensure!(
        seed_hash.eq_ignore_ascii_case(noted),
        "the seed's SHA-256 is {seed_hash}, noted was {noted}"
    );
    let noted = early.arrivals_sha256.as_ref().context("no hash of arrivals was noted")?;
    ensure!(
        early.count <= draw.count,
        "{} came, and {} had when it was noted",
        draw.count,
        early.count
    );
    let first = draw.arrivals.iter().take(usize::try_from(early.count)?);
    let hash = first.fold(NO_ARRIVALS, |before, id| hash_with_arrival(before, (*id).into()));
    let hash = hex::encode(hash);
    ensure!(
        hash.eq_ignore_ascii_case(noted),
        "the SHA-256 of the first {} arrivals is {hash}, noted was {noted}",
        early.count
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_of(ids: &[TokenId]) -> String {
        hex::encode(ids.iter().copied().fold(NO_ARRIVALS, hash_with_arrival))
    }

    /// The draw as a server told it after so many had come.
    fn early(count: usize) -> Draw {
        let ids: Vec<TokenId> =
            draw().arrivals.into_iter().take(count).map(TokenId::from).collect();
        let arrivals_sha256 = Some(hash_of(&ids));
        let count = u64::try_from(count).unwrap();
        Draw { seed: None, count, arrivals_sha256, token_ids: vec![], arrivals: vec![], ..draw() }
    }

    /// A draw from which the token that came first is left out, and all that follows from that.
    fn without_one() -> Draw {
        let arrivals: Vec<Uuid> = draw().arrivals.into_iter().skip(1).collect();
        let ids: Vec<TokenId> = arrivals.iter().copied().map(TokenId::from).collect();
        let drawn = draw_order(&DrawSeed::new([5; 32]), &ids);
        Draw {
            count: 49,
            token_ids: drawn.into_iter().map(Uuid::from).collect(),
            arrivals_sha256: Some(hash_of(&ids)),
            arrivals,
            ..draw()
        }
    }

    #[test]
    fn a_token_that_was_left_out_is_caught_by_who_noted_the_arrivals() {
        for count in [0, 1, 30, 50] {
            check(&draw(), None, Some(&early(count))).unwrap();
        }
        let said =
            |draw: &Draw, early: &Draw| check(draw, None, Some(early)).unwrap_err().to_string();
        assert!(said(&without_one(), &early(1)).contains("of the first 1 arrivals"));
        assert!(said(&without_one(), &early(30)).contains("of the first 30 arrivals"));
        assert!(said(&without_one(), &early(50)).contains("49 came, and 50 had"));
        let other = Draw { seed_sha256: "0".repeat(64), ..early(3) };
        assert!(said(&draw(), &other).contains("noted was"));
    }

    fn draw() -> Draw {
        let seed = DrawSeed::new([5; 32]);
        let ids: Vec<TokenId> = (1..=50).map(|n| Uuid::from_u128(n).into()).collect();
        Draw {
            rule: "sha256(seed || token_id)".into(),
            seed_sha256: hex::encode(seed.commitment()),
            seed: Some(hex::encode(seed.expose())),
            count: 50,
            token_ids: draw_order(&seed, &ids).into_iter().map(Uuid::from).collect(),
            arrivals_sha256: Some(hash_of(&ids)),
            arrivals: ids.into_iter().map(Uuid::from).collect(),
        }
    }

    #[track_caller]
    fn assert_caught(why: &str, change: impl Fn(&mut Draw)) {
        let mut draw = draw();
        change(&mut draw);
        let said = check(&draw, None, None).unwrap_err().to_string();
        assert!(said.contains(why), "{said}");
    }

    #[test]
    fn a_fair_draw_is_one() {
        check(&draw(), None, None).unwrap();
        check(&draw(), Some(&draw().seed_sha256), None).unwrap();
        let nobody = Draw { token_ids: vec![], seed: draw().seed, ..early(0) };
        check(&nobody, None, None).unwrap();
    }

    #[test]
    fn a_changed_seed_a_changed_order_and_a_missing_token_are_caught() {
        assert_caught("number 7 is", |draw| draw.token_ids.swap(6, 30));
        assert_caught("names 49 of 50", |draw| draw.token_ids.truncate(49));
        assert_caught("the seed's SHA-256 is", |draw| draw.seed = Some("00".repeat(32)));
        assert_caught("arrivals' SHA-256 is", |draw| draw.arrivals.swap(0, 1));
        assert_caught("others came", |draw| draw.arrivals[0] = Uuid::from_u128(99));
        assert_caught("others came", |draw| draw.arrivals.truncate(49));
        assert_caught("names a token twice", |draw| draw.token_ids[1] = draw.token_ids[0]);
        assert_caught("number 1 is", |draw| {
            let other = DrawSeed::new([6; 32]);
            draw.seed = Some(hex::encode(other.expose()));
            draw.seed_sha256 = hex::encode(other.commitment());
        });
        assert_caught("is not drawn yet", |draw| draw.seed = None);
        assert_caught("32 bytes", |draw| draw.seed = Some("김미나".into()));
    }

    #[test]
    fn a_seed_other_than_the_one_that_was_promised_is_caught() {
        let said = check(&draw(), Some(&"0".repeat(64)), None).unwrap_err().to_string();
        assert!(said.contains("noted was"), "{said}");
    }
}
