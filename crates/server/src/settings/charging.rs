//! Where cash comes from, which two settings say that have to fit each other.

use anyhow::{Result, bail};
use domain::cash::Charging;

use super::given::Source;
use super::variable;
use crate::database::DatabaseUrl;

/// What the payment provider is asked to charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GatewayFor {
    Payments,
    Charges,
}

/// Where cash comes from; none where that is to be said and was not.
pub(super) fn charging(source: &Source<'_>, database: &DatabaseUrl) -> Result<Option<Charging>> {
    let asked = source.read("charges", "open, provider or operators", |value| match value {
        "" => Some(None),
        "open" => Some(Some(Charging::Open)),
        "provider" => Some(Some(Charging::Provider)),
        "operators" => Some(Some(Charging::Operators)),
        _ => None,
    })?;
    let gateway_for = source.read("gateway_for", "payments or charges", |value| match value {
        "" => Some(None),
        "payments" => Some(Some(GatewayFor::Payments)),
        "charges" => Some(Some(GatewayFor::Charges)),
        _ => None,
    })?;
    let (charges, of_gateway) = (variable("charges"), variable("gateway_for"));
    let url = variable("gateway_url");
    let has_provider = !source.given("gateway_url").value.trim().is_empty();
    match (asked, gateway_for) {
        (_, Some(_)) if !has_provider => bail!("{of_gateway}: there is no provider; set {url}"),
        (Some(Charging::Provider), _) if !has_provider => {
            bail!("{charges}: there is no provider that could charge; set {url}")
        }
        (Some(Charging::Provider), Some(GatewayFor::Payments)) => {
            bail!("{of_gateway}: is to be charges where {charges} is provider")
        }
        (Some(Charging::Open | Charging::Operators), Some(GatewayFor::Charges)) => {
            bail!("{charges}: is to be provider where {of_gateway} is charges")
        }
        (Some(asked), _) => Ok(Some(asked)),
        (None, Some(GatewayFor::Charges)) => Ok(Some(Charging::Provider)),
        (None, _) if !has_provider && matches!(database, DatabaseUrl::Sqlite(_)) => {
            Ok(Some(Charging::Open))
        }
        (None, _) => Ok(None),
    }
}

/// # Errors
/// Where nobody has said where cash comes from, with what there is to choose from.
pub(crate) fn ensure_chosen(charging: Option<Charging>) -> Result<Charging> {
    let Some(charging) = charging else {
        bail!(
            "{}: say where cash comes from: open (anybody makes it: play money), operators (they credit \
             accounts) or provider (it charges for it)",
            variable("charges")
        )
    };
    Ok(charging)
}

/// Says so where cash costs nothing.
pub(crate) fn tell_of_play_money(charging: Charging) {
    if charging == Charging::Open {
        tracing::warn!(
            "PLAY MONEY: anybody charges any account of theirs and nobody pays for it ({} is open); for a \
             real sale, set it to operators or provider",
            variable("charges")
        );
    }
}

#[cfg(test)]
mod tests {
    use domain::cash::Charging::{Open, Operators, Provider};

    use super::super::{Settings, flags};
    use super::*;

    const GATEWAY: [&str; 4] = [
        "--gateway-url",
        "http://127.0.0.1:9/pay",
        "--gateway-secret",
        "a secret that is long enough to be one",
    ];
    const POSTGRES: [&str; 2] = ["--database-url", "postgres://here/shop"];

    fn read(args: &[&str]) -> Result<Option<Charging>> {
        let command = clap::Command::new("stagedoor").args(flags());
        let all = std::iter::once(&"stagedoor").chain(args);
        Ok(Settings::read(&command.try_get_matches_from(all).unwrap())?.charging)
    }

    fn said(args: &[&str]) -> String {
        format!("{:#}", read(args).err().unwrap())
    }

    #[test]
    fn only_the_embedded_store_without_a_provider_is_open_unless_somebody_says_so() {
        assert_eq!(read(&[]).unwrap(), Some(Open));
        assert_eq!(read(&GATEWAY).unwrap(), None);
        assert_eq!(read(&POSTGRES).unwrap(), None);
        let all = [&POSTGRES[..], &GATEWAY].concat();
        for (name, charging) in [("open", Open), ("operators", Operators), ("provider", Provider)] {
            assert_eq!(read(&[&all[..], &["--charges", name]].concat()).unwrap(), Some(charging));
        }
        assert_eq!(
            read(&[&all[..], &["--gateway-for", "charges"]].concat()).unwrap(),
            Some(Provider)
        );
        assert_eq!(read(&[&all[..], &["--gateway-for", "payments"]].concat()).unwrap(), None);
    }

    #[test]
    fn settings_that_do_not_fit_are_told_in_one_line() {
        let with_gateway = |more: &[&'static str]| [&GATEWAY[..], more].concat();
        for (args, names) in [
            (vec!["--charges", "provider"], "STAGEDOOR_GATEWAY_URL"),
            (vec!["--gateway-for", "charges"], "STAGEDOOR_GATEWAY_URL"),
            (
                with_gateway(&["--charges", "provider", "--gateway-for", "payments"]),
                "CHARGES is prov",
            ),
            (
                with_gateway(&["--charges", "open", "--gateway-for", "charges"]),
                "GATEWAY_FOR is char",
            ),
            (vec!["--charges", "free"], "open, provider or operators"),
            (vec!["--gateway-for", "all"], "payments or charges"),
        ] {
            let said = said(&args);
            assert!(said.contains(names) && said.lines().count() == 1, "{said}");
        }
    }

    #[test]
    fn who_has_not_chosen_is_told_what_there_is_to_choose_from() {
        let said = ensure_chosen(None).unwrap_err().to_string();
        assert!(said.starts_with("STAGEDOOR_CHARGES: ") && said.lines().count() == 1, "{said}");
        for name in ["open", "operators", "provider"] {
            assert!(said.contains(name), "{said}");
        }
        assert_eq!(ensure_chosen(Some(Operators)).unwrap(), Operators);
    }
}
