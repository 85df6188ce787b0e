//! `stagedoor audit`.

use std::process::ExitCode;

use anyhow::Result;

use crate::settings::Settings;
use crate::wiring::for_inspection;

/// How many breaches of one invariant are told one by one.
const TOLD_MAX: usize = 20;

/// Says of each invariant whether it holds, a line each.
pub(crate) async fn audit(settings: &Settings) -> Result<ExitCode> {
    anyhow::ensure!(settings.database.exists(), "there is no {}", settings.database);
    let app = for_inspection(settings).await?;
    let findings = app.audit.execute().await;
    app.store.close().await;
    let mut sound = true;
    for finding in findings? {
        let verdict = if finding.breaches.is_empty() { "ok    " } else { "BROKEN" };
        println!("{verdict} {:>2}. {}", finding.number, finding.invariant);
        for breach in finding.breaches.iter().take(TOLD_MAX) {
            println!("           {breach}");
        }
        if finding.breaches.len() > TOLD_MAX {
            println!("           and {} more", finding.breaches.len() - TOLD_MAX);
        }
        sound &= finding.breaches.is_empty();
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
