//! `stagedoor user …`.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use adapter_auth::Secret;
use anyhow::{Context, Result};
use application::account::NewUser;
use domain::ports::UpdateError;
use domain::refusal::Refusal;
use domain::user::{Email, Password, Role, UserName};

use crate::secret::secret;
use crate::settings::Settings;
use crate::whole_file::Output;
use crate::wiring::for_command;

/// Makes a user whose password is the first line of standard input.
pub(crate) async fn create(settings: &Settings, email: &str, name: &str, role: Role) -> Result<()> {
    let mut password = String::new();
    std::io::stdin().read_line(&mut password).context("cannot read the password")?;
    let email = Email::new(email).map_err(told)?;
    let password = password.trim_end_matches(['\r', '\n']);
    let new_user = NewUser {
        password: Password::chosen(password, Some(&email)).map_err(told)?,
        email,
        name: UserName::new(name).map_err(told)?,
        role,
    };
    // Making a user signs nothing, so any secret will do.
    let app = for_command(settings, &Secret::random()).await?;
    let user = app.sign_up.execute(new_user).await;
    app.store.close().await;
    let user = user?;
    println!("{} {} {}", user.id, user.email.as_str(), user.role.name());
    Ok(())
}

/// Prints the link by which a user sets the password anew.
pub(crate) async fn reset(settings: &Settings, email: &str) -> Result<()> {
    // It signs nothing, so any secret will do.
    let app = for_command(settings, &Secret::random()).await?;
    let made = app.reset_password.make_for(Email::to_look_up(email)).await;
    app.store.close().await;
    let (key, expires_at) = made.map_err(|error| match error {
        UpdateError::Refused(_) => anyhow::anyhow!("there is no user with the email {email}"),
        other => other.into(),
    })?;
    println!("/#/reset/{}", adapter_http::reset_secret(&key));
    println!(
        "after your site's address, for this user alone, once, until {}",
        expires_at.to_rfc3339()
    );
    Ok(())
}

/// A refusal with the fields that it names, in one line.
fn told(refusal: Refusal) -> anyhow::Error {
    match refusal {
        Refusal::Invalid(errors) => {
            let fields = errors.iter().map(|error| format!("{} {}", error.field, error.message));
            anyhow::anyhow!(fields.collect::<Vec<_>>().join("; "))
        }
        other => other.into(),
    }
}

/// Makes many users without a password and writes an access token for each, a line each.
pub(crate) async fn create_many(
    settings: &Settings,
    count: u32,
    prefix: &str,
    tokens: &Path,
) -> Result<()> {
    let about = || format!("cannot write {}", tokens.display());
    let mut file = BufWriter::new(Output::to(tokens).with_context(about)?);
    let app = for_command(settings, &secret(settings)?).await?;
    let made = app.create_load_users.execute(count, prefix).await;
    app.store.close().await;
    let made = made.map_err(|error| match error {
        UpdateError::Refused(refusal) => told(refusal),
        other => other.into(),
    })?;
    for token in &made {
        writeln!(file, "{token}").with_context(about)?;
    }
    file.into_inner().map_err(io::Error::from).and_then(Output::end).with_context(about)?;
    println!("{} users, a token each in {}", made.len(), tokens.display());
    Ok(())
}
