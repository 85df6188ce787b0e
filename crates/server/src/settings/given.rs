//! Where a setting's value comes from: a flag, the environment, a file, or its default.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use clap::ArgMatches;

use super::{SETTINGS, variable};
use crate::database::DatabaseUrl;

/// A value as somebody gave it, and where.
pub(super) struct Given {
    pub(super) value: String,
    pub(super) place: String,
}

pub(super) struct Source<'a> {
    pub(super) flags: &'a ArgMatches,
    pub(super) file: BTreeMap<String, String>,
    pub(super) file_name: String,
}

impl Source<'_> {
    pub(super) fn given(&self, name: &'static str) -> Given {
        let default = SETTINGS.iter().find(|setting| setting.name == name);
        if let Some(value) = self.flags.get_one::<String>(name) {
            let place = format!("--{}", name.replace('_', "-"));
            return Given { value: value.clone(), place };
        }
        if let Ok(value) = std::env::var(variable(name)) {
            return Given { value, place: variable(name) };
        }
        if let Some(value) = self.file.get(name) {
            return Given { value: value.clone(), place: format!("{name} in {}", self.file_name) };
        }
        let value = default.map(|setting| setting.default.to_owned()).unwrap_or_default();
        Given { value, place: name.to_owned() }
    }

    pub(super) fn read<T>(
        &self,
        name: &'static str,
        wanted: impl Display,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T> {
        let Given { value, place } = self.given(name);
        let secret = name.contains("secret");
        read(value.trim()).ok_or_else(|| {
            let value = if secret { String::new() } else { format!("{value:?} ") };
            anyhow!("{place}: {value}{}{wanted}", if secret { "" } else { "is not " })
        })
    }

    pub(super) fn number<T: TryFrom<i64>>(
        &self,
        name: &'static str,
        least: i64,
        most: i64,
    ) -> Result<T> {
        self.read(name, format!("a whole number from {least} to {most}"), |value| {
            let number = value.parse().ok().filter(|number| (least..=most).contains(number))?;
            T::try_from(number).ok()
        })
    }

    /// A wrong URL is not repeated: it may hold a password.
    pub(super) fn database(&self) -> Result<DatabaseUrl> {
        let Given { value, place } = self.given("database_url");
        let ca_file = self.given("database_ca_file").value;
        let ca_file = Some(Path::new(ca_file.trim())).filter(|path| !path.as_os_str().is_empty());
        DatabaseUrl::read(value.trim(), ca_file).map_err(|wrong| anyhow!("{place}: {wrong}"))
    }
}

pub(super) fn read_file(path: &Path) -> Result<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("--config: cannot read {}", path.display()))?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        anyhow!("--config: {} is no TOML: {}", path.display(), error.message())
    })?;
    let mut values = BTreeMap::new();
    for (name, value) in table {
        if !SETTINGS.iter().any(|setting| setting.name == name) {
            bail!("{name} in {}: there is no such setting", path.display());
        }
        let text = |value: &toml::Value| match value {
            toml::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let value = match &value {
            toml::Value::Array(parts) => parts.iter().map(text).collect::<Vec<_>>().join(","),
            value => text(value),
        };
        values.insert(name, value);
    }
    Ok(values)
}
