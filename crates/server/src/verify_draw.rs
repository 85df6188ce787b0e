//! `stagedoor verify-draw`: anyone checks a draw, without a server or a store.

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use domain::draw::{DrawSeed, draw_order};
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
    token_ids: Vec<Uuid>,
}

/// Checks the draw in `file`, or on standard input for `-`, against its seed, and the seed against
/// its hash; and that against `noted`, the hash that somebody noted before the room opened.
pub(crate) fn verify_draw(file: &str, noted: Option<&str>) -> Result<ExitCode> {
    let draw: Draw = serde_json::from_str(&read(file)?)
        .with_context(|| format!("{file} holds no draw as a server publishes it"))?;
    match check(&draw, noted) {
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

fn read(file: &str) -> Result<String> {
    if file == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(Path::new(file)).with_context(|| format!("cannot read {file}"))
}

fn check(draw: &Draw, noted: Option<&str>) -> Result<()> {
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
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw() -> Draw {
        let seed = DrawSeed::new([5; 32]);
        let ids: Vec<TokenId> = (1..=50).map(|n| Uuid::from_u128(n).into()).collect();
        Draw {
            rule: "sha256(seed || token_id)".into(),
            seed_sha256: hex::encode(seed.commitment()),
            seed: Some(hex::encode(seed.expose())),
            count: 50,
            token_ids: draw_order(&seed, &ids).into_iter().map(Uuid::from).collect(),
        }
    }

    #[track_caller]
    fn assert_caught(why: &str, change: impl Fn(&mut Draw)) {
        let mut draw = draw();
        change(&mut draw);
        let said = check(&draw, None).unwrap_err().to_string();
        assert!(said.contains(why), "{said}");
    }

    #[test]
    fn a_fair_draw_is_one() {
        check(&draw(), None).unwrap();
        check(&draw(), Some(&draw().seed_sha256)).unwrap();
        let nobody = Draw { count: 0, token_ids: vec![], ..draw() };
        check(&nobody, None).unwrap();
    }

    #[test]
    fn a_changed_seed_a_changed_order_and_a_missing_token_are_caught() {
        assert_caught("number 7 is", |draw| draw.token_ids.swap(6, 30));
        assert_caught("names 49 of 50", |draw| draw.token_ids.truncate(49));
        assert_caught("the seed's SHA-256 is", |draw| draw.seed = Some("00".repeat(32)));
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
        let said = check(&draw(), Some(&"0".repeat(64))).unwrap_err().to_string();
        assert!(said.contains("noted was"), "{said}");
    }
}
